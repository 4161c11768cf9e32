/* The sixteen lanes as one AVX-512 register. */

#include "lm/kernel/isa_list.h"

#include "lm/kernel/bf16.h"
#include "lm/kernel/isa.h"

#include <immintrin.h>
#include <math.h>
#include <string.h>

#define ISA_TABLE isa_avx512
#define ISA_NAME "avx512"
#define LANES __m512
#define WIDE_ROWS 12
#define SLICE 192
#define AHEAD(p, ldb, width) (void)0
#define NARROW_ROWS 12
/* clang-format off */
#define TILES_OF(T, W) T(1, W) T(2, W) T(3, W) T(4, W) T(5, W) T(6, W) T(7, W) T(8, W) T(9, W) \
    T(10, W) T(11, W) T(12, W)
#define TILES(T) TILES_OF(T, 1) TILES_OF(T, 2)
#define NARROW(T) {0, T##_1_1, T##_2_1, T##_3_1, T##_4_1, T##_5_1, T##_6_1, T##_7_1, T##_8_1, \
    T##_9_1, T##_10_1, T##_11_1, T##_12_1}
#define WIDE(T) {0, T##_1_2, T##_2_2, T##_3_2, T##_4_2, T##_5_2, T##_6_2, T##_7_2, T##_8_2, \
    T##_9_2, T##_10_2, T##_11_2, T##_12_2}
/* clang-format on */

#define v_load _mm512_loadu_ps
#define v_store _mm512_storeu_ps
#define v_all _mm512_set1_ps
#define v_add _mm512_add_ps
#define v_sub _mm512_sub_ps
#define v_mul _mm512_mul_ps
#define v_div _mm512_div_ps
#define v_max _mm512_max_ps
#define v_fma _mm512_fmadd_ps

/* Sixteen pairs of bfloat16, each a lane: the half that is a float's own upper bits, and the other. */
static inline __m512 v_upper(const uint16_t *p)
{
    return _mm512_castsi512_ps(
        _mm512_and_si512(_mm512_loadu_si512(p), _mm512_set1_epi32((int)0xFFFF0000)));
}

static inline __m512 v_lower(const uint16_t *p)
{
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_loadu_si512(p), 16));
}

/* bf16_round, with what is a NaN or too small put in by masks. */
static inline __m512 v_round(__m512 x)
{
    const __m512i bits = _mm512_castps_si512(x), top = _mm512_set1_epi32((int)0xFFFF0000);
    const __m512i size = _mm512_and_si512(bits, _mm512_set1_epi32(0x7FFFFFFF));
    const __m512i even = _mm512_and_si512(_mm512_srli_epi32(bits, 16), _mm512_set1_epi32(1));
    const __m512i up = _mm512_add_epi32(even, _mm512_set1_epi32(0x7FFF));
    __m512i near = _mm512_add_epi32(bits, up);

    near = _mm512_mask_or_epi32(near,
                                _mm512_cmpgt_epi32_mask(size, _mm512_set1_epi32(BF16_INFINITY)),
                                bits, _mm512_set1_epi32(0x400000));
    return _mm512_castsi512_ps(_mm512_maskz_and_epi32(
        _mm512_cmpge_epi32_mask(size, _mm512_set1_epi32(BF16_LEAST)), near, top));
}

/* p * 2^n by the exponent bits. An n that is not a number, or far out of range, becomes 2^31, and that shifted is 0. */
static inline __m512 v_scale(__m512 p, __m512 n)
{
    const __m512i shift = _mm512_slli_epi32(_mm512_cvtps_epi32(n), 23);

    return _mm512_castsi512_ps(_mm512_add_epi32(_mm512_castps_si512(p), shift));
}

static inline __m512 v_above(__m512 e, __m512 x, float limit)
{
    return _mm512_maskz_mov_ps(_mm512_cmp_ps_mask(x, _mm512_set1_ps(limit), _CMP_NLT_UQ), e);
}

#include "lm/kernel/isa.inc"
