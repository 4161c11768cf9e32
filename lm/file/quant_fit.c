/* Each part is fitted alone: a first scale out of its extremes, then a handful of others near it.
 * For each, values go to their nearest steps, and the scale (and least) that fits these steps
 * best is the solution of a linear problem; the smallest weighted sum of squares wins. Then the
 * parts' scales become six (Q4_K, Q5_K) or eight bits (Q6_K) of one f16, and each value goes to
 * its nearest step once more, under the scale that a reader will have. The search, its order and
 * its sums are ggml's (ggml-quants.c, without an importance matrix), and so are the bytes. */

#include "lm/file/quant_fit.h"

#include "lm/file/half.h"
#include "lm/file/quant_super.h"

#include <math.h>
#include <string.h>

/* Below this a part is all zeros: its scale's inverse would be none. */
#define NOTHING 1e-15f

/* The nearest whole number, halves to even, within [least, most]. */
static int nearest(float value, int least, int most)
{
    const float shift = 12582912.0f; /* 1.5 * 2^23: its last bit is worth 1 */

    if (value >= (float)most)
        return most;
    if (!(value > (float)least))
        return least;
    return (int)((value + shift) - shift);
}

/* A fit of one part of 32 values: v = scale * step - least. */
struct quant_line {
    float scale, least;
    float error;
    uint8_t step[32];
};

/* How much a value's error counts: more where it is large beside the part's own size. */
static void weigh(float weight[32], const float *x)
{
    float squares = 0.0f, usual;

    for (int i = 0; i < 32; i++)
        squares += x[i] * x[i];
    usual = sqrtf(squares / 32.0f);
    for (int i = 0; i < 32; i++)
        weight[i] = usual + fabsf(x[i]);
}

/* The line through steps that lie 1 / per apart from `low` on, by weighted least squares. A least
 * above zero cannot be written: then it is zero. */
static struct quant_line through(const float *x, const float *weight, float low, float per,
                                 int top)
{
    float w = 0, wx = 0, wl = 0, wll = 0, wxl = 0, slope, base, d;
    struct quant_line line = {.error = INFINITY};

    for (int i = 0; i < 32; i++) {
        const float l = (float)(line.step[i] = (uint8_t)nearest(per * (x[i] - low), 0, top));

        w += weight[i];
        wx += weight[i] * x[i];
        wl += weight[i] * l;
        wll += weight[i] * l * l;
        wxl += weight[i] * l * x[i];
    }
    d = w * wll - wl * wl;
    if (!(d > 0))
        return line;
    slope = (w * wxl - wx * wl) / d;
    base = (wll * wx - wl * wxl) / d;
    if (base > 0) {
        base = 0;
        slope = wxl / wll;
    }
    line.scale = slope;
    line.least = -base;
    line.error = 0;
    for (int i = 0; i < 32; i++) {
        const float miss = slope * (float)line.step[i] + base - x[i];

        line.error += weight[i] * (miss * miss);
    }
    return line;
}

/* from, by, tries: which spacings are tried beside the extremes' own. */
static struct quant_line fit_line(const float *x, int top, float from, float by, int tries)
{
    float low = 0.0f, high = x[0], weight[32], per;
    struct quant_line best = {.error = 0}, line;

    for (int i = 0; i < 32; i++) {
        low = x[i] < low ? x[i] : low;
        high = x[i] > high ? x[i] : high;
    }
    best.least = -low;
    if (high - low < NOTHING)
        return best;
    weigh(weight, x);
    per = (float)top / (high - low);
    best.scale = 1.0f / per;
    for (int i = 0; i < 32; i++) {
        const int l = nearest(per * (x[i] - low), 0, top);
        const float miss = best.scale * (float)l + low - x[i];

        best.step[i] = (uint8_t)l;
        best.error += weight[i] * (miss * miss);
    }
    for (int t = 0; t <= tries; t++) {
        per = (from + by * (float)t + (float)top) / (high - low);
        line = through(x, weight, low, per, top);
        if (line.error < best.error) {
            best = line;
            low = -line.least; /* the next spacing is counted from there */
        }
    }
    return best;
}

/* Head of a Q4_K or Q5_K block, and the steps of its values under it. */
static void fit_eight(uint8_t *head, uint8_t step[256], const float *x, int top, float from,
                      int tries)
{
    struct quant_line line[8];
    float scale = 0, least = 0, d, dmin;
    uint8_t sc[8], m[8];

    for (int j = 0; j < 8; j++) {
        line[j] = fit_line(x + 32 * j, top, from, 0.1f, tries);
        scale = line[j].scale > scale ? line[j].scale : scale;
        least = line[j].least > least ? line[j].least : least;
    }
    for (int j = 0; j < 8; j++) {
        sc[j] = (uint8_t)(scale > 0 ? nearest(63.0f / scale * line[j].scale, 0, 63) : 0);
        m[j] = (uint8_t)(least > 0 ? nearest(63.0f / least * line[j].least, 0, 63) : 0);
    }
    d = half_write(head, scale / 63.0f);
    dmin = half_write(head + 2, least / 63.0f);
    quant_super_pack(head + 4, sc, m);
    for (int i = 0; i < 256; i++) {
        const float one = d * (float)sc[i / 32], base = dmin * (float)m[i / 32];

        /* under a scale of 0 steps mean nothing: those of the fit stay */
        step[i] =
            one > 0 ? (uint8_t)nearest((x[i] + base) / one, 0, top) : line[i / 32].step[i % 32];
    }
}

/* Per 64 values low nibbles, then high ones. */
static void put_nibbles(uint8_t q[128], const uint8_t step[256])
{
    for (int i = 0; i < 128; i++) {
        const uint8_t *s = step + 64 * (i / 32) + i % 32;

        q[i] = (uint8_t)((s[0] & 15) | (s[32] & 15) << 4);
    }
}

void quant_fit_q4_k(uint8_t *to, const float *from, size_t blocks)
{
    uint8_t step[256];

    for (; blocks; blocks--, from += 256, to += 144) {
        fit_eight(to, step, from, 15, -1.0f, 20);
        put_nibbles(to + 16, step);
    }
}

void quant_fit_q5_k(uint8_t *to, const float *from, size_t blocks)
{
    uint8_t step[256];

    for (; blocks; blocks--, from += 256, to += 176) {
        fit_eight(to, step, from, 31, -0.5f, 15);
        memset(to + 16, 0, 32);
        for (int v = 0; v < 256; v++) /* a run of 32 values in each bit */
            to[16 + v % 32] |= (uint8_t)((step[v] >> 4) << v / 32);
        put_nibbles(to + 48, step);
    }
}

/* Sums of a spacing of sixteen values around zero, v = scale * (step - 32): errors count by the
 * value's square. */
static void around(float *wxl, float *wll, uint8_t step[16], const float *x, float per)
{
    *wxl = *wll = 0;
    for (int i = 0; i < 16; i++) {
        const int at = nearest(per * x[i], -32, 31);
        const float l = (float)at, w = x[i] * x[i];

        step[i] = (uint8_t)(at + 32);
        *wxl += w * x[i] * l;
        *wll += w * l * l;
    }
}

/* Their scale, and their steps under it. 0: all are nothing. */
static float fit_scale(uint8_t step[16], const float *x)
{
    float most = 0, at = 0, scale = 0, best = 0;
    uint8_t tried[16];

    memset(step, 0, 16);
    for (int i = 0; i < 16; i++)
        if (fabsf(x[i]) > most) {
            most = fabsf(x[i]);
            at = x[i];
        }
    if (most < NOTHING)
        return 0;
    for (int k = 0; k < 19; k++) { /* the extreme's own first: of equals the first stays */
        const int t = k ? k - 10 + (k > 9) : 0;
        float wxl, wll;

        around(&wxl, &wll, tried, x, -(32.0f + 0.1f * (float)t) / at);
        if (wll > 0 && wxl * wxl > best * wll) {
            scale = wxl / wll;
            best = scale * wxl;
            memcpy(step, tried, 16);
        }
    }
    return scale;
}

/* Four bits of each value low, two high: halves of the block, runs of 32 in them. */
static void put_six(uint8_t *low, uint8_t *high, const uint8_t step[256])
{
    for (int v = 0; v < 256; v++) {
        const int half = v / 128, part = v % 128 / 32, i = v % 32;

        low[64 * half + 32 * (part % 2) + i] |= (uint8_t)((step[v] & 15) << (part < 2 ? 0 : 4));
        high[32 * half + i] |= (uint8_t)((step[v] >> 4) << (2 * part));
    }
}

void quant_fit_q6_k(uint8_t *to, const float *from, size_t blocks)
{
    for (; blocks; blocks--, from += 256, to += 210) {
        float scale[16], most = 0, at = 0, d, per;
        uint8_t step[256];

        for (int j = 0; j < 16; j++) {
            scale[j] = fit_scale(step + 16 * j, from + 16 * j);
            if (fabsf(scale[j]) > most) {
                most = fabsf(scale[j]);
                at = scale[j];
            }
        }
        memset(to, 0, 210);
        if (most < NOTHING)
            continue;
        per = -128.0f / at;
        d = half_write(to + 208, 1.0f / per); /* not at / -128, which rounds once less */
        for (int j = 0; j < 16; j++)
            to[192 + j] = (uint8_t)(int8_t)nearest(per * scale[j], -128, 127);
        for (int v = 0; v < 256; v++) {
            const float one = d * (float)(int8_t)to[192 + v / 16];

            if (one != 0.0f)
                step[v] = (uint8_t)(nearest(from[v] / one, -32, 31) + 32);
        }
        put_six(to, to + 128, step);
    }
}
