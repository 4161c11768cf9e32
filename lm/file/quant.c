/* One row a type: bytes of a block, values in it, and the function that decodes blocks. The
 * formulas are ggml's (ggml-quants.c, dequantize_row_*); each decoder is compared with
 * gguf-py's numbers (tests/golden/quant.py). gguf decodes rows by them, safetensors uses the
 * three plain types. A decoder knows no bounds: who calls has checked that whole blocks are
 * there. */

#include "lm/file/quant.h"

#include <string.h>

static float from_bits(uint32_t bits)
{
    float value;

    memcpy(&value, &bits, sizeof value);
    return value;
}

float quant_f16(uint16_t half)
{
    const uint32_t sign = (uint32_t)(half & 0x8000u) << 16;
    const uint32_t exponent = half >> 10 & 31, mantissa = half & 1023u;

    if (exponent == 31)
        return from_bits(sign | 0x7F800000u | mantissa << 13);
    if (exponent)
        return from_bits(sign | (exponent + 112) << 23 | mantissa << 13);
    return from_bits(sign | 0x3F800000u) * ((float)mantissa * 0x1p-24f); /* denormal or zero */
}

float quant_bf16(uint16_t half)
{
    return from_bits((uint32_t)half << 16);
}

/* To the nearest, ties to even, as torch rounds. A NaN stays one: rounding its bits could carry
 * into the exponent, so they are cut and one below is set. */
uint16_t quant_to_bf16(float value)
{
    uint32_t bits;

    memcpy(&bits, &value, sizeof bits);
    if ((bits & 0x7FFFFFFFu) > 0x7F800000u)
        return (uint16_t)(bits >> 16 | 64);
    return (uint16_t)((bits + 0x7FFFu + (bits >> 16 & 1)) >> 16);
}

/* Little-endian, at any address. */
static uint16_t u16(const uint8_t *p)
{
    return (uint16_t)(p[0] | p[1] << 8);
}

static float f16(const uint8_t *p)
{
    return quant_f16(u16(p));
}

static void decode_f32(float *to, const uint8_t *from, size_t blocks)
{
    memcpy(to, from, blocks * sizeof *to);
}

static void decode_f16(float *to, const uint8_t *from, size_t blocks)
{
    for (size_t i = 0; i < blocks; i++)
        to[i] = f16(from + 2 * i);
}

static void decode_bf16(float *to, const uint8_t *from, size_t blocks)
{
    for (size_t i = 0; i < blocks; i++)
        to[i] = quant_bf16(u16(from + 2 * i));
}

/* {f16 d; u8 q[16]}: low nibbles are values 0..15, high ones 16..31; v = d * (q - 8) */
static void decode_q4_0(float *to, const uint8_t *from, size_t blocks)
{
    for (; blocks; blocks--, from += 18, to += 32) {
        const float d = f16(from);
        for (int j = 0; j < 16; j++) {
            to[j] = d * (float)((from[2 + j] & 15) - 8);
            to[j + 16] = d * (float)((from[2 + j] >> 4) - 8);
        }
    }
}

/* {f16 d, m; u8 q[16]}: v = d * q + m */
static void decode_q4_1(float *to, const uint8_t *from, size_t blocks)
{
    for (; blocks; blocks--, from += 20, to += 32) {
        const float d = f16(from), m = f16(from + 2);
        for (int j = 0; j < 16; j++) {
            to[j] = d * (float)(from[4 + j] & 15) + m;
            to[j + 16] = d * (float)(from[4 + j] >> 4) + m;
        }
    }
}

static int fifth(const uint8_t *high, int j) /* bit j of a little-endian u32, as 16 */
{
    return (high[j / 8] >> (j % 8) & 1) << 4;
}

/* {f16 d; u32 high; u8 q[16]}: v = d * (q - 16), bit j of `high` is the fifth bit of value j */
static void decode_q5_0(float *to, const uint8_t *from, size_t blocks)
{
    for (; blocks; blocks--, from += 22, to += 32) {
        const float d = f16(from);
        for (int j = 0; j < 16; j++) {
            to[j] = d * (float)(((from[6 + j] & 15) | fifth(from + 2, j)) - 16);
            to[j + 16] = d * (float)((from[6 + j] >> 4 | fifth(from + 2, j + 16)) - 16);
        }
    }
}

/* {f16 d, m; u32 high; u8 q[16]}: v = d * q + m */
static void decode_q5_1(float *to, const uint8_t *from, size_t blocks)
{
    for (; blocks; blocks--, from += 24, to += 32) {
        const float d = f16(from), m = f16(from + 2);
        for (int j = 0; j < 16; j++) {
            to[j] = d * (float)((from[8 + j] & 15) | fifth(from + 4, j)) + m;
            to[j + 16] = d * (float)(from[8 + j] >> 4 | fifth(from + 4, j + 16)) + m;
        }
    }
}

/* {f16 d; i8 q[32]}: v = q * d */
static void decode_q8_0(float *to, const uint8_t *from, size_t blocks)
{
    for (; blocks; blocks--, from += 34, to += 32) {
        const float d = f16(from);
        for (int j = 0; j < 32; j++)
            to[j] = (float)(int8_t)from[2 + j] * d;
    }
}

/* {f16 d, dmin; u8 scales[12]; u8 q[128]}: eight parts of 32 values, v = d*sc*q - dmin*m with
 * six-bit sc and m packed into scales; per 64 values, low nibbles then high ones. */
static void decode_q4_k(float *to, const uint8_t *from, size_t blocks)
{
    for (; blocks; blocks--, from += 144, to += 256) {
        const float d = f16(from), dmin = f16(from + 2);
        const uint8_t *s = from + 4, *q = from + 16;
        for (int j = 0; j < 8; j++) {
            /* of parts 0..3 in one byte each; of 4..7 four bits apart, two above those of the
             * first */
            const int sc = j < 4 ? s[j] & 63 : (s[j + 4] & 15) | (s[j - 4] >> 6) << 4;
            const int m = j < 4 ? s[j + 4] & 63 : s[j + 4] >> 4 | (s[j] >> 6) << 4;
            const float scale = d * (float)sc, least = dmin * (float)m;
            for (int i = 0; i < 32; i++) {
                const uint8_t byte = q[32 * (j / 2) + i];
                to[32 * j + i] = scale * (float)(j % 2 ? byte >> 4 : byte & 15) - least;
            }
        }
    }
}

/* {u8 low[128]; u8 high[64]; i8 scales[16]; f16 d}: sixteen parts of 16, v = d*sc*(q - 32) */
static void decode_q6_k(float *to, const uint8_t *from, size_t blocks)
{
    for (; blocks; blocks--, from += 210, to += 256) {
        const uint8_t *low = from, *high = from + 128, *scale = from + 192;
        const float d = f16(from + 208);
        for (int v = 0; v < 256; v++) {
            /* each half of the block: 64 bytes of low nibbles, 32 of high pairs, for four runs
             * of 32 */
            const int half = v / 128, part = v % 128 / 32, i = v % 32;
            const uint8_t l = low[64 * half + 32 * (part % 2) + i];
            const int four = part < 2 ? l & 15 : l >> 4;
            const int two = high[32 * half + i] >> (2 * part) & 3;
            to[v] = d * (float)(int8_t)scale[v / 16] * (float)((four | two << 4) - 32);
        }
    }
}

/* What people convert to and this engine has a decoder for; another type of ggml is refused by
 * its number, with this list. */
static const struct quant_kind kinds[] = {
    {QUANT_F32, "F32", 1, 4, decode_f32},        {QUANT_F16, "F16", 1, 2, decode_f16},
    {QUANT_BF16, "BF16", 1, 2, decode_bf16},     {QUANT_Q8_0, "Q8_0", 32, 34, decode_q8_0},
    {QUANT_Q4_0, "Q4_0", 32, 18, decode_q4_0},   {QUANT_Q4_1, "Q4_1", 32, 20, decode_q4_1},
    {QUANT_Q5_0, "Q5_0", 32, 22, decode_q5_0},   {QUANT_Q5_1, "Q5_1", 32, 24, decode_q5_1},
    {QUANT_Q4_K, "Q4_K", 256, 144, decode_q4_k}, {QUANT_Q6_K, "Q6_K", 256, 210, decode_q6_k},
};

const struct quant_kind *quant_kind(uint32_t type)
{
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if ((uint32_t)kinds[i].type == type)
            return &kinds[i];
    return NULL;
}

const char *quant_list(void)
{
    return "F32, F16, BF16, Q8_0, Q4_0, Q4_1, Q5_0, Q5_1, Q4_K, Q6_K";
}
