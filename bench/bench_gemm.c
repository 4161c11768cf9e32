/* bench_gemm: packed products on SmolLM2's shapes, beside OpenBLAS and the machine's own peak.
 *
 *     bench_gemm [seconds a point, default 0.2]
 *
 * The peak is that of independent fused multiply-adds in registers, measured on as many
 * threads. Rounds of ours and OpenBLAS's interleave; the medians of five are printed, GFLOP/s.
 */

#include "base/clock.h"
#include "base/mem.h"
#include "lm/kernel/gemm.h"
#include "lm/kernel/isa.h"

#include <cblas.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>

enum { ROUNDS = 5 };

static double seconds = 0.2;

static int ascending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;

    return x < y ? -1 : x > y;
}

static double median(double *value)
{
    qsort(value, ROUNDS, sizeof *value, ascending);
    return value[ROUNDS / 2];
}

/* A product so small that everything stays in the first-level cache, on every thread. */
static double peak(void)
{
    const struct isa *isa = isa_current();
    const int64_t start = clock_mono_ns();
    long done = 0;

#pragma omp parallel reduction(+ : done)
    {
        float a[12 * 64] = {0}, b[64 * 32] = {0}, c[12 * 32];

        while ((double)(clock_mono_ns() - start) < seconds * 1e9)
            for (int i = 0; i < 100; i++, done++)
                isa->panel(c, 32, a, 64, b, 32, 12, 32, 64, false);
    }
    return 2.0 * 12 * 32 * 64 * (double)done / (double)(clock_mono_ns() - start);
}

struct gemm_point {
    int m, n, k, copies; /* as many different matrices as fill more than a cache */
    float *a, *b, *c;
};

/* Matrices in turn: each comes from memory, as a layer's weights do in decoding. */
static double ours(const struct gemm_point *p)
{
    const int64_t start = clock_mono_ns();
    long n = 0;

    while ((double)(clock_mono_ns() - start) < seconds * 1e9) {
        const float *b = p->b + (size_t)(n % p->copies) * gemm_packed_size(p->n, p->k);

        gemm_packed(p->c, (size_t)p->n, p->a, (size_t)p->k, b, p->m, p->n, p->k, false);
        n++;
    }
    return 2.0 * p->m * p->n * p->k * (double)n / (double)(clock_mono_ns() - start);
}

/* The same numbers through OpenBLAS, which reads W as checkpoints hold it. */
static double theirs(const struct gemm_point *p)
{
    const int64_t start = clock_mono_ns();
    long n = 0;

    while ((double)(clock_mono_ns() - start) < seconds * 1e9) {
        const float *b = p->b + (size_t)(n % p->copies) * gemm_packed_size(p->n, p->k);

        cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, p->m, p->n, p->k, 1.0f, p->a, p->k,
                    b, p->k, 0.0f, p->c, p->n);
        n++;
    }
    return 2.0 * p->m * p->n * p->k * (double)n / (double)(clock_mono_ns() - start);
}

static void measure(int m, int n, int k)
{
    struct gemm_point p = {.m = m, .n = n, .k = k};
    const size_t each = gemm_packed_size(n, k);
    double top[ROUNDS], mine[ROUNDS], other[ROUNDS];

    p.copies = (int)(((size_t)50 << 20) / (each * sizeof(float)) + 1);
    if (mem_big(&p.a, (size_t)m * (size_t)k, sizeof(float), "a") ||
        mem_big(&p.b, each * (size_t)p.copies, sizeof(float), "b") ||
        mem_big(&p.c, (size_t)m * (size_t)n, sizeof(float), "c")) {
        fprintf(stderr, "%s\n", err_text());
        return;
    }
    for (size_t i = 0; i < (size_t)m * (size_t)k; i++)
        p.a[i] = (float)(i % 1013) * 1e-3f;
    for (size_t i = 0; i < each * (size_t)p.copies; i++)
        p.b[i] = (float)(i % 1009) * 1e-3f;
    /* Interleaved: what else the machine does falls on all three alike. */
    for (int r = 0; r < ROUNDS; r++) {
        top[r] = peak();
        mine[r] = ours(&p);
        other[r] = theirs(&p);
    }
    printf("M %4d N %5d K %4d: %6.1f GFLOP/s = %4.1f%% of peak, OpenBLAS %6.1f, ratio %.2f\n",
           m, n, k, median(mine), 100 * median(mine) / median(top), median(other),
           median(mine) / median(other));
    fflush(stdout);
    free(p.a);
    free(p.b);
    free(p.c);
}

int main(int argc, char **argv)
{
    static const int shapes[][2] = {{960, 576},  {576, 576},   {3072, 576},
                                    {576, 1536}, {2048, 2048}, {49152, 576}};
    static const int rows[] = {1, 4, 8, 16, 32, 64, 128, 256, 1024};
    if (argc > 1)
        seconds = strtod(argv[1], NULL);
    if (isa_check()) {
        fprintf(stderr, "%s\n", err_text());
        return 1;
    }
    printf("%s, %d threads\n", isa_current()->name, omp_get_max_threads());
    for (size_t s = 0; s < sizeof shapes / sizeof shapes[0]; s++)
        for (size_t m = 0; m < sizeof rows / sizeof rows[0]; m++)
            measure(rows[m], shapes[s][0], shapes[s][1]);
    return 0;
}
