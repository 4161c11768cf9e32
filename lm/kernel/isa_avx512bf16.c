/* Products of bfloat16 by the processor's own instruction, in the place of isa_bf16.inc's. VDPBF16PS
 * adds two products to each lane, that of the upper halves first, each with one rounding, as two fused
 * multiply-adds do but that it flushes denormals; pairs.h lays weights down for it, an operand row is in
 * the same order, and what is left of small numbers (bf16.h) makes no denormal. Whether this processor
 * does as said is tried before anything relies on it (isa_list.h). */

#include "lm/kernel/isa_list.h"

#include "lm/kernel/bf16.h"
#include "lm/kernel/isa.h"
#include "lm/kernel/isa_fetch.h"
#include "lm/kernel/pairs.h"

#include <immintrin.h>

/* Where operand word w (row 8 h + i, second of its pair or first) comes from: depth 4 i + h (+ 2). */
#define FROM(h, i) 4 * (i) + (h) + 2, 4 * (i) + (h)
#define FROM_HALF(h) \
    FROM(h, 0), FROM(h, 1), FROM(h, 2), FROM(h, 3), FROM(h, 4), FROM(h, 5), FROM(h, 6), \
        FROM(h, 7)
static const uint16_t depth_of[32] = {FROM_HALF(0), FROM_HALF(1)};

/* What is too small put away; the conversion's own rounding is to nearest even, a NaN is quiet. */
static inline __m512 least(__m512 x)
{
    const __m512i size =
        _mm512_and_si512(_mm512_castps_si512(x), _mm512_set1_epi32(0x7FFFFFFF));

    return _mm512_maskz_mov_ps(_mm512_cmpge_epi32_mask(size, _mm512_set1_epi32(BF16_LEAST)), x);
}

static void row(void *operand, const float *x, int k)
{
    const __m512i order = _mm512_loadu_si512(depth_of);
    char *to = operand;

    for (int at = 0; at < k; at += 32, to += 64) {
        const uint32_t there = k - at < 32 ? (1u << (k - at)) - 1 : UINT32_MAX;
        const __m512 low = _mm512_maskz_loadu_ps((__mmask16)there, x + at);
        const __m512 high = _mm512_maskz_loadu_ps((__mmask16)(there >> 16), x + at + 16);
        const __m512i words = (__m512i)_mm512_cvtne2ps_pbh(least(high), least(low));

        _mm512_storeu_si512(to, _mm512_permutexvar_epi16(order, words));
    }
}

/* Rows of pairs from..from+7 of a block, into s: one of its two chains. */
#define CHAIN(R, W, s, from, UNROLL) \
    _Pragma("GCC unroll 6") for (int i = 0; i < R; i++) \
        _Pragma("GCC unroll 2") for (int j = 0; j < W; j++) s[i][j] = _mm512_setzero_ps(); \
    UNROLL for (int q = from; q < from + 8; q++, b += 64, next.at += next.step) \
    { \
        __m512bh v[W]; \
        __builtin_prefetch(next.at, 0, 2); \
        _Pragma("GCC unroll 2") for (int j = 0; j < W; j++) v[j] = \
            (__m512bh)_mm512_loadu_si512(b + 32 * j); \
        _Pragma("GCC unroll 6") for (int i = 0; i < R; i++) \
        { \
            int pair; \
            memcpy(&pair, a + (size_t)i * lda + 4 * q, sizeof pair); \
            _Pragma("GCC unroll 2") for (int j = 0; j < W; j++) s[i][j] = \
                _mm512_dpbf16_ps(s[i][j], (__m512bh)_mm512_set1_epi32(pair), v[j]); \
        } \
    }

/* A few rows wait for memory, and its lines are guessed ahead where two instructions load one after the
 * other; where thirty-two load a block apart, little more than half of them are. More rows wait for
 * products, and those come faster without a loop around each row of pairs. */
#define ROLLED
#define UNROLLED _Pragma("GCC unroll 8")

/* Both chains stay in registers, C beside them in memory near by, as it is touched once a block and its
 * rows may all fall on the same sets of a cache. */
#define TILE(R, W, UNROLL) \
    static __attribute__((noinline)) void tile_##R##_##W(float *c, size_t ldc, const char *a, \
                                                         size_t lda, const uint16_t *b, int k, \
                                                         bool add, struct isa_fetch next) \
    { \
        float y[R][16 * W] __attribute__((aligned(64))) = {{0}}; \
        for (int i = 0; i < R; i++) \
            if (add) \
                memcpy(y[i], c + (size_t)i * ldc, sizeof y[i]); \
            else \
                for (int j = 0; j < W; j++) \
                    __builtin_prefetch(c + (size_t)i * ldc + 16 * j, 1); \
        for (int kk = 0; kk < k; kk += 32, a += 64) { \
            __m512 even[R][W], odd[R][W]; \
            CHAIN(R, W, even, 0, UNROLL) \
            CHAIN(R, W, odd, 8, UNROLL) \
            _Pragma("GCC unroll 6") for (int i = 0; i < R; i++) \
                _Pragma("GCC unroll 2") for (int j = 0; j < W; j++) \
            { \
                const __m512 both = _mm512_add_ps(even[i][j], odd[i][j]); \
                float *to = y[i] + 16 * j; \
                _mm512_store_ps(to, _mm512_add_ps(_mm512_load_ps(to), both)); \
            } \
        } \
        for (int i = 0; i < R; i++) \
            memcpy(c + (size_t)i * ldc, y[i], sizeof y[i]); \
    }
#define TILES(W) \
    TILE(1, W, ROLLED) \
    TILE(2, W, ROLLED) \
    TILE(3, W, ROLLED) TILE(4, W, ROLLED) TILE(5, W, UNROLLED) TILE(6, W, UNROLLED)
TILES(1)
TILES(2)

/* As many rows as the registers have room for two chains of. */
enum { HIGHEST = 6 };

static void product(float *c, size_t ldc, const void *operand, size_t lda, const uint16_t *b,
                    int m, int n, int k, bool add, const void *next)
{
    static void (*const tiles[2][HIGHEST + 1])(
        float *, size_t, const char *, size_t, const uint16_t *, int, bool,
        struct isa_fetch) = {{0, tile_1_1, tile_2_1, tile_3_1, tile_4_1, tile_5_1, tile_6_1},
                             {0, tile_1_2, tile_2_2, tile_3_2, tile_4_2, tile_5_2, tile_6_2}};
    const int parts = isa_fetch_parts(m, HIGHEST);
    const size_t bytes = (size_t)((k + 31) / 32) * 32 * PAIRS_PANEL * sizeof *b;
    const char *a = operand;

    for (int part = 0; part < parts; part++) {
        const int rows = m / parts + (part < m % parts);

        tiles[n > 16][rows](c, ldc, a, lda, b, k, add, isa_fetch(next, b, bytes, part, parts));
        c += (size_t)rows * ldc;
        a += (size_t)rows * lda;
    }
}

void isa_avx512bf16(struct isa *table)
{
    table->name = "avx512bf16";
    table->bf16_bytes = 64;
    table->bf16_row = row;
    table->bf16 = product;
}
