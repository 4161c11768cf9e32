/* product: matrix products whose operands lie as they happen to: those of the backward pass.
 *
 * Each output is one chain of fused multiply-adds over k ascending (docs/MATH.md §1, R4): the same
 * bits on every CPU, for any number of threads and any room; with `bf16` it is R10's. Called inside a
 * parallel region it is serial. Weights that many products read are better packed once (gemm.h). */

#ifndef LM_KERNEL_PRODUCT_H
#define LM_KERNEL_PRODUCT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What becomes of C. */
enum product_into {
    PRODUCT_SET, /* C = A B: chains begin at +0 */
    PRODUCT_ON,  /* chains go on from what C holds */
    PRODUCT_ADD, /* C += A B: chains begin at +0, and their ends are added to C */
};

/* C [m,n], A [m,k], B [k,n]; all row-major with row strides ldc, lda, ldb. `a_turned`: the memory
 * holds A^T [k,m]; `b_turned`: it holds B^T [n,k]. C overlaps neither. Any m, n, k; without k an
 * empty sum: SET gives +0, the others leave C as it is.
 *
 * `bf16`: both operands are rounded (bf16.h), in each 32 of k one chain runs over the even steps and one
 * over the odd ones, each from +0, and their sum is added to what C or its sum holds (docs/MATH.md §1,
 * R10). B is not turned then, or it is `pairs`: the image (pairs.h) of a matrix of n columns, whose
 * rows from..from+k are B; from is a multiple of 32.
 *
 * Of scratch, which holds copies of B, larger products of the same k get by with less than product_room
 * says, and are slower. */
struct product_scratch {
    float *at;
    size_t floats;
};
struct product {
    float *c;
    const float *a, *b;
    size_t ldc, lda, ldb;
    int m, n, k;
    bool a_turned, b_turned, bf16;
    const uint16_t *pairs;
    int from;
    enum product_into into;
    struct product_scratch scratch;
};
void product_run(const struct product *product);

/* Floats of scratch for products of up to n columns, and for sums up to k long. */
size_t product_room(int n, int k);

#endif
