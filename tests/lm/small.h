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

static const struct shape small_shape[] = {
    /* the four of the golden numbers */
    {.family = FAMILY_LLAMA,
     .layers = 2,
     .width = 64,
     .heads = 4,
     .kv_heads = 2,
     .head_dim = 16,
     .ffn = 96,
     .vocab = 130,
     .context = 1024,
     .tied = true,
     .norm_eps = 1e-5f,
     .rope_theta = 10000,
     .bos = -1,
     .pad = -1},
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
    {.family = FAMILY_LLAMA,
     .head = HEAD_SCALAR,
     .layers = 2,
     .width = 64,
     .heads = 4,
     .kv_heads = 2,
     .head_dim = 16,
     .ffn = 96,
     .vocab = 130,
     .context = 1024,
     .norm_eps = 1e-5f,
     .rope = ROPE_LINEAR,
     .rope_factor = 2,
     .rope_theta = 10000,
     .bos = -1,
     .pad = -1},
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
};
enum { SMALL_SHAPES = sizeof small_shape / sizeof *small_shape };
enum { SMALL_GOLDEN = 4 }; /* the first have golden steps */

static inline void small_pack(struct small *small)
{
    packed_fill(small->image, small->layout, small->params);
}

static inline void small_new(struct small *small, const struct shape *shape)
{
    assert_ok(params_new(&small->params, shape));
    for (int i = 0; i < small->params->n; i++) {
        const struct tensor *t = &small->params->tensor[i];
        const bool norm = strstr(t->name, "norm") != NULL;
        const bool vector = norm || strstr(t->name, "bias");

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
