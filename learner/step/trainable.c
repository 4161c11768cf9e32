/* Weights, gradient and two moments are blocks of the same layout; the compute image is the
 * weights once more, as the kernels read them, and follows them in each step's own walk. A model of bfloat16
 * has them once: the image and what it lacks of them (masters). With an adapter the
 * blocks are the adapter's, the weights are frozen, and the image is the merged one; or, where nobody
 * asks for the image, the frozen weights lie packed, alone, and each product makes its own W of
 * them (lora_group): two bytes a parameter instead of eight where files hold bfloat16.
 *
 * Between trainable_apply and the next, gradients only add up, micro-batch after micro-batch; where a step is of
 * one alone, it begins them. */
#include "learner/step/trainable.h"

#include "base/log.h"
#include "base/mem.h"
#include "lm/model/lora_branch.h"
#include "lm/model/lora_group.h"
#include "lm/optim/optim_rule.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct trainable {
    struct params *params;
    struct lora *lora;            /* NULL: all weights learn */
    struct params *learns;        /* params, or the adapter's */
    struct masters *masters;      /* NULL: what learns is a block of floats */
    struct train_room own, *room; /* the gradient lies in it: [learns.count] */
    struct moments moments;
    float *image;
    bool packed; /* the image is an adapter's base, and `params` is without data */
    struct packed_layout *layout;
    struct model *model;
    struct train *train;
    int64_t t;
    uint64_t seed;
    uint32_t seqs;    /* that this step's training passes have seen */
    bool alone, back; /* a step is one backward pass; there was one in this */
    bool dropout;
    double noise;
    float *reference_image;
    struct model *reference;
    struct hash base;
    bool base_known;
};

/* Where it is now: another model of the room may have grown it. */
static float *gradient(const struct trainable *step)
{
    return step->room->block[TRAIN_GRADIENT].at;
}

/* The image from the adapter; what that leaves alone is there already. */
static void pack(struct trainable *step)
{
    if (step->packed)
        lora_pack_whole(step->lora, step->image, step->layout);
    else if (step->lora)
        lora_pack(step->lora, step->image, step->layout);
}

/* The image is another; a base that lies packed stays as it is. */
static void changed(struct trainable *step)
{
    if (!step->packed)
        model_changed(step->model);
}

static enum err build_train(struct trainable *step, const struct train_options *options)
{
    const struct shape *shape = &step->params->shape;
    struct train_options own =
        trainable_size_own(options, step->layout->size * sizeof(float), step->lora != NULL);
    enum err err;

    own.room = step->room;
    step->alone = own.alone;
    err = train_new(&step->train, shape, &own);

    if (err)
        return err;
    /* as transformers trains: embed_tokens has padding_idx = pad_token_id */
    train_fix_input(step->train, shape->pad);
    if (step->lora)
        train_adapt(step->train, step->lora);
    return OK;
}

static enum err build_image(struct trainable *step)
{
    const struct shape *shape = &step->params->shape;
    enum err err = mem_big(&step->image, packed_size(shape), 1, "compute weights");

    if (!err)
        err = packed_layout_new(&step->layout, shape);
    if (err)
        return err;
    if (!step->lora && precision_halves(shape->compute))
        return masters_new(&step->masters, step->params, step->image, step->layout);
    packed_fill(step->image, step->layout, step->params);
    /* Filled whole once: lora_pack, here and after every step, writes only the matrices that
     * an adapter changes. */
    pack(step);
    return OK;
}

static enum err build(struct trainable *step, const struct train_options *options)
{
    enum err err = step->image ? OK : build_image(step);

    step->room = options->room ? options->room : &step->own;
    if (!err)
        err = train_room_grow(step->room, TRAIN_GRADIENT, step->learns->count, "gradient");
    if (!err)
        err = moments_new(&step->moments, step->learns, options->eight);
    if (!err)
        err = model_new_as(&step->model, &step->params->shape, step->layout->store, step->image,
                           step->layout->size * sizeof(float));
    if (!err && step->packed)
        err = model_adapt(step->model, step->lora);
    return err ? err : build_train(step, options);
}

/* The end of making one, whose params and adapter are there unless `err`; it is freed if it cannot be built. */
static enum err made(struct trainable **out, struct trainable *step,
                     const struct train_options *options, uint64_t seed, enum err err)
{
    step->seed = seed;
    step->learns = step->lora ? step->lora->weights : step->params;
    if (!err && step->lora)
        lora_init(step->lora, seed);
    if (!err)
        err = build(step, options);
    if (err)
        trainable_free(step);
    *out = err ? NULL : step;
    return err;
}

enum err trainable_new(struct trainable **out, struct params *params,
                       const struct train_options *options, const struct lora_conf *lora,
                       uint64_t seed)
{
    struct trainable *step = mem_new(1, sizeof(*step));
    enum err err = OK;

    step->params = params;
    if (lora)
        err = lora_new(&step->lora, params, lora, NULL);
    return made(out, step, options, seed, err);
}

enum err trainable_new_packed(struct trainable **out, const struct shape *shape, float *image,
                              struct packed_layout *layout, const struct train_options *options,
                              const struct lora_conf *lora, uint64_t seed)
{
    struct trainable *step = mem_new(1, sizeof(*step));
    enum err err = params_outline(&step->params, shape);

    step->image = image;
    step->layout = layout;
    step->packed = lora != NULL;
    if (!err && lora)
        err = lora_new_packed(&step->lora, step->params, image, layout, lora);
    else if (!err)
        err = masters_of_image(&step->masters, step->params, image, layout);
    return made(out, step, options, seed, err);
}

void trainable_free(struct trainable *step)
{
    if (!step)
        return;
    train_free(step->train);
    model_free(step->reference);
    free(step->reference_image);
    lora_free(step->lora);
    model_free(step->model);
    packed_layout_free(step->layout);
    free(step->image);
    train_room_fini(&step->own);
    moments_free(&step->moments);
    masters_free(step->masters);
    params_free(step->params);
    free(step);
}

struct params *trainable_params(const struct trainable *step)
{
    return step->params;
}

const struct lora *trainable_lora(const struct trainable *step)
{
    return step->lora;
}

struct hash trainable_hash(const struct trainable *step)
{
    return step->lora ? lora_hash(step->lora) : params_hash(step->params);
}

/* A base may be gigabytes, and is frozen: hashed when a checkpoint first asks. */
struct hash trainable_base(struct trainable *step)
{
    if (!step->base_known)
        step->base = lora_base(step->lora);
    step->base_known = true;
    return step->base;
}

enum err trainable_reference(struct trainable *step, const struct model **out)
{
    const struct shape *shape = &step->params->shape;
    const size_t bytes = packed_size(shape);
    enum err err = OK;

    *out = NULL;
    if (!step->lora || step->packed)
        return err_set(ERR_STATE, "there is no base beside the model to refer to");
    if (!step->reference) {
        err = mem_big(&step->reference_image, bytes, 1, "reference");
        if (!err) {
            packed_fill(step->reference_image, step->layout, step->params);
            err = model_new(&step->reference, shape, step->reference_image, bytes);
        }
    }
    *out = step->reference;
    return err;
}

const struct model *trainable_model(const struct trainable *step)
{
    return step->model;
}

const float *trainable_image(const struct trainable *step, size_t *bytes)
{
    *bytes = step->layout->size * sizeof(float);
    return step->image;
}

int64_t trainable_count(const struct trainable *step)
{
    return step->t;
}

enum err trainable_forward(struct trainable *step, const struct batch *batch, float temperature,
                           float *logprob, float *entropy, float *value, const uint8_t **hit)
{
    const struct train_drop drop = {.on = step->dropout && step->lora,
                                    .noise = step->dropout ? step->noise : 0,
                                    .seed = step->seed,
                                    .step = (uint32_t)step->t,
                                    .first = step->seqs};
    enum err err;

    /* Masks depend on a sequence's place in the whole optimiser step, so that it is the same
     * however the step is cut into micro-batches. */
    train_drop(step->train, &drop);
    err = train_forward(step->train, step->model, batch, temperature, logprob, entropy, value);
    if (!err && step->dropout)
        step->seqs += (uint32_t)batch->n_seq;
    if (!err && hit)
        *hit = train_hit(step->train);
    return err;
}

const float *trainable_square(const struct trainable *step)
{
    return train_square(step->train);
}

const float *trainable_mean_logit(const struct trainable *step)
{
    return train_mean_logit(step->train);
}

const float *trainable_mean_logprob(const struct trainable *step)
{
    return train_mean_logprob(step->train);
}

void trainable_mean_slope(struct trainable *step, const float *dmean)
{
    train_mean_slope(step->train, dmean);
}

/* Another model of the same shape through the same activations: it costs no memory of its
 * own, but what backward would need of the last trainable_forward is gone. */
enum err trainable_score(struct trainable *step, const struct model *model,
                         const struct batch *batch, float temperature, float *logprob)
{
    train_drop(step->train, &(struct train_drop){0});
    return train_forward(step->train, model, batch, temperature, logprob, NULL, NULL);
}

void trainable_dropout(struct trainable *step, bool on)
{
    step->dropout = on;
}

void trainable_noise(struct trainable *step, double alpha)
{
    step->noise = alpha;
}

void trainable_backward(struct trainable *step, const float *dlogprob, const float *dentropy,
                        const float *dvalue)
{
    assert(!step->alone || !step->back);
    step->back = true;
    train_backward(step->train, step->model, step->params, dlogprob, dentropy, dvalue,
                   gradient(step));
}

/* Slopes flow from the head to the embedding: of the tensors that have a fault, the last made the others'. */
static void tell_fault(const struct trainable *step)
{
    const float *const grad = gradient(step);

    for (int i = step->learns->n - 1; i >= 0; i--) {
        const struct tensor *t = &step->learns->tensor[i];
        const size_t n = (size_t)t->rows * (size_t)t->cols;

        for (size_t k = 0; k < n; k++)
            if (!isfinite(grad[t->at + k])) {
                log_warn(
                    "gradient",
                    "tensor=%s layer=%d its slope is no number: the weights stay as they are",
                    t->name, t->layer);
                return;
            }
    }
}

/* An adapter's image is made of pairs of matrices, when all have moved. */
static void move(struct trainable *step, const struct adamw *adamw, double rate, float shrink)
{
    const struct optim_target target = {.params = step->learns,
                                        .masters = step->masters,
                                        .image = step->lora ? NULL : step->image,
                                        .layout = step->layout,
                                        .grad = gradient(step),
                                        .moments = &step->moments,
                                        .shrink = shrink};

    optim_rule_step(adamw, &target, step->t, rate);
    pack(step);
    changed(step);
}

double trainable_apply(struct trainable *step, const struct adamw *adamw, double rate,
                       double limit)
{
    const double norm = optim_norm(gradient(step), step->learns->count);

    step->t++;
    /* One loss that is no number must not ruin weights and moments for good; the step counts
     * all the same, so that rates and checkpoints stay where they would be. */
    if (isfinite(norm))
        move(step, adamw, rate, optim_shrink(norm, limit));
    else
        tell_fault(step);
    trainable_discard(step);
    return norm;
}

void trainable_discard(struct trainable *step)
{
    step->seqs = 0;
    step->back = false;
    if (!step->alone) /* else the next pass does */
        memset(gradient(step), 0, step->learns->count * sizeof(float));
}

static void block(struct trainable_state *state, const char *name, void *bytes, size_t n)
{
    state->block[state->n++] = (struct trainable_block){name, bytes, n};
}

struct trainable_state trainable_state(struct trainable *step)
{
    struct trainable_state out = {.t = step->t};

    if (step->masters) {
        block(&out, "weights", step->image, step->layout->size * sizeof(float));
        block(&out, "lower", step->masters->rest,
              step->masters->count * sizeof *step->masters->rest);
    } else {
        block(&out, "params", step->learns->data, step->learns->count * sizeof(float));
    }
    out.weights = out.n;
    block(&out, "m", step->moments.m, step->moments.bytes);
    block(&out, "v", step->moments.v, step->moments.bytes);
    return out;
}

/* The caller has overwritten the blocks of trainable_state: the image must follow them
 * before anything is computed; masters lie in it. */
void trainable_restored(struct trainable *step, int64_t t)
{
    step->t = t;
    if (step->lora)
        pack(step);
    else if (!step->masters)
        packed_fill(step->image, step->layout, step->params);
    changed(step);
}
