/* The loose product keeps twelve rows by two vectors of sums in registers over the whole depth, and each instruction adds to
 * what the last one left: nothing is begun anew each 32, nothing goes back to memory. Its weights lie as pairs of the
 * depth, panel by panel: [n/32][k/2][32][2]. Activations are rounded once, as in ours. Threads take panels. */

#include "bench/exactness.h"

#include "bench/rounds.h"

#include "base/clock.h"
#include "base/mem.h"
#include "lm/kernel/bf16.h"
#include "lm/kernel/gemm.h"
#include "lm/kernel/isa.h"
#include "lm/kernel/pairs.h"

#include <stdlib.h>
#include <string.h>

enum {
    PANEL = 32,
    TILE = 12,
    APART = 100 << 20 /* bytes of matrices in turn: more than a cache */
};

struct loose {
    int rows, n, k; /* k even, n a multiple of PANEL as they lie */
    const uint16_t *w;
    uint16_t *x; /* [rows, k] rounded */
};

#ifdef __x86_64__
#include <immintrin.h>

/* `rows` of them at most TILE; each size a loop of its own, whose sums stay in registers. */
#define LOOSE(R) \
    __attribute__((target("avx512f,avx512bf16"), noinline)) static void tile_##R( \
        float *y, size_t ldy, const uint16_t *x, const uint16_t *w, int k) \
    { \
        __m512 s[R][2]; \
        _Pragma("GCC unroll 12") for (int i = 0; i < R; i++) s[i][0] = s[i][1] = \
            _mm512_setzero_ps(); \
        for (int q = 0; q < k / 2; q++, w += 2 * PANEL) { \
            const __m512bh v0 = (__m512bh)_mm512_loadu_si512(w), \
                           v1 = (__m512bh)_mm512_loadu_si512(w + PANEL); \
            _Pragma("GCC unroll 12") for (int i = 0; i < R; i++) \
            { \
                int pair; \
                memcpy(&pair, x + (size_t)i * (size_t)k + 2 * (size_t)q, sizeof pair); \
                const __m512bh a = (__m512bh)_mm512_set1_epi32(pair); \
                s[i][0] = _mm512_dpbf16_ps(s[i][0], a, v0); \
                s[i][1] = _mm512_dpbf16_ps(s[i][1], a, v1); \
            } \
        } \
        _Pragma("GCC unroll 12") for (int i = 0; i < R; i++) \
        { \
            _mm512_storeu_ps(y + (size_t)i * ldy, s[i][0]); \
            _mm512_storeu_ps(y + (size_t)i * ldy + 16, s[i][1]); \
        } \
    }
LOOSE(1)
LOOSE(2)
LOOSE(4)
LOOSE(8)
LOOSE(12)

/* All rows by one panel, in as large tiles as are left: the panel stays in the first or second cache. */
static void panel(float *y, size_t ldy, const struct loose *l, const uint16_t *w)
{
    const size_t k = (size_t)l->k;

    for (int at = 0; at < l->rows;) {
        const int left = l->rows - at;
        const int some = left >= 12 ? 12 : left >= 8 ? 8 : left >= 4 ? 4 : left >= 2 ? 2 : 1;
        float *to = y + (size_t)at * ldy;
        const uint16_t *x = l->x + (size_t)at * k;

        if (some == 12)
            tile_12(to, ldy, x, w, l->k);
        else if (some == 8)
            tile_8(to, ldy, x, w, l->k);
        else if (some == 4)
            tile_4(to, ldy, x, w, l->k);
        else if (some == 2)
            tile_2(to, ldy, x, w, l->k);
        else
            tile_1(to, ldy, x, w, l->k);
        at += some;
    }
}

bool exactness_known(void)
{
    return strcmp(isa_current()->name, "avx512bf16") == 0;
}
#else
static void panel(float *y, size_t ldy, const struct loose *l, const uint16_t *w)
{
    (void)y, (void)ldy, (void)l, (void)w;
}

bool exactness_known(void)
{
    return false;
}
#endif

/* Rows are rounded by all threads before the first panel is multiplied: the loop's end waits for it. */
static void run(float *y, const struct loose *l, const float *x)
{
    const size_t k = (size_t)l->k, n = (size_t)l->n;

#pragma omp parallel
    {
#pragma omp for schedule(static)
        for (int i = 0; i < l->rows; i++)
            bf16_cut(l->x + (size_t)i * k, x + (size_t)i * k, k);
#pragma omp for schedule(static)
        for (int p = 0; p < l->n / PANEL; p++)
            panel(y + (size_t)p * PANEL, n, l, l->w + (size_t)p * PANEL * k);
    }
}

/* W [n, k] row-major to panels. */
static void lay(uint16_t *to, const float *w, int n, int k)
{
    for (int row = 0; row < n; row++)
        for (int i = 0; i < k; i++)
            to[(size_t)(row / PANEL) * PANEL * (size_t)k +
               ((size_t)(i / 2) * PANEL + (size_t)(row % PANEL)) * 2 + (size_t)(i % 2)] =
                bf16_round(w[(size_t)row * (size_t)k + (size_t)i]);
}

enum err exactness_loose(float *y, const float *x, const float *w, int rows, int n, int k)
{
    uint16_t *image = NULL;
    struct loose l = {.rows = rows, .n = n, .k = k};
    enum err err = mem_big(&image, (size_t)n * (size_t)k, sizeof *image, "w");

    if (!err)
        err = mem_big(&l.x, (size_t)rows * (size_t)k, sizeof *l.x, "x");
    if (!err) {
        lay(image, w, n, k);
        l.w = image;
        run(y, &l, x);
    }
    free(image);
    free(l.x);
    return err;
}

/* Operations a second of one of the two, over the copies of its matrix in turn. */
static double rate(const struct loose *l, bool exact, const uint16_t *images, size_t halves,
                   float *y, const float *x, double seconds)
{
    const size_t copies = APART / (2 * halves) + 1;
    const int64_t start = clock_mono_ns();
    size_t n = 0;
    double took;

    do {
        struct loose one = *l;

        one.w = images + n++ % copies * halves;
        if (exact)
            gemm_bf16(y, (size_t)l->n, x, (size_t)l->k, one.w, l->rows, l->n, l->k, false);
        else
            run(y, &one, x);
        took = (double)(clock_mono_ns() - start) * 1e-9;
    } while (took < seconds);
    return 2.0 * l->rows * l->n * l->k * (double)n / took;
}

enum err exactness_run(double *exact, double *loose, int rows, int n, int k, double seconds,
                       int rounds)
{
    /* as both lay it down: whole panels, depth filled up */
    struct loose l = {
        .rows = rows, .n = (n + PANEL - 1) / PANEL * PANEL, .k = (k + 31) / 32 * 32};
    const size_t halves = pairs_size(l.n, l.k), copies = APART / (2 * halves) + 1;
    uint16_t *images = NULL;
    float *x = NULL, *y = NULL;
    enum err err = mem_big(&images, halves * copies, sizeof *images, "matrices");

    if (!err)
        err = mem_big(&x, (size_t)rows * (size_t)l.k, sizeof *x, "x");
    if (!err)
        err = mem_big(&y, (size_t)rows * (size_t)l.n, sizeof *y, "y");
    if (!err)
        err = mem_big(&l.x, (size_t)rows * (size_t)l.k, sizeof *l.x, "x");
    for (size_t i = 0; !err && i < halves * copies; i++)
        images[i] = (uint16_t)(0x3F80 + i % 128); /* 1 to 2: time does not depend on which */
    for (int r = 0; !err && r < rounds; r++) {
        exact[r] = rate(&l, true, images, halves, y, x, seconds);
        loose[r] = rate(&l, false, images, halves, y, x, seconds);
    }
    free(images);
    free(x);
    free(y);
    free(l.x);
    return err;
}
