/* The sixteen lanes as two AVX2 registers. */

#include "lm/kernel/isa_list.h"

#include "lm/kernel/int8.h"
#include "lm/kernel/isa.h"
#include "lm/kernel/isa_fetch.h"
#include "lm/kernel/pairs.h"
#include "lm/kernel/turn.h"

#include <immintrin.h>
#include <math.h>
#include <string.h>

struct lanes_avx2 {
    __m256 a, b;
};

#define ISA_TABLE isa_avx2
#define ISA_NAME "avx2"
#define LANES struct lanes_avx2
#define WIDE_ROWS 2
#define SLICE 192
/* Narrow tiles ask for the next slice's lines: the CPU does not guess a stream that jumps. */
#define AHEAD(p, ldb, width) \
    if (width == 1) \
    __builtin_prefetch((const void *)((uintptr_t)(p) + SLICE * sizeof(float) * (ldb)), 0, 2)
#define NARROW_ROWS 6
/* Widening takes registers: one row more, and a sum waits for memory at each step. */
#define BF16_ROWS 5
#define INT8_ROWS 4
/* clang-format off */
#define TILES(T) T(1, 1) T(2, 1) T(3, 1) T(4, 1) T(5, 1) T(6, 1) T(1, 2) T(2, 2)
#define NARROW(T) {0, T##_1_1, T##_2_1, T##_3_1, T##_4_1, T##_5_1, T##_6_1}
#define WIDE(T) {0, T##_1_2, T##_2_2}
/* clang-format on */

static inline struct lanes_avx2 v_load(const float *p)
{
    return (struct lanes_avx2){_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)};
}

static inline void v_store(float *p, struct lanes_avx2 x)
{
    _mm256_storeu_ps(p, x.a);
    _mm256_storeu_ps(p + 8, x.b);
}

/* Sixteen pairs of bfloat16, each a lane: the half that is a float's own upper bits, and the other. */
static inline struct lanes_avx2 v_upper(const uint16_t *p)
{
    const __m256i *from = (const void *)p, top = _mm256_set1_epi32((int)0xFFFF0000);

    return (struct lanes_avx2){
        _mm256_castsi256_ps(_mm256_and_si256(_mm256_loadu_si256(from), top)),
        _mm256_castsi256_ps(_mm256_and_si256(_mm256_loadu_si256(from + 1), top))};
}

static inline struct lanes_avx2 v_lower(const uint16_t *p)
{
    const __m256i *from = (const void *)p;

    return (struct lanes_avx2){
        _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_loadu_si256(from), 16)),
        _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_loadu_si256(from + 1), 16))};
}

static inline struct lanes_avx2 v_all(float x)
{
    return (struct lanes_avx2){_mm256_set1_ps(x), _mm256_set1_ps(x)};
}

static inline struct lanes_avx2 v_add(struct lanes_avx2 x, struct lanes_avx2 y)
{
    return (struct lanes_avx2){_mm256_add_ps(x.a, y.a), _mm256_add_ps(x.b, y.b)};
}

static inline struct lanes_avx2 v_sub(struct lanes_avx2 x, struct lanes_avx2 y)
{
    return (struct lanes_avx2){_mm256_sub_ps(x.a, y.a), _mm256_sub_ps(x.b, y.b)};
}

static inline struct lanes_avx2 v_mul(struct lanes_avx2 x, struct lanes_avx2 y)
{
    return (struct lanes_avx2){_mm256_mul_ps(x.a, y.a), _mm256_mul_ps(x.b, y.b)};
}

static inline struct lanes_avx2 v_div(struct lanes_avx2 x, struct lanes_avx2 y)
{
    return (struct lanes_avx2){_mm256_div_ps(x.a, y.a), _mm256_div_ps(x.b, y.b)};
}

static inline struct lanes_avx2 v_max(struct lanes_avx2 x, struct lanes_avx2 y)
{
    return (struct lanes_avx2){_mm256_max_ps(x.a, y.a), _mm256_max_ps(x.b, y.b)};
}

static inline struct lanes_avx2 v_fma(struct lanes_avx2 x, struct lanes_avx2 y,
                                      struct lanes_avx2 z)
{
    return (struct lanes_avx2){_mm256_fmadd_ps(x.a, y.a, z.a), _mm256_fmadd_ps(x.b, y.b, z.b)};
}

/* bf16_round, with what is a NaN or too small put in by masks. */
static inline __m256 half_round(__m256 x)
{
    const __m256i bits = _mm256_castps_si256(x), top = _mm256_set1_epi32((int)0xFFFF0000);
    const __m256i size = _mm256_and_si256(bits, _mm256_set1_epi32(0x7FFFFFFF));
    const __m256i even = _mm256_and_si256(_mm256_srli_epi32(bits, 16), _mm256_set1_epi32(1));
    const __m256i up = _mm256_add_epi32(even, _mm256_set1_epi32(0x7FFF));
    const __m256i quiet = _mm256_or_si256(bits, _mm256_set1_epi32(0x400000));
    const __m256i nan = _mm256_cmpgt_epi32(size, _mm256_set1_epi32(BF16_INFINITY));
    const __m256i near = _mm256_blendv_epi8(_mm256_add_epi32(bits, up), quiet, nan);
    const __m256i large = _mm256_cmpgt_epi32(size, _mm256_set1_epi32(BF16_LEAST - 1));

    return _mm256_castsi256_ps(_mm256_and_si256(_mm256_and_si256(near, top), large));
}

static inline struct lanes_avx2 v_round(struct lanes_avx2 x)
{
    return (struct lanes_avx2){half_round(x.a), half_round(x.b)};
}

/* p * 2^n by the exponent bits. An n that is not a number, or far out of range, becomes 2^31, and that shifted is 0. */
static inline __m256 half_scale(__m256 p, __m256 n)
{
    const __m256i shift = _mm256_slli_epi32(_mm256_cvtps_epi32(n), 23);

    return _mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(p), shift));
}

static inline struct lanes_avx2 v_scale(struct lanes_avx2 p, struct lanes_avx2 n)
{
    return (struct lanes_avx2){half_scale(p.a, n.a), half_scale(p.b, n.b)};
}

static inline struct lanes_avx2 v_above(struct lanes_avx2 e, struct lanes_avx2 x, float limit)
{
    const __m256 l = _mm256_set1_ps(limit);

    return (struct lanes_avx2){_mm256_and_ps(e.a, _mm256_cmp_ps(x.a, l, _CMP_NLT_UQ)),
                               _mm256_and_ps(e.b, _mm256_cmp_ps(x.b, l, _CMP_NLT_UQ))};
}

struct ints_avx2 {
    __m256i a, b;
};

#define INTS struct ints_avx2
#define HALVES 2
#define i_size(x) \
    ((struct ints_avx2){_mm256_and_si256(_mm256_castps_si256((x).a), i_all(0x7FFFFFFF).a), \
                        _mm256_and_si256(_mm256_castps_si256((x).b), i_all(0x7FFFFFFF).b)})
#define i_float(x) ((struct lanes_avx2){_mm256_cvtepi32_ps((x).a), _mm256_cvtepi32_ps((x).b)})

static inline struct ints_avx2 i_all(int32_t x)
{
    return (struct ints_avx2){_mm256_set1_epi32(x), _mm256_set1_epi32(x)};
}

static inline struct ints_avx2 i_load(const void *p)
{
    const __m256i *from = p;

    return (struct ints_avx2){_mm256_loadu_si256(from), _mm256_loadu_si256(from + 1)};
}

static inline void i_store(void *p, struct ints_avx2 x)
{
    __m256i *to = p;

    _mm256_storeu_si256(to, x.a);
    _mm256_storeu_si256(to + 1, x.b);
}

static inline struct ints_avx2 i_max(struct ints_avx2 x, struct ints_avx2 y)
{
    return (struct ints_avx2){_mm256_max_epi32(x.a, y.a), _mm256_max_epi32(x.b, y.b)};
}

static inline struct ints_avx2 i_add(struct ints_avx2 x, struct ints_avx2 y)
{
    return (struct ints_avx2){_mm256_add_epi32(x.a, y.a), _mm256_add_epi32(x.b, y.b)};
}

static inline int32_t i_most(struct ints_avx2 x)
{
    const __m256i v = _mm256_max_epi32(x.a, x.b);
    __m128i h = _mm_max_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));

    h = _mm_max_epi32(h, _mm_shuffle_epi32(h, 0x4E));
    return _mm_cvtsi128_si32(_mm_max_epi32(h, _mm_shuffle_epi32(h, 0xB1)));
}

static inline int32_t i_sum(struct ints_avx2 x)
{
    const __m256i v = _mm256_add_epi32(x.a, x.b);
    __m128i h = _mm_add_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));

    h = _mm_add_epi32(h, _mm_shuffle_epi32(h, 0x4E));
    return _mm_cvtsi128_si32(_mm_add_epi32(h, _mm_shuffle_epi32(h, 0xB1)));
}

static inline struct ints_avx2 i_near(struct lanes_avx2 x)
{
    return (struct ints_avx2){_mm256_cvtps_epi32(x.a), _mm256_cvtps_epi32(x.b)};
}

/* Packing goes by halves of a register, 64 bits each. */
static inline void i_bytes(int8_t *to, struct ints_avx2 x)
{
    const __m256i pairs = _mm256_packs_epi32(x.a, x.b);
    const __m256i whole = _mm256_permute4x64_epi64(pairs, 0xD8);

    _mm_storeu_si128((void *)to, _mm_packs_epi16(_mm256_castsi256_si128(whole),
                                                 _mm256_extracti128_si256(whole, 1)));
}

/* Even and odd bytes of the weights as numbers of sixteen bits; of activations, which have a sign. */
static inline struct ints_avx2 i_half(struct ints_avx2 x, size_t h)
{
    const __m256i low = _mm256_set1_epi32(0x00FF00FF);

    return h == 0 ? (struct ints_avx2){_mm256_and_si256(x.a, low), _mm256_and_si256(x.b, low)}
                  : (struct ints_avx2){_mm256_srli_epi16(x.a, 8), _mm256_srli_epi16(x.b, 8)};
}

static inline struct ints_avx2 i_spread(struct ints_avx2 x, int h)
{
    if (h == 0)
        x = (struct ints_avx2){_mm256_slli_epi16(x.a, 8), _mm256_slli_epi16(x.b, 8)};
    return (struct ints_avx2){_mm256_srai_epi16(x.a, 8), _mm256_srai_epi16(x.b, 8)};
}

static inline struct ints_avx2 i_madd(struct ints_avx2 sum, struct ints_avx2 w,
                                      struct ints_avx2 a)
{
    return (struct ints_avx2){_mm256_add_epi32(sum.a, _mm256_madd_epi16(w.a, a.a)),
                              _mm256_add_epi32(sum.b, _mm256_madd_epi16(w.b, a.b))};
}

#include "lm/kernel/isa.inc"
