/* One function a type, each a loop over the codes of a block: a code's bits, gathered from where
 * the type keeps them, are the place of a point; a scale multiplies its values, and of IQ2 and
 * IQ3, whose grids have no signs, each value has one beside it. Where signs take seven bits for
 * eight values, the eighth makes their number even. IQ1's points have signs, and are all moved
 * by an eighth, up or down. The formulas are ggml's (ggml-quants.c); the
 * order of the float operations is gguf-py's, and so are the bits (tests/golden/quant.py). */

#include "lm/file/quant_grid.h"

#include "lm/file/half.h"
#include "lm/file/quant_points.h"

#include <stdbool.h>

static uint32_t word(const uint8_t *at)
{
    return at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

static int pair(const uint8_t *at)
{
    return at[0] | at[1] << 8;
}

/* Four bits: the low ones of a byte are first. */
static int nibble(const uint8_t *at, int i)
{
    return at[i / 2] >> (4 * (i % 2)) & 15;
}

/* Signs of eight values out of seven bits. */
static int eight_signs(uint32_t seven)
{
    const uint32_t low = seven & 127;
    uint32_t odd = low ^ low >> 4;

    odd ^= odd >> 2;
    odd ^= odd >> 1;
    return (int)(low | (odd & 1) << 7);
}

static void put(float *to, const int8_t *point, int n, float scale, int signs)
{
    for (int i = 0; i < n; i++) {
        const float value = scale * (float)point[i];

        to[i] = signs >> i & 1 ? -value : value;
    }
}

/* {f16 d; eight of {u8 code[4]; u32 rest}}: rest has seven bits of signs for each code, and the
 * scale of all four above them */
void quant_grid_iq2_xxs(float *to, const uint8_t *from, size_t blocks)
{
    int8_t point[QUANT_POINTS_MAX];

    quant_points_list(point, QUANT_POINTS_IQ2_XXS);
    for (; blocks; blocks--, from += 66) {
        const float d = half_read(from);

        for (int i = 0; i < 32; i++, to += 8) {
            const uint8_t *part = from + 2 + 8 * (i / 4);
            const uint32_t rest = word(part + 4);
            const float scale = d * (0.5f + (float)(rest >> 28)) * 0.25f;

            put(to, point + 8 * part[i % 4], 8, scale, eight_signs(rest >> 7 * (i % 4)));
        }
    }
}

/* {f16 d; u16 code[32]; u8 scales[8]}: nine bits of a place, seven of signs */
void quant_grid_iq2_xs(float *to, const uint8_t *from, size_t blocks)
{
    int8_t point[QUANT_POINTS_MAX];

    quant_points_list(point, QUANT_POINTS_IQ2_XS);
    for (; blocks; blocks--, from += 74) {
        const float d = half_read(from);

        for (int i = 0; i < 32; i++, to += 8) {
            const int code = pair(from + 2 + 2 * i);
            const float scale = d * (0.5f + (float)nibble(from + 66, i / 2)) * 0.25f;

            put(to, point + 8 * (code & 511), 8, scale, eight_signs((uint32_t)code >> 9));
        }
    }
}

/* {f16 d; u8 code[32]; u8 signs[32]; u8 high[8]; u8 scales[8]}: two more bits of each code in
 * `high` */
void quant_grid_iq2_s(float *to, const uint8_t *from, size_t blocks)
{
    int8_t point[QUANT_POINTS_MAX];

    quant_points_list(point, QUANT_POINTS_IQ2_S);
    for (; blocks; blocks--, from += 82) {
        const float d = half_read(from);

        for (int i = 0; i < 32; i++, to += 8) {
            const int high = from[66 + i / 4] >> (2 * (i % 4)) & 3;
            const float scale = d * (0.5f + (float)nibble(from + 74, i / 2)) * 0.25f;

            put(to, point + 8 * (from[2 + i] | high << 8), 8, scale, from[34 + i]);
        }
    }
}

/* {f16 d; u8 code[64]; u32 rest[8]}: as IQ2_XXS, but two codes share eight signs */
void quant_grid_iq3_xxs(float *to, const uint8_t *from, size_t blocks)
{
    int8_t point[QUANT_POINTS_MAX];

    quant_points_list(point, QUANT_POINTS_IQ3_XXS);
    for (; blocks; blocks--, from += 98) {
        const float d = half_read(from);

        for (int i = 0; i < 64; i++, to += 4) {
            const uint32_t rest = word(from + 66 + 4 * (i / 8));
            const float scale = d * (0.5f + (float)(rest >> 28)) * 0.5f;
            const int signs = eight_signs(rest >> 7 * (i / 2 % 4)) >> (4 * (i % 2));

            put(to, point + 4 * from[2 + i], 4, scale, signs);
        }
    }
}

/* {f16 d; u8 code[64]; u8 high[8]; u8 signs[32]; u8 scales[4]}: a ninth bit of each code in
 * `high` */
void quant_grid_iq3_s(float *to, const uint8_t *from, size_t blocks)
{
    int8_t point[QUANT_POINTS_MAX];

    quant_points_list(point, QUANT_POINTS_IQ3_S);
    for (; blocks; blocks--, from += 110) {
        const float d = half_read(from);

        for (int i = 0; i < 64; i++, to += 4) {
            const int ninth = from[66 + i / 8] >> (i % 8) & 1;
            const float scale = d * (float)(1 + 2 * nibble(from + 106, i / 8));

            put(to, point + 4 * (from[2 + i] | ninth << 8), 4, scale, nibble(from + 74, i));
        }
    }
}

static void put_moved(float *to, const int8_t *point, float scale, bool down)
{
    for (int i = 0; i < 8; i++)
        to[i] = scale * ((float)point[i] + (down ? -0.125f : 0.125f));
}

/* {f16 d; u8 code[32]; u16 high[8]}: of four codes three more bits each, their scale, and which
 * way they are moved */
void quant_grid_iq1_s(float *to, const uint8_t *from, size_t blocks)
{
    int8_t point[QUANT_POINTS_MAX];

    quant_points_list(point, QUANT_POINTS_IQ1);
    for (; blocks; blocks--, from += 50) {
        const float d = half_read(from);

        for (int i = 0; i < 32; i++, to += 8) {
            const int high = pair(from + 34 + 2 * (i / 4));
            const int code = from[2 + i] | (high >> (3 * (i % 4)) & 7) << 8;

            put_moved(to, point + 8 * code, d * (float)(2 * (high >> 12 & 7) + 1), high >> 15);
        }
    }
}

/* {u8 code[32]; u8 high[16]; u16 scales[4]}: of each code three more bits and which way it is
 * moved; four scales of three bits in a word, above them a quarter of the f16 that all share */
void quant_grid_iq1_m(float *to, const uint8_t *from, size_t blocks)
{
    int8_t point[QUANT_POINTS_MAX];

    quant_points_list(point, QUANT_POINTS_IQ1);
    for (; blocks; blocks--, from += 56) {
        const uint8_t *scales = from + 48;
        const uint8_t half[2] = {(uint8_t)(scales[1] >> 4 | (scales[3] & 0xF0)),
                                 (uint8_t)(scales[5] >> 4 | (scales[7] & 0xF0))};
        const float d = half_read(half);

        for (int i = 0; i < 32; i++, to += 8) {
            const int high = nibble(from + 32, i), j = i / 2;
            const int scale = pair(scales + 2 * (j / 4)) >> (3 * (j % 4)) & 7;

            put_moved(to, point + 8 * (from[i] | (high & 7) << 8), d * (float)(2 * scale + 1),
                      high >> 3);
        }
    }
}
