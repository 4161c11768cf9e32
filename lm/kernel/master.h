/* master: a weight that learns in f32 and computes as bfloat16: the two, and what makes one of both.
 *
 * Rounding to the weight is to the nearest, ties away from zero, so that the float is the weight and
 * the sixteen bits below it, read as a signed number: master = weight 2^16 + rest, in the bits. With
 * ties to even the half between two weights would belong to either, and sixteen bits could not say
 * to which. Below 2^-56 there is nothing: such a master is +0 (master_settled), as no product of two
 * weights' sums may be denormal (docs/MATH.md §1). A weight that is a bfloat16 already, 0 or at
 * least 2^-56, stays as it is. */

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

/* The weight that is computed with. A NaN stays one. */
static inline uint16_t master_weight(float value)
{
    const uint32_t bits = master_bits(master_settled(value));

    if ((bits & 0x7FFFFFFFu) > BF16_INFINITY)
        return (uint16_t)(bits >> 16 | 0x40);
    return (uint16_t)((bits + 0x8000u) >> 16);
}

/* What a settled master has besides its weight, and the master of both. */
static inline uint16_t master_rest(float value)
{
    return (uint16_t)master_bits(value);
}

static inline float master_join(uint16_t weight, uint16_t rest)
{
    const uint32_t bits = ((uint32_t)weight << 16) + (uint32_t)(int32_t)(int16_t)rest;
    float value;

    memcpy(&value, &bits, sizeof value);
    return value;
}

#endif
