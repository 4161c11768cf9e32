/* A shape is what config.json of the model says. Weights are filled once, packed as a run packs them, and
 * stay beside the image, or become its masters, for training reads them. */

#include "bench/subject.h"

#include "base/mem.h"
#include "base/memory_limit.h"
#include "lm/file/model_files.h"

#include <stdlib.h>
#include <string.h>

/* Numbers of config.json as published; bos and pad are none, for nothing is said in words. */
static const struct {
    const char *name;
    struct shape shape;
} known[] = {
    {"smollm2-135m",
     {.family = FAMILY_LLAMA,
      .layers = 30,
      .width = 576,
      .heads = 9,
      .kv_heads = 3,
      .head_dim = 64,
      .ffn = 1536,
      .vocab = 49152,
      .context = 8192,
      .tied = true,
      .norm_eps = 1e-5f,
      .rope_theta = 1e5,
      .init_std = 0.04,
      .bos = -1,
      .pad = -1}},
    {"qwen2.5-0.5b",
     {.family = FAMILY_QWEN2,
      .layers = 24,
      .width = 896,
      .heads = 14,
      .kv_heads = 2,
      .head_dim = 64,
      .ffn = 4864,
      .vocab = 151936,
      .context = 32768,
      .tied = true,
      .norm_eps = 1e-6f,
      .bias_qkv = true,
      .rope_theta = 1e6,
      .init_std = 0.02,
      .bos = -1,
      .pad = -1}},
    {"qwen2.5-1.5b",
     {.family = FAMILY_QWEN2,
      .layers = 28,
      .width = 1536,
      .heads = 12,
      .kv_heads = 2,
      .head_dim = 128,
      .ffn = 8960,
      .vocab = 151936,
      .context = 32768,
      .tied = true,
      .norm_eps = 1e-6f,
      .bias_qkv = true,
      .rope_theta = 1e6,
      .init_std = 0.02,
      .bos = -1,
      .pad = -1}},
};

const struct shape *subject_shape(const char *name)
{
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (strcmp(known[i].name, name) == 0)
            return &known[i].shape;
    return NULL;
}

/* Whether weights and image of a shape are there: the kernel promises more than it has. */
static enum err fits(const struct shape *shape)
{
    struct memory_limit limit;
    struct params *outline = NULL;
    double bytes;
    const enum err err = params_outline(&outline, shape);

    if (err)
        return err;
    bytes = 4.0 * (double)outline->count + (double)packed_size(shape);
    params_free(outline);
    memory_limit_look(&limit);
    if (limit.available && bytes > (double)limit.available)
        return err_set(ERR_NOMEM, "the model would take %.1f GB, %.1f are available",
                       bytes * 1e-9, (double)limit.available * 1e-9);
    return OK;
}

/* A named shape filled with random weights, or the weights of files. */
static enum err fill(struct subject *out, const char *model, int layers)
{
    const struct shape *named = subject_shape(model);
    struct model_files *files = NULL;
    enum err err;

    if (named) {
        struct shape shape = *named;

        shape.layers = layers ? layers : shape.layers;
        err = fits(&shape);
        if (!err)
            err = params_new(&out->params, &shape);
        if (!err)
            params_init(out->params, 1, false);
        return err;
    }
    if (layers)
        return err_set(ERR_RANGE, "layers: of a named shape; %s is none", model);
    err = model_files_open(&files, model, MODEL_FILES_ALL);
    if (!err) {
        out->params = files->params;
        files->params = NULL;
    }
    model_files_free(files);
    return err;
}

enum err subject_open(struct subject *out, const char *model, int layers,
                      enum precision compute)
{
    enum err err;

    *out = (struct subject){NULL};
    err = fill(out, model, layers);
    if (!err)
        out->params->shape.compute = compute;
    if (!err)
        err = packed_layout_new(&out->layout, &out->params->shape);
    if (!err)
        err = mem_big(&out->image, packed_size(&out->params->shape), 1, "image");
    if (!err) {
        packed_fill(out->image, out->layout, out->params);
        err = model_new(&out->model, &out->params->shape, out->image,
                        packed_size(&out->params->shape));
    }
    if (err)
        subject_close(out);
    return err;
}

enum err subject_learns(struct subject *subject)
{
    if (subject->masters || subject->params->shape.compute == PRECISION_FLOAT32)
        return OK;
    memset(subject->image, 0, packed_size(&subject->params->shape)); /* which masters fill */
    enum err err =
        masters_new(&subject->masters, subject->params, subject->image, subject->layout);

    if (!err)
        model_changed(subject->model);
    return err;
}

void subject_close(struct subject *subject)
{
    model_free(subject->model);
    free(subject->image);
    packed_layout_free(subject->layout);
    params_free(subject->params);
    masters_free(subject->masters);
    *subject = (struct subject){NULL};
}
