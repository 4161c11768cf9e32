#include "learner/run/follow.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

struct follow {
    struct follow_conf conf;
    float *image;
    size_t floats;
    struct model *model;
};

enum err follow_new(struct follow **out, const struct follow_conf *conf,
                    const struct step *step)
{
    struct follow *f = mem_new(1, sizeof *f);
    size_t bytes;
    const float *const image = step_image(step, &bytes);
    enum err err = mem_big(&f->image, bytes, 1, "reference weights");

    *out = NULL;
    f->conf = *conf;
    f->floats = bytes / sizeof *image;
    if (!err) {
        memcpy(f->image, image, bytes);
        err = model_new(&f->model, model_shape(step_model(step)), f->image, bytes);
    }
    if (err)
        follow_free(f);
    else
        *out = f;
    return err;
}

void follow_free(struct follow *f)
{
    if (!f)
        return;
    model_free(f->model);
    free(f->image);
    free(f);
}

size_t follow_size(const struct shape *shape)
{
    return image_size(shape);
}

const struct model *follow_model(const struct follow *f)
{
    return f->model;
}

/* The image is the weights in another order, and what fills it up is zero in both. */
void follow_step(struct follow *f, const struct step *step)
{
    const float keep = (float)(1 - f->conf.mixup), take = (float)f->conf.mixup;
    const float *image;
    size_t bytes;

    if (!f->conf.every || step_count(step) % f->conf.every)
        return;
    image = step_image(step, &bytes);
    for (size_t i = 0; i < f->floats; i++)
        f->image[i] = f->image[i] * keep + image[i] * take;
}

float *follow_weights(struct follow *f, size_t *floats)
{
    *floats = f->floats;
    return f->image;
}
