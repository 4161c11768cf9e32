/* job: a request on its way through the engine: what it asks, and its answers so far.
 *
 * Shared by two threads under the engine's lock: the one that computes adds to it, the one that
 * serves HTTP reads. Once it has left the engine it belongs to the latter alone. */

#ifndef SERVE_JOB_H
#define SERVE_JOB_H

#include "serve/choice.h"
#include "serve/edition.h"

#include <stdint.h>

enum { JOB_ID = 24 };

struct job_prompt { /* log-probabilities of a prompt's own tokens */
    float *logprob;
    struct sample_top *top; /* [n, ask.top], of which `tops` count */
};

struct job {
    struct ask_request ask;
    struct choice *choice;     /* [prompts * n]: answer s to prompt i at i * n + s */
    struct job_prompt *prompt; /* [prompts], or NULL */
    int tops;
    char id[JOB_ID + 1]; /* hexadecimal */
    int64_t created_s;   /* since 1970 */
    /* how it stands in the engine */
    struct job *next;
    int admitted, left;         /* answers that were given a slot; answers not done */
    int scored, scored_at;      /* prompts whose own tokens are told; of the next, so many */
    bool inside;                /* the engine knows it */
    struct edition *edition;    /* which answers it; NULL: none yet, or not any more */
    char version[EDITION_NAME]; /* its name, from its beginning on */
    bool begun;
    bool gone;    /* nobody waits for it: the engine frees it */
    char *failed; /* why there is no answer, or NULL */
    /* how it is told: `wake` under the lock, when `waiting`, which it clears first */
    void (*wake)(struct job *job);
    void *connection;
    int socket; /* its other end may go away; -1: nobody looks */
    bool waiting;
};

/* Takes over the ask. */
struct job *job_new(struct ask_request *ask, int64_t wall_ms);
void job_free(struct job *job);

/* Whether the prompts' own tokens are to be scored. */
bool job_scores(const struct job *job);

/* Whether each answer is one token behind a prompt that is scored: drawn there, without a slot. */
bool job_at_once(const struct job *job);

/* Whether all answers are there. */
bool job_done(const struct job *job);

/* Tokens of all its answers so far, and of its prompts. */
int job_completion_tokens(const struct job *job);
int job_prompt_tokens(const struct job *job);

#endif
