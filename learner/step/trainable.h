/* step: one model in training: weights, gradient, Adam's moments, the compute image.
 *
 * Either all weights learn, or a low-rank adapter does (lm/model/lora.h): then the weights are
 * the frozen base, gradient, moments and checkpoint are the adapter's alone, and the image is
 * the merged one. Who generates, scores or trains on it needs to know nothing of adapters.
 *
 * An optimiser step is: for each micro-batch in order trainable_forward, an objective, trainable_backward
 * (gradients add up); then trainable_apply once. The compute image holds the bits that generation
 * and scoring use, and is made anew by trainable_apply. One step has one owner thread. */

#ifndef LEARNER_STEP_TRAINABLE_H
#define LEARNER_STEP_TRAINABLE_H

#include "lm/model/train.h"
#include "lm/optim/optim.h"

struct trainable;

/* For checkpoints: t, and the blocks of what learns ("params", floats; or, of masters, "weights", the
 * image, and "lower"), then the two moments, "m" and "v". */
enum { TRAINABLE_BLOCKS = 4 };
struct trainable_state {
    struct trainable_block {
        const char *name;
        void *bytes;
        size_t n;
    } block[TRAINABLE_BLOCKS];
    int n, weights; /* blocks; the first so many are weights */
    int64_t t;
};

/* options->keep 0: trainable_size_quarter of the weights.
 *
 * Takes `params` (freed with it, also on an error). With `lora` an adapter of first values by `seed`
 * learns; NULL: all weights; then, in bfloat16, params give up their block (masters.h). Models of one
 * options.room take turns: from a model's first backward pass to its trainable_apply (or _discard) no
 * other of them has one, and a backward pass follows its own forward pass. Errors: ERR_NOMEM,
 * ERR_RANGE (lora_new's). */
enum err trainable_new(struct trainable **out, struct params *params,
                       const struct train_options *options, const struct lora_conf *lora,
                       uint64_t seed) MUST_CHECK;
/* The same of weights that lie packed: it takes image and layout (also on an error), and each step has the
 * bits that it has with trainable_new. With an adapter, on a base in either store: without weights in f32
 * and without a merged image beside them; there is none to be had of it. Without one, of a model whose
 * weights are masters (precision_halves): PACKED_PAIRS. Errors: the same. */
enum err trainable_new_packed(struct trainable **out, const struct shape *shape, float *image,
                              struct packed_layout *layout, const struct train_options *options,
                              const struct lora_conf *lora, uint64_t seed) MUST_CHECK;
void trainable_free(struct trainable *step);

struct params *trainable_params(const struct trainable *step); /* all weights (params_rows); the
                                                                  * base, an outline if packed */
const struct lora *trainable_lora(const struct trainable *step); /* NULL: all weights learn */
struct hash trainable_hash(const struct trainable *step);        /* weights hash, merged */
/* Of the base, so that a checkpoint is known to belong to it. Computed once. Only with an
 * adapter. */
struct hash trainable_base(struct trainable *step);
/* The base as a model: the reference for free but for its image, which the first call makes and
 * the step keeps. Errors: ERR_STATE without an adapter, or on a packed base; ERR_NOMEM. */
enum err trainable_reference(struct trainable *step, const struct model **out) MUST_CHECK;

const struct model *trainable_model(const struct trainable *step);
/* What the model computes with; on a packed base that base. */
const float *trainable_image(const struct trainable *step, size_t *bytes);
int64_t trainable_count(const struct trainable *step); /* optimiser steps done */

/* From now on trainable_forward is a training pass, with the adapter's dropout; off at the start.
 * Masks are fixed by seed, step and the place of a sequence in the step's batch. */
void trainable_dropout(struct trainable *step, bool on);

/* The same pass also adds noise to the embeddings (NEFTune's alpha, batch.h); 0, the start: none.
 */
void trainable_noise(struct trainable *step, double alpha);

/* train_forward on the current weights. `hit` (may be NULL) receives train_hit. Errors:
 * train_forward's. */
enum err trainable_forward(struct trainable *step, const struct batch *batch, float temperature,
                           float *logprob, float *entropy, float *value,
                           const uint8_t **hit) MUST_CHECK;

/* What else the last trainable_forward saw, [n] as logprob: see train_square, train_mean_logit,
 * train_mean_logprob. NULL for a scalar head. */
const float *trainable_square(const struct trainable *step);
const float *trainable_mean_logit(const struct trainable *step);
const float *trainable_mean_logprob(const struct trainable *step);
/* Of the next trainable_backward: train_mean_slope. */
void trainable_mean_slope(struct trainable *step, const float *dmean);

/* logprob [n] of a batch under `model`, any of this shape, in this step's memory: the last
 * trainable_forward is forgotten. Errors: train_forward's. */
enum err trainable_score(struct trainable *step, const struct model *model,
                         const struct batch *batch, float temperature,
                         float *logprob) MUST_CHECK;

/* Adds the gradient of the last trainable_forward; with options.alone it is the step's only one. Slopes may be
 * NULL for zero. */
void trainable_backward(struct trainable *step, const float *dlogprob, const float *dentropy,
                        const float *dvalue);

/* Clips (limit 0: does not), AdamW, repacks the image, zeroes the gradient. Returns the norm
 * before the clip; a norm that is not finite changes no weight but counts as a step. */
double trainable_apply(struct trainable *step, const struct adamw *adamw, double rate,
                       double limit);

/* Forgets the gradient since the last trainable_apply: as if its passes had not been. */
void trainable_discard(struct trainable *step);

/* Beside weights, gradient and moments a quarter of the compute weights' size is little: so many bytes of
 * activations are kept where nobody planned. _own: options of which keep is that, if it was 0; an adapter's
 * gradient is no room for activations. */
size_t trainable_size_quarter(size_t weights);
struct train_options trainable_size_own(const struct train_options *options, size_t weights,
                                        bool adapter);

/* Bytes that a model of this shape holds in training, with a largest micro-batch of n tokens; lora
 * NULL: all weights learn. */
size_t trainable_size(const struct shape *shape, const struct train_options *options,
                      const struct lora_conf *lora, int n);

/* How many of them lie in its room, and so but once where models take turns in one. */
size_t trainable_size_shared(const struct shape *shape, const struct train_options *options,
                             const struct lora_conf *lora, int n);

/* The same as trainable_size of trainable_new_packed. */
size_t trainable_size_packed(const struct shape *shape, enum packed_store store,
                             const struct train_options *options, const struct lora_conf *lora,
                             int n);

struct trainable_state trainable_state(struct trainable *step);
/* After the blocks and t were overwritten: t back, image anew. */
void trainable_restored(struct trainable *step, int64_t t);

#endif
