/* Compute weights alone: nothing of it is trained, so it needs neither gradient nor moments, and
 * it goes through the activations of the model that it follows. Moving it is arithmetic on the
 * packed weights, element by element. Called after each optimiser step by who holds one
 * (offline/reference, iteration). */
#include "learner/step/ref_model.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

struct ref_model {
    struct ref_model_conf conf;
    float *image;
    size_t floats;
    struct model *model;
    bool changed; /* the image may have, since the model was last asked for */
    struct params *
        outline; /* of one whose matrices are bfloat16: which weights lie in the image, and where */
    struct packed_layout *layout;
};

enum err ref_model_new(struct ref_model **out, const struct ref_model_conf *conf,
                       const struct trainable *step)
{
    const struct shape *const shape = model_shape(trainable_model(step));
    struct ref_model *f = mem_new(1, sizeof *f);
    size_t bytes;
    const float *const image = trainable_image(step, &bytes);
    enum err err = mem_big(&f->image, bytes, 1, "reference weights");

    *out = NULL;
    f->conf = *conf;
    f->floats = bytes / sizeof *image;
    if (!err) {
        memcpy(f->image, image, bytes);
        err = model_new(&f->model, shape, f->image, bytes);
    }
    if (!err && precision_halves(shape->compute))
        err = params_outline(&f->outline, shape);
    if (!err && f->outline)
        err = packed_layout_new(&f->layout, shape);
    if (err)
        ref_model_free(f);
    else
        *out = f;
    return err;
}

void ref_model_free(struct ref_model *f)
{
    if (!f)
        return;
    model_free(f->model);
    params_free(f->outline);
    packed_layout_free(f->layout);
    free(f->image);
    free(f);
}

/* The model around them borrows the shape's numbers: only the weights count. */
size_t ref_model_size(const struct shape *shape)
{
    return packed_size(shape) + model_size_beside(shape);
}

const struct model *ref_model_model(struct ref_model *f)
{
    if (f->changed)
        model_changed(f->model);
    f->changed = false;
    return f->model;
}

static void mix(float *to, const float *other, size_t n, double mixup)
{
    const float keep = (float)(1 - mixup), take = (float)mixup;

    for (size_t i = 0; i < n; i++)
        to[i] = to[i] * keep + other[i] * take;
}

/* What lies as bfloat16 is taken out, some rows at a time, and rounded when it is put back. */
static void mix_weight(const struct ref_model *f, const struct tensor *t, const float *image)
{
    enum { ROWS = 96 };
    const size_t most = (size_t)ROWS * (size_t)t->cols;
    float *const own = mem_new(2 * most, sizeof *own), *const other = own + most;

    for (int row = 0; row < t->rows; row += ROWS) {
        const int n = t->rows - row < ROWS ? t->rows - row : ROWS;

        packed_take(own, f->layout, t, row, n, f->image);
        packed_take(other, f->layout, t, row, n, image);
        mix(own, other, (size_t)n * (size_t)t->cols, f->conf.mixup);
        packed_put(f->image, f->layout, t, row, n, own);
    }
    free(own);
}

/* An image of f32 is the weights in another order, and what fills it up is zero in both. */
void ref_model_sync(struct ref_model *f, const struct trainable *step)
{
    const float *image;
    size_t bytes;

    /* By the count of steps, not a counter of its own: a resumed run moves it at the same
     * steps. */
    if (!f->conf.every || trainable_count(step) % f->conf.every)
        return;
    image = trainable_image(step, &bytes);
    for (int i = 0; f->outline && i < f->outline->n; i++)
        mix_weight(f, &f->outline->tensor[i], image);
    if (!f->outline)
        mix(f->image, image, f->floats, f->conf.mixup);
    f->changed = true;
}

float *ref_model_weights(struct ref_model *f, size_t *floats)
{
    *floats = f->floats;
    f->changed = true;
    return f->image;
}
