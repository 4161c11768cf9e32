/* optimizer_step: one step of learning, whatever the method and whoever fills the batches.
 *
 *   measure     what the losses of all its micro-batches are divided by
 *   accumulate  model by model, each micro-batch in turn: fill, forward, objective, backward;
 *               gradients add up
 *   apply       of a model: clip, AdamW
 *
 * Models that share their room (train_room.h) share the gradient: of such a step each is applied in
 * `whole`, before the next one's turn.
 *
 * Every loss is divided by a number that belongs to the whole step and is known before its first
 * backward pass; so no result depends on how the step was cut into micro-batches, and gradients
 * of parts of a step may be made anywhere and added up. An evaluation is the first two of these,
 * with nobody learning. */

#ifndef LEARNER_STEP_OPTIMIZER_STEP_H
#define LEARNER_STEP_OPTIMIZER_STEP_H

#include "learner/step/metrics.h"
#include "learner/step/micro_batch.h"

enum { OPTIMIZER_STEP_MODELS = 2 }; /* a policy and a critic */

/* What a step adds up over its micro-batches. */
struct optimizer_step_sums {
    double loss[OPTIMIZER_STEP_MODELS];
    double bonus_entropy, bonus_tokens;
    int64_t tokens;         /* micro_batch.tokens */
    struct metrics metrics; /* each by its own weights: a mean over tokens counts tokens, one
                               over pairs pairs; extremes stay extremes */
};

struct optimizer_step {
    struct optimizer_step_model {
        struct trainable *model; /* NULL: this one takes no part in the step */
        struct micro_batch_pass pass;
        bool learns;               /* else there is no backward pass */
        bool dropout;              /* of an adapter */
        double normaliser, tokens; /* by optimizer_step_measure: objective.h's */
    } model[OPTIMIZER_STEP_MODELS];
    double entropy_coef; /* objective.h's */

    size_t n; /* micro-batches */
    void *self;
    /* Fills micro-batch i (micro_batch.h). Called for each to measure, and by each model. */
    enum err (*fill)(void *self, size_t i, struct micro_batch *out);
    /* Before a forward pass: columns that other passes make. May be NULL. */
    enum err (*complete)(void *self, size_t i, struct micro_batch *batch);
    /* After each forward pass, before its objective. *go: false: this micro-batch is not learnt
     * from by this model. May be NULL. */
    void (*look)(void *self, size_t i, struct micro_batch *batch, int model, bool *go);
    /* After a model's last micro-batch: its gradient is whole, and the sums so far. False: later
     * models take no part. May be NULL. */
    bool (*whole)(void *self, int model, const struct optimizer_step *step,
                  const struct optimizer_step_sums *sums);

    struct micro_batch *batch;         /* borrowed: its room outlives the step */
    struct optimizer_step_sums *total; /* goes on adding up over steps; NULL: nobody reads it */
    struct metrics *mean; /* likewise, each metric as TRL averages it, a micro-batch counting
                             one; NULL */
};

/* Errors: fill's, and of a batch without room ERR_NOMEM. */
enum err optimizer_step_measure(struct optimizer_step *step) MUST_CHECK;
/* sums out: of this step alone. Errors: those of fill, complete and trainable_forward; the
 * gradients are then of a part of the step (trainable_discard). */
enum err optimizer_step_accumulate(struct optimizer_step *step,
                                   struct optimizer_step_sums *sums) MUST_CHECK;
/* Moves one of the models; returns the norm of its gradient before the clip. One that is not
 * finite leaves the weights as they are: the caller, who knows whether steps or iterations are
 * counted, warns of it. */
double optimizer_step_apply(const struct optimizer_step_model *one, const struct adamw *adamw,
                            double rate, double max_grad_norm);

#endif
