/* rng: counter-based random numbers, so that there is no state to lose.
 *
 * Philox 4x32-10 (Salmon et al. 2011, "Parallel random numbers: as easy as
 * 1, 2, 3", table 2): four words out of a 64-bit key and a 128-bit counter.
 * The same key and counter give the same words on every machine, in any order. */

#ifndef BASE_RNG_H
#define BASE_RNG_H

#include <stddef.h>
#include <stdint.h>

/* What a number is for: part of the key, so that uses never share a stream. */
enum rng_use {
    RNG_SAMPLE = 1, /* a token: counters task, sample, position */
    RNG_INIT,       /* weights: counters tensor, element */
    RNG_ORDER,      /* shuffles: counters epoch, element */
    RNG_WORLD,      /* simulated worlds and annotators */
    RNG_TEST,
    RNG_RESAMPLE, /* bootstrap: counters draw, cluster */
    RNG_DROP,     /* dropout: counters step and sequence, position, module and column */
    RNG_NOISE,    /* on embeddings: counters step and sequence, position, column */
    RNG_CHOICE,   /* which pair is judged: counters batch, place, what for */
};

/* One Philox block. */
void rng_philox(uint32_t out[4], const uint32_t counter[4], const uint32_t key[2]);

/* Four words keyed by (seed, use) at counter (a: 64 bits, b: 32, c: 32). */
void rng_words(uint32_t out[4], uint64_t seed, enum rng_use use, uint64_t a, uint32_t b,
               uint32_t c);

/* Uniform in [0,1), a multiple of 2^-53. */
double rng_uniform(uint64_t seed, enum rng_use use, uint64_t a, uint32_t b, uint32_t c);

/* Standard normal (Box-Muller on one block; own log, sin, cos are not needed: host libm). */
double rng_normal(uint64_t seed, enum rng_use use, uint64_t a, uint32_t b, uint32_t c);

/* Fisher-Yates: fills order[0..n) with a permutation fixed by (seed, use, a). */
void rng_shuffle(uint32_t *order, size_t n, uint64_t seed, enum rng_use use, uint64_t a);

#endif
