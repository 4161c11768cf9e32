/* gemm: matrix products on packed weights, with threads.
 *
 * A matrix B [K,N] is packed into panels of 32 columns: panel p holds [K][32] floats,
 * element (k, j) = B[k, 32p + j]; missing columns of the last panel are zero. Each output is
 * one chain of fused multiply-adds over k ascending, so neither tiling, threads nor the other
 * rows can change it (docs/MATH.md §1, R4). */

#ifndef LM_KERNEL_GEMM_H
#define LM_KERNEL_GEMM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { GEMM_PANEL = 32 };

/* Floats that n columns of depth k take when packed. */
size_t gemm_packed_size(int n, int k);

/* W [n,k] row-major (out, in: as checkpoints store weights), row stride ldw, becomes B = W^T:
 * y = x W^T. Columns at.. of the panels are written, so that matrices can be joined. The zero
 * columns of the last panel are not written: the block must start as zeros. */
void gemm_pack(float *panels, int at, const float *w, size_t ldw, int n, int k);

/* The inverse. */
void gemm_unpack(float *w, size_t ldw, const float *panels, int at, int n, int k);

/* w [k] = column `at` of the panels: one row of an embedding. Serial. */
void gemm_unpack_row(float *w, const float *panels, int at, int k);

/* B [k,n] row-major, row stride ldb, as it stands: y = x B. Writes the zero columns too. */
void gemm_pack_plain(float *panels, const float *b, size_t ldb, int n, int k);

/* C [m,n] = A [m,k] B, or with `add` each chain starts from C. A, C row-major, any m, n, k.
 * C must not overlap A. */
void gemm_packed(float *c, size_t ldc, const float *a, size_t lda, const float *panels, int m,
                 int n, int k, bool add);

/* The same on panels of bfloat16 (pairs.h), widened in registers: gemm_packed's bits for the same
 * weights. */
void gemm_pairs(float *c, size_t ldc, const float *a, size_t lda, const uint16_t *pairs, int m,
                int n, int k, bool add);

/* Products of bfloat16: C = round(A) B on panels of pairs, or with `add` C + round(A) B. A is rounded
 * as bf16.h says, once for each block of rows. In each 32 of the depth, from depth 0 on, one chain runs
 * over the even k and one over the odd ones, each from +0; c takes their sum (docs/MATH.md §1, R10). */
void gemm_bf16(float *c, size_t ldc, const float *a, size_t lda, const uint16_t *pairs, int m,
               int n, int k, bool add);

/* Products of whole numbers on panels of int8 (int8.h): C = A B, A quantised by groups of the depth, once
 * for each block of rows. The sums of the groups, times the groups' scales, are one chain from +0; the
 * column's scale comes last (docs/MATH.md §1, R11). */
void gemm_int8(float *c, size_t ldc, const float *a, size_t lda, const uint8_t *panels, int m,
               int n, int k);

#endif
