/* A weight of 8 bits has its codes first, then the scales of its blocks, row after row; both begin on four
 * bytes. An optimiser step (optim_target.c) takes some rows, moves them and puts them back while they are in
 * a cache. Codes are made of one division a block and two roots a value, which every CPU rounds alike. */

#include "lm/optim/moments.h"

#include "base/mem.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const float m_levels = 127.0f * 127.0f, v_levels = 255.0f * 255.0f;
/* A block whose largest is smaller is 0: its scale's inverse may be no number. */
static const float least = 0x1p-100f;

static size_t values_of(const struct tensor *t)
{
    return (size_t)t->rows * (size_t)t->cols;
}

static bool in_codes(const struct moments *moments, const struct tensor *t)
{
    return moments->eight && values_of(t) >= MOMENTS_LEAST;
}

static size_t blocks_of(const struct tensor *t) /* of a row */
{
    return ((size_t)t->cols + MOMENTS_BLOCK - 1) / MOMENTS_BLOCK;
}

static size_t codes_end(const struct tensor *t)
{
    return (values_of(t) + 3) / 4 * 4;
}

/* Where each weight's begin, if asked for; where the last one ends. */
static size_t lay(const struct params *params, bool eight, size_t *at)
{
    const struct moments as = {.eight = eight};
    size_t end = 0;

    for (int i = 0; i < params->n; i++) {
        const struct tensor *t = &params->tensor[i];

        if (at)
            at[i] = end;
        end += in_codes(&as, t) ? codes_end(t) + (size_t)t->rows * blocks_of(t) * sizeof(float)
                                : values_of(t) * sizeof(float);
    }
    return end;
}

size_t moments_size(const struct params *params, bool eight)
{
    return 2 * (eight ? lay(params, true, NULL) : params->count * sizeof(float));
}

enum err moments_new(struct moments *out, const struct params *params, bool eight)
{
    enum err err;

    *out = (struct moments){.eight = eight, .bytes = moments_size(params, eight) / 2};
    if (eight) {
        out->at = mem_new((size_t)params->n, sizeof *out->at);
        lay(params, true, out->at);
    }
    err = mem_big(&out->m, out->bytes, 1, "first moment");
    if (!err)
        err = mem_big(&out->v, out->bytes, 1, "second moment");
    if (err)
        moments_free(out);
    return err;
}

void moments_free(struct moments *moments)
{
    free(moments->m);
    free(moments->v);
    free(moments->at);
    *moments = (struct moments){.eight = moments->eight};
}

/* ---- blocks */

static void take_m(float *to, const int8_t *code, float scale, size_t n)
{
    const float step = scale / m_levels;

#pragma omp simd
    for (size_t i = 0; i < n; i++) {
        const float c = (float)code[i]; /* its square is exact */
        to[i] = c * fabsf(c) * step;
    }
}

static void take_v(float *to, const uint8_t *code, float scale, size_t n)
{
    const float step = scale / v_levels;

#pragma omp simd
    for (size_t i = 0; i < n; i++) {
        const float c = (float)code[i], root = c * c * step;
        to[i] = root * root;
    }
}

static float put_m(int8_t *code, const float *from, size_t n)
{
    float most = 0.0f, by;

#pragma omp simd reduction(max : most)
    for (size_t i = 0; i < n; i++)
        most = fabsf(from[i]) > most ? fabsf(from[i]) : most;
    if (!(most >= least && most < INFINITY)) {
        memset(code, 0, n);
        return 0.0f;
    }
    by = m_levels / most;
#pragma omp simd
    for (size_t i = 0; i < n; i++) {
        const int c = (int)(sqrtf(fabsf(from[i]) * by) + 0.5f);
        code[i] = (int8_t)(from[i] < 0.0f ? -c : c);
    }
    return most;
}

/* A root that is not 0 does not become it: the step is divided by it. */
static float put_v(uint8_t *code, const float *from, size_t n)
{
    float most = 0.0f, by;

#pragma omp simd reduction(max : most)
    for (size_t i = 0; i < n; i++)
        most = from[i] > most ? from[i] : most;
    most = sqrtf(most);
    if (!(most >= least && most < INFINITY)) { /* a square that overflowed stays so */
        memset(code, most >= least ? 255 : 0, n);
        return most >= least ? most : 0.0f;
    }
    by = v_levels / most;
#pragma omp simd
    for (size_t i = 0; i < n; i++) {
        const int c = (int)(sqrtf(sqrtf(from[i]) * by) + 0.5f);
        code[i] = (uint8_t)(c > 0 || !(from[i] > 0.0f) ? c : 1);
    }
    return most;
}

/* ---- rows */

/* Of one row: its codes and scales in both blocks. */
struct moments_spot {
    int8_t *m;
    uint8_t *v;
    float *m_scale, *v_scale;
};

static struct moments_spot spot_of(const struct moments *moments, const struct tensor *t, int i,
                                   int row)
{
    const size_t code = moments->at[i] + (size_t)row * (size_t)t->cols;
    const size_t scale =
        moments->at[i] + codes_end(t) + (size_t)row * blocks_of(t) * sizeof(float);

    return (struct moments_spot){(int8_t *)moments->m + code, (uint8_t *)moments->v + code,
                                 (void *)((uint8_t *)moments->m + scale),
                                 (void *)((uint8_t *)moments->v + scale)};
}

struct moments_rows moments_take(const struct moments *moments, const struct params *params,
                                 int i, int row, int n, struct moments_rows room)
{
    const struct tensor *t = &params->tensor[i];
    const size_t cols = (size_t)t->cols, first = (size_t)row * cols;
    const size_t at = moments->at ? moments->at[i] / sizeof(float) : t->at;

    if (!in_codes(moments, t))
        return (struct moments_rows){(float *)moments->m + at + first,
                                     (float *)moments->v + at + first};
    for (int r = 0; r < n; r++) {
        const struct moments_spot spot = spot_of(moments, t, i, row + r);

        for (size_t c = 0, b = 0; c < cols; c += MOMENTS_BLOCK, b++) {
            const size_t some = cols - c < MOMENTS_BLOCK ? cols - c : MOMENTS_BLOCK;

            take_m(room.m + (size_t)r * cols + c, spot.m + c, spot.m_scale[b], some);
            take_v(room.v + (size_t)r * cols + c, spot.v + c, spot.v_scale[b], some);
        }
    }
    return room;
}

void moments_put(struct moments *moments, const struct params *params, int i, int row, int n,
                 struct moments_rows rows)
{
    const struct tensor *t = &params->tensor[i];
    const size_t cols = (size_t)t->cols;

    for (int r = 0; r < n && in_codes(moments, t); r++) {
        const struct moments_spot spot = spot_of(moments, t, i, row + r);

        for (size_t c = 0, b = 0; c < cols; c += MOMENTS_BLOCK, b++) {
            const size_t some = cols - c < MOMENTS_BLOCK ? cols - c : MOMENTS_BLOCK;

            spot.m_scale[b] = put_m(spot.m + c, rows.m + (size_t)r * cols + c, some);
            spot.v_scale[b] = put_v(spot.v + c, rows.v + (size_t)r * cols + c, some);
        }
    }
}
