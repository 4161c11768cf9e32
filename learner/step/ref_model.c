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
};

enum err ref_model_new(struct ref_model **out, const struct ref_model_conf *conf,
                       const struct trainable *step)
{
    struct ref_model *f = mem_new(1, sizeof *f);
    size_t bytes;
    const float *const image = trainable_image(step, &bytes);
    enum err err = mem_big(&f->image, bytes, 1, "reference weights");

    *out = NULL;
    f->conf = *conf;
    f->floats = bytes / sizeof *image;
    if (!err) {
        memcpy(f->image, image, bytes);
        err = model_new(&f->model, model_shape(trainable_model(step)), f->image, bytes);
    }
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
    free(f->image);
    free(f);
}

/* The model around them borrows the shape's numbers: only the weights count. */
size_t ref_model_size(const struct shape *shape)
{
    return packed_size(shape);
}

const struct model *ref_model_model(const struct ref_model *f)
{
    return f->model;
}

/* The image is the weights in another order, and what fills it up is zero in both. */
void ref_model_sync(struct ref_model *f, const struct trainable *step)
{
    const float keep = (float)(1 - f->conf.mixup), take = (float)f->conf.mixup;
    const float *image;
    size_t bytes;

    /* By the count of steps, not a counter of its own: a resumed run moves it at the same
     * steps. */
    if (!f->conf.every || trainable_count(step) % f->conf.every)
        return;
    image = trainable_image(step, &bytes);
    for (size_t i = 0; i < f->floats; i++)
        f->image[i] = f->image[i] * keep + image[i] * take;
}

float *ref_model_weights(struct ref_model *f, size_t *floats)
{
    *floats = f->floats;
    return f->image;
}
