/* generate_state: what the files of generate share; for generate*.c only. */

#ifndef LM_GEN_GENERATE_STATE_H
#define LM_GEN_GENERATE_STATE_H

#include "lm/gen/sample.h"
#include "lm/gen/stop.h"
#include "lm/model/forward.h"

enum { GENERATE_PREFILL = 256 }; /* rows of prompts in one step, besides the open slots' own */

enum generate_slot_state {
    FREE,
    PREFILL, /* its prompt is on the way through the model */
    WAIT,    /* the same prompt is on its way in slot `leader` */
    DECODE
};

struct generate_slot {
    enum generate_slot_state state;
    uint64_t order; /* of admission */
    int leader;
    struct generate_job job; /* prompt is not kept */
    int sample;
    int n, filled;  /* tokens; those of them that are in the cache */
    int *token;     /* [length] prompt and answer */
    float *logprob; /* [length] of token[i] */
    /* Of this step: guesses at token[n], token[n + 1] ..., the chance that those up to each hold, how many
     * there are, and how many have rows in the pass. */
    struct draft_guess guess[DRAFT_MOST];
    float chance[DRAFT_MOST];
    int made, taken;
    struct draft_record record;
    struct cache *cache;
    struct stop stop;
};

/* One token to be drawn: for a slot, from a row of logits, as its token number `at`. Those of a slot stand
 * together, in order of `at`. */
struct generate_draw {
    int slot, row, at, token;
    bool counts; /* all guesses before it were drawn */
    struct sample_top top[SAMPLE_TOPS];
    int tops;
};

struct generate {
    struct shape shape;
    int slots, length, threads;
    uint64_t admitted;
    const struct tokenizer *tokenizer;
    const struct model *now; /* whose step it is */
    struct generate_slot *slot;
    struct cache_pool *pool; /* of all slots' caches */
    struct forward_work *work;
    struct forward_row *row;    /* [slots + GENERATE_PREFILL] */
    float *hidden;              /* [slots + GENERATE_PREFILL, width] */
    float *logits;              /* [generate_draw_rows, vocab] */
    struct generate_draw *draw; /* [slots + GENERATE_PREFILL] */
    int draws;
    int ahead; /* tokens guessed at most, of a sequence */
    struct generate_drafts drafts;
    struct sample_scratch **scratch; /* [threads] */
};

/* Rows of logits that exist at once. */
int generate_draw_rows(const struct generate *g);
/* Draws every token of g->draw, from the hidden states of the pass. */
void generate_draw_all(struct generate *g, const struct model *model);

/* Does the slot take part in the steps of the model whose step it is? */
bool generate_takes_part(const struct generate *g, const struct generate_slot *s);
/* The number in [0, 1) that a slot's token `at` is drawn with. */
double generate_draw_number(const struct generate_slot *s, int at);

/* Before a pass: each slot's guesses, and how many of them are taken. */
void generate_guess_all(struct generate *g);
/* After the draws: which of them count, and how the guesses have fared. */
void generate_guess_check(struct generate *g);

/* All of a job is looked at before a slot is taken: it comes in whole or not at all.
 * Errors: ERR_RANGE, as generate_admit's. */
enum err generate_check_job(const struct generate *g,
                            const struct generate_job *job) MUST_CHECK;

#endif
