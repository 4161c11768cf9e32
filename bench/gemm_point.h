/* gemm_point: a forward product on packed weights that come from memory, as a layer's do, in each number. */

#ifndef BENCH_GEMM_POINT_H
#define BENCH_GEMM_POINT_H

#include "lm/kernel/peak.h"

#include "base/err.h"

struct gemm_point {
    int m, n, k;
    size_t copies[PEAK_KINDS],
        bytes[PEAK_KINDS]; /* of the matrix: as many as fill more than a cache */
    float *a, *w, *c;
    char *b[PEAK_KINDS];
};

/* y [m, n] = a [m, k] W^T, of weights that are numbers of bfloat16, so that all kinds hold them. Errors: ERR_NOMEM; then
 * gemm_point_close, too. */
enum err gemm_point_open(struct gemm_point *point, int m, int n, int k) MUST_CHECK;
void gemm_point_close(struct gemm_point *point);

/* Operations a second of our product, for `seconds`, on the matrices in turn. */
double gemm_point_rate(const struct gemm_point *point, enum peak_kind kind, double seconds);
/* Bytes a second of reading just these matrices, by as many threads. */
double gemm_point_read(const struct gemm_point *point, enum peak_kind kind, double seconds);

#endif
