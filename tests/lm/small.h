/* small: models with weights by formula, as tests/golden/sft_steps.py makes them. */

#ifndef TESTS_LM_SMALL_H
#define TESTS_LM_SMALL_H

#include "lm/model/forward.h"
#include "lm/model/train.h"
#include "tests/support/formula.h"
#include "tests/support/test.h"

#include <stdlib.h>
#include <string.h>

struct small {
    struct params *params;
    struct packed_layout *layout;
    float *image;
    struct model *model;
};

#define SMALL(family_, layers_, width_, heads_, kv_heads_) \
    .family = family_, .layers = layers_, .width = width_, .heads = heads_, \
    .kv_heads = kv_heads_, .head_dim = 16, .ffn = 96, .vocab = 130, .context = 1024, \
    .norm_eps = 1e-5f, .rope_theta = 10000, .bos = -1, .pad = -1

#define ODD(family_, dim_, kv_heads_, ffn_) \
    .family = family_, .layers = 1, .width = 22, .heads = 2, .kv_heads = kv_heads_, \
    .head_dim = dim_, .ffn = ffn_, .vocab = 130, .context = 1024, .norm_eps = 1e-5f, \
    .rope_theta = 10000, .bos = -1, .pad = -1

static const struct shape small_shape[] = {
    /* the four of the golden numbers */
    {SMALL(FAMILY_LLAMA, 2, 64, 4, 2), .tied = true},
    {.family = FAMILY_LLAMA,
     .layers = 2,
     .width = 64,
     .heads = 2,
     .kv_heads = 2,
     .head_dim = 48,
     .ffn = 96,
     .vocab = 130,
     .context = 1024,
     .norm_eps = 1e-5f,
     .rope = ROPE_LLAMA3,
     .rope_theta = 500,
     .rope_factor = 4,
     .rope_low = 1,
     .rope_high = 4,
     .rope_original = 16,
     .bos = -1,
     .pad = -1},
    {.family = FAMILY_QWEN2,
     .layers = 2,
     .width = 64,
     .heads = 4,
     .kv_heads = 1,
     .head_dim = 16,
     .ffn = 96,
     .vocab = 130,
     .context = 1024,
     .tied = true,
     .norm_eps = 1e-6f,
     .rope_theta = 1000000,
     .bos = -1,
     .pad = -1},
    {SMALL(FAMILY_LLAMA, 2, 64, 4, 2), .head = HEAD_SCALAR, .rope = ROPE_LINEAR,
     .rope_factor = 2},
    {.family = FAMILY_QWEN2,
     .head = HEAD_STEP,
     .layers = 1,
     .width = 48,
     .heads = 3,
     .kv_heads = 1,
     .head_dim = 16,
     .ffn = 80,
     .vocab = 130,
     .context = 1024,
     .norm_eps = 1e-6f,
     .rope_theta = 10000,
     .bos = -1,
     .pad = -1},
    /* a family's own each: windows that tests' sequences leave, caps that their scores reach */
    {SMALL(FAMILY_QWEN3, 2, 64, 4, 2), .tied = true},
    {SMALL(FAMILY_MISTRAL, 2, 64, 4, 1), .window = 9, .local = {3}},
    {SMALL(FAMILY_PHI3, 2, 64, 4, 2), .rope = ROPE_LONG, .rope_original = 32,
     .rope_whole = 1024, .rope_far = true, .rope_attention = 1.19,
     .rope_short = {1, 1, 1, 1, 1, 1, 1, 1}, .rope_long = {1, 1.1f, 1.5f, 2, 3, 5, 8, 11}},
    {SMALL(FAMILY_GEMMA2, 2, 64, 4, 2), .tied = true, .query_scalar = 24, .attention_cap = 0.7,
     .logit_cap = 2, .window = 9, .local = {1}},
    {SMALL(FAMILY_GEMMA3, 3, 64, 2, 1), .tied = true, .rope = ROPE_LINEAR, .rope_factor = 8,
     .rope_local_theta = 100, .window = 12, .local = {3}},
    {SMALL(FAMILY_GPT2, 2, 64, 4, 4), .tied = true},
    /* and of lists: two norms of one input, one norm for two branches, none before them; in pairs */
    {SMALL(FAMILY_NEOX, 1, 32, 2, 2), .parallel = true, .rotary = 4, .act = ACT_GELU,
     .bias_qkv = true, .bias_o = true},
    /* these two of sizes that are no multiples of a vector */
    {ODD(FAMILY_GPTJ, 12, 2, 18), .rotary = 8, .act = ACT_SILU},
    {ODD(FAMILY_EXAONE4, 6, 1, 20), .tied = true},
    {SMALL(FAMILY_OLMO2, 1, 32, 2, 1)},
    {SMALL(FAMILY_COHERE2, 2, 32, 2, 1), .tied = true, .logit_scale = 0.25, .window = 9,
     .local = {1}, .unrotated = {2}, .bias_o = true, .bias_mlp = true},
};
enum { SMALL_SHAPES = sizeof small_shape / sizeof *small_shape };
enum {
    SMALL_GOLDEN = 4,
    SMALL_FAMILIES = 5
}; /* the first have golden steps; further families */

static inline void small_pack(struct small *small)
{
    packed_fill(small->image, small->layout, small->params);
    if (small->model)
        model_changed(small->model);
}

static inline void small_new(struct small *small, const struct shape *shape)
{
    small->model = NULL;
    assert_ok(params_new(&small->params, shape));
    for (int i = 0; i < small->params->n; i++) {
        const struct tensor *t = &small->params->tensor[i];
        const bool norm = t->row->kind == KIND_NORM;
        const bool vector = part_is_vector(t->row);

        formula_fill(small->params->data + t->at, (size_t)t->rows * (size_t)t->cols,
                     100 + (uint32_t)i, vector ? 0.2f : 0.3f, norm ? 1.0f : 0.0f);
    }
    assert_ok(packed_layout_new(&small->layout, shape));
    small->image = aligned_alloc(64, packed_size(shape));
    assert_non_null(small->image);
    small_pack(small);
    assert_ok(model_new(&small->model, shape, small->image, packed_size(shape)));
}

static inline void small_free(struct small *small)
{
    model_free(small->model);
    free(small->image);
    packed_layout_free(small->layout);
    params_free(small->params);
}

#endif
