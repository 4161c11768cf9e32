/* bench_product: the products of backward on SmolLM2's shapes, beside OpenBLAS and the machine's own
 * peak.
 *
 *     bench_product [seconds a point, default 0.2]
 *
 * Of y = x W^T with M tokens: dX = dY W, and dW += dY^T X, whose sums begin at +0; in f32 and in
 * bfloat16, there with W out of an image of pairs. Peaks are those of each in registers, on as many
 * threads (lm/kernel/peak.h). Rounds of all interleave; the medians of five are printed,
 * GFLOP/s; ratios are to OpenBLAS in f32. */

#include "base/clock.h"
#include "base/mem.h"
#include "bench/rounds.h"
#include "lm/kernel/isa.h"
#include "lm/kernel/pairs.h"
#include "lm/kernel/peak.h"
#include "lm/kernel/product.h"

#include <cblas.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>

static double seconds = 0.2;

/* A layer's matrix W [out, in] under M tokens. */
struct product_point {
    int m, out, in;
    float *x, *dy, *w, *dx, *dw;
    uint16_t *pairs; /* of w, rounded */
    struct product_scratch scratch;
};

typedef void way(const struct product_point *p, bool bf16);

static void dx_ours(const struct product_point *p, bool bf16)
{
    product_run(&(struct product){.c = p->dx,
                                  .a = p->dy,
                                  .b = bf16 ? NULL : p->w,
                                  .ldc = (size_t)p->in,
                                  .lda = (size_t)p->out,
                                  .ldb = (size_t)p->in,
                                  .m = p->m,
                                  .n = p->in,
                                  .k = p->out,
                                  .bf16 = bf16,
                                  .pairs = bf16 ? p->pairs : NULL,
                                  .scratch = p->scratch});
}

static void dw_ours(const struct product_point *p, bool bf16)
{
    product_run(&(struct product){.c = p->dw,
                                  .a = p->dy,
                                  .b = p->x,
                                  .ldc = (size_t)p->in,
                                  .lda = (size_t)p->out,
                                  .ldb = (size_t)p->in,
                                  .m = p->out,
                                  .n = p->in,
                                  .k = p->m,
                                  .a_turned = true,
                                  .bf16 = bf16,
                                  .into = PRODUCT_ADD,
                                  .scratch = p->scratch});
}

static void dx_openblas(const struct product_point *p, bool bf16)
{
    (void)bf16;
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, p->m, p->in, p->out, 1.0f, p->dy,
                p->out, p->w, p->in, 0.0f, p->dx, p->in);
}

static void dw_openblas(const struct product_point *p, bool bf16)
{
    (void)bf16;
    cblas_sgemm(CblasRowMajor, CblasTrans, CblasNoTrans, p->out, p->in, p->m, 1.0f, p->dy,
                p->out, p->x, p->in, 1.0f, p->dw, p->in);
}

/* GFLOP/s of one way, begun again and again for as long as a point has: its operands stay in a cache that holds
 * them, as those of a step mostly do. */
static double rate(const struct product_point *p, way *one, bool bf16)
{
    const int64_t start = clock_mono_ns();
    long n = 0;

    for (; (double)(clock_mono_ns() - start) < seconds * 1e9; n++)
        one(p, bf16);
    return 2.0 * p->m * p->out * p->in * (double)n / (double)(clock_mono_ns() - start);
}

/* Operands of every way at once. Values are no zeros, lest a processor be quicker with them, and no denormals. */
static enum err prepare(struct product_point *p)
{
    const size_t m = (size_t)p->m, out = (size_t)p->out, in = (size_t)p->in;
    const struct {
        float **at;
        size_t n;
    } block[] = {{&p->x, m * in},
                 {&p->dy, m * out},
                 {&p->w, out * in},
                 {&p->dx, m * in},
                 {&p->dw, out * in}};
    enum err err = OK;

    p->scratch.floats = product_room(p->in, p->m);
    err = mem_big(&p->scratch.at, p->scratch.floats, sizeof(float), "scratch");
    for (size_t b = 0; !err && b < sizeof block / sizeof *block; b++) {
        err = mem_big(block[b].at, block[b].n, sizeof(float), "operand");
        for (size_t i = 0; !err && i < block[b].n; i++)
            (*block[b].at)[i] = (float)(i % 1013) * 1e-3f - 0.5f;
    }
    if (!err)
        err = mem_big(&p->pairs, pairs_size(p->out, p->in), sizeof *p->pairs, "image");
    if (!err)
        pairs_pack_rounded(p->pairs, 0, p->w, in, 0, p->out, p->in);
    return err;
}

/* One shape: all ways by turns, then a line of medians. */
static void measure(int m, int out, int in)
{
    static const struct {
        way *one;
        bool bf16;
    } ways[] = {{dx_ours, false}, {dx_ours, true}, {dx_openblas, false},
                {dw_ours, false}, {dw_ours, true}, {dw_openblas, false}};
    struct product_point p = {.m = m, .out = out, .in = in};
    double top[2][ROUNDS], got[6][ROUNDS];

    if (prepare(&p)) {
        fprintf(stderr, "%s\n", err_text());
        return;
    }
    for (int r = 0; r < ROUNDS; r++) {
        for (int kind = 0; kind < 2; kind++)
            top[kind][r] = 1e-9 * peak_products(kind ? PEAK_BF16 : PEAK_FLOAT,
                                                isa_current()->name, seconds / 4);
        for (int w = 0; w < 6; w++)
            got[w][r] = rate(&p, ways[w].one, ways[w].bf16);
    }
    printf("M %4d out %5d in %4d:", m, out, in);
    for (int w = 0; w < 6; w += 3) {
        const double other = rounds_median(got[w + 2]);

        printf("  %s", w ? "dW" : "dX");
        for (int kind = 0; kind < 2; kind++) {
            const double ours = rounds_median(got[w + kind]), most = rounds_median(top[kind]);

            printf(" %s %5.1f = %.2f of peak, ratio %.2f", kind ? " bf16" : "f32", ours,
                   most > 0 ? ours / most : 0, ours / other);
        }
    }
    printf("\n");
    fflush(stdout);
    free(p.x), free(p.dy), free(p.w), free(p.dx), free(p.dw), free(p.scratch.at), free(p.pairs);
}

int main(int argc, char **argv)
{
    static const int shapes[][2] = {
        {960, 576}, {576, 576}, {3072, 576}, {576, 1536}, {2048, 2048}};
    static const int rows[] = {64, 256, 1024};

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
