/* bf16: floats of sixteen bits, as products take them (docs/MATH.md §1, R10).
 *
 * Rounding is to the nearest, ties to even; |x| < 2^-56 becomes +0, whatever its sign: products, and so
 * their sums, are then multiples of 2^-126, and none is a denormal. What is not finite stays so (a NaN
 * quiet), and what is too large becomes an infinity, so that it shows. */

#ifndef LM_KERNEL_BF16_H
#define LM_KERNEL_BF16_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Bits of a float: of 2^-56, and of infinity. */
enum { BF16_LEAST = 0x23800000, BF16_INFINITY = 0x7F800000 };

static inline float bf16_widen(uint16_t half)
{
    const uint32_t bits = (uint32_t)half << 16;
    float value;

    memcpy(&value, &bits, sizeof value);
    return value;
}

static inline uint16_t bf16_round(float value)
{
    uint32_t bits, size;

    memcpy(&bits, &value, sizeof bits);
    size = bits & 0x7FFFFFFFu;
    if (size < BF16_LEAST)
        return 0;
    if (size > BF16_INFINITY)
        return (uint16_t)(bits >> 16 | 0x40);
    return (uint16_t)((bits + 0x7FFF + (bits >> 16 & 1)) >> 16);
}

/* y[i] = x[i] rounded, as a float again; y may be x. _cut: as halves. Serial. */
void bf16_round_all(float *y, const float *x, size_t n);
void bf16_cut(uint16_t *y, const float *x, size_t n);

/* y[i] = x[i], exact. Serial. */
void bf16_widen_all(float *y, const uint16_t *x, size_t n);

#endif
