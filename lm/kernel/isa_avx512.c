/* The sixteen lanes as one AVX-512 register. */

#include "lm/kernel/isa_list.h"

#include "lm/kernel/isa.h"

#include <immintrin.h>
#include <math.h>
#include <stdint.h>

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
#define NARROW_TILES {0, tile_1_1, tile_2_1, tile_3_1, tile_4_1, tile_5_1, tile_6_1, tile_7_1, \
    tile_8_1, tile_9_1, tile_10_1, tile_11_1, tile_12_1}
#define WIDE_TILES {0, tile_1_2, tile_2_2, tile_3_2, tile_4_2, tile_5_2, tile_6_2, tile_7_2, \
    tile_8_2, tile_9_2, tile_10_2, tile_11_2, tile_12_2}
#define NARROW_PAIRS {0, pairs_1_1, pairs_2_1, pairs_3_1, pairs_4_1, pairs_5_1, pairs_6_1, pairs_7_1, \
    pairs_8_1, pairs_9_1, pairs_10_1, pairs_11_1, pairs_12_1}
#define WIDE_PAIRS {0, pairs_1_2, pairs_2_2, pairs_3_2, pairs_4_2, pairs_5_2, pairs_6_2, pairs_7_2, \
    pairs_8_2, pairs_9_2, pairs_10_2, pairs_11_2, pairs_12_2}
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
