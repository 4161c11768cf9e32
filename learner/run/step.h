/* step: one model in training: weights, gradient, Adam's moments, the compute image.
 *
 * Either all weights learn, or a low-rank adapter does (lm/model/lora.h): then the weights are
 * the frozen base, gradient, moments and checkpoint are the adapter's alone, and the image is
 * the merged one. Who generates, scores or trains on it needs to know nothing of adapters.
 *
 * An optimiser step is: for each micro-batch in order step_forward, an objective, step_backward
 * (gradients add up); then step_apply once. The compute image holds the bits that generation
 * and scoring use, and is made anew by step_apply. One step has one owner thread. */

#ifndef LEARNER_RUN_STEP_H
#define LEARNER_RUN_STEP_H

#include "lm/model/train.h"
#include "lm/optim/optim.h"

struct step;

/* For checkpoints: three blocks of `count` floats (what learns, first, second moment) and t. */
struct step_state {
    float *params, *m, *v;
    size_t count;
    int64_t t;
};

/* Takes `params` (freed with the step, also on an error). */
enum err step_new(struct step **out, struct params *params,
                  const struct train_options *options) MUST_CHECK;
/* The same with an adapter of first values by `seed`; lora NULL: as step_new. */
enum err step_new_lora(struct step **out, struct params *params,
                       const struct train_options *options, const struct lora_conf *lora,
                       uint64_t seed) MUST_CHECK;
void step_free(struct step *step);

struct params *step_params(const struct step *step);   /* all weights; the base */
const struct lora *step_lora(const struct step *step); /* NULL: all weights learn */
struct hash step_hash(const struct step *step);        /* weights hash, merged */
/* Of the base, so that a checkpoint is known to belong to it. Computed once. Only with an
 * adapter. */
struct hash step_base(struct step *step);
/* The base as a model: the reference for free but for its image, which the first call makes and
 * the step keeps. Errors: ERR_STATE without an adapter, ERR_NOMEM. */
enum err step_reference(struct step *step, const struct model **out) MUST_CHECK;

const struct model *step_model(const struct step *step);
const float *step_image(const struct step *step, size_t *bytes);
int64_t step_count(const struct step *step); /* optimiser steps done */

/* From now on step_forward is a training pass, with the adapter's dropout; off at the start.
 * Masks are fixed by seed, step and the place of a sequence in the step's batch. */
void step_dropout(struct step *step, bool on);

/* train_forward on the current weights. `hit` (may be NULL) receives train_hit. */
enum err step_forward(struct step *step, const struct batch *batch, float temperature,
                      float *logprob, float *entropy, float *value,
                      const uint8_t **hit) MUST_CHECK;

/* What else the last step_forward saw, [n] as logprob: see train_square, train_mean_logit. NULL
 * for a scalar head. */
const float *step_square(const struct step *step);
const float *step_mean_logit(const struct step *step);

/* logprob [n] of a batch under `model`, any of this shape, in this step's memory: the last
 * step_forward is forgotten. */
enum err step_score(struct step *step, const struct model *model, const struct batch *batch,
                    float temperature, float *logprob) MUST_CHECK;

/* Adds the gradient of the last step_forward. Slopes may be NULL for zero. */
void step_backward(struct step *step, const float *dlogprob, const float *dentropy,
                   const float *dvalue);

/* Clips (limit 0: does not), AdamW, repacks the image, zeroes the gradient. Returns the norm
 * before the clip; a norm that is not finite changes no weight but counts as a step. */
double step_apply(struct step *step, const struct adamw *adamw, double rate, double limit);

/* Forgets the gradient since the last step_apply: as if its passes had not been. */
void step_discard(struct step *step);

/* Bytes that a model of this shape holds in training, with a largest micro-batch of n tokens.
 */
size_t step_size(const struct shape *shape, const struct train_options *options, int n);
/* The same with an adapter; lora NULL: as step_size. */
size_t step_size_lora(const struct shape *shape, const struct train_options *options,
                      const struct lora_conf *lora, int n);

struct step_state step_state(struct step *step);
/* After the blocks and t were overwritten: t back, image anew. */
void step_restored(struct step *step, int64_t t);

#endif
