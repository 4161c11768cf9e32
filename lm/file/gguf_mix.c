/* Vectors and learned positions stay f32, as llama.cpp's converter has them; matrices get the
 * mixture's type, then some of them a finer one (llama.cpp's llama-quant:
 * what a model's output and its attention's values lose costs the most), then, where a row is no
 * multiple of the type's block, the nearest type of smaller blocks. */

#include "lm/file/gguf_mix.h"

#include <string.h>

/* file_type: llama.cpp's LLAMA_FTYPE_MOSTLY_…, which tells people and its tools what was asked for;
 * each tensor's own type is what readers go by. A type for all is told as its small mixture. */
static const struct gguf_mix mixes[] = {
    {"f32", QUANT_F32, 0, false},     {"f16", QUANT_F16, 1, false},
    {"bf16", QUANT_BF16, 32, false},  {"q8_0", QUANT_Q8_0, 7, false},
    {"q4_0", QUANT_Q4_0, 2, false},   {"q4_1", QUANT_Q4_1, 3, false},
    {"q5_0", QUANT_Q5_0, 8, false},   {"q5_1", QUANT_Q5_1, 9, false},
    {"q4_k", QUANT_Q4_K, 14, false},  {"q5_k", QUANT_Q5_K, 16, false},
    {"q6_k", QUANT_Q6_K, 18, false},  {"q4_k_s", QUANT_Q4_K, 14, true},
    {"q4_k_m", QUANT_Q4_K, 15, true}, {"q5_k_s", QUANT_Q5_K, 16, true},
    {"q5_k_m", QUANT_Q5_K, 17, true},
};

const struct gguf_mix *gguf_mix_find(const char *name)
{
    for (size_t i = 0; i < sizeof mixes / sizeof *mixes; i++)
        if (!strcmp(mixes[i].name, name))
            return &mixes[i];
    return NULL;
}

const char *gguf_mix_list(void)
{
    return "f32, f16, bf16, q8_0, q4_0, q4_1, q5_0, q5_1, q4_k, q5_k, q6_k, and the mixtures "
           "q4_k_s, q4_k_m, q5_k_s and q5_k_m";
}

/* The first and the last eighth of the layers, and every third between. */
static bool more_bits(int layer, int layers)
{
    return layer < layers / 8 || layer >= 7 * layers / 8 || (layer - layers / 8) % 3 == 2;
}

static enum quant finer(enum quant type)
{
    return type == QUANT_Q4_K ? QUANT_Q5_K : QUANT_Q6_K;
}

/* Values, and the way down, in layers that count; `first`: so many layers of q4_k_s. */
static enum quant by_layer(const struct gguf_mix *mix, bool medium, int layer, int layers,
                           int first)
{
    if (!strcmp(mix->name, "q4_k_s") && layer < first)
        return QUANT_Q5_K;
    return medium && more_bits(layer, layers) ? QUANT_Q6_K : mix->type;
}

/* A mixture's choice: what gives the next token's logits, values and the way down, and, of _m,
 * fused queries, keys and values. */
static enum quant mixed(const struct gguf_mix *mix, const struct shape *shape,
                        const struct tensor *tensor)
{
    const bool medium = strstr(mix->name, "_m") != NULL;

    switch (tensor->part) {
    case PART_HEAD:
        return QUANT_Q6_K;
    case PART_EMBED:
        return shape->tied ? QUANT_Q6_K : mix->type;
    case PART_V:
        return by_layer(mix, medium, tensor->layer, shape->layers, 4);
    case PART_DOWN:
        return by_layer(mix, medium, tensor->layer, shape->layers, shape->layers / 8);
    case PART_QKV:
        return medium ? finer(mix->type) : mix->type;
    default:
        return mix->type;
    }
}

/* Blocks of 32 with as many bits or more, then no blocks at all. */
static enum quant smaller(enum quant type)
{
    switch (type) {
    case QUANT_Q4_K:
        return QUANT_Q5_0;
    case QUANT_Q5_K:
        return QUANT_Q5_1;
    case QUANT_Q6_K:
        return QUANT_Q8_0;
    default:
        return QUANT_F16;
    }
}

static bool whole(enum quant type, int cols)
{
    return (size_t)cols % quant_kind((uint32_t)type)->values == 0;
}

enum quant gguf_mix_type(const struct gguf_mix *mix, const struct shape *shape,
                         const struct tensor *tensor, bool *fell)
{
    enum quant type = mix->mixed ? mixed(mix, shape, tensor) : mix->type;

    *fell = false;
    if (part_is_vector(tensor->row) || tensor->part == PART_POSITION)
        return QUANT_F32;
    /* of the output llama.cpp asks first: rows of no whole blocks of the mixture's own type */
    if (mix->mixed && type == QUANT_Q6_K && !whole(mix->type, tensor->cols) &&
        (tensor->part == PART_HEAD || tensor->part == PART_EMBED))
        type = QUANT_Q8_0;
    while (!whole(type, tensor->cols)) {
        type = smaller(type);
        *fell = true;
    }
    return type;
}
