#include "lm/kernel/grad.h"

#include "lm/kernel/isa.h"

#include <math.h>
#include <string.h>

enum { LANES = 16, STRIP = 64, SILU_STEP = 512 };

/* One tree +8 +4 +2 +1, as in the forward kernels. */
static float tree(float *lane)
{
    for (int half = LANES / 2; half; half /= 2)
        for (int j = 0; j < half; j++)
            lane[j] += lane[j + half];
    return lane[0];
}

static void norm_row(float *restrict dx, const float *restrict dy, const float *restrict x,
                     const float *restrict w, float r, int width)
{
    float lane[LANES] = {0.0f};
    float by;

    for (int c = 0; c < width; c += LANES)
#pragma omp simd
        for (int j = 0; j < LANES; j++)
            lane[j] += dy[c + j] * w[c + j] * x[c + j];
    by = r * r * r * (tree(lane) / (float)width);
#pragma omp simd
    for (int c = 0; c < width; c++)
        dx[c] += r * (dy[c] * w[c]) - x[c] * by;
}

/* Columns c..c+wide of dw: rows ascending. */
static void norm_strip(float *dw, const float *dy, const float *x, const float *rms, int n,
                       int width, int wide)
{
    float sum[STRIP]; /* goes on from what is there: one chain over all calls */

    memcpy(sum, dw, (size_t)wide * sizeof *sum);
    for (int t = 0; t < n; t++) {
        const float *a = dy + (size_t)t * (size_t)width, *b = x + (size_t)t * (size_t)width;
        const float r = rms[t];
#pragma omp simd
        for (int j = 0; j < wide; j++)
            sum[j] += a[j] * (b[j] * r);
    }
    memcpy(dw, sum, (size_t)wide * sizeof *sum);
}

void grad_norm(float *dx, float *dw, const float *dy, const float *x, const float *rms,
               const float *w, int n, int width)
{
    const int columns = dw ? width : 0;

#pragma omp parallel
    {
#pragma omp for schedule(static) nowait
        for (int t = 0; t < n; t++) {
            const size_t at = (size_t)t * (size_t)width;
            norm_row(dx + at, dy + at, x + at, w, rms[t], width);
        }
#pragma omp for schedule(static)
        for (int c = 0; c < columns; c += STRIP)
            norm_strip(dw + c, dy + c, x + c, rms, n, width,
                       width - c < STRIP ? width - c : STRIP);
    }
}

static void silu_piece(const struct isa *isa, float *y, float *dg, float *du, const float *dy,
                       const float *g, const float *u, int n)
{
    float e[SILU_STEP] = {0.0f};

    for (int i = 0; i < n; i++)
        e[i] = -g[i];
    isa->exp(e, e, n);
#pragma omp simd
    for (int i = 0; i < n; i++) {
        const float gi = g[i], ui = u[i], d = dy[i];
        const float sigma = 1.0f / (1.0f + e[i]), silu = gi * sigma;

        y[i] = silu * ui;
        dg[i] = d * ui * (sigma * (1.0f + gi * (1.0f - sigma)));
        du[i] = d * silu;
    }
}

void grad_silu(float *y, float *dgu, const float *dy, const float *gu, int n, int ffn)
{
    const struct isa *isa = isa_current();
    const size_t f = (size_t)ffn;

#pragma omp parallel for schedule(static)
    for (int t = 0; t < n; t++) {
        const size_t row = (size_t)t;
        for (size_t c = 0; c < f; c += SILU_STEP) {
            const size_t g = row * 2 * f + c, u = g + f, at = row * f + c;
            silu_piece(isa, y + at, dgu + g, dgu + u, dy + at, gu + g, gu + u,
                       f - c < SILU_STEP ? (int)(f - c) : SILU_STEP);
        }
    }
}

void grad_qkv(float *dqkv, const float *cos, const float *sin, int n,
              const struct rows_heads *heads)
{
    const struct isa *isa = isa_current();
    const int half = heads->head_dim / 2, turned = heads->heads + heads->kv_heads;
    const size_t width = (size_t)(turned + heads->kv_heads) * (size_t)heads->head_dim;
    const float scale = 1.0f / sqrtf((float)heads->head_dim);

#pragma omp parallel for schedule(static)
    for (int t = 0; t < n; t++) {
        float *row = dqkv + (size_t)t * width;
        const float *c = cos + (size_t)t * (size_t)half, *s = sin + (size_t)t * (size_t)half;

        isa->scale(row, scale, heads->heads * heads->head_dim);
        for (int h = 0; h < turned; h++) {
            float *a = row + (size_t)h * (size_t)heads->head_dim, *b = a + half;
#pragma omp simd
            for (int i = 0; i < half; i++) { /* the rotation back */
                const float ai = a[i], bi = b[i];
                a[i] = ai * c[i] + bi * s[i];
                b[i] = bi * c[i] - ai * s[i];
            }
        }
    }
}

static void columns_strip(float *db, const float *dy, size_t ld, int n, int wide)
{
    float sum[STRIP]; /* goes on from what is there: one chain over all calls */

    memcpy(sum, db, (size_t)wide * sizeof *sum);
    for (int t = 0; t < n; t++) {
        const float *a = dy + (size_t)t * ld;
#pragma omp simd
        for (int j = 0; j < wide; j++)
            sum[j] += a[j];
    }
    memcpy(db, sum, (size_t)wide * sizeof *sum);
}

void grad_columns(float *db, const float *dy, size_t ld, int n, int width)
{
#pragma omp parallel for schedule(static)
    for (int c = 0; c < width; c += STRIP)
        columns_strip(db + c, dy + c, ld, n, width - c < STRIP ? width - c : STRIP);
}

void grad_embed(float *dtable, const float *dx, const int *token, int n, int width)
{
#pragma omp parallel for schedule(static)
    for (int c = 0; c < width; c += STRIP) {
        const int wide = width - c < STRIP ? width - c : STRIP;

        for (int t = 0; t < n; t++) {
            float *row = dtable + (size_t)token[t] * (size_t)width + c;
            const float *d = dx + (size_t)t * (size_t)width + c;
#pragma omp simd
            for (int j = 0; j < wide; j++)
                row[j] += d[j];
        }
    }
}

static void dot_strip(float *dw, const float *dv, const float *x, int n, int width, int wide)
{
    float sum[STRIP]; /* goes on from what is there: one chain over all calls */

    memcpy(sum, dw, (size_t)wide * sizeof *sum);
    for (int t = 0; t < n; t++) {
        const float *a = x + (size_t)t * (size_t)width;
#pragma omp simd
        for (int j = 0; j < wide; j++)
            sum[j] += dv[t] * a[j];
    }
    memcpy(dw, sum, (size_t)wide * sizeof *sum);
}

void grad_dot(float *dx, float *dw, const float *dv, const float *x, const float *w, int n,
              int width)
{
#pragma omp parallel
    {
#pragma omp for schedule(static) nowait
        for (int t = 0; t < n; t++) {
            float *row = dx + (size_t)t * (size_t)width;
#pragma omp simd
            for (int c = 0; c < width; c++)
                row[c] = dv[t] * w[c];
        }
#pragma omp for schedule(static)
        for (int c = 0; c < width; c += STRIP)
            dot_strip(dw + c, dv, x + c, n, width, width - c < STRIP ? width - c : STRIP);
    }
}

/* logit becomes p, then the gradient; z = log p is kept aside while p is made. */
static void with_entropy(float *logit, int n, const struct softmax *row, float dlogprob,
                         float dentropy, float *z)
{
    const float all = row->max + row->log_sum, entropy = row->entropy, rate = row->rate;

#pragma omp simd
    for (int j = 0; j < n; j++)
        z[j] = logit[j] * rate - all;
    softmax_probability(logit, logit, n, row);
#pragma omp simd
    for (int j = 0; j < n; j++) {
        const float term = logit[j] * (dlogprob + dentropy * (z[j] + entropy));
        logit[j] = logit[j] > 0.0f ? -rate * term : 0.0f;
    }
}

void grad_softmax(float *logit, int n, float rate, int target, float dlogprob, float dentropy,
                  float *scratch)
{
    struct softmax row;

    softmax_row(&row, logit, n, rate);
    if (dentropy != 0.0f) {
        with_entropy(logit, n, &row, dlogprob, dentropy, scratch);
    } else {
        const float by = -rate * dlogprob;

        softmax_probability(logit, logit, n, &row);
#pragma omp simd
        for (int j = 0; j < n; j++)
            logit[j] *= by;
    }
    logit[target] += rate * dlogprob;
}
