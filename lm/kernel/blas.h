/* blas: matrix products of the backward pass.
 *
 * Either OpenBLAS (fast; repeatable on one machine type) or our own kernels (the same bits on
 * every CPU and for any number of threads). Called inside a parallel region both are serial. */

#ifndef LM_KERNEL_BLAS_H
#define LM_KERNEL_BLAS_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

/* C [m,n] = A [m,k] B [k,n], or C += with `add`. All row-major with row strides lda, ldb, ldc.
 * `a_turned`: the memory holds A^T [k,m]; `b_turned`: it holds B^T [n,k]. C overlaps neither.
 */
struct blas_product {
    float *c;
    const float *a, *b;
    size_t ldc, lda, ldb;
    int m, n, k;
    bool a_turned, b_turned, add;
    bool portable; /* our kernels: each output one chain of fused multiply-adds over k */
};
void blas_product(const struct blas_product *product);

/* Whether the OpenBLAS that was loaded shares OpenMP's threads. Call once before the first
 * product that is not portable. Errors: ERR_STATE, with words about the package. */
enum err blas_check(void) MUST_CHECK;

/* Name of the kernels that OpenBLAS chose for this CPU ("Haswell", ...). */
const char *blas_core(void);

#endif
