/* What is done to rows of activations besides products: norms, additions, gates, rotation. Each is a
 * serial kernel of isa.h on a row, spread over threads where there is enough to share; rows never
 * meet, which is why a token's bits do not depend on its company. block_forward.c calls one of these
 * for each operation of a list, forward or once more in backward. */

#include "lm/kernel/rows.h"

#include "lm/kernel/isa.h"
#include "lm/kernel/real.h"
#include "lm/kernel/share.h"

#include <stddef.h>
#include <string.h>

void rows_norm(float *y, float *factor, const float *x, int n, const struct rows_norm *norm)
{
    const struct isa *isa = isa_current();
    const int width = norm->width;
    /* Gemma's files hold w, not 1 + w, and packed weights must unpack to what was read. */
    const float plus = norm->kind == ROWS_RMS_PLUS ? 1.0f : 0.0f;

#pragma omp parallel for schedule(static) if (share_worth(4 * (size_t)n * (size_t)width))
    for (int i = 0; i < n; i++) {
        const size_t at = (size_t)i * (size_t)width;
        float mean = 0.0f;
        const float r =
            norm->kind == ROWS_LAYER
                ? isa->layer(y + at, &mean, x + at, norm->w, norm->b, width, norm->eps)
                : isa->norm(y + at, x + at, norm->w, plus, width, norm->eps);

        if (factor)
            factor[i] = r;
        if (factor && norm->kind == ROWS_LAYER)
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
    return gate == ROWS_GELU_PLAIN ? ffn : 2 * ffn;
}

void rows_gate(float *y, const float *gu, int n, int ffn, enum rows_gate gate)
{
    const struct isa *isa = isa_current();
    const size_t wide = (size_t)rows_gate_width(gate, ffn);

#pragma omp parallel for schedule(static) if (share_worth(16 * (size_t)n * (size_t)ffn))
    for (int i = 0; i < n; i++) {
        /* gate and up are columns of one product */
        const float *g = gu + (size_t)i * wide, *u = gate == ROWS_GELU_PLAIN ? NULL : g + ffn;
        float *to = y + (size_t)i * (size_t)ffn;

        if (gate == ROWS_SILU)
            isa->silu(to, g, u, ffn);
        else
            isa->gelu(to, g, u, ffn);
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

void rows_head_norm(float *to, float *factor, const float *from, int n,
                    const struct rows_heads *heads, const struct rows_head_norm *norm)
{
    const struct isa *isa = isa_current();
    const int normed = heads->heads + heads->kv_heads, dim = heads->head_dim;
    const size_t width = (size_t)(normed + heads->kv_heads) * (size_t)dim;
    const size_t values = (size_t)normed * (size_t)dim;
    const float plus = norm->kind == ROWS_RMS_PLUS ? 1.0f : 0.0f;

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

void rows_qkv(float *qkv, const float *cos, const float *sin, int n,
              const struct rows_heads *heads)
{
    const struct isa *isa = isa_current();
    const int turned = heads->heads + heads->kv_heads, dim = heads->head_dim, half = dim / 2;
    const int width = (turned + heads->kv_heads) * dim;

#pragma omp parallel for schedule(static) if (share_worth(4 * (size_t)n * (size_t)width))
    for (int i = 0; i < n; i++) {
        float *row = qkv + (size_t)i * (size_t)width;

        for (int h = 0; cos && h < turned; h++)
            isa->rope(row + (size_t)h * (size_t)dim, cos + (size_t)i * (size_t)half,
                      sin + (size_t)i * (size_t)half, half);
        /* Here, not on the scores: head_dim products a head instead of one for every key. */
        isa->scale(row, heads->scale, heads->heads * dim);
    }
}

void rows_dot(float *y, const float *x, const float *w, int n, int width)
{
    const struct isa *isa = isa_current();

#pragma omp parallel for schedule(static) if (share_worth(2 * (size_t)n * (size_t)width))
    for (int i = 0; i < n; i++)
        y[i] = isa->dot(x + (size_t)i * (size_t)width, w, width);
}
