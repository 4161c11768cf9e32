/* A nibble is a place in a table of sixteen values, which a scale multiplies: f16 (IQ4_NL), f16
 * times six bits (IQ4_XS), a power of two (MXFP4), an eight-bit float (NVFP4). Ternary values
 * are digits: five in a byte (TQ1_0), or four (TQ2_0). The formulas are ggml's; the results have
 * the bits of gguf-py's (tests/golden/quant.py). */

#include "lm/file/quant_table.h"

#include "lm/file/half.h"

#include <string.h>

/* ggml's table of IQ4, and the values of four bits with two of exponent, doubled. */
static const int8_t uneven[16] = {-127, -104, -83, -65, -49, -35, -22, -10,
                                  1,    13,   25,  38,  53,  69,  89,  113};
static const int8_t e2m1[16] = {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12};

/* 2 n values out of n bytes: first the low nibbles, then the high ones. */
static void look_up(float *to, const uint8_t *q, int n, const int8_t table[16], float scale)
{
    for (int i = 0; i < n; i++) {
        to[i] = scale * (float)table[q[i] & 15];
        to[i + n] = scale * (float)table[q[i] >> 4];
    }
}

/* {f16 d; u8 q[16]} */
void quant_table_iq4_nl(float *to, const uint8_t *from, size_t blocks)
{
    for (; blocks; blocks--, from += 18, to += 32)
        look_up(to, from + 2, 16, uneven, half_read(from));
}

/* {f16 d; u16 high; u8 low[4]; u8 q[128]}: eight parts of 32, each with a scale of six bits. */
void quant_table_iq4_xs(float *to, const uint8_t *from, size_t blocks)
{
    for (; blocks; blocks--, from += 136, to += 256) {
        const int high = from[2] | from[3] << 8;
        const float d = half_read(from);

        for (int j = 0; j < 8; j++) {
            const int low = from[4 + j / 2] >> (4 * (j % 2)) & 15;
            const int sc = (low | (high >> (2 * j) & 3) << 4) - 32;

            look_up(to + 32 * j, from + 8 + 16 * j, 16, uneven, d * (float)sc);
        }
    }
}

static float from_bits(uint32_t bits)
{
    float value;

    memcpy(&value, &bits, sizeof value);
    return value;
}

/* Half of 2^(e - 127), as the table's values are doubled; below 2 a denormal. */
static float half_power(uint8_t e)
{
    return from_bits(e < 2 ? (uint32_t)0x00200000 << e : (uint32_t)(e - 1) << 23);
}

/* {u8 e; u8 q[16]} (Open Compute's microscaling formats) */
void quant_table_mxfp4(float *to, const uint8_t *from, size_t blocks)
{
    for (; blocks; blocks--, from += 17, to += 32)
        look_up(to, from + 1, 16, e2m1, half_power(from[0]));
}

/* Half of a number of four bits exponent and three mantissa; the sign's bit is not looked at, 0
 * and the format's NaN are 0. */
static float half_e4m3(uint8_t x)
{
    const uint32_t exponent = x >> 3 & 15, mantissa = x & 7;

    if (x == 0 || x == 0x7F)
        return 0.0f;
    if (!exponent)
        return (float)mantissa * 0x1p-10f;
    return from_bits((exponent + 119) << 23 | mantissa << 20);
}

/* {u8 scale[4]; u8 q[32]}: four parts of 16 */
void quant_table_nvfp4(float *to, const uint8_t *from, size_t blocks)
{
    for (; blocks; blocks--, from += 36, to += 64)
        for (int j = 0; j < 4; j++)
            look_up(to + 16 * j, from + 4 + 8 * j, 8, e2m1, half_e4m3(from[j]));
}

/* Digits [n] of base three out of each of `count` bytes, the first the most significant: the
 * byte is the number as a fraction of 256. */
static float *ternary(float *to, const uint8_t *q, int count, int n, float d)
{
    uint8_t power = 1;

    for (int digit = 0; digit < n; digit++, power = (uint8_t)(power * 3))
        for (int i = 0; i < count; i++) {
            const uint8_t rest = (uint8_t)(q[i] * power);

            *to++ = d * (float)((rest * 3 >> 8) - 1);
        }
    return to;
}

/* {u8 q[48]; u8 last[4]; f16 d}: 32 bytes of five digits, 16 of five, 4 of four */
void quant_table_tq1_0(float *to, const uint8_t *from, size_t blocks)
{
    for (; blocks; blocks--, from += 54) {
        const float d = half_read(from + 52);

        to = ternary(to, from, 32, 5, d);
        to = ternary(to, from + 32, 16, 5, d);
        to = ternary(to, from + 48, 4, 4, d);
    }
}

/* {u8 q[64]; f16 d}: two bits a value, v = d * (q - 1) */
void quant_table_tq2_0(float *to, const uint8_t *from, size_t blocks)
{
    for (; blocks; blocks--, from += 66, to += 256) {
        const float d = half_read(from + 64);

        for (int v = 0; v < 256; v++) {
            const int two = from[32 * (v / 128) + v % 32] >> (2 * (v % 128 / 32)) & 3;

            to[v] = d * (float)(two - 1);
        }
    }
}
