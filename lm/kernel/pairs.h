/* pairs: weights of bfloat16 in panels, as products read them.
 *
 * A panel is 32 output columns, as gemm.h's, and its depth is filled up with zeros to a multiple of
 * 32. In each 32 of the depth, row 8 h + i (h 0, 1; i 0..7) holds a pair for each column: first the
 * weight of depth 4 i + 2 + h, then that of depth 4 i + h. This is the order in which the products
 * of bfloat16 that CPUs have (VDPBF16PS, TDPBF16PS) take their operands, so such kernels need no
 * other image; gemm_pairs widens the weights in registers and gives gemm_packed's bits. */

#ifndef LM_KERNEL_PAIRS_H
#define LM_KERNEL_PAIRS_H

#include <stddef.h>
#include <stdint.h>

enum { PAIRS_PANEL = 32, PAIRS_DEPTH = 32 };

/* Halves (two bytes each) that n columns of depth k take. */
size_t pairs_size(int n, int k);

/* Rows of W [n,k] (out, in), row stride ldw, into the columns from `at` on. Each value must be one
 * of bfloat16: its lower sixteen bits are not looked at. What fills a panel up is not written: the
 * block must start as zeros. _rounded: of any values, rows row.. of a matrix, each as
 * master_weight rounds it. */
void pairs_pack(uint16_t *pairs, int at, const float *w, size_t ldw, int n, int k);
void pairs_pack_rounded(uint16_t *pairs, int at, const float *w, size_t ldw, int row, int n,
                        int k);

/* The inverse, exact; _row: one row, serial. */
void pairs_unpack(float *w, size_t ldw, const uint16_t *pairs, int at, int n, int k);
void pairs_unpack_row(float *w, const uint16_t *pairs, int at, int k);

/* Of a B that is made as it is read; serial. A block is 32 of the depth by 32 columns, 1024 halves.
 * _round: one block of each panel, `apart` halves from the last, of B [rows, columns] as it stands, rows
 * at most 32, rounded (bf16.h) and filled up with +0.
 * _turn: one block of the matrix whose block is `from`: what were its columns is the depth. */
void pairs_round(uint16_t *block, size_t apart, const float *b, size_t ldb, int rows,
                 int columns);
void pairs_turn(uint16_t *block, const uint16_t *from);

#endif
