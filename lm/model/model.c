#include "lm/model/model.h"

#include "base/mem.h"
#include "lm/kernel/gemm.h"
#include "lm/kernel/isa.h"
#include "lm/kernel/real.h"
#include "lm/kernel/share.h"

#include <stdint.h>
#include <stdlib.h>

int model_qkv(const struct shape *s)
{
    return (s->heads + 2 * s->kv_heads) * s->head_dim;
}

static double llama3(const struct shape *s, double freq)
{
    const double wavelength = 6.283185307179586 / freq;
    const double long_from = s->rope_original / s->rope_low;
    const double short_to = s->rope_original / s->rope_high;
    double smooth;

    if (wavelength < short_to)
        return freq;
    if (wavelength > long_from)
        return freq / s->rope_factor;
    smooth = (s->rope_original / wavelength - s->rope_low) / (s->rope_high - s->rope_low);
    return (1 - smooth) * freq / s->rope_factor + smooth * freq;
}

void model_frequencies(float *freq, const struct shape *s)
{
    for (int i = 0; i < s->head_dim / 2; i++) {
        const double f = 1 / real_power(s->rope_theta, 2.0 * i / s->head_dim);

        freq[i] = (float)(s->rope == ROPE_LLAMA3   ? llama3(s, f)
                          : s->rope == ROPE_LINEAR ? f / s->rope_factor
                                                   : f);
    }
}

enum err model_new(struct model **out, const struct shape *shape, const float *image,
                   size_t bytes)
{
    struct model *m;
    enum err err = isa_check();

    *out = NULL;
    if (!err)
        err = shape_check(shape);
    if (err)
        return err;
    if (bytes != packed_size(shape))
        return err_set(ERR_RANGE, "weights image of %zu bytes: this shape takes %zu", bytes,
                       packed_size(shape));
    if ((uintptr_t)image % 64 != 0)
        return err_set(ERR_RANGE, "weights image is not aligned to 64 bytes");
    m = mem_new(1, sizeof *m);
    m->shape = *shape;
    m->image = image;
    m->freq = mem_new((size_t)shape->head_dim / 2, sizeof *m->freq);
    model_frequencies(m->freq, shape);
    err = packed_layout_new(&m->layout, shape);
    if (err) {
        model_free(m);
        return err;
    }
    *out = m;
    return OK;
}

void model_free(struct model *model)
{
    if (!model)
        return;
    packed_layout_free(model->layout);
    free(model->freq);
    free(model);
}

const struct shape *model_shape(const struct model *model)
{
    return &model->shape;
}

void model_embed(const struct model *model, float *x, const int *token, int n)
{
    const int width = model->shape.width;
    const float *embed = model->image + packed_at(model->layout, PART_EMBED, -1);

#pragma omp parallel for schedule(static) if (share_worth((size_t)n * (size_t)width))
    for (int i = 0; i < n; i++)
        gemm_unpack_row(x + (size_t)i * (size_t)width, embed, token[i], width);
}
