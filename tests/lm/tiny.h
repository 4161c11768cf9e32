/* tiny: small transformers whose weights come from a formula, the same as in
 * tests/golden/tiny_models.py. */

#ifndef TESTS_LM_TINY_H
#define TESTS_LM_TINY_H

#include "base/mem.h"
#include "lm/model/forward.h"
#include "tests/support/test.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct tiny {
    const char *name;
    struct shape shape;
};

#define TINY(family_, layers_, width_, heads_, kv_, dim_, ffn_, vocab_, context_, eps_) \
    .family = family_, .layers = layers_, .width = width_, .heads = heads_, .kv_heads = kv_, \
    .head_dim = dim_, .ffn = ffn_, .vocab = vocab_, .context = context_, .norm_eps = eps_, \
    .init_std = 0.02, .bos = 1, .pad = 0, .eos = {2}, .eos_count = 1

enum { TINY_LLAMA, TINY_LLAMA3, TINY_LINEAR, TINY_QWEN2, TINY_MISTRAL, TINY_REWARD, TINIES };

static const struct tiny tiny[TINIES] = {
    {"llama",
     {TINY(FAMILY_LLAMA, 2, 48, 4, 2, 16, 80, 97, 256, 1e-5f), .tied = true,
      .rope_theta = 1e4}},
    {"llama3",
     {TINY(FAMILY_LLAMA, 3, 96, 6, 2, 32, 176, 131, 512, 1e-5f), .rope = ROPE_LLAMA3,
      .rope_theta = 5e5, .rope_factor = 8, .rope_low = 1, .rope_high = 4, .rope_original = 64}},
    {"linear",
     {TINY(FAMILY_LLAMA, 1, 96, 2, 2, 48, 112, 64, 256, 1e-6f), .tied = true,
      .rope = ROPE_LINEAR, .rope_theta = 1e4, .rope_factor = 4}},
    {"qwen2", {TINY(FAMILY_QWEN2, 2, 112, 7, 1, 16, 144, 151, 256, 1e-6f), .rope_theta = 1e6}},
    {"mistral", {TINY(FAMILY_MISTRAL, 2, 64, 4, 1, 32, 96, 80, 256, 1e-5f), .rope_theta = 1e4}},
    {"reward",
     {TINY(FAMILY_LLAMA, 2, 48, 4, 2, 16, 80, 97, 256, 1e-5f), .head = HEAD_SCALAR,
      .tied = true, .rope_theta = 1e4}},
};

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
    const bool head = t->part == PART_HEAD || t->part == PART_SCORE;

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
    default:
        return u * (float)((head ? 3.0 : 1.7) / sqrt((double)t->cols));
    }
}

static inline void tiny_fill(struct params *params)
{
    for (int k = 0; k < params->n; k++) {
        const struct tensor *t = &params->tensor[k];
        uint32_t name = 0x811C9DC5u;

        for (const char *c = t->name; *c; c++)
            name = (name ^ (uint8_t)*c) * 0x01000193u;
        for (int i = 0; i < t->rows * t->cols; i++)
            params->data[t->at + (size_t)i] = tiny_weight(t, name, (uint32_t)i);
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

static inline void tiny_drop(struct tiny_model *m)
{
    model_free(m->model);
    free(m->image);
    params_free(m->params);
}

#endif
