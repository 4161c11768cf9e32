/* phase: what a model does in a run, timed: reads a prompt, decodes, scores, is trained on; and beside each its
 * matrix products alone, on the same weights, so that the time of all else is seen. */

#ifndef BENCH_PHASE_H
#define BENCH_PHASE_H

#include "bench/rounds.h"
#include "bench/subject.h"

struct phase {
    const char *name;
    int batch;   /* sequences */
    int context; /* tokens before a sequence's last */
    int tokens;  /* what a round reads or makes, all sequences together */
    int n;       /* rounds that were timed */
    double seconds[ROUNDS], products[ROUNDS]; /* [n] of the whole, of its products alone */
    /* Of a round: multiplications and additions of the products, and of attention; bytes of weights, keys
     * and values that must come from memory at least once a pass. */
    double product_work, attention_work, bytes;
};

/* What is measured: `batch` sequences of `length` tokens, of decoding `fresh` more each, at least two. `alone`: the products
 * are run alone, too. */
struct phase_plan {
    int batch, length, fresh, rounds; /* rounds 1..ROUNDS */
    bool alone;
};

/* Errors of all: ERR_RANGE (a length beyond the model's context), ERR_NOMEM. */

/* One prompt is read once for all sequences, which then decode: two phases, of which the second has all tokens but each
 * sequence's first. */
enum err phase_decode(struct phase out[2], const struct subject *subject,
                      const struct phase_plan *plan) MUST_CHECK;

/* Log-probabilities of whole texts. */
enum err phase_score(struct phase *out, const struct subject *subject,
                     const struct phase_plan *plan) MUST_CHECK;

/* The same texts learnt, all weights: forward, backward, and the optimiser's step with the clip before it. A round more is
 * run, first: it touches memory for the first time. The subject's weights move. */
enum { PHASE_TRAIN = 3 };
enum err phase_train(struct phase out[PHASE_TRAIN], struct subject *subject,
                     const struct phase_plan *plan) MUST_CHECK;

/* Bytes that learning n tokens takes besides the subject. */
double phase_train_bytes(const struct subject *subject, int n);

/* Seconds, and products' seconds, of the median round. */
double phase_seconds(const struct phase *phase);
double phase_products(const struct phase *phase);

#endif
