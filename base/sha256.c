/* How: two instructions make four words of the message schedule, two more four rounds. The eight words of
 * the state lie as these want them: a b e f in one register, c d g h in the other, from the highest lane
 * down. After two rounds the registers have changed parts: what was a b e f is c d g h. Four registers hold
 * the last sixteen words of the schedule, which is made four rounds before it is used up. Padding, and bytes
 * that fill no block, are libsodium's, whose state this is (hash.c). */

#include "base/sha256.h"

#if defined(__x86_64__)

#include <cpuid.h>
#include <immintrin.h>

/* FIPS 180-4, 4.2.2 */
static const uint32_t constant[64] __attribute__((aligned(16))) = {
    0x428a2f98u, 0x71374491u, 0xb5c0fbcfu, 0xe9b5dba5u, 0x3956c25bu, 0x59f111f1u, 0x923f82a4u,
    0xab1c5ed5u, 0xd807aa98u, 0x12835b01u, 0x243185beu, 0x550c7dc3u, 0x72be5d74u, 0x80deb1feu,
    0x9bdc06a7u, 0xc19bf174u, 0xe49b69c1u, 0xefbe4786u, 0x0fc19dc6u, 0x240ca1ccu, 0x2de92c6fu,
    0x4a7484aau, 0x5cb0a9dcu, 0x76f988dau, 0x983e5152u, 0xa831c66du, 0xb00327c8u, 0xbf597fc7u,
    0xc6e00bf3u, 0xd5a79147u, 0x06ca6351u, 0x14292967u, 0x27b70a85u, 0x2e1b2138u, 0x4d2c6dfcu,
    0x53380d13u, 0x650a7354u, 0x766a0abbu, 0x81c2c92eu, 0x92722c85u, 0xa2bfe8a1u, 0xa81a664bu,
    0xc24b8b70u, 0xc76c51a3u, 0xd192e819u, 0xd6990624u, 0xf40e3585u, 0x106aa070u, 0x19a4c116u,
    0x1e376c08u, 0x2748774cu, 0x34b0bcb5u, 0x391c0cb3u, 0x4ed8aa4au, 0x5b9cca4fu, 0x682e6ff3u,
    0x748f82eeu, 0x78a5636fu, 0x84c87814u, 0x8cc70208u, 0x90befffau, 0xa4506cebu, 0xbef9a3f7u,
    0xc67178f2u,
};

#define WITH_SHA __attribute__((target("sha,ssse3,sse4.1")))

/* Words t .. t + 3 of the schedule, in the place of t - 16 .. t - 13. */
WITH_SHA static inline __m128i next_words(const __m128i w[4], int t)
{
    const __m128i back7 = _mm_alignr_epi8(w[(t + 3) % 4], w[(t + 2) % 4], 4);
    const __m128i sum = _mm_add_epi32(_mm_sha256msg1_epu32(w[t % 4], w[(t + 1) % 4]), back7);

    return _mm_sha256msg2_epu32(sum, w[(t + 3) % 4]);
}

WITH_SHA void sha256_blocks(uint32_t state[8], const uint8_t *bytes, size_t n)
{
    const __m128i big_endian = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
    const __m128i *k = (const void *)constant;
    __m128i abef = _mm_set_epi32((int)state[0], (int)state[1], (int)state[4], (int)state[5]);
    __m128i cdgh = _mm_set_epi32((int)state[2], (int)state[3], (int)state[6], (int)state[7]);
    uint32_t out[8];

    for (; n; n--, bytes += SHA256_BLOCK) {
        const __m128i before[2] = {abef, cdgh};
        __m128i w[4];

#pragma GCC unroll 16
        for (int t = 0; t < 16; t++) {
            __m128i add;

            w[t % 4] = t < 4 ? _mm_shuffle_epi8(_mm_loadu_si128((const void *)(bytes + 16 * t)),
                                                big_endian)
                             : next_words(w, t);
            add = _mm_add_epi32(w[t % 4], k[t]);
            cdgh = _mm_sha256rnds2_epu32(cdgh, abef, add);
            abef = _mm_sha256rnds2_epu32(abef, cdgh, _mm_shuffle_epi32(add, 0x0E));
        }
        abef = _mm_add_epi32(abef, before[0]);
        cdgh = _mm_add_epi32(cdgh, before[1]);
    }
    _mm_storeu_si128((void *)out, abef);
    _mm_storeu_si128((void *)(out + 4), cdgh);
    for (int i = 0; i < 2; i++) {
        state[i] = out[3 - i];
        state[4 + i] = out[1 - i];
        state[2 + i] = out[7 - i];
        state[6 + i] = out[5 - i];
    }
}

/* Leaf 7: SHA; leaf 1: SSE4.1, which no processor has without SSSE3. */
bool sha256_here(void)
{
    unsigned a, b, c, d;

    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || !(b & bit_SHA))
        return false;
    return __get_cpuid(1, &a, &b, &c, &d) && c & bit_SSE4_1;
}
#else
bool sha256_here(void)
{
    return false;
}

void sha256_blocks(uint32_t state[8], const uint8_t *bytes, size_t n)
{
    (void)state;
    (void)bytes;
    (void)n;
}
#endif
