/* caller: who asks, whether that may be, and what is answered.
 *
 * One lives as long as a request is worked on. What it says in JSON is an object; what it is told
 * is one, too, and every refusal is {"error": words}. */

#ifndef ANNOTATE_CALLER_H
#define ANNOTATE_CALLER_H

#include "annotate/state.h"
#include "prefs/people.h"

#include <jansson.h>

enum { CALLER_TOKEN = 32, CALLER_TOKEN_TEXT = 2 * CALLER_TOKEN + 1 };

/* Roles of routes. */
enum caller_role {
    CALLER_ANYONE,
    CALLER_ANNOTATOR = PREFS_ANNOTATOR + 1,
    CALLER_REVIEWER = PREFS_REVIEWER + 1,
    CALLER_ADMIN = PREFS_ADMIN + 1
};

struct caller {
    struct annotate *annotate;
    struct desk_request *request;
    int64_t now;
    bool in; /* has a session: the rest is filled */
    struct prefs_person person;
    struct hash session;
    char csrf[CALLER_TOKEN_TEXT]; /* what its POSTs must say */
    json_t *body;                 /* POST: an object; else NULL */
};

/* Finds the route of a request, looks whether it may be, and answers it. */
void caller_serve(struct annotate *annotate, struct desk_request *request, int64_t now);

/* A name for what a limiter counts by: two parts of text, either may be NULL. */
uint64_t caller_count_by(const struct annotate *annotate, const char *what, const char *text,
                         const struct desk_request *peer);

/* Answers. caller_json takes the object. */
void caller_json(struct caller *caller, unsigned status, json_t *object);
void caller_ok(struct caller *caller); /* {"ok": true} */
void caller_refuse(struct caller *caller, unsigned status, const char *words);
/* The standing words, as a refusal: 404 for ERR_RANGE, 409 for ERR_STATE, 400 for ERR_PARSE, 507
 * or 500 where the disk is to blame. */
void caller_error(struct caller *caller, enum err err);

/* The request's body as caller->body, an object; false: it is none, and that was answered. */
bool caller_parse(struct caller *caller);
/* A member of the body. caller_text: NULL unless it is a string (without a zero byte).
 * caller_number: `otherwise` unless it is a whole number that a double has exactly. */
const char *caller_text(const struct caller *caller, const char *key);
int64_t caller_number(const struct caller *caller, const char *key, int64_t otherwise);

/* A fresh session of a person, with its cookie; the body's answer is the caller's to say. */
enum err caller_enter(struct caller *caller, int64_t person) MUST_CHECK;
/* Ends the caller's session and cookie. */
enum err caller_leave(struct caller *caller) MUST_CHECK;

/* Notes what was done; subject may be NULL. Errors: the store's. */
enum err caller_audit(struct caller *caller, const char *action,
                      const char *subject) MUST_CHECK;

/* A random token as text and hash; the hash of a text (any: a wrong one is no error). */
void caller_token(char text[CALLER_TOKEN_TEXT], struct hash *hash);
struct hash caller_token_hash(const char *text);

#endif
