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

#define TINY_ALL_LAYERS \
    { \
        ~(uint64_t)0 \
    }

enum {
    TINY_LLAMA,
    TINY_LLAMA3,
    TINY_LINEAR,
    TINY_QWEN2,
    TINY_MISTRAL,
    TINY_WINDOW,
    TINY_QWEN3,
    TINY_PHI3,
    TINY_GEMMA2,
    TINY_GEMMA3,
    TINY_GPT2,
    TINY_REWARD,
    TINIES
};

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
    {"window",
     {TINY(FAMILY_MISTRAL, 2, 64, 4, 2, 16, 96, 80, 256, 1e-5f), .rope_theta = 1e4,
      .window = 24, .local = TINY_ALL_LAYERS}},
    {"qwen3",
     {TINY(FAMILY_QWEN3, 2, 64, 4, 2, 32, 96, 80, 256, 1e-6f), .tied = true,
      .rope_theta = 1e6}},
    {"phi3", /* the last of its sequences is beyond the original context */
     {TINY(FAMILY_PHI3, 2, 64, 4, 2, 16, 96, 80, 64, 1e-5f), .rope_theta = 1e4, .window = 40,
      .local = TINY_ALL_LAYERS, .rope = ROPE_LONG, .rope_original = 64, .rope_whole = 256,
      .rope_attention = 1.1547005383792515,
      .rope_short = {1, 1.0625f, 1.125f, 1.1875f, 1.25f, 1.3125f, 1.375f, 1.4375f},
      .rope_long = {1, 1.5f, 2, 2.5f, 3, 3.5f, 4, 4.5f}}},
    {"gemma2",
     {TINY(FAMILY_GEMMA2, 3, 64, 4, 2, 16, 96, 80, 256, 1e-6f), .tied = true, .rope_theta = 1e4,
      .query_scalar = 24, .attention_cap = 2, .logit_cap = 3, .window = 24, .local = {5}}},
    {"gemma3",
     {TINY(FAMILY_GEMMA3, 3, 64, 4, 2, 16, 96, 80, 256, 1e-6f), .tied = true,
      .rope = ROPE_LINEAR, .rope_factor = 4, .rope_theta = 1e6, .rope_local_theta = 1e4,
      .query_scalar = 16, .window = 24, .local = {5}}},
    {"gpt2",
     {TINY(FAMILY_GPT2, 2, 64, 4, 4, 16, 96, 80, 256, 1e-5f), .tied = true, .rope_theta = 1e4}},
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
