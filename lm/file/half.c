/* By the bits, so that no instruction set and no rounding mode has a say: what files hold is the
 * same on every machine. quant decodes and encodes blocks with it, weights and safetensors write
 * bf16. */

#include "lm/file/half.h"

#include <string.h>

static float from_bits(uint32_t bits)
{
    float value;

    memcpy(&value, &bits, sizeof value);
    return value;
}

float half_f16(uint16_t half)
{
    const uint32_t sign = (uint32_t)(half & 0x8000u) << 16;
    const uint32_t exponent = half >> 10 & 31, mantissa = half & 1023u;

    if (exponent == 31)
        return from_bits(sign | 0x7F800000u | mantissa << 13);
    if (exponent)
        return from_bits(sign | (exponent + 112) << 23 | mantissa << 13);
    return from_bits(sign | 0x3F800000u) * ((float)mantissa * 0x1p-24f); /* denormal or zero */
}

/* To the nearest, ties to even, as torch rounds. A NaN stays one: rounding its bits could carry
 * into the exponent, so they are cut and one below is set. */
static inline uint16_t nearest(float value)
{
    uint32_t bits;

    memcpy(&bits, &value, sizeof bits);
    return (uint16_t)((bits & 0x7FFFFFFFu) > 0x7F800000u
                          ? bits >> 16 | 64
                          : (bits + 0x7FFFu + (bits >> 16 & 1)) >> 16);
}

uint16_t half_to_bf16(float value)
{
    return nearest(value);
}

void half_to_bf16_all(uint16_t *to, const float *from, size_t n)
{
    for (size_t i = 0; i < n; i++)
        to[i] = nearest(from[i]);
}

/* Below 2^-14 the unit is 2^-24, which adding 1/2 rounds to: a float near 1/2 has just that. */
uint16_t half_to_f16(float value)
{
    uint32_t bits, sign;
    float small;

    memcpy(&bits, &value, sizeof bits);
    sign = bits >> 16 & 0x8000u;
    bits &= 0x7FFFFFFFu;
    if (bits > 0x7F800000u)
        return (uint16_t)(sign | 0x7E00u | (bits >> 13 & 0x3FFu));
    if (bits >= 0x477FF000u) /* 65520 and more */
        return (uint16_t)(sign | 0x7C00u);
    if (bits >= 0x38800000u)
        return (uint16_t)(sign | (bits - 0x38000000u + 0xFFFu + (bits >> 13 & 1)) >> 13);
    small = from_bits(bits) + 0.5f;
    memcpy(&bits, &small, sizeof bits);
    return (uint16_t)(sign | (bits - 0x3F000000u));
}

float half_read(const uint8_t *from)
{
    return half_f16((uint16_t)(from[0] | from[1] << 8));
}

float half_write(uint8_t *to, float value)
{
    const uint16_t half = half_to_f16(value);

    to[0] = (uint8_t)half;
    to[1] = (uint8_t)(half >> 8);
    return half_f16(half);
}
