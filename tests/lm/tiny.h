/* tiny: small transformers whose weights come from a formula, the same as in
 * tests/golden/tiny_models.py. */

#ifndef TESTS_LM_TINY_H
#define TESTS_LM_TINY_H

#include "base/mem.h"
#include "lm/model/forward.h"
#include "tests/lm/tiny_shapes.h"
#include "tests/support/test.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static inline uint32_t tiny_mix(uint32_t h)
{
    h ^= h >> 16;
    h *= 0x85EBCA6Bu;
    h ^= h >> 13;
    h *= 0xC2B2AE35u;
    return h ^ h >> 16;
}

static inline int tiny_token(int vocab, int sequence, int t)
{
    return (int)(tiny_mix((uint32_t)(1000 * sequence + t)) % (uint32_t)vocab);
}

static inline float tiny_weight(const struct tensor *t, uint32_t name, uint32_t i)
{
    const float u = (float)(tiny_mix(name + i * 0x9E3779B9u) >> 8) * 0x1p-23f - 1.0f;
    switch (t->row->kind) {
    case KIND_NORM:
        return 1.0f + 0.2f * u;
    case KIND_NORM_PLUS:
        return 0.2f * u;
    case KIND_BIAS:
        return 0.3f * u;
    case KIND_EMBED:
    case KIND_POSITION:
        return 0.25f * u;
    case KIND_LINEAR:
        return u * (float)(1.7 / sqrt((double)t->cols));
    default:
        return u * (float)(3.0 / sqrt((double)t->cols));
    }
}

/* Which value of the file it is. */
static inline uint32_t tiny_at(const struct params *params, const struct tensor *t, int i)
{
    const int width = part_is_vector(t->row) ? 1 : t->cols;

    if (!t->row->grouped)
        return (uint32_t)i;
    return (uint32_t)(part_grouped(&params->shape, i / width) * width + i % width);
}

static inline void tiny_fill(struct params *params)
{
    for (int k = 0; k < params->n; k++) {
        const struct tensor *t = &params->tensor[k];
        uint32_t name = 0x811C9DC5u;

        for (const char *c = t->name; *c; c++)
            name = (name ^ (uint8_t)*c) * 0x01000193u;
        for (int i = 0; i < t->rows * t->cols; i++)
            params->data[t->at + (size_t)i] = tiny_weight(t, name, tiny_at(params, t, i));
    }
}

struct tiny_model {
    struct params *params;
    float *image;
    struct model *model;
};

static inline struct tiny_model tiny_make(const struct shape *shape)
{
    struct tiny_model m = {0};
    struct packed_layout *layout;

    assert_ok(params_new(&m.params, shape));
    tiny_fill(m.params);
    assert_ok(packed_layout_new(&layout, shape));
    assert_ok(mem_big(&m.image, packed_size(shape), 1, "image"));
    packed_fill(m.image, layout, m.params);
    packed_layout_free(layout);
    assert_ok(model_new(&m.model, shape, m.image, packed_size(shape)));
    return m;
}

/* The same for sequences of so many tokens. */
static inline struct tiny_model tiny_reach(const struct shape *shape, int longest)
{
    struct shape reached = *shape;

    shape_reach(&reached, longest);
    return tiny_make(&reached);
}

static inline void tiny_drop(struct tiny_model *m)
{
    model_free(m->model);
    free(m->image);
    params_free(m->params);
}

#endif
