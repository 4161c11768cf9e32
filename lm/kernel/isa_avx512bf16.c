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

/* Sixteen pairs out of sixteen seconds and sixteen firsts. */
#define BOTH(j) (j), 16 + (j)
static const uint16_t word_of[32] = {BOTH(0),  BOTH(1),  BOTH(2),  BOTH(3), BOTH(4),  BOTH(5),
                                     BOTH(6),  BOTH(7),  BOTH(8),  BOTH(9), BOTH(10), BOTH(11),
                                     BOTH(12), BOTH(13), BOTH(14), BOTH(15)};

/* A few rows wait for memory, and its lines are guessed ahead where two instructions load one after the
 * other; where thirty-two load a block apart, little more than half of them are. More rows wait for
 * products, and those come faster without a loop around each row of pairs. */
#define ROLLED
#define UNROLLED _Pragma("GCC unroll 8")

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

/* Sixteen by sixteen words become their columns: pairs of words, of pairs, then quarters of registers. */
static inline __attribute__((always_inline)) void turn(__m512i w[16])
{
    __m512i t[16];

    UNROLLED for (int i = 0; i < 16; i += 2)
    {
        t[i] = _mm512_unpacklo_epi32(w[i], w[i + 1]);
        t[i + 1] = _mm512_unpackhi_epi32(w[i], w[i + 1]);
    }
    UNROLLED for (int i = 0; i < 16; i += 4) UNROLLED for (int j = 0; j < 2; j++)
    { /* of each quarter: column 2 j, and the next */
        w[i + 2 * j] = _mm512_unpacklo_epi64(t[i + j], t[i + j + 2]);
        w[i + 2 * j + 1] = _mm512_unpackhi_epi64(t[i + j], t[i + j + 2]);
    }
    UNROLLED for (int i = 0; i < 16; i += 8) UNROLLED for (int j = 0; j < 4; j++)
    {
        t[i + j] = _mm512_shuffle_i32x4(w[i + j], w[i + j + 4], 0x88);
        t[i + j + 4] = _mm512_shuffle_i32x4(w[i + j], w[i + j + 4], 0xDD);
    }
    UNROLLED for (int j = 0; j < 8; j++)
    {
        w[j] = _mm512_shuffle_i32x4(t[j], t[j + 8], 0x88);
        w[j + 8] = _mm512_shuffle_i32x4(t[j], t[j + 8], 0xDD);
    }
}

/* Sixteen columns, or as many as `there` says: each word of the operands is a pair of their rows. */
static void some_columns(char *to, size_t apart, const float *x, size_t ldx, int rows, int m)
{
    const __mmask16 there = (__mmask16)((1u << m) - 1);
    const __m512i order = _mm512_loadu_si512(word_of);
    __m512i w[16];

    _Pragma("GCC unroll 16") for (int q = 0; q < 16; q++)
    {
        const int d = 4 * (q % 8) + q / 8;
        __m512 first = _mm512_setzero_ps(), second = first;

        if (d < rows)
            first = least(_mm512_maskz_loadu_ps(there, x + (size_t)d * ldx));
        if (d + 2 < rows)
            second = least(_mm512_maskz_loadu_ps(there, x + (size_t)(d + 2) * ldx));
        w[q] = _mm512_permutexvar_epi16(order, (__m512i)_mm512_cvtne2ps_pbh(first, second));
    }
    turn(w);
    for (int j = 0; j < m; j++)
        _mm512_storeu_si512(to + (size_t)j * apart, w[j]);
}

/* An operand row is a column of x: sixteen of them at a time, a block of the depth after the other, so that
 * what is read lies in lines and what is written in whole operands. The weight gradients' left sides come
 * so: dY lies token after token, and the depth is the tokens. */
static void columns(void *operand, size_t apart, const float *x, size_t ldx, int k, int m)
{
    for (int at = 0; at < k; at += 32)
        for (int j = 0; j < m; j += 16) {
            const float *from = x + (size_t)at * ldx + j;

            for (int d = 32; d < 64 && at + d < k;
                 d++) /* short pieces: nothing else asks for them */
                __builtin_prefetch(from + (size_t)d * ldx);
            some_columns((char *)operand + (size_t)j * apart + 2 * at, apart, from, ldx,
                         k - at < 32 ? k - at : 32, m - j < 16 ? m - j : 16);
        }
}

/* As pairs_round: of a row of pairs, the first and the second number of sixteen columns are rounded together
 * and come out beside one another. A row of b is read to its end, for memory likes that; the panels it goes
 * to are `apart` halves from one another. */
static void round_block(uint16_t *block, size_t apart, const float *b, size_t ldb, int rows,
                        int columns)
{
    const __m512i order = _mm512_loadu_si512(word_of);

    for (int q = 0; q < PAIRS_DEPTH / 2; q++) {
        const int d = depth_of[2 * q + 1], e = depth_of[2 * q];

        for (int j = 0; j < (columns + 31) / 32 * 32; j += 16) {
            const int left = columns - j;
            const __mmask16 there = (__mmask16)(left >= 16 ? 0xFFFF
                                                : left > 0 ? (1u << left) - 1
                                                           : 0);
            const __m512 first =
                _mm512_maskz_loadu_ps(d < rows ? there : 0, b + (size_t)d * ldb + j);
            const __m512 second =
                _mm512_maskz_loadu_ps(e < rows ? there : 0, b + (size_t)e * ldb + j);
            const __m512i words = (__m512i)_mm512_cvtne2ps_pbh(least(first), least(second));

            _mm512_storeu_si512(block + (size_t)(j / 32) * apart + 64 * q + 2 * (j % 32),
                                _mm512_permutexvar_epi16(order, words));
        }
    }
}

/* Where a row of a turned block comes from: for each depth d of the old one, its halves in two of the old
 * columns, the second (32 on) below. */
#define HALF(d) 2 * (8 * ((d) % 2) + (d) / 4) + ((d) % 4 < 2)
#define TURNED(d) 32 + HALF(d), HALF(d)
#define TURNED_FOUR(d) TURNED(d), TURNED((d) + 1), TURNED((d) + 2), TURNED((d) + 3)
static const uint16_t half_of[2][32] = {
    {TURNED_FOUR(0), TURNED_FOUR(4), TURNED_FOUR(8), TURNED_FOUR(12)},
    {TURNED_FOUR(16), TURNED_FOUR(20), TURNED_FOUR(24), TURNED_FOUR(28)}};

/* Halves to the block after the next: a matrix is turned in the order in which it lies. */
enum { AHEAD = 2 * PAIRS_DEPTH * PAIRS_PANEL };

/* As pairs_turn, by halves of the block: sixteen columns of it become registers, each of which holds one
 * column's whole depth in the order of the pairs. Two of them, four rows of the turned block apart as R10
 * pairs them, are merged half by half into a row. */
static void turn_block(uint16_t *block, const uint16_t *from)
{
    const __m512i left = _mm512_loadu_si512(half_of[0]), right = _mm512_loadu_si512(half_of[1]);

    for (int half = 0; half < 2; half++) {
        __m512i w[16];

        for (int q = 0; q < 16; q++) {
            w[q] = _mm512_loadu_si512(from + 64 * q + 32 * half);
            __builtin_prefetch(from + AHEAD + 512 * half + 32 * q);
        }
        turn(w);
        UNROLLED for (int row = 0; row < 8; row++)
        {
            const int column = 4 * (row % 4) + row / 4;
            uint16_t *to = block + 64 * (8 * (row / 4) + 4 * half + row % 4);

            _mm512_storeu_si512(to, _mm512_permutex2var_epi16(w[column], left, w[column + 2]));
            _mm512_storeu_si512(to + 32,
                                _mm512_permutex2var_epi16(w[column], right, w[column + 2]));
        }
    }
}

/* clang-format off */
#define EACH(R, W) \
    _Pragma("GCC unroll 6") for (int i = 0; i < R; i++) \
        _Pragma("GCC unroll 2") for (int j = 0; j < W; j++)
/* clang-format on */

/* Rows of pairs from..from+7 of a block, into s: one of its two chains. */
#define CHAIN(R, W, s, from, UNROLL) \
    EACH(R, W) s[i][j] = _mm512_setzero_ps(); \
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

/* Both chains stay in registers; of C's sums, which each block of the depth adds to, most are on the stack: C
 * itself may lie so that all its rows fall on the same sets of a cache. It is asked for at once, and needed
 * when the products are done. */
#define TILE(R, W, UNROLL) \
    static __attribute__((noinline)) void tile_##R##_##W( \
        float *c, size_t ldc, const char *a, size_t lda, const uint16_t *b, int k, \
        enum isa_into into, struct isa_fetch next) \
    { \
        __m512 y[R][W], even[R][W], odd[R][W]; \
        if (into == ISA_ON) \
            EACH(R, W) y[i][j] = _mm512_loadu_ps(c + (size_t)i * ldc + 16 * j); \
        else \
            EACH(R, W) \
            { \
                y[i][j] = _mm512_setzero_ps(); \
                __builtin_prefetch(c + (size_t)i * ldc + 16 * j, 1); \
            } \
        for (int kk = 0; kk < k; kk += 32, a += 64) { \
            CHAIN(R, W, even, 0, UNROLL) \
            CHAIN(R, W, odd, 8, UNROLL) \
            EACH(R, W) y[i][j] = _mm512_add_ps(y[i][j], _mm512_add_ps(even[i][j], odd[i][j])); \
        } \
        if (into == ISA_ADD) \
            EACH(R, W) \
        y[i][j] = _mm512_add_ps(_mm512_loadu_ps(c + (size_t)i * ldc + 16 * j), y[i][j]); \
        EACH(R, W) _mm512_storeu_ps(c + (size_t)i * ldc + 16 * j, y[i][j]); \
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
                    int m, int n, int k, enum isa_into into, const void *next)
{
    static void (*const tiles[2][HIGHEST + 1])(
        float *, size_t, const char *, size_t, const uint16_t *, int, enum isa_into,
        struct isa_fetch) = {{0, tile_1_1, tile_2_1, tile_3_1, tile_4_1, tile_5_1, tile_6_1},
                             {0, tile_1_2, tile_2_2, tile_3_2, tile_4_2, tile_5_2, tile_6_2}};
    const int parts = isa_fetch_parts(m, HIGHEST);
    const size_t bytes = (size_t)((k + 31) / 32) * 32 * PAIRS_PANEL * sizeof *b;
    const char *a = operand;

    for (int part = 0; part < parts; part++) {
        const int rows = m / parts + (part < m % parts);

        tiles[n > 16][rows](c, ldc, a, lda, b, k, into, isa_fetch(next, b, bytes, part, parts));
        c += (size_t)rows * ldc;
        a += (size_t)rows * lda;
    }
}

void isa_avx512bf16(struct isa *table)
{
    table->name = "avx512bf16";
    table->bf16_bytes = 64;
    table->bf16_row = row;
    table->bf16_columns = columns;
    table->pairs_round = round_block;
    table->pairs_turn = turn_block;
    table->bf16 = product;
}
