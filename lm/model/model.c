/* A model is made once for packed weights (model_new) and then only read, by any number of
 * passes at a time. Everything that is fixed by the shape is worked out here: the family's list
 * and its plan, rotary frequencies, where weights lie. The ends of the transformer, which no
 * list holds, are here too: embedding in, logits out; decode, scoring and training call the
 * same ones.
 *
 * Which kernel multiplies with a matrix follows from how it lies, found anew for each product (matrix):
 * an adapter's is made just before, that of a model in int8 lies beside the image where that is pairs, all
 * others in the image. Backward reads the image's own (model_weight). */

#include "lm/model/model.h"

#include "base/mem.h"
#include "lm/kernel/gemm.h"
#include "lm/kernel/int8.h"
#include "lm/kernel/isa.h"
#include "lm/kernel/pairs.h"
#include "lm/kernel/real.h"
#include "lm/kernel/share.h"
#include "lm/model/lora_group.h"

#include <assert.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>

/* 1 / sqrt(head_dim) in float, as scoring had it from the first; a query scalar in double,
 * rounded once, as transformers raises it to the power -1/2 in python. */
struct rows_heads model_heads(const struct shape *s)
{
    const float scale = s->attention_scale > 0 ? (float)s->attention_scale
                        : s->query_scalar > 0  ? (float)(1 / sqrt(s->query_scalar))
                                               : 1.0f / sqrtf((float)s->head_dim);

    return (struct rows_heads){.heads = s->heads,
                               .kv_heads = s->kv_heads,
                               .head_dim = s->head_dim,
                               .scale = scale,
                               .rotary = shape_rotary(s),
                               .pairs = block_of(s)->pairs};
}

/* Long waves are stretched by the factor, short ones stay, those between are mixed. */
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

/* In float as transformers has it: the factor times the power, then 1 over it. */
static float longrope(const struct shape *s, int i)
{
    const float factor = s->rope_far ? s->rope_long[i] : s->rope_short[i];

    return 1.0f / (factor * (float)real_power(s->rope_theta, 2.0 * i / shape_rotary(s)));
}

/* Longer waves for a longer run: 1 at the original length. */
static double dynamic_theta(const struct shape *s)
{
    const double d = shape_rotary(s);
    const double stretch =
        s->rope_factor * s->context / s->rope_original - (s->rope_factor - 1);

    return s->rope_theta * real_power(stretch, d / (d - 2));
}

/* The column whose wave turns so often over the original context. */
static double turning(const struct shape *s, double turns)
{
    return shape_rotary(s) * real_log(s->rope_original / (turns * 6.283185307179586)) /
           (2 * real_log(s->rope_theta));
}

/* Columns before the ramp keep their waves, those behind it are divided by the factor. */
static double yarn(const struct shape *s, double freq, int i)
{
    double from = turning(s, s->rope_high), to = turning(s, s->rope_low), slow;

    if (!s->rope_stepless) {
        from = floor(from);
        to = ceil(to);
    }
    from = from < 0 ? 0 : from;
    to = to > shape_rotary(s) - 1 ? shape_rotary(s) - 1 : to;
    if (from == to)
        to += 0.001; /* as transformers has it: no division by 0 */
    slow = (i - from) / (to - from);
    slow = slow < 0 ? 0 : slow > 1 ? 1 : slow;
    return freq / s->rope_factor * slow + freq * (1 - slow);
}

void model_frequencies(float *freq, const struct shape *s)
{
    const int d = shape_rotary(s);
    const double theta = s->rope == ROPE_DYNAMIC ? dynamic_theta(s) : s->rope_theta;

    for (int i = 0; i < d / 2; i++) {
        const double f = 1 / real_power(theta, 2.0 * i / d);

        freq[i] = s->rope == ROPE_LLAMA3   ? (float)llama3(s, f)
                  : s->rope == ROPE_LINEAR ? (float)(f / s->rope_factor)
                  : s->rope == ROPE_LONG   ? longrope(s, i)
                  : s->rope == ROPE_YARN   ? (float)yarn(s, f, i)
                                           : (float)f;
    }
}

bool model_two_angles(const struct shape *s)
{
    return s->rope_local_theta > 0;
}

/* An index into freq, cos and sin. */
int model_angles_of(const struct shape *s, int layer)
{
    return model_two_angles(s) && shape_local(s, layer);
}

struct key_view model_view(const struct shape *s, int layer)
{
    return (struct key_view){shape_local(s, layer) ? s->window : 0, (float)s->attention_cap};
}

/* Frequencies of local layers are plain, of their own theta. */
static void local_frequencies(float *freq, const struct shape *s)
{
    struct shape local = *s;

    local.rope = ROPE_PLAIN;
    local.rope_theta = s->rope_local_theta;
    model_frequencies(freq, &local);
}

size_t model_size_beside(const struct shape *shape)
{
    return shape->compute == PRECISION_INT8 ? packed_size_as(shape, PACKED_BESIDE) : 0;
}

static enum err whole_new(struct model *m)
{
    enum err err = packed_layout_as(&m->beside, &m->shape, PACKED_BESIDE);

    if (!err)
        err = mem_big(&m->whole, m->beside->size, sizeof *m->whole, "weights in int8");
    if (!err)
        model_changed(m);
    return err;
}

void model_changed(struct model *m)
{
    if (m->whole)
        packed_whole(m->whole, m->beside, m->weights, m->layout, &m->shape);
}

enum err model_new(struct model **out, const struct shape *shape, const float *weights,
                   size_t bytes)
{
    return model_new_as(out, shape, packed_store_of(shape), weights, bytes);
}

enum err model_new_as(struct model **out, const struct shape *shape, enum packed_store store,
                      const float *weights, size_t bytes)
{
    struct model *m;
    enum err err = isa_check();

    *out = NULL;
    if (!err)
        err = shape_check(shape);
    if (err)
        return err;
    /* They may have come over the wire: what does not fit is refused, not read. */
    if (bytes != packed_size_as(shape, store))
        return err_set(ERR_RANGE, "weights image of %zu bytes: this shape takes %zu", bytes,
                       packed_size_as(shape, store));
    if ((uintptr_t)weights % 64 != 0) /* a panel's row would straddle cache lines */
        return err_set(ERR_RANGE, "weights image is not aligned to 64 bytes");
    m = mem_new(1, sizeof *m);
    m->shape = *shape;
    m->block = block_of(shape); /* static: nothing to free */
    block_plan(&m->plan, shape);
    m->weights = weights;
    m->one = mem_new((size_t)shape->width, sizeof *m->one);
    m->none = mem_new((size_t)shape->width, sizeof *m->none);
    for (int i = 0; i < shape->width; i++)
        m->one[i] = 1.0f;
    m->freq[0] = mem_new((size_t)shape->head_dim / 2, sizeof **m->freq);
    model_frequencies(m->freq[0], shape);
    if (model_two_angles(shape)) {
        m->freq[1] = mem_new((size_t)shape->head_dim / 2, sizeof **m->freq);
        local_frequencies(m->freq[1], shape);
    }
    err = packed_layout_as(&m->layout, shape, store);
    if (!err && shape->compute == PRECISION_INT8 && store == PACKED_PAIRS)
        err = whole_new(m);
    if (err) {
        model_free(m);
        return err;
    }
    *out = m;
    return OK;
}

enum err model_adapt(struct model *model, const struct lora *lora)
{
    const enum err err =
        mem_big(&model->room, lora_group_floats(&model->shape), sizeof *model->room, "adapter");

    model->lora = err ? NULL : lora;
    return err;
}

void model_free(struct model *model)
{
    if (!model)
        return;
    free(model->room);
    packed_layout_free(model->layout);
    packed_layout_free(model->beside);
    free(model->whole);
    free(model->one);
    free(model->none);
    free(model->freq[0]);
    free(model->freq[1]);
    free(model);
}

const struct shape *model_shape(const struct model *model)
{
    return &model->shape;
}

/* A table look-up (packed.c): cheap enough for each operation of each layer. */
const float *model_weight(const struct model *model, enum part part, int layer)
{
    return model->weights + packed_at(model->layout, part, layer);
}

/* A matrix as a product reads it: an adapter's, made just now, or one that lies here. */
struct model_matrix {
    const float *at;
    enum packed_store store;
};

static struct model_matrix matrix(const struct model *m, enum part part, int layer)
{
    enum packed_store own;

    if (m->lora && lora_group_panels(m->lora, part, layer, m->room, &own))
        return (struct model_matrix){m->room, own};
    if (m->beside && packed_has(m->beside, part, layer))
        return (struct model_matrix){m->whole + packed_at(m->beside, part, layer), PACKED_INT8};
    return (struct model_matrix){model_weight(m, part, layer),
                                 m->layout->spot[layer + 1][part].store};
}

/* Columns from..from+n of a block; panels of `from` columns stand before them. */
static void product_from(const struct model *model, enum part part, int layer, int from,
                         float *y, size_t ldy, const float *x, int rows, int n, int k)
{
    const struct model_matrix w = matrix(model, part, layer);
    const uint16_t *pairs = (const uint16_t *)w.at + pairs_size(from, k);

    if (w.store == PACKED_INT8)
        gemm_int8(y, ldy, x, (size_t)k, (const uint8_t *)w.at + int8_size(from, k), rows, n, k);
    else if (w.store == PACKED_F32)
        gemm_packed(y, ldy, x, (size_t)k, w.at + gemm_packed_size(from, k), rows, n, k, false);
    else if (precision_halves(model->shape.compute))
        gemm_bf16(y, ldy, x, (size_t)k, pairs, rows, n, k, false);
    else
        gemm_pairs(y, ldy, x, (size_t)k, pairs, rows, n, k, false);
}

void model_product(const struct model *model, enum part part, int layer, float *y, size_t ldy,
                   const float *x, int rows, int n, int k)
{
    product_from(model, part, layer, 0, y, ldy, x, rows, n, k);
}

const float *model_base_rows(const struct model *m, const struct tensor *t, int count)
{
    float *to = m->room;

    const struct packed_spot at = m->layout->spot[t->layer + 1][t->part];

    if (!part_in_panels(t->row)) { /* it lies as it is */
        assert(count == 1);
        return m->weights + at.block + at.column;
    }
    for (int i = 0; i < count; to += (size_t)t[i].rows * (size_t)t[i].cols, i++)
        packed_take(to, m->layout, &t[i], 0, t[i].rows, m->weights);
    return m->room;
}

const float *model_base_some(const struct model *m, const struct tensor *t, int from, int rows)
{
    packed_take(m->room, m->layout, t, from, rows, m->weights);
    return m->room;
}

/* The list of a family names every bias that one of its models may have. */
const float *model_weight_if(const struct model *model, enum part part, int layer)
{
    return part != PARTS && packed_has(model->layout, part, layer)
               ? model_weight(model, part, layer)
               : NULL;
}

/* In double, then rounded once: the square of 0.22 is no float. */
float model_eps(const struct shape *s)
{
    const double r = s->residual_scale;

    return r > 0 ? (float)((double)s->norm_eps / (r * r)) : s->norm_eps;
}

struct rows_norm model_norm(const struct model *m, enum part part, enum part bias, int layer)
{
    const float *w = model_weight_if(m, part, layer), *b = model_weight_if(m, bias, layer);
    const struct rows_norm norm = {
        .kind = m->block->norm,
        .w = w ? w : m->one,
        .b = b ? b : m->none,
        .width = m->shape.width,
        .eps = model_eps(&m->shape),
    };

    return norm;
}

/* In float, as transformers multiplies: the root is rounded before. */
float model_embed_scale(const struct shape *s)
{
    const double by = s->embed_scale > 0 ? s->embed_scale : 1;

    if (block_of(s)->scaled)
        return sqrtf((float)s->width);
    return s->residual_scale > 0 ? (float)(by / s->residual_scale) : (float)by;
}

void model_embed(const struct model *model, float *x, const int *token, const int *pos, int n)
{
    const struct isa *isa = isa_current();
    const int width = model->shape.width;
    const float *embed = model_weight(model, PART_EMBED, -1);
    const float *positions =
        model->block->positions ? model_weight(model, PART_POSITION, -1) : NULL;
    const enum packed_store store = model->layout->spot[0][PART_EMBED].store;
    const float by = model_embed_scale(&model->shape);
    const int first = part_first_position(&model->shape);

#pragma omp parallel for schedule(static) if (share_worth((size_t)n * (size_t)width))
    for (int i = 0; i < n; i++) {
        float *to = x + (size_t)i * (size_t)width;

        if (store == PACKED_INT8)
            int8_unpack_row(to, (const void *)embed, token[i], width);
        else if (store == PACKED_PAIRS)
            pairs_unpack_row(to, (const void *)embed, token[i], width);
        else
            gemm_unpack_row(to, embed, token[i], width);
        if (store == PACKED_PAIRS && model->shape.compute == PRECISION_INT8)
            int8_settle(to, width);
        if (by != 1.0f)
            isa->scale(to, by, width);
        if (positions) /* GPT-2 knows no other order of tokens */
            isa->add(to, positions + (size_t)(pos[i] + first) * (size_t)width, width);
    }
}

void model_angles(const struct model *model, float *cos, float *sin, const int *pos, int n,
                  bool local)
{
    const struct shape *s = &model->shape;
    /* longrope's and yarn's attention factor scales sines and cosines, and so q and k alike. */
    const bool longer = s->rope == ROPE_LONG || s->rope == ROPE_YARN;
    const float by = longer && !local ? (float)s->rope_attention : 1.0f;

    rows_angles(cos, sin, pos, model->freq[local], by, n, shape_rotary(s) / 2);
}

float model_logit_scale(const struct shape *s)
{
    const double by = s->logit_scale > 0 ? s->logit_scale : 1;

    return (float)(s->logit_divisor > 0 ? by / s->logit_divisor : by);
}

void model_logits(const struct model *model, float *logits, size_t ld, const float *hidden,
                  int n)
{
    model_logits_of(model, logits, ld, hidden, n, 0, model->shape.vocab);
}

void model_logits_of(const struct model *model, float *logits, size_t ld, const float *hidden,
                     int n, int from, int tokens)
{
    const struct shape *s = &model->shape;
    const struct isa *isa = isa_current();
    const float *bias = model_weight_if(model, PART_HEAD_BIAS, -1);
    const float by = model_logit_scale(s);

    assert(from % GEMM_PANEL == 0 && from + tokens <= s->vocab);
    product_from(model, PART_HEAD, -1, from, logits, ld, hidden, n, tokens, s->width);
    if (!bias && by == 1.0f && !(s->logit_cap > 0))
        return;
        /* Here, so that whoever draws, scores or trains has the finished ones. */
#pragma omp parallel for schedule(static) if (share_worth(16 * (size_t)n * ld))
    for (int i = 0; i < n; i++) {
        float *row = logits + (size_t)i * ld;

        if (bias)
            isa->add(row, bias + from, tokens);
        if (by != 1.0f)
            isa->scale(row, by, tokens);
        if (s->logit_cap > 0)
            isa->cap(row, (float)s->logit_cap, tokens);
    }
}
