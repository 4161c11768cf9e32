/* operands: numbers that products of bfloat16 and of whole numbers are tried on. */

#ifndef TESTS_LM_OPERANDS_H
#define TESTS_LM_OPERANDS_H

#include "tests/support/test.h"

#include "base/rng.h"
#include "lm/kernel/bf16.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* What operands are like: numbers of a model; near the least that is not +0; any that are finite; any. */
enum world { TAME, EDGE, WILD, ANY, WORLDS };

static inline float draw(enum world world, uint64_t seed, uint64_t i)
{
    uint32_t w[4], bits;
    float value;

    rng_words(w, seed, RNG_TEST, i, 0, 0);
    if (world == TAME)
        return (float)((double)w[0] * 0x1p-31 - 1.0);
    if (world ==
        EDGE) /* exponents -59 .. -52, with zeros, ties and the least itself among them */
        bits = w[0] % 8 == 0   ? w[1] & 0x80000000u
               : w[0] % 8 == 1 ? (w[1] & 0x80000000u) | (BF16_LEAST + w[2] % 3 - 1)
                               : (w[1] & 0x80000000u) | (68 + w[2] % 8) << 23 |
                                     (w[3] & (w[0] % 8 == 2 ? 0x7F8000 : 0x7FFFFF));
    else
        bits = w[0] % 8 == 0 ? w[1] & 0x807FFFFFu /* denormals */ : w[1];
    if (world == WILD) /* products and sums stay below infinity, mostly */
        bits &= 0xDFFFFFFFu;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* To the bit; of what is no number, only that it is none. */
static inline bool same(float x, float y)
{
    return isnan(x) ? isnan(y) : memcmp(&x, &y, sizeof x) == 0;
}

static inline float *floats(size_t n)
{
    float *p = malloc((n + 1) * sizeof *p);

    assert_non_null(p);
    return p;
}

#endif
