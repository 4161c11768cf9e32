/* The order of a training pass: activations_begin makes room and lays out the batch; the
 * embedding; every layer's list (block_forward) with its activations kept; the head (lm_head).
 * Backward goes the same way home. A caller runs train_forward, makes slopes of its outputs,
 * and runs train_backward on the same batch, adding to gradients that it clears itself: once an
 * optimiser step, however many batches that takes. */

#include "lm/model/train.h"

#include "base/mem.h"
#include "base/rng.h"
#include "lm/kernel/share.h"
#include "lm/model/block_forward.h"
#include "lm/model/forward.h"
#include "lm/model/lm_head.h"
#include "lm/model/lora_branch.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* What a training pass needs is what backward reads after it: all of it stands there. */
struct train {
    struct activations *acts;
};

enum err train_new(struct train **out, const struct shape *shape,
                   const struct train_options *options)
{
    struct train *t;
    enum err err = shape_check(shape);

    *out = NULL;
    if (err)
        return err;
    t = mem_new(1, sizeof *t);
    err = activations_new(&t->acts, shape, options);
    if (err) {
        train_free(t);
        return err;
    }
    *out = t;
    return OK;
}

void train_free(struct train *train)
{
    if (!train)
        return;
    activations_free(train->acts);
    free(train);
}

size_t train_size(const struct shape *shape, const struct train_options *options, int n)
{
    return activations_size(shape, options, n);
}

size_t train_keep(const struct shape *shape, int n, int layers)
{
    return activations_keep(shape, n, layers);
}

/* The head on the hidden states: logits only where somebody wants what is made of them. */
static void outputs(struct activations *t, const struct model *model, float *logprob,
                    float *entropy, float *value)
{
    if (value)
        forward_scalar(model, t->hidden, t->n, value);
    if (logprob || entropy)
        lm_head_forward(t, model, logprob, entropy);
}

/* NEFTune's, on what the embedding gave, scaled or not, as transformers' hook adds it. A Philox
 * block serves four columns; the counter knows nothing of the row in the batch. */
static void add_noise(const struct activations *t, float *x)
{
    const struct batch *b = t->batch;
    const size_t width = (size_t)t->shape.width;

    if (!(t->drop.noise > 0))
        return;
#pragma omp parallel for schedule(static) if (share_worth(8 * (size_t)t->n * width))
    for (int i = 0; i < t->n; i++) {
        float *to = x + (size_t)i * width, size;
        uint32_t word[4];
        int seq = 0, tokens;

        while (b->seq[seq + 1] <= i)
            seq++;
        tokens = b->seq[seq + 1] - b->seq[seq] + activations_prefix(t, seq);
        size = (float)(t->drop.noise / sqrt((double)tokens * (double)width));
        for (size_t c = 0; c < width; c++) {
            if (c % 4 == 0)
                rng_words(word, t->drop.seed, RNG_NOISE,
                          (uint64_t)t->drop.step << 32 | (t->drop.first + (uint32_t)seq),
                          (uint32_t)t->pos[i], (uint32_t)(c / 4));
            /* 24 bits: every value of [-1, 1) that is drawn is a float */
            to[c] += size * ((float)(word[c % 4] >> 8) * 0x1p-23f - 1.0f);
        }
    }
}

/* Embedding, every layer with what it keeps, the final norm. */
static void layers(struct activations *t, const struct model *model)
{
    const struct rows_norm last = model_norm(model, PART_NORM_FINAL, t->block->final_bias, -1);
    struct block_pass pass = {.model = model,
                              .n = t->n,
                              .cos = {t->cos[0], t->cos[1]},
                              .sin = {t->sin[0], t->sin[1]},
                              .keys = &t->keys,
                              .training = t};

    model_embed(model, t->layer[0].act[ACT_IN], t->batch->token, t->pos, t->n);
    add_noise(t, t->layer[0].act[ACT_IN]);
    for (int i = 0; i < t->shape.layers; i++) {
        activations_place(t, i, pass.act);
        memcpy(pass.factor, t->layer[i].factor, sizeof pass.factor);
        block_forward(&pass, i, 0, t->block->n_ops);
    }
    rows_norm(t->hidden, t->factor, t->out, t->n, &last);
}

static enum err check(const struct shape *s, float temperature, bool logprob, bool value)
{
    if (!(temperature > 0.0f) || !isfinite(temperature))
        return err_set(ERR_RANGE, "temperature %g: must be above 0 to score",
                       (double)temperature);
    /* What the head cannot give is the caller's mistake, not 0. */
    if (s->head == HEAD_LM ? value : logprob)
        return err_set(ERR_RANGE, "a model with a %s head has no %s",
                       s->head == HEAD_LM ? "language" : "scalar",
                       s->head == HEAD_LM ? "values" : "log-probabilities");
    return OK;
}

enum err train_forward(struct train *train, const struct model *model,
                       const struct batch *batch, float temperature, float *logprob,
                       float *entropy, float *value)
{
    struct activations *t = train->acts;
    const struct shape *s = &t->shape;
    enum err err = check(s, temperature, logprob || entropy, value);

    if (!err)
        err = activations_begin(t, model, batch);
    if (!err && t->lora)
        err = activations_branch(t, lora_branch_floats(s, &t->lora->conf, t->n));
    if (err)
        return err_add("training");
    t->temperature = temperature; /* backward makes the logits again, and needs it */
    layers(t, model);
    outputs(t, model, logprob, entropy, value);
    return OK;
}

const uint8_t *train_hit(const struct train *train)
{
    return train->acts->shape.head == HEAD_LM ? train->acts->hit : NULL;
}

const float *train_square(const struct train *train)
{
    return train->acts->shape.head == HEAD_LM ? train->acts->square : NULL;
}

const float *train_mean_logit(const struct train *train)
{
    return train->acts->shape.head == HEAD_LM ? train->acts->mean_logit : NULL;
}

const float *train_mean_logprob(const struct train *train)
{
    return train->acts->shape.head == HEAD_LM ? train->acts->mean_logprob : NULL;
}

void train_mean_slope(struct train *train, const float *dmean)
{
    train->acts->mean_slope = dmean;
}

/* Settings hold until they are changed: a step of many batches sets them once. */
void train_fix_input(struct train *train, int token)
{
    train->acts->fixed = token;
}

void train_adapt(struct train *train, const struct lora *lora)
{
    train->acts->lora = lora;
}

void train_drop(struct train *train, const struct train_drop *drop)
{
    train->acts->drop = *drop;
}

/* From the head to the embedding, each step adding to grad and leaving the slope of its input
 * in the activations for the next. */
void train_backward(struct train *train, const struct model *model, const struct params *params,
                    const float *dlogprob, const float *dentropy, const float *dvalue,
                    float *grad)
{
    struct activations *t = train->acts;
    const struct backward pass = {t, model, params, grad};

    assert(t->batch && t->room->user == t); /* train_forward came first, and nobody since */
    assert(!t->gradient.all || grad == t->room->block[TRAIN_GRADIENT].at);
    backward_begin(&pass);
    if (t->shape.head == HEAD_LM)
        lm_head_backward(&pass, dlogprob, dentropy);
    else /* of a value nothing is made again: its row is a vector */
        lm_head_scalar_backward(&pass, dvalue);
    backward_final(&pass);
    for (int i = t->shape.layers - 1; i >= 0; i--)
        backward_layer(&pass, i);
    backward_embed(&pass);
    t->mean_slope = NULL; /* of this batch alone */
}
