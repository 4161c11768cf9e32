/* bench_gemm: forward products on packed weights, of floats, of bfloat16, of whole numbers, on SmolLM2's
 * shapes and others: beside the machine's own peak and bandwidth, one another, and OpenBLAS.
 *
 *     bench_gemm [seconds a point, default 0.2] [rows, comma separated] [shapes NxK, comma separated]
 *
 * Peak: the instruction in registers, on as many threads. Bandwidth: the same weights, read by as many
 * threads. Rounds of all of them interleave; medians of five are printed. DROVER_ISA chooses the
 * instructions, OMP_NUM_THREADS the threads. */

#include "bench/gemm_point.h"
#include "bench/rounds.h"

#include "base/clock.h"
#include "lm/kernel/isa.h"

#include <cblas.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>

enum { POINTS = 16 };

static double seconds = 0.2;

/* The same shape through OpenBLAS, which reads W as checkpoints hold it. */
static double theirs(const struct gemm_point *p)
{
    const int64_t start = clock_mono_ns();
    size_t n = 0;

    while ((double)(clock_mono_ns() - start) < seconds * 1e9)
        cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, p->m, p->n, p->k, 1.0f, p->a, p->k,
                    (const void *)(p->b[0] + n++ % p->copies[0] * p->bytes[0]), p->k, 0.0f,
                    p->c, p->n);
    return 2e9 * p->m * p->n * p->k * (double)n / (double)(clock_mono_ns() - start);
}

/* One shape and number of rows, in each kind; ratios of medians, of which each has been measured by turns with the others, so that a
 * busy machine is busy for all of them. */
static enum err measure(int m, int n, int k)
{
    static const char *const names[] = {"float32", "bfloat16", "int8"};
    struct gemm_point p;
    double top[PEAK_KINDS][ROUNDS], mine[PEAK_KINDS][ROUNDS], read[PEAK_KINDS][ROUNDS];
    double other[ROUNDS], first = 0;

    if (gemm_point_open(&p, m, n, k)) {
        gemm_point_close(&p);
        return ERR_NOMEM;
    }
    /* Interleaved: what else the machine does falls on all alike. */
    for (int r = 0; r < ROUNDS; r++) {
        for (int kind = 0; kind < PEAK_KINDS; kind++) {
            top[kind][r] =
                peak_products((enum peak_kind)kind, isa_current()->name, seconds / 4);
            read[kind][r] = gemm_point_read(&p, (enum peak_kind)kind, seconds / 2);
            mine[kind][r] = gemm_point_rate(&p, (enum peak_kind)kind, seconds);
        }
        other[r] = theirs(&p);
    }
    for (int kind = 0; kind < PEAK_KINDS; kind++) {
        const double speed = rounds_median(mine[kind]), peak = rounds_median(top[kind]);
        const double bytes = speed / (2.0 * m * n * k) * (double)p.bytes[kind];

        first = kind == 0 ? speed : first;
        printf("M %4d N %5d K %4d %-8s %6.1f G/s: %.2f of peak, %.2f of bandwidth, %.2f x "
               "float32, %.2f x OpenBLAS\n",
               m, n, k, names[kind], speed * 1e-9, peak > 0 ? speed / peak : 0,
               bytes / rounds_median(read[kind]), speed / first, speed / rounds_median(other));
    }
    fflush(stdout);
    gemm_point_close(&p);
    return OK;
}

/* Numbers of rows, comma separated: how many, or 0. */
static int rows_of(int rows[POINTS], const char *text)
{
    int n = 0;
    char *end;

    for (; *text && n < POINTS; text = *end == ',' ? end + 1 : "") {
        rows[n] = (int)strtol(text, &end, 10);
        if (rows[n++] < 1)
            return 0;
    }
    return n;
}

/* All numbers of rows of each shape "NxK", in the order in which they are named. What is no shape ends the program with words,
 * before anything of it is measured. */
static enum err each_shape(const char *shape, const int *rows, int n_rows)
{
    char *end;

    for (; *shape; shape = *end == ',' ? end + 1 : "") {
        const long n = strtol(shape, &end, 10), k = *end == 'x' ? strtol(end + 1, &end, 10) : 0;

        if (n < 1 || k < 1)
            return err_set(ERR_RANGE, "shapes: NxK");
        for (int i = 0; i < n_rows; i++)
            if (measure(rows[i], (int)n, (int)k))
                return ERR_NOMEM;
    }
    return OK;
}

int main(int argc, char **argv)
{
    const char *shapes =
        argc > 3 ? argv[3] : "960x576,576x576,3072x576,576x1536,2048x2048,49152x576";
    int rows[POINTS];
    const int n_rows = rows_of(rows, argc > 2 ? argv[2] : "1,4,8,16,32,64,128,256,1024");
    enum err err = n_rows ? isa_check() : err_set(ERR_RANGE, "rows: numbers from 1 on");

    if (argc > 1)
        seconds = strtod(argv[1], NULL);
    if (!err) {
        printf("%s, %d threads\n", isa_current()->name, omp_get_max_threads());
        err = each_shape(shapes, rows, n_rows);
    }
    if (err)
        fprintf(stderr, "%s\n", err_text());
    return err != OK;
}
