/* formula: numbers that C and the golden scripts (tests/golden/formula.py) both know. */

#ifndef TESTS_SUPPORT_FORMULA_H
#define TESTS_SUPPORT_FORMULA_H

#include <stddef.h>
#include <stdint.h>

/* Element i of stream `seed`, in [-1, 1), a multiple of 2^-23. */
static inline float formula(uint32_t i, uint32_t seed)
{
    uint32_t h = (i + 1u) * 2654435761u + (seed + 1u) * 2246822519u;

    h ^= h >> 15;
    h *= 2246822519u;
    h ^= h >> 13;
    return (float)(h >> 8) / 8388608.0f - 1.0f;
}

static inline void formula_fill(float *out, size_t n, uint32_t seed, float scale, float offset)
{
    for (size_t i = 0; i < n; i++)
        out[i] = offset + scale * formula((uint32_t)i, seed);
}

/* A token id below `vocab`. */
static inline int formula_token(uint32_t i, uint32_t seed, int vocab)
{
    return (int)((double)(formula(i, seed) + 1.0f) * 0.5 * vocab);
}

#endif
