/* ask: what a request wants: prompts as token ids, how they are answered, what is told.
 *
 * Read whole or not at all; after ask_read nothing of the body is needed. */

#ifndef SERVE_ASK_H
#define SERVE_ASK_H

#include "lm/file/open_model.h"
#include "lm/gen/sample.h"
#include "serve/fields.h"

enum {
    ASK_ANSWERS_MAX = 128,   /* to one prompt */
    ASK_PROMPTS_MAX = 256,   /* of one request */
    ASK_TOGETHER_MAX = 1024, /* answers of one request */
    ASK_TOLD_MAX = 1 << 20,  /* tokens and their rivals that one answer's body may tell */
    ASK_NEST_MAX = 1 << 16,  /* lists and objects in a body: of small ones memory is made */
};

struct ask_prompt {
    int *ids, n;
};

struct ask_request {
    bool chat; /* /v1/chat/completions; else /v1/completions */
    struct ask_prompt *prompt;
    int prompts, n;           /* n answers to each */
    uint64_t seed;            /* given or drawn */
    struct sampling sampling; /* max_new 0: no token is wanted (echo); stop_text in `stop` */
    bool fit;                 /* nobody said max_new: it ends where the model's room does */
    char *stop[SHAPE_STOPS];
    struct penalty_bias *bias; /* sampling's, or NULL */
    int top;                   /* likeliest tokens told with each */
    bool logprobs, echo, stream, usage;
    bool ids, names;  /* token ids are told; tokens are named by their ids */
    bool keep_stop;   /* the stop string stays in the text */
    json_t *tools;    /* those offered, or NULL: answers may hold calls of them */
    json_t *warnings; /* list of texts */
};

/* What requests are read for. */
struct ask_model {
    const struct open_model *loaded; /* borrowed */
    const char *name;                /* as /v1/models calls it */
    int length;                      /* tokens of prompt and answer, at most */
    int ahead;                       /* tokens guessed at most: generate_ahead's */
};

/* body: an object. seed: taken where none is given. `fields` is begun here; its `wrong` is what
 * the error is about. *unknown: no such model. Errors: ERR_PARSE, ERR_RANGE, ERR_STATE (no
 * template): the client's fault, all. */
enum err ask_read(struct ask_request *out, struct fields *fields, bool chat, const json_t *body,
                  const struct ask_model *model, uint64_t seed, bool *unknown) MUST_CHECK;
void ask_free(struct ask_request *ask);

/* Tokens of an answer to prompt i, at most; 0: none is wanted. */
int ask_most(const struct ask_request *ask, const struct ask_model *model, int i);

/* Reads messages or `prompt` into ask->prompt (ask_prompts.c). Errors: as ask_read. */
enum err ask_prompts(struct ask_request *ask, struct fields *fields,
                     const struct ask_model *model) MUST_CHECK;

#endif
