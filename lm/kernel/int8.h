/* int8: weights and activations as whole numbers within +-127 and a scale, as products take them
 * (docs/MATH.md §1, R11).
 *
 * Of each INT8_GROUP of the depth of a row, of weights and of activations alike (the last group may be
 * shorter): scale = max |x| / 127, an IEEE division, and q = x (127 / max |x|) to the nearest, ties to
 * even. Where max |x| < 2^-56 all are 0; where it is not finite each q is 0 and the scale is not finite
 * either, so that it shows. The sum of a group's products is at most 2^19: exact in any order; a product
 * of two scales is no denormal.
 *
 * A panel is 32 output columns. For each group of the depth, which is filled up with 0: the columns'
 * scales, floats; then for each four of the depth four bytes for each column, q + 128. */

#ifndef LM_KERNEL_INT8_H
#define LM_KERNEL_INT8_H

#include "lm/kernel/bf16.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum {
    INT8_PANEL = 32,
    INT8_GROUP = 32,
    INT8_MOST = 127,
    INT8_ZERO = 128,
    INT8_LINE = INT8_PANEL * 4,                    /* bytes: the scales, or four of the depth */
    INT8_BLOCK = (1 + INT8_GROUP / 4) * INT8_LINE, /* a group of a panel */
};

/* q = x rate, to the nearest; where the rate is 0, so is q. */
struct int8_scale {
    float scale, rate;
};

/* By the bits of max |x|: the largest of numbers' bits without their sign, a NaN above all. */
static inline struct int8_scale int8_scale_of(uint32_t largest)
{
    float most;

    if (largest < BF16_LEAST)
        return (struct int8_scale){0.0f, 0.0f};
    memcpy(&most, &largest, sizeof most);
    return (struct int8_scale){most / (float)INT8_MOST,
                               largest < BF16_INFINITY ? (float)INT8_MOST / most : 0.0f};
}

/* Adding 1.5 2^23 leaves no digit behind the point. */
static inline int int8_round(float x, float rate)
{
    return rate == 0.0f ? 0 : (int)(x * rate + 12582912.0f - 12582912.0f);
}

/* Bytes that n columns of depth k take; the block is aligned as floats are. _panel: those of so many
 * panels. */
size_t int8_size(int n, int k);
size_t int8_panel(int panels, int k);

/* Where in a panel depth k lies, a multiple of INT8_GROUP. */
static inline size_t int8_depth(int k)
{
    return (size_t)(k / INT8_GROUP) * INT8_BLOCK;
}

/* Rows of W [n,k] (out, in), row stride ldw, quantised into the columns from `at` on. What fills a panel
 * up is not written: the block must start as zeros. */
void int8_pack(uint8_t *panels, int at, const float *w, size_t ldw, int n, int k);

/* The same of n columns that lie as panels of bfloat16 (pairs.h), all at once; what fills panels up too. */
void int8_of_pairs(uint8_t *panels, const uint16_t *pairs, int n, int k);

/* w [k] = what column `at` stands for, q scale. Serial. */
void int8_unpack_row(float *w, const uint8_t *panels, int at, int k);
/* x [k], a row that no panel holds, becomes what it stands for once quantised. Serial. */
void int8_settle(float *x, int k);

#endif
