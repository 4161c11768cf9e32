/* master: a weight that learns in f32 and computes as bfloat16: the two, and what makes one of both.
 *
 * Of its thirty-two bits the weight is the upper sixteen, one more where the lower sixteen and a threshold
 * of the weight's own come to 2^16; with the lower ones, its rest, and the threshold it is the float again.
 * The threshold follows from row and column (master_threshold): all come equally often, and unlike ones
 * near one another. So an update of a tenth of a weight's last place moves one weight in ten, a whole place,
 * and a row's products learn it, where rounding to the nearest would lose it (docs/decisions/0045). A weight
 * that is a bfloat16 already stays as it is. Below 2^-56 there is nothing: such a master is +0
 * (master_settled), as no product of two weights' sums may be denormal (docs/MATH.md §1). */

#ifndef LM_KERNEL_MASTER_H
#define LM_KERNEL_MASTER_H

#include "lm/kernel/bf16.h"

static inline uint32_t master_bits(float value)
{
    uint32_t bits;

    memcpy(&bits, &value, sizeof bits);
    return bits;
}

/* What a master may be: itself, or +0 where |value| < 2^-56. */
static inline float master_settled(float value)
{
    return (master_bits(value) & 0x7FFFFFFFu) < BF16_LEAST ? 0.0f : value;
}

/* Of the weight in this row and column of its matrix, rows outputs, columns inputs; below 2^16. The row's and the
 * column's steps are 2^32 / p and 2^32 / p^2, p^3 = p + 1: Roberts 2018, "The unreasonable effectiveness of
 * quasirandom sequences", R2. */
static inline uint32_t master_threshold(int row, int column)
{
    return ((uint32_t)row * 3242174889u + (uint32_t)column * 2447445413u) >> 16;
}

/* The weight that is computed with. A NaN stays one. */
static inline uint16_t master_weight(float value, uint32_t threshold)
{
    const uint32_t bits = master_bits(master_settled(value));

    if ((bits & 0x7FFFFFFFu) > BF16_INFINITY)
        return (uint16_t)(bits >> 16 | 0x40);
    return (uint16_t)((bits + threshold) >> 16);
}

/* n rows of a matrix, row.. of it, as numbers of bfloat16; in place, too. */
static inline void master_round(float *to, const float *from, int row, int n, int columns)
{
    for (int r = 0; r < n; r++)
        for (int c = 0; c < columns; c++) {
            const size_t i = (size_t)r * (size_t)columns + (size_t)c;

            to[i] = bf16_widen(master_weight(from[i], master_threshold(row + r, c)));
        }
}

/* What a settled master has besides its weight, and the master of both. */
static inline uint16_t master_rest(float value)
{
    return (uint16_t)master_bits(value);
}

static inline float master_join(uint16_t weight, uint16_t rest, uint32_t threshold)
{
    const uint32_t bits = ((uint32_t)weight << 16) + rest - ((rest + threshold) & 0x10000u);
    float value;

    memcpy(&value, &bits, sizeof value);
    return value;
}

#endif
