#include "learner/step.h"

#include "base/mem.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct step {
    struct params *params;
    float *grad, *m, *v; /* [params.count] */
    float *image;
    struct image_layout *layout;
    struct model *model;
    struct train *train;
    int64_t t;
};

static enum err build(struct step *step, const struct train_options *options)
{
    const struct params *params = step->params;
    const struct shape *shape = &params->shape;
    const size_t bytes = image_size(shape);
    enum err err = mem_big(&step->grad, params->count, sizeof(float), "gradient");

    if (!err)
        err = mem_big(&step->m, params->count, sizeof(float), "first moment");
    if (!err)
        err = mem_big(&step->v, params->count, sizeof(float), "second moment");
    if (!err)
        err = mem_big(&step->image, bytes, 1, "compute weights");
    if (!err)
        err = image_layout_new(&step->layout, shape);
    if (err)
        return err;
    image_pack(step->image, step->layout, params);
    err = model_new(&step->model, shape, step->image, bytes);
    if (!err)
        err = train_new(&step->train, shape, options);
    if (!err) /* as transformers trains: embed_tokens has padding_idx = pad_token_id */
        train_fix_input(step->train, shape->pad);
    return err;
}

enum err step_new(struct step **out, struct params *params, const struct train_options *options)
{
    struct step *step = mem_new(1, sizeof(*step));
    enum err err;

    *out = NULL;
    step->params = params;
    err = build(step, options);
    if (err)
        step_free(step);
    else
        *out = step;
    return err;
}

void step_free(struct step *step)
{
    if (!step)
        return;
    train_free(step->train);
    model_free(step->model);
    image_layout_free(step->layout);
    free(step->image);
    free(step->grad);
    free(step->m);
    free(step->v);
    params_free(step->params);
    free(step);
}

struct params *step_params(const struct step *step)
{
    return step->params;
}

const struct model *step_model(const struct step *step)
{
    return step->model;
}

const float *step_image(const struct step *step, size_t *bytes)
{
    *bytes = image_size(&step->params->shape);
    return step->image;
}

int64_t step_count(const struct step *step)
{
    return step->t;
}

enum err step_forward(struct step *step, const struct batch *batch, float temperature,
                      float *logprob, float *entropy, float *value, const uint8_t **hit)
{
    const enum err err =
        train_forward(step->train, step->model, batch, temperature, logprob, entropy, value);

    if (!err && hit)
        *hit = train_hit(step->train);
    return err;
}

const float *step_square(const struct step *step)
{
    return train_square(step->train);
}

const float *step_mean_logit(const struct step *step)
{
    return train_mean_logit(step->train);
}

enum err step_score(struct step *step, const struct model *model, const struct batch *batch,
                    float *logprob)
{
    return train_forward(step->train, model, batch, 1.0f, logprob, NULL, NULL);
}

void step_backward(struct step *step, const float *dlogprob, const float *dentropy,
                   const float *dvalue)
{
    train_backward(step->train, step->model, step->params, dlogprob, dentropy, dvalue,
                   step->grad);
}

double step_apply(struct step *step, const struct adamw *adamw, double rate, double limit)
{
    const double norm = optim_clip(step->grad, step->params->count, limit);

    step->t++;
    if (isfinite(norm)) {
        optim_adamw(adamw, step->params, step->grad, step->m, step->v, step->t, rate);
        image_pack(step->image, step->layout, step->params);
    }
    memset(step->grad, 0, step->params->count * sizeof(float));
    return norm;
}

/* Floats of a model's parameters, from its image: close enough for a plan, never less. */
size_t step_size(const struct shape *shape, const struct train_options *options, int n)
{
    return 5 * image_size(shape) + train_size(shape, options, n);
}

struct step_state step_state(struct step *step)
{
    return (struct step_state){.params = step->params->data,
                               .m = step->m,
                               .v = step->v,
                               .count = step->params->count,
                               .t = step->t};
}

void step_restored(struct step *step, int64_t t)
{
    step->t = t;
    image_pack(step->image, step->layout, step->params);
}
