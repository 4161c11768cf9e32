/* generate_state: what the files of generate share; for generate*.c only. */

#ifndef LM_GEN_GENERATE_STATE_H
#define LM_GEN_GENERATE_STATE_H

#include "lm/gen/sample.h"
#include "lm/gen/stop.h"
#include "lm/model/forward.h"

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
    struct sample_top top[SAMPLE_TOPS];
    int tops; /* of the token drawn last */
    struct cache *cache;
    struct stop stop;
};

/* One token to be drawn: for a slot, from a row of logits. */
struct generate_draw {
    int slot, row, token;
};

struct generate {
    struct shape shape;
    int slots, length, threads;
    uint64_t admitted;
    const struct tokenizer *tokenizer;
    const struct model *now; /* whose step it is */
    struct generate_slot *slot;
    struct forward_work *work;
    struct forward_row *row;    /* [slots + PREFILL_ROWS] */
    float *hidden;              /* [slots + PREFILL_ROWS, width] */
    float *logits;              /* [LOGIT_ROWS, vocab] */
    struct generate_draw *draw; /* [slots] */
    int draws;
    struct sample_scratch **scratch; /* [threads] */
};

/* Rows of logits that exist at once. */
int generate_draw_rows(const struct generate *g);
/* Draws every token of g->draw, from the hidden states of the pass. */
void generate_draw_all(struct generate *g, const struct model *model);

/* All of a job is looked at before a slot is taken: it comes in whole or not at all.
 * Errors: ERR_RANGE, as generate_admit's. */
enum err generate_check_job(const struct generate *g,
                            const struct generate_job *job) MUST_CHECK;

#endif
