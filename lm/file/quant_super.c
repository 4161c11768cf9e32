/* One function a type, each a loop over blocks and in them over values: where a value's bits lie
 * is said once, as arithmetic on its number, and nothing is unrolled, for reading a file waits
 * for the disk. The formulas are ggml's (ggml-quants.c, dequantize_row_*_K); the order of the
 * float operations is gguf-py's, so that the results have its bits (tests/golden/quant.py). */

#include "lm/file/quant_super.h"

#include "lm/file/half.h"

/* Two bits of value v: 64 bytes, a half of the block in each 32 of them, a run of 32 values in
 * each pair of bits. */
static int pair_of(const uint8_t *q, int v)
{
    return q[32 * (v / 128) + v % 32] >> (2 * (v % 128 / 32)) & 3;
}

/* Bit of value v: 32 bytes, a run of 32 values in each bit. */
static int bit_of(const uint8_t *high, int v)
{
    return high[v % 32] >> (v / 32) & 1;
}

/* {u8 scales[16]; u8 q[64]; f16 d, dmin}: sixteen parts of 16, v = d*sc*q - dmin*m with sc and m
 * in the nibbles of scales. */
void quant_super_q2_k(float *to, const uint8_t *from, size_t blocks)
{
    for (; blocks; blocks--, from += 84, to += 256) {
        const float d = half_read(from + 80), dmin = half_read(from + 82);

        for (int v = 0; v < 256; v++) {
            const uint8_t s = from[v / 16];
            const float scale = d * (float)(s & 15), least = dmin * (float)(s >> 4);

            to[v] = scale * (float)pair_of(from + 16, v) - least;
        }
    }
}

/* {u8 high[32]; u8 q[64]; u8 scales[12]; f16 d}: sixteen parts of 16, v = d*(sc - 32)*q with q
 * 0..3, or -4..-1 where the bit in `high` is not set. Of a scale's six bits four lie in the first
 * eight bytes (low nibbles, then high ones), two in the last four. */
void quant_super_q3_k(float *to, const uint8_t *from, size_t blocks)
{
    for (; blocks; blocks--, from += 110, to += 256) {
        const uint8_t *s = from + 96;
        const float d = half_read(from + 108);

        for (int v = 0; v < 256; v++) {
            const int j = v / 16;
            const int low = j < 8 ? s[j] & 15 : s[j - 8] >> 4;
            const int sc = low | (s[8 + j % 4] >> (2 * (j / 4)) & 3) << 4;
            const int q = pair_of(from + 32, v) - (bit_of(from, v) ? 0 : 4);

            to[v] = d * (float)(sc - 32) * (float)q;
        }
    }
}

/* Of parts 0..3 in one byte each; of 4..7 four bits apart, two above those of the first. */
void quant_super_part(const uint8_t s[12], int j, int *scale, int *least)
{
    *scale = j < 4 ? s[j] & 63 : (s[j + 4] & 15) | (s[j - 4] >> 6) << 4;
    *least = j < 4 ? s[j + 4] & 63 : s[j + 4] >> 4 | (s[j] >> 6) << 4;
}

void quant_super_pack(uint8_t s[12], const uint8_t scale[8], const uint8_t least[8])
{
    for (int j = 0; j < 4; j++) {
        s[j] = (uint8_t)(scale[j] | (scale[j + 4] >> 4) << 6);
        s[j + 4] = (uint8_t)(least[j] | (least[j + 4] >> 4) << 6);
        s[j + 8] = (uint8_t)((scale[j + 4] & 15) | (least[j + 4] & 15) << 4);
    }
}

/* The low four bits of value v: 128 bytes, per 64 values low nibbles, then high ones. */
static int nibble_of(const uint8_t *q, int v)
{
    const uint8_t byte = q[32 * (v / 64) + v % 32];

    return v % 64 < 32 ? byte & 15 : byte >> 4;
}

/* Eight parts of 32, v = d*sc*q - dmin*m. high NULL: no fifth bit. */
static void decode_eight(float *to, const uint8_t *from, const uint8_t *high, const uint8_t *q)
{
    const float d = half_read(from), dmin = half_read(from + 2);

    for (int j = 0; j < 8; j++) {
        float scale, least;
        int sc, m;

        quant_super_part(from + 4, j, &sc, &m);
        scale = d * (float)sc;
        least = dmin * (float)m;
        for (int v = 32 * j; v < 32 * j + 32; v++) {
            const int fifth = high ? bit_of(high, v) << 4 : 0;

            to[v] = scale * (float)(nibble_of(q, v) | fifth) - least;
        }
    }
}

/* {f16 d, dmin; u8 scales[12]; u8 q[128]} */
void quant_super_q4_k(float *to, const uint8_t *from, size_t blocks)
{
    for (; blocks; blocks--, from += 144, to += 256)
        decode_eight(to, from, NULL, from + 16);
}

/* {f16 d, dmin; u8 scales[12]; u8 high[32]; u8 q[128]} */
void quant_super_q5_k(float *to, const uint8_t *from, size_t blocks)
{
    for (; blocks; blocks--, from += 176, to += 256)
        decode_eight(to, from, from + 16, from + 48);
}

/* {u8 low[128]; u8 high[64]; i8 scales[16]; f16 d}: sixteen parts of 16, v = d*sc*(q - 32) */
void quant_super_q6_k(float *to, const uint8_t *from, size_t blocks)
{
    for (; blocks; blocks--, from += 210, to += 256) {
        const uint8_t *low = from, *high = from + 128, *scale = from + 192;
        const float d = half_read(from + 208);

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
