/* What is done to rows of activations besides products: norms, additions, gates, rotation. Each is a
 * serial kernel of isa.h on a row, spread over threads where there is enough to share; rows never
 * meet, which is why a token's bits do not depend on its company. block_forward.c calls one of these
 * for each operation of a list, forward or once more in backward. */

#include "lm/kernel/rows.h"

#include "lm/kernel/isa.h"
#include "lm/kernel/real.h"
#include "lm/kernel/share.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

void rows_norm(float *y, float *factor, const float *x, int n, const struct rows_norm *norm)
{
    const struct isa *isa = isa_current();
    const int width = norm->width;
    /* Gemma's files hold w, not 1 + w, and packed weights must unpack to what was read. */
    const float plus = rows_plus(norm->kind);
    const bool centred = rows_centred(norm->kind);

#pragma omp parallel for schedule(static) if (share_worth(4 * (size_t)n * (size_t)width))
    for (int i = 0; i < n; i++) {
        const size_t at = (size_t)i * (size_t)width;
        float mean = 0.0f;
        const float r = centred ? isa->layer(y + at, &mean, x + at, norm->w, plus, norm->b,
                                             width, norm->eps)
                                : isa->norm(y + at, x + at, norm->w, plus, width, norm->eps);

        if (factor)
            factor[i] = r;
        if (factor && centred)
            factor[n + i] = mean;
    }
}

void rows_add(float *x, const float *y, int n, int width)
{
    const struct isa *isa = isa_current();

#pragma omp parallel for schedule(static) if (share_worth(2 * (size_t)n * (size_t)width))
    for (int i = 0; i < n; i++)
        isa->add(x + (size_t)i * (size_t)width, y + (size_t)i * (size_t)width, width);
}

void rows_bias(float *x, const float *b, int n, int width)
{
    const struct isa *isa = isa_current();

#pragma omp parallel for schedule(static) if (share_worth(2 * (size_t)n * (size_t)width))
    for (int i = 0; i < n; i++)
        isa->add(x + (size_t)i * (size_t)width, b, width);
}

int rows_gate_width(enum rows_gate gate, int ffn)
{
    return gate >= ROWS_GELU_PLAIN ? ffn : 2 * ffn;
}

enum { PIECE = 256, HEAD = 1024 /* shape_check: head_dim */ };

/* erfc(x) = t exp(-x^2 + P(t)), t = 1 / (1 + x / 2), x >= 0; Phi(z) = erfc(-z / sqrt 2) / 2. Plain
 * C that no build contracts, with the exponential that all instruction sets share. */
void rows_phi(float *e, float *p, const float *z, int n)
{
    static const float c[] = {0.17087277f, -0.82215223f, 1.48851587f, -1.13520398f,
                              0.27886807f, -0.18628806f, 0.09678418f, 0.37409196f,
                              1.00002368f, -1.26551223f};
    const struct isa *isa = isa_current();

    for (int i = 0; i < n; i++) {
        const float x = fabsf(z[i]) * 0.707106781f, t = 1.0f / (1.0f + 0.5f * x);
        float sum = c[0];

        for (int k = 1; k < 10; k++)
            sum = sum * t + c[k];
        p[i] = sum - x * x;
        e[i] = -0.5f * z[i] * z[i];
    }
    isa->exp(p, p, n);
    isa->exp(e, e, n);
    for (int i = 0; i < n; i++) {
        const float x = fabsf(z[i]) * 0.707106781f;
        const float tail = 0.5f * p[i] / (1.0f + 0.5f * x);

        p[i] = z[i] < 0.0f ? tail : 1.0f - tail;
    }
}

/* The kinds that have no kernel of their own in isa.inc. */
static void plain(float *y, const float *g, int n, enum rows_gate gate)
{
    float e[PIECE] = {0.0f}, p[PIECE] = {0.0f};

    if (gate == ROWS_GELU_EXACT_PLAIN) {
        rows_phi(e, p, g, n);
        for (int i = 0; i < n; i++)
            y[i] = g[i] * p[i];
    } else if (gate == ROWS_SILU_PLAIN) {
        for (int i = 0; i < n; i++)
            e[i] = -g[i];
        isa_current()->exp(e, e, n);
        for (int i = 0; i < n; i++)
            y[i] = g[i] / (1.0f + e[i]);
    } else {
        /* asked this way round a NaN stays one */
        for (int i = 0; i < n; i++) {
            const float over = g[i] < 0.0f ? 0.0f : g[i];

            y[i] = gate == ROWS_RELU2_PLAIN ? over * over : over;
        }
    }
}

/* Piece by piece, so that what is kept between two loops stays in the first-level cache. */
static void plain_row(float *y, const float *g, int n, enum rows_gate gate)
{
    for (int at = 0; at < n; at += PIECE)
        plain(y + at, g + at, n - at < PIECE ? n - at : PIECE, gate);
}

void rows_gate(float *y, const float *gu, int n, int ffn, enum rows_gate gate)
{
    const struct isa *isa = isa_current();
    const size_t wide = (size_t)rows_gate_width(gate, ffn);

#pragma omp parallel for schedule(static) if (share_worth(16 * (size_t)n * (size_t)ffn))
    for (int i = 0; i < n; i++) {
        /* gate and up are columns of one product */
        const float *g = gu + (size_t)i * wide, *u = gate >= ROWS_GELU_PLAIN ? NULL : g + ffn;
        float *to = y + (size_t)i * (size_t)ffn;

        if (gate == ROWS_SILU)
            isa->silu(to, g, u, ffn);
        else if (gate <= ROWS_GELU_PLAIN)
            isa->gelu(to, g, u, ffn);
        else
            plain_row(to, g, ffn, gate);
    }
}

/* In double, then rounded once: a float's sine would lose digits at position 10^5. */
void rows_angles(float *cos, float *sin, const int *pos, const float *freq, float by, int n,
                 int half)
{
#pragma omp parallel for schedule(static) if (share_worth(32 * (size_t)n * (size_t)half))
    for (int i = 0; i < n; i++)
        for (int j = 0; j < half; j++) {
            const size_t at = (size_t)i * (size_t)half + (size_t)j;
            double s, c;

            real_sincos((double)((float)pos[i] * freq[j]), &s, &c);
            sin[at] = (float)s * by; /* by 1, as in most models, changes no bit */
            cos[at] = (float)c * by;
        }
}

/* q as one, k as one: two norms a row. */
static void whole_norm(float *to, float *factor, const float *from, int n,
                       const struct rows_heads *heads, const struct rows_head_norm *norm)
{
    const struct isa *isa = isa_current();
    const int q = heads->heads * heads->head_dim, k = heads->kv_heads * heads->head_dim;
    const size_t width = (size_t)(q + 2 * k);

#pragma omp parallel for schedule(static) if (share_worth(4 * (size_t)n * width))
    for (int i = 0; i < n; i++) {
        const float *x = from + (size_t)i * width;
        float *y = to + (size_t)i * width;
        const float of_q = isa->norm(y, x, norm->q_w, 0.0f, q, norm->eps);
        const float of_k = isa->norm(y + q, x + q, norm->k_w, 0.0f, k, norm->eps);

        if (factor) {
            factor[2 * i] = of_q;
            factor[2 * i + 1] = of_k;
        }
        if (x != y)
            memcpy(y + q + k, x + q + k, (size_t)k * sizeof *y);
    }
}

void rows_head_norm(float *to, float *factor, const float *from, int n,
                    const struct rows_heads *heads, const struct rows_head_norm *norm)
{
    const struct isa *isa = isa_current();
    const int normed = heads->heads + heads->kv_heads, dim = heads->head_dim;
    const size_t width = (size_t)(normed + heads->kv_heads) * (size_t)dim;
    const size_t values = (size_t)normed * (size_t)dim;
    const float plus = rows_plus(norm->kind);

    if (norm->whole) {
        whole_norm(to, factor, from, n, heads, norm);
        return;
    }
#pragma omp parallel for schedule(static) if (share_worth(4 * (size_t)n * width))
    for (int i = 0; i < n; i++) {
        const float *x = from + (size_t)i * width;
        float *y = to + (size_t)i * width;

        for (int h = 0; h < normed; h++) {
            const float *w = h < heads->heads ? norm->q_w : norm->k_w;
            const float r = isa->norm(y + h * dim, x + h * dim, w, plus, dim, norm->eps);

            if (factor)
                factor[(size_t)i * (size_t)normed + (size_t)h] = r;
        }
        if (x != y) /* values take part in no norm */
            memcpy(y + values, x + values, (width - values) * sizeof *y);
    }
}

int rows_rotary(const struct rows_heads *heads)
{
    return heads->rotary ? heads->rotary : heads->head_dim;
}

/* Out and back are exact: nothing is computed, so the bits of a rotation are rope's. */
void rows_halves(float *to, const float *from, int half)
{
    for (int i = 0; i < half; i++) {
        to[i] = from[2 * i];
        to[half + i] = from[2 * i + 1];
    }
}

void rows_pairs(float *to, const float *from, int half)
{
    for (int i = 0; i < half; i++) {
        to[2 * i] = from[i];
        to[2 * i + 1] = from[half + i];
    }
}

/* The same kernel for both kinds, so that every instruction set has the same bits of either. */
static void rotate(const struct isa *isa, float *head, const float *cos, const float *sin,
                   int half, bool pairs)
{
    float apart[HEAD];

    if (!pairs) {
        isa->rope(head, cos, sin, half);
        return;
    }
    rows_halves(apart, head, half);
    isa->rope(apart, cos, sin, half);
    rows_pairs(head, apart, half);
}

void rows_qkv(float *qkv, const float *cos, const float *sin, int n,
              const struct rows_heads *heads)
{
    const struct isa *isa = isa_current();
    const int turned = heads->heads + heads->kv_heads, dim = heads->head_dim;
    const int half = rows_rotary(heads) / 2, width = (turned + heads->kv_heads) * dim;

#pragma omp parallel for schedule(static) if (share_worth(4 * (size_t)n * (size_t)width))
    for (int i = 0; i < n; i++) {
        float *row = qkv + (size_t)i * (size_t)width;

        for (int h = 0; cos && h < turned; h++)
            rotate(isa, row + (size_t)h * (size_t)dim, cos + (size_t)i * (size_t)half,
                   sin + (size_t)i * (size_t)half, half, heads->pairs);
        /* Here, not on the scores: head_dim products a head instead of one for every key. */
        isa->scale(row, heads->scale, heads->heads * dim);
    }
}

void rows_round_keys(float *qkv, int n, const struct rows_heads *heads)
{
    const struct isa *isa = isa_current();
    const int queries = heads->heads * heads->head_dim;
    const int both = 2 * heads->kv_heads * heads->head_dim;

#pragma omp parallel for schedule(static) if (share_worth((size_t)n * (size_t)both))
    for (int i = 0; i < n; i++) {
        float *row = qkv + (size_t)i * (size_t)(queries + both) + queries;

        isa->bf16_round(row, row, both);
    }
}

void rows_dot(float *y, const float *x, const float *w, int n, int width)
{
    const struct isa *isa = isa_current();

#pragma omp parallel for schedule(static) if (share_worth(2 * (size_t)n * (size_t)width))
    for (int i = 0; i < n; i++)
        y[i] = isa->dot(x + (size_t)i * (size_t)width, w, width);
}
