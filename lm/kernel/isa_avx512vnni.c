/* Products of whole numbers by the processor's own instruction, in the place of AVX-512's: VPDPBUSD adds
 * four products of a byte without a sign and one with a sign to each lane, and nothing can overflow. */

#include "lm/kernel/isa_avx512.inc"
#include "lm/kernel/isa_lanes.inc"

#define HALVES 1
#define i_half(bytes, h) (bytes)
#define i_spread(bytes, h) (bytes)
#define i_madd(sum, w, a) \
    ((INTS)_mm512_dpbusd_epi32((__m512i)(sum), (__m512i)(w), (__m512i)(a)))

#include "lm/kernel/isa_int8.inc"

void isa_avx512vnni(struct isa *table)
{
    table->name = "avx512vnni";
    table->int8_bytes = INT8_OPERAND;
    table->int8_row = int8_row;
    table->int8 = int8;
}
