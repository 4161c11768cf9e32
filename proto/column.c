/* All of a block is looked at before it is judged: a compiler makes of that one instruction for
 * several elements, which a way out at each would forbid. An answer's columns are looked at four
 * times on their way through a broker; which element it was who refuses it looks for himself. */

#include "proto/column.h"

#include <string.h>

enum { BLOCK = 16 };

/* Below zero: it is, or more than `last`, which leaves a difference below zero. */
static int32_t outside(int32_t value, int32_t last)
{
    return value | (last - (value & INT32_MAX));
}

bool column_within(const int32_t *value, uint32_t n, int32_t last)
{
    int32_t any = 0;
    uint32_t i = 0;

    for (; n - i >= BLOCK; i += BLOCK)
        for (uint32_t k = 0; k < BLOCK; k++)
            any |= outside(value[i + k], last);
    for (; i < n; i++)
        any |= outside(value[i], last);
    return any >= 0;
}

bool column_has(const int32_t *value, uint32_t n, int32_t one)
{
    uint32_t any = 0, i = 0;

    for (; n - i >= BLOCK && !any; i += BLOCK)
        for (uint32_t k = 0; k < BLOCK; k++)
            any |= value[i + k] == one;
    for (; i < n; i++)
        any |= value[i] == one;
    return any != 0;
}

/* Its exponent is all ones: one more of the lowest bit of that is the highest bit of all. */
static uint32_t infinite(const float *value)
{
    uint32_t bits;

    memcpy(&bits, value, sizeof bits);
    return (bits & INT32_MAX) + 0x00800000u;
}

bool column_finite(const float *value, uint32_t n)
{
    uint32_t any = 0, i = 0;

    for (; n - i >= BLOCK; i += BLOCK)
        for (uint32_t k = 0; k < BLOCK; k++)
            any |= infinite(value + i + k);
    for (; i < n; i++)
        any |= infinite(value + i);
    return !(any >> 31);
}
