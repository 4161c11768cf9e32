/* The kernels by AVX-512: F, DQ and BW. */

#define ISA_TABLE isa_avx512
#define ISA_NAME "avx512"
#include "lm/kernel/isa_avx512.inc"

/* Even and odd bytes of the weights as numbers of sixteen bits; of activations, which have a sign. */
#define HALVES 2
#define I_ONES 0x00010001

static inline __m512i i_half(__m512i bytes, size_t h)
{
    return h == 0 ? _mm512_and_si512(bytes, _mm512_set1_epi32(0x00FF00FF))
                  : _mm512_srli_epi16(bytes, 8);
}

static inline __m512i i_spread(__m512i bytes, int h)
{
    return _mm512_srai_epi16(h == 0 ? _mm512_slli_epi16(bytes, 8) : bytes, 8);
}

static inline __m512i i_madd(__m512i sum, __m512i w, __m512i a)
{
    return _mm512_add_epi32(sum, _mm512_madd_epi16(w, a));
}

#include "lm/kernel/isa.inc"
