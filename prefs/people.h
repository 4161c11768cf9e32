/* people: who annotates, how they come in, what they did.
 *
 * * Tokens (of invites, sessions, one-time addresses) are never in the store: hashes of them
 * are. Passwords are hashed by who asks for them (argon2id): the store keeps the text it is
 * given. */

#ifndef PREFS_PEOPLE_H
#define PREFS_PEOPLE_H

#include "base/hash.h"
#include "prefs/prefs.h"

struct prefs_person {
    int64_t id;
    char name[PREFS_NAME_MAX]; /* unique; "" once forgotten */
    enum prefs_role role;
    enum prefs_standing standing;
    int64_t since;
    bool login;              /* has a password */
    int64_t judged, skipped; /* rows that stand */
    int64_t gold, gold_right;
    int64_t last; /* time of the last row; 0: none */
};

/* Errors: ERR_RANGE (a name that is empty, too long, has control characters), ERR_STATE
 * (taken). */
enum err prefs_person_add(struct prefs *prefs, int64_t *id, const char *name,
                          enum prefs_role role, int64_t now) MUST_CHECK;
/* Somebody who judged elsewhere: found by name, else added, closed: a name in an import lets
 * nobody in. It may be a pseudonym of another store's, which then stays what this person is
 * called outside. */
enum err prefs_person_outside(struct prefs *prefs, int64_t *id, const char *name,
                              int64_t now) MUST_CHECK;
/* ERR_RANGE: there is none. prefs_person_find: by name. */
enum err prefs_person_read(struct prefs *prefs, int64_t id,
                           struct prefs_person *out) MUST_CHECK;
enum err prefs_person_find(struct prefs *prefs, const char *name, int64_t *id) MUST_CHECK;
enum err prefs_person_visit(struct prefs *prefs,
                            enum err (*visit)(void *self, const struct prefs_person *person),
                            void *self) MUST_CHECK;
/* Errors: prefs_person_add's. */
enum err prefs_person_rename(struct prefs *prefs, int64_t id, const char *name) MUST_CHECK;
enum err prefs_person_role(struct prefs *prefs, int64_t id, enum prefs_role role) MUST_CHECK;
/* PREFS_CLOSED ends sessions and gives back what is open; not PREFS_FORGOTTEN. */
enum err prefs_person_stand(struct prefs *prefs, int64_t id,
                            enum prefs_standing standing) MUST_CHECK;
/* By the person: active or paused. Errors: ERR_STATE: an admin has set another standing. */
enum err prefs_person_pause(struct prefs *prefs, int64_t id, bool paused) MUST_CHECK;
/* Blanks name, reasons, login, sessions and what the audit says of the person; drop: the
 * judgements, too, whose items go back into the plan. What is left carries the pseudonym
 * alone. */
enum err prefs_forget(struct prefs *prefs, int64_t id, bool drop, int64_t now) MUST_CHECK;

/* The hash of a password, as text; NULL: none from here on. *out: free it; NULL: no password. */
enum err prefs_login_write(struct prefs *prefs, int64_t id, const char *hashed) MUST_CHECK;
enum err prefs_login_read(struct prefs *prefs, int64_t id, char **out) MUST_CHECK;

/* A link that lets somebody in once. */
struct prefs_invite {
    int64_t id;
    enum prefs_role role;
    char label[PREFS_NAME_MAX];
    int64_t by, at, expires, used, used_by; /* used 0: not yet */
};
enum err prefs_invite_add(struct prefs *prefs, int64_t *id, const struct hash *token,
                          const struct prefs_invite *invite) MUST_CHECK;
/* Uses it up for `annotator`; 0: makes a person of `name`. *out: who it is. Errors: ERR_RANGE
 * (no such link, expired, used: the words are the same); prefs_person_add's. */
enum err prefs_invite_use(struct prefs *prefs, const struct hash *token, int64_t annotator,
                          const char *name, int64_t now, int64_t *out) MUST_CHECK;
/* Looks without using: the same errors. */
enum err prefs_invite_read(struct prefs *prefs, const struct hash *token, int64_t now,
                           struct prefs_invite *out) MUST_CHECK;
enum err prefs_invite_visit(struct prefs *prefs,
                            enum err (*visit)(void *self, const struct prefs_invite *invite),
                            void *self) MUST_CHECK;
enum err prefs_invite_drop(struct prefs *prefs, int64_t id) MUST_CHECK;

struct prefs_session {
    int64_t annotator, at, seen, expires;
    struct hash csrf; /* of the token that forms send along */
};
enum err prefs_session_add(struct prefs *prefs, const struct hash *token,
                           const struct prefs_session *session) MUST_CHECK;
/* Errors: ERR_RANGE: none, expired, or its person closed. Writes nothing. */
enum err prefs_session_read(struct prefs *prefs, const struct hash *token, int64_t now,
                            struct prefs_session *out) MUST_CHECK;
enum err prefs_session_seen(struct prefs *prefs, const struct hash *token, int64_t now,
                            int64_t expires) MUST_CHECK;
enum err prefs_session_end(struct prefs *prefs, const struct hash *token) MUST_CHECK;
/* All of a person; 0: those that have expired. */
enum err prefs_session_end_all(struct prefs *prefs, int64_t annotator, int64_t now) MUST_CHECK;

/* What was done, by whom (0: from the terminal), to what. No addresses of machines belong
 * here. */
enum err prefs_audit_add(struct prefs *prefs, int64_t annotator, const char *action,
                         const char *subject, int64_t now) MUST_CHECK;
struct prefs_audit {
    int64_t seq, at, annotator;
    const char *action, *subject;
};
/* Newest first, at most `most`. */
enum err prefs_audit_visit(struct prefs *prefs, size_t most,
                           enum err (*visit)(void *self, const struct prefs_audit *entry),
                           void *self) MUST_CHECK;

#endif
