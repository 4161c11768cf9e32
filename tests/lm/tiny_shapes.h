/* tiny_shapes: the models of tests/golden/tiny_models.py, as numbers. */

#ifndef TESTS_LM_TINY_SHAPES_H
#define TESTS_LM_TINY_SHAPES_H

#include "lm/model/shape.h"

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

#endif
