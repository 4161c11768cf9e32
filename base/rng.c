/* How: ten rounds of Philox on (counter, key), nothing kept between calls. The use of a number
 * is mixed into the key's high byte, so two uses with the same seed and counters never meet.
 * rng_uniform takes 53 bits, which is what a double between 0 and 1 can tell apart; a shuffle
 * draws its swaps by position, so a permutation depends on nothing but (seed, use, a, n). */

#include "base/rng.h"

#include <math.h>

void rng_philox(uint32_t out[4], const uint32_t counter[4], const uint32_t key[2])
{
    uint32_t c0 = counter[0], c1 = counter[1], c2 = counter[2], c3 = counter[3];
    uint32_t k0 = key[0], k1 = key[1];

    for (int round = 0; round < 10; round++) {
        const uint64_t p0 = (uint64_t)0xD2511F53u * c0;
        const uint64_t p1 = (uint64_t)0xCD9E8D57u * c2;

        c0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0;
        c1 = (uint32_t)p1;
        c2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
        c3 = (uint32_t)p0;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    out[0] = c0;
    out[1] = c1;
    out[2] = c2;
    out[3] = c3;
}

void rng_words(uint32_t out[4], uint64_t seed, enum rng_use use, uint64_t a, uint32_t b,
               uint32_t c)
{
    const uint32_t counter[4] = {(uint32_t)a, (uint32_t)(a >> 32), b, c};
    const uint32_t key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32) ^ ((uint32_t)use << 24)};

    rng_philox(out, counter, key);
}

static double unit(uint32_t high, uint32_t low)
{
    return (double)(((uint64_t)high << 32 | low) >> 11) * 0x1p-53;
}

double rng_uniform(uint64_t seed, enum rng_use use, uint64_t a, uint32_t b, uint32_t c)
{
    uint32_t w[4];

    rng_words(w, seed, use, a, b, c);
    return unit(w[0], w[1]);
}

/* 1 - u is in (0, 1], so the logarithm is finite. */
double rng_normal(uint64_t seed, enum rng_use use, uint64_t a, uint32_t b, uint32_t c)
{
    uint32_t w[4];

    rng_words(w, seed, use, a, b, c);
    return sqrt(-2.0 * log(1.0 - unit(w[0], w[1]))) * cos(6.283185307179586 * unit(w[2], w[3]));
}

void rng_shuffle(uint32_t *order, size_t n, uint64_t seed, enum rng_use use, uint64_t a)
{
    for (size_t i = 0; i < n; i++)
        order[i] = (uint32_t)i;
    for (size_t i = n; i > 1; i--) {
        const size_t j = (size_t)(rng_uniform(seed, use, a, (uint32_t)i, 0) * (double)i);
        const uint32_t keep = order[i - 1];

        order[i - 1] = order[j];
        order[j] = keep;
    }
}
