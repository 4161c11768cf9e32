/* The kernels by AVX-512: F, DQ and BW. */

#define ISA_TABLE isa_avx512
#define ISA_NAME "avx512"
#include "lm/kernel/isa_avx512.inc"

/* Even and odd bytes of the weights as numbers of sixteen bits; of activations, which have a sign. */
#define HALVES 2

static inline INTS i_half(INTS bytes, size_t h)
{
    return h == 0 ? bytes & i_all(0x00FF00FF) : (INTS)_mm512_srli_epi16((__m512i)bytes, 8);
}

static inline INTS i_spread(INTS bytes, int h)
{
    const __m512i b = (__m512i)bytes;

    return (INTS)_mm512_srai_epi16(h == 0 ? _mm512_slli_epi16(b, 8) : b, 8);
}

static inline INTS i_madd(INTS sum, INTS w, INTS a)
{
    return sum + (INTS)_mm512_madd_epi16((__m512i)w, (__m512i)a);
}

#include "lm/kernel/isa.inc"
