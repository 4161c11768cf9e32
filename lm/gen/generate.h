/* generate: continuous batching: many sequences decoded together, each as if alone.
 *
 * Slots are admitted and leave at any token; a prompt is prefilled once for its n samples. A
 * token is a pure function of (weights, seed, task, sample, position, prompt): the same on any
 * machine, in any company. Position counts from the start of the sequence, prompt included. */

#ifndef LM_GEN_GENERATE_H
#define LM_GEN_GENERATE_H

#include "lm/gen/draft.h"
#include "lm/gen/sample.h"
#include "lm/model/forward.h"
#include "lm/text/tokenizer.h"

enum finish {
    FINISH_STOP,
    FINISH_LENGTH,
    FINISH_STOP_TEXT
};                                               /* a stop token, max_new, a stop string */
const char *generate_finish(enum finish finish); /* "stop", "length", "stop" */

struct generate_job {
    uint64_t seed, task;
    int sample, n;     /* samples sample .. sample+n-1 of the task */
    const int *prompt; /* copied */
    int n_prompt;
    struct sampling sampling;
    int top;     /* of the most probable tokens that are told with each, 0..SAMPLE_TOPS */
    void *owner; /* handed back */
    /* Earlier answers to the same prompt, to guess by; none is fine. Borrowed as stop texts are. */
    struct draft_answers earlier;
    /* Steps of other models pass it over; NULL: each step is its own. Compared, no more. */
    const struct model *model;
};

/* A token as it comes; borrowed until the listener returns. */
struct generate_token {
    uint64_t task;
    int sample, token;
    float logprob;                /* as generate_done's */
    const struct sample_top *top; /* [tops] the most probable, likeliest first */
    int tops;
    void *owner;
};

struct generate_done {
    uint64_t task;
    int sample;
    const int
        *token; /* [n] the answer, its stop token included; borrowed until the next call */
    const float
        *logprob; /* [n] of the temperature-scaled full softmax (greedy: temperature 1), nats */
    int n;
    enum finish finish;
    void *owner;
};

struct generate;
/* `slots` sequences at once, each of at most `length` tokens with its prompt. tokenizer may be
 * NULL (no stop strings). Errors: ERR_RANGE (shape, a scalar head, slots, length), ERR_NOMEM. */
enum err generate_new(struct generate **out, const struct shape *shape, int slots, int length,
                      const struct tokenizer *tokenizer) MUST_CHECK;
void generate_free(struct generate *generate);

/* Slots that are free now. */
int generate_room(const struct generate *generate);
/* Takes the job's samples into slots; prefilled by the next step. Errors: ERR_RANGE (prompt
 * empty or too long, token out of range, sampling out of range), ERR_STATE (no room for n). */
enum err generate_admit(struct generate *generate, const struct generate_job *job) MUST_CHECK;
/* Is a slot taken by a job of this owner? If not, what the job borrows may go. */
bool generate_owned(const struct generate *generate, const void *owner);
/* Drops all samples of a task that are not done; of an unknown task none. */
void generate_cancel(struct generate *generate, uint64_t task);
/* The same for all samples of an owner. */
void generate_drop(struct generate *generate, const void *owner);

/* At most so many tokens are guessed ahead of a sequence in one step, 0..DRAFT_MOST; none where a row more
 * costs more than it brings (draft_worth). DRAFT_MOST at first; changes no bit of an answer. */
void generate_ahead(struct generate *generate, int most);
struct
    generate_drafts { /* since the last call: tokens that were guessed, and those that were right */
    uint64_t drafted, accepted;
};
struct generate_drafts generate_drafts(struct generate *generate);

/* One token for every open slot, and those behind it that were guessed right, under `model` (of jobs that name one: for those that name it); finished answers are told to `done`; `token`
 * (may be NULL) hears every token as it comes (streaming). `tokens` out (may be NULL): how many were made.
 * Errors: ERR_RANGE (logits that are not numbers). */
struct generate_events {
    void (*done)(void *self, const struct generate_done *done);
    void (*token)(void *self, const struct generate_token *token);
    void *self;
};
enum err generate_step(struct generate *generate, const struct model *model,
                       const struct generate_events *events, int *tokens) MUST_CHECK;

#endif
