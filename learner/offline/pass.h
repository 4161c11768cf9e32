/* pass: one micro-batch through model and objective, with or without the way back. */

#ifndef LEARNER_OFFLINE_PASS_H
#define LEARNER_OFFLINE_PASS_H

#include "learner/corpus/corpus.h"
#include "learner/objective/objective.h"
#include "learner/offline/reference.h"
#include "learner/step/metrics.h"
#include "learner/step/trainable.h"

struct pass {
    const struct objective *objective;
    const void *conf; /* the objective's */
    const struct corpus *corpus;
    struct reference *reference; /* borrowed; NULL when the objective reads none */
    struct packed packed, other; /* the records; mismatched answers */
    float *block; /* logprob, entropy, value and their slopes, reference, one after another */
    size_t room;  /* tokens that block holds */
    /* Sees the arrays of each micro-batch after its forward pass; NULL: nobody. */
    void (*see)(void *self, const struct corpus *corpus, const struct objective_in *in,
                const uint32_t *record, size_t n);
    void *self;
    float *drift; /* [records] */
    size_t room_drift;
};

void pass_init(struct pass *pass, const struct objective *objective, const void *conf,
               const struct corpus *corpus, struct reference *reference);
void pass_free(struct pass *pass);

/* What an optimiser step's losses are divided by: objective.h's normaliser and step_tokens. */
struct pass_norm {
    double normaliser, tokens;
};

/* Adds what these records count. */
void pass_count(struct pass *pass, const uint32_t *record, size_t n, struct pass_norm *norm);

struct pass_result {
    double loss; /* divided by the normaliser */
    int64_t tokens;
};

/* Runs records under `step`'s weights. `backward` adds to its gradient. `mean` gets each metric
 * as TRL averages them, a micro-batch counting one; `exact` by its own weights: what is a mean
 * over tokens counts tokens, of pairs pairs, extremes stay extremes. Either may be NULL.
 * Errors: trainable_forward's. */
enum err pass_run(struct pass *pass, struct trainable *step, const uint32_t *record, size_t n,
                  const struct pass_norm *norm, bool backward, struct metrics *mean,
                  struct metrics *exact, struct pass_result *out) MUST_CHECK;

#endif
