/* kinds: the further models of tests/golden/tiny_models.py, as numbers: each has what no model of
 * tiny_shapes.h has. */

#ifndef TESTS_LM_KINDS_H
#define TESTS_LM_KINDS_H

#include "tests/lm/tiny_shapes.h"

#define KIND(family_, kv_, eps_) \
    TINY(family_, 2, 64, 4, kv_, 16, 96, 80, 256, eps_), .rope_theta = 1e4

static const struct tiny kinds[] = {
    {"bias",
     {KIND(FAMILY_LLAMA, 2, 1e-5f), .tied = true, .bias_qkv = true, .bias_o = true,
      .bias_mlp = true, .rope = ROPE_YARN, .rope_factor = 4, .rope_original = 64,
      .rope_high = 32, .rope_low = 1, .rope_attention = 1.138629436111989}},
    {"dynamic",
     {TINY(FAMILY_LLAMA, 2, 64, 4, 2, 16, 96, 80, 128, 1e-5f), .rope_theta = 1e4, .tied = true,
      .rope = ROPE_DYNAMIC, .rope_factor = 2, .rope_original = 128, .rope_whole = 256}},
    {"tiny", {TINY(FAMILY_QWEN2, 2, 8, 4, 2, 2, 32, 80, 256, 1e-6f), .rope_theta = 1e4}},
    {"eight",
     {TINY(FAMILY_LLAMA, 2, 32, 4, 2, 8, 40, 80, 256, 1e-5f), .rope_theta = 1e4, .tied = true}},
    {"gemma",
     {TINY(FAMILY_GEMMA, 2, 64, 4, 2, 32, 96, 80, 256, 1e-6f), .rope_theta = 1e4,
      .tied = true}},
    {"phi", {KIND(FAMILY_PHI, 4, 1e-5f), .rotary = 8, .act = ACT_GELU_TANH}},
    {"neox",
     {KIND(FAMILY_NEOX, 4, 1e-5f), .rotary = 4, .act = ACT_GELU, .parallel = true,
      .bias_qkv = true, .bias_o = true}},
    {"opt", {KIND(FAMILY_OPT, 4, 1e-5f), .act = ACT_RELU, .tied = true}},
    {"smollm3",
     {TINY(FAMILY_SMOLLM3, 4, 64, 4, 2, 16, 96, 80, 256, 1e-6f), .rope_theta = 1e4,
      .tied = true, .unrotated = {8}}},
    {"olmo", {KIND(FAMILY_OLMO, 4, 1e-5f)}},
    {"olmo2", {KIND(FAMILY_OLMO2, 2, 1e-5f)}},
    {"granite",
     {KIND(FAMILY_GRANITE, 2, 1e-5f), .tied = true, .embed_scale = 12, .residual_scale = 0.22,
      .attention_scale = 0.0625, .logit_divisor = 2}},
    {"stablelm", {KIND(FAMILY_STABLELM, 4, 1e-5f), .rotary = 4, .bias_qkv = true}},
    {"beside", {KIND(FAMILY_STABLELM, 4, 1e-5f), .rotary = 8, .parallel = true}},
    {"cohere2",
     {TINY(FAMILY_COHERE2, 4, 64, 4, 2, 16, 96, 80, 256, 1e-5f), .rope_theta = 1e4,
      .tied = true, .logit_scale = 0.25, .window = 24, .local = {7}, .unrotated = {8}}},
    {"falcon",
     {KIND(FAMILY_FALCON, 2, 1e-5f), .tied = true, .parallel = true, .two_norms = true,
      .act = ACT_GELU}},
    {"gptj", {KIND(FAMILY_GPTJ, 4, 1e-5f), .rotary = 8, .act = ACT_GELU_TANH}},
    {"gptneo",
     {KIND(FAMILY_GPTNEO, 4, 1e-5f), .tied = true, .attention_scale = 1, .window = 24,
      .local = {2}, .act = ACT_GELU_TANH}},
    {"olmo3",
     {TINY(FAMILY_OLMO3, 4, 64, 4, 2, 16, 96, 80, 256, 1e-5f), .rope_theta = 1e4,
      .rope = ROPE_YARN, .rope_factor = 4, .rope_original = 64, .rope_high = 32, .rope_low = 1,
      .rope_attention = 1.138629436111989, .rope_local_theta = 1e4, .window = 24,
      .local = {7}}},
    {"arcee", {KIND(FAMILY_ARCEE, 2, 1e-5f), .act = ACT_RELU2, .bias_mlp = true, .tied = true}},
    {"glm4", {KIND(FAMILY_GLM4, 2, 1e-5f), .rotary = 8, .bias_qkv = true}},
    {"nemotron", {KIND(FAMILY_NEMOTRON, 2, 1e-5f), .act = ACT_RELU2, .rotary = 8}},
    {"exaone4",
     {TINY(FAMILY_EXAONE4, 4, 64, 4, 2, 16, 96, 80, 256, 1e-5f), .rope_theta = 1e4,
      .tied = true, .window = 24, .local = {7}, .unrotated = {8}}},
    {"smollm3w",
     {TINY(FAMILY_SMOLLM3, 2, 64, 4, 2, 16, 96, 80, 256, 1e-6f), .rope_theta = 1e4,
      .tied = true, .unrotated = {2}, .window = 24, .local = {2}}},
    {"bigcode", {KIND(FAMILY_BIGCODE, 1, 1e-5f), .tied = true, .act = ACT_GELU_TANH}},
};
enum { KINDS_COUNT = sizeof kinds / sizeof *kinds };

#endif
