#include "lm/kernel/rows.h"

#include "lm/kernel/isa.h"
#include "lm/kernel/real.h"
#include "lm/kernel/share.h"

#include <math.h>
#include <stddef.h>

void rows_norm(float *y, float *rms, const float *x, const float *w, int n, int width,
               float eps)
{
    const struct isa *isa = isa_current();

#pragma omp parallel for schedule(static) if (share_worth(4 * (size_t)n * (size_t)width))
    for (int i = 0; i < n; i++) {
        const size_t at = (size_t)i * (size_t)width;
        const float r = isa->norm(y + at, x + at, w, width, eps);

        if (rms)
            rms[i] = r;
    }
}

void rows_add(float *x, const float *y, int n, int width)
{
    const struct isa *isa = isa_current();

#pragma omp parallel for schedule(static) if (share_worth(2 * (size_t)n * (size_t)width))
    for (int i = 0; i < n; i++)
        isa->add(x + (size_t)i * (size_t)width, y + (size_t)i * (size_t)width, width);
}

void rows_silu(float *y, const float *gu, int n, int ffn)
{
    const struct isa *isa = isa_current();

#pragma omp parallel for schedule(static) if (share_worth(16 * (size_t)n * (size_t)ffn))
    for (int i = 0; i < n; i++) {
        const float *g = gu + 2 * (size_t)i * (size_t)ffn;

        isa->silu(y + (size_t)i * (size_t)ffn, g, g + ffn, ffn);
    }
}

void rows_angles(float *cos, float *sin, const int *pos, const float *freq, int n, int half)
{
#pragma omp parallel for schedule(static) if (share_worth(32 * (size_t)n * (size_t)half))
    for (int i = 0; i < n; i++)
        for (int j = 0; j < half; j++) {
            const size_t at = (size_t)i * (size_t)half + (size_t)j;
            double s, c;

            real_sincos((double)((float)pos[i] * freq[j]), &s, &c);
            sin[at] = (float)s;
            cos[at] = (float)c;
        }
}

void rows_qkv(float *qkv, const float *bias, const float *cos, const float *sin, int n,
              const struct rows_heads *heads)
{
    const struct isa *isa = isa_current();
    const int turned = heads->heads + heads->kv_heads, dim = heads->head_dim, half = dim / 2;
    const int width = (turned + heads->kv_heads) * dim;
    const float by = 1.0f / sqrtf((float)dim);

#pragma omp parallel for schedule(static) if (share_worth(4 * (size_t)n * (size_t)width))
    for (int i = 0; i < n; i++) {
        float *row = qkv + (size_t)i * (size_t)width;

        if (bias)
            isa->add(row, bias, width);
        for (int h = 0; h < turned; h++)
            isa->rope(row + (size_t)h * (size_t)dim, cos + (size_t)i * (size_t)half,
                      sin + (size_t)i * (size_t)half, half);
        isa->scale(row, by, heads->heads * dim);
    }
}

void rows_dot(float *y, const float *x, const float *w, int n, int width)
{
    const struct isa *isa = isa_current();

#pragma omp parallel for schedule(static) if (share_worth(2 * (size_t)n * (size_t)width))
    for (int i = 0; i < n; i++)
        y[i] = isa->dot(x + (size_t)i * (size_t)width, w, width);
}
