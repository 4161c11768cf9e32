#include "lm/model/packed.h"

#include "base/mem.h"
#include "lm/kernel/gemm.h"

#include <stdlib.h>
#include <string.h>

enum { PAGE_FLOATS = 4096 / sizeof(float) };

/* Where the next part of n floats starts. */
static size_t take(size_t *end, size_t n)
{
    const size_t at = *end;

    *end = (at + n + PAGE_FLOATS - 1) / PAGE_FLOATS * PAGE_FLOATS;
    return at;
}

static int qkv_columns(const struct shape *s)
{
    return (s->heads + 2 * s->kv_heads) * s->head_dim;
}

/* The layout without its per-layer list (layer may be NULL). */
static void lay(struct packed_layout *out, struct packed_layer *layer, const struct shape *s)
{
    const size_t width = (size_t)s->width;
    size_t end = 0;

    out->embed = take(&end, gemm_packed_size(s->vocab, s->width));
    for (int i = 0; i < s->layers; i++) {
        struct packed_layer spare, *l = layer ? &layer[i] : &spare;

        l->norm_attn = take(&end, width);
        l->qkv = take(&end, gemm_packed_size(qkv_columns(s), s->width));
        l->qkv_bias = take(&end, s->qkv_bias ? (size_t)qkv_columns(s) : 0);
        l->o = take(&end, gemm_packed_size(s->width, s->heads * s->head_dim));
        l->norm_mlp = take(&end, width);
        l->gate_up = take(&end, gemm_packed_size(2 * s->ffn, s->width));
        l->down = take(&end, gemm_packed_size(s->width, s->ffn));
    }
    out->norm_final = take(&end, width);
    out->head = s->head == HEAD_LM && !s->tied
                    ? take(&end, gemm_packed_size(s->vocab, s->width))
                    : out->embed;
    out->score = take(&end, s->head == HEAD_LM ? 0 : s->head == HEAD_STEP ? 2 * width : width);
    out->score_bias = s->head == HEAD_STEP ? take(&end, 2) : 0;
    out->size = end;
}

size_t packed_size(const struct shape *shape)
{
    struct packed_layout layout;

    lay(&layout, NULL, shape);
    return layout.size * sizeof(float);
}

enum err packed_layout_new(struct packed_layout **out, const struct shape *shape)
{
    struct packed_layout *l;

    *out = NULL;
    if (shape_check(shape))
        return ERR_RANGE;
    l = mem_new(1, sizeof *l);
    l->layer = mem_new((size_t)shape->layers, sizeof *l->layer);
    lay(l, l->layer, shape);
    *out = l;
    return OK;
}

void packed_layout_free(struct packed_layout *layout)
{
    if (!layout)
        return;
    free(layout->layer);
    free(layout);
}

/* Where a weight lies: the start of its block, and its first column in it. */
struct spot {
    size_t block;
    int column;
};

static size_t block_of(const struct packed_layout *l, const struct tensor *t)
{
    static const size_t member[PARTS] = {
        [PART_NORM_ATTN] = offsetof(struct packed_layer, norm_attn),
        [PART_Q] = offsetof(struct packed_layer, qkv),
        [PART_K] = offsetof(struct packed_layer, qkv),
        [PART_V] = offsetof(struct packed_layer, qkv),
        [PART_Q_BIAS] = offsetof(struct packed_layer, qkv_bias),
        [PART_K_BIAS] = offsetof(struct packed_layer, qkv_bias),
        [PART_V_BIAS] = offsetof(struct packed_layer, qkv_bias),
        [PART_O] = offsetof(struct packed_layer, o),
        [PART_NORM_MLP] = offsetof(struct packed_layer, norm_mlp),
        [PART_GATE] = offsetof(struct packed_layer, gate_up),
        [PART_UP] = offsetof(struct packed_layer, gate_up),
        [PART_DOWN] = offsetof(struct packed_layer, down),
    };
    size_t at;

    if (t->layer < 0)
        return t->part == PART_EMBED        ? l->embed
               : t->part == PART_NORM_FINAL ? l->norm_final
               : t->part == PART_HEAD       ? l->head
               : t->part == PART_SCORE_BIAS ? l->score_bias
                                            : l->score;
    memcpy(&at, (const char *)&l->layer[t->layer] + member[t->part], sizeof at);
    return at;
}

static struct spot spot(const struct packed_layout *l, const struct shape *s,
                        const struct tensor *t)
{
    const int q = s->heads * s->head_dim, k = s->kv_heads * s->head_dim;
    struct spot at = {block_of(l, t), 0};

    if (t->part == PART_K || t->part == PART_K_BIAS)
        at.column = q;
    if (t->part == PART_V || t->part == PART_V_BIAS)
        at.column = q + k;
    if (t->part == PART_UP)
        at.column = s->ffn;
    return at;
}

/* Not in panels: vectors, and the score's rows. */
static bool is_plain(const struct tensor *t)
{
    return t->part == PART_SCORE ||
           (t->rows == 1 && t->part != PART_EMBED && t->part != PART_HEAD);
}

void packed_put(float *image, const struct packed_layout *layout, const struct shape *shape,
                const struct tensor *tensor, int row, int n, const float *from)
{
    const struct spot at = spot(layout, shape, tensor);

    if (is_plain(tensor))
        memcpy(image + at.block + at.column + (size_t)row * (size_t)tensor->cols, from,
               (size_t)n * (size_t)tensor->cols * sizeof *image);
    else
        gemm_pack(image + at.block, at.column + row, from, (size_t)tensor->cols, n,
                  tensor->cols);
}

void packed_fill(float *image, const struct packed_layout *layout, const struct params *params)
{
    memset(image, 0, layout->size * sizeof *image);
    for (int i = 0; i < params->n; i++) {
        const struct tensor *t = &params->tensor[i];

        packed_put(image, layout, &params->shape, t, 0, t->rows, params->data + t->at);
    }
}

void packed_unpack(struct params *params, const struct packed_layout *layout,
                   const float *image)
{
    for (int i = 0; i < params->n; i++) {
        const struct tensor *t = &params->tensor[i];
        const struct spot at = spot(layout, &params->shape, t);
        float *to = params->data + t->at;

        if (is_plain(t))
            memcpy(to, image + at.block + at.column,
                   (size_t)t->rows * (size_t)t->cols * sizeof *to);
        else
            gemm_unpack(to, (size_t)t->cols, image + at.block, at.column, t->rows, t->cols);
    }
}
