#include "lm/model/train.h"

#include "base/mem.h"
#include "lm/kernel/blas.h"
#include "lm/model/lm_head.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

struct train {
    struct activations *acts;
};

enum err train_new(struct train **out, const struct shape *shape,
                   const struct train_options *options)
{
    struct train *t;
    enum err err = shape_check(shape);

    *out = NULL;
    if (!err && !options->portable)
        err = blas_check();
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

/* The head on the hidden states. */
static void outputs(struct activations *t, const struct model *model, float *logprob,
                    float *entropy, float *value)
{
    if (value)
        forward_scalar(model, t->hidden, t->n, value);
    if (logprob || entropy)
        lm_head_forward(t, model, logprob, entropy);
}

static enum err check(const struct shape *s, float temperature, bool logprob, bool value)
{
    if (!(temperature > 0.0f) || !isfinite(temperature))
        return err_set(ERR_RANGE, "temperature %g: must be above 0 to score",
                       (double)temperature);
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
    if (!err && s->head == HEAD_LM)
        err = activations_room(&t->aside, &t->aside_room, (size_t)t->threads * (size_t)s->vocab,
                               "softmax");
    if (err)
        return err_add("training");
    t->temperature = temperature;
    model_embed(model, t->layer[0].in, batch->token, t->n);
    for (int i = 0; i < s->layers; i++)
        activations_layer(t, model, i, activations_next(t, i));
    rows_norm(t->hidden, t->rms, t->out,
              model->image + packed_at(model->layout, PART_NORM_FINAL, -1), t->n, s->width,
              s->norm_eps);
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

void train_embed_apart(struct train *train, float *apart)
{
    train->acts->embed = apart;
}

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

void train_backward(struct train *train, const struct model *model, const struct params *params,
                    const float *dlogprob, const float *dentropy, const float *dvalue,
                    float *grad)
{
    struct activations *t = train->acts;
    const struct backward pass = {t, model, params, grad};

    assert(t->batch); /* train_forward came first */
    if (t->shape.head == HEAD_LM)
        lm_head_backward(&pass, dlogprob, dentropy);
    else
        lm_head_scalar_backward(&pass, dvalue);
    backward_final(&pass);
    for (int i = t->shape.layers - 1; i >= 0; i--)
        backward_layer(&pass, i);
    backward_embed(&pass);
}
