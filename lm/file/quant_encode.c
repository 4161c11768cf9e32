/* The plain types: a scale out of the block's extremes and the nearest step for each value, with
 * the float operations of gguf-py in their order (gguf-py/gguf/quants.py), so that the
 * bytes are the same (tests/golden/quant.py). The K types are quant_fit's. A value may divide by
 * a scale so small that the quotient is none: `step` bounds what is a number and what is not. */

#include "lm/file/quant_encode.h"

#include "lm/file/half.h"
#include "lm/file/quant_fit.h"

#include <math.h>
#include <string.h>

static void put_u16(uint8_t *to, uint16_t value)
{
    to[0] = (uint8_t)value;
    to[1] = (uint8_t)(value >> 8);
}

/* Of a block of zeros, too: its steps are then all the middle one. */
static float inverse(float d)
{
    return d == 0.0f ? 0.0f : 1.0f / d;
}

/* The whole part within [least, most]; of what is no number, the least. */
static int step(float value, int least, int most)
{
    if (value >= (float)most)
        return most;
    return value > (float)least ? (int)value : least;
}

static void encode_f32(uint8_t *to, const float *from, size_t blocks)
{
    memcpy(to, from, blocks * sizeof *from);
}

static void encode_f16(uint8_t *to, const float *from, size_t blocks)
{
    for (size_t i = 0; i < blocks; i++)
        put_u16(to + 2 * i, half_to_f16(from[i]));
}

static void encode_bf16(uint8_t *to, const float *from, size_t blocks)
{
    for (size_t i = 0; i < blocks; i++)
        put_u16(to + 2 * i, half_to_bf16(from[i]));
}

/* Halves go away from zero. */
static float nearest(float value)
{
    const float size = fabsf(value), whole = floorf(size);
    const float rounded = whole + floorf(2.0f * (size - whole));

    return value < 0.0f ? -rounded : rounded;
}

static void encode_q8_0(uint8_t *to, const float *from, size_t blocks)
{
    for (; blocks; blocks--, from += 32, to += 34) {
        float most = 0.0f, d, id;

        for (int i = 0; i < 32; i++)
            most = fabsf(from[i]) > most ? fabsf(from[i]) : most;
        d = most / 127.0f;
        id = inverse(d);
        half_write(to, d);
        for (int i = 0; i < 32; i++)
            to[2 + i] = (uint8_t)(int8_t)step(nearest(from[i] * id), -128, 127);
    }
}

/* 32 steps of four bits, low nibbles first, and where `high` is given the fifth of each there. */
static void put_steps(uint8_t *q, uint8_t *high, const int *steps)
{
    for (int i = 0; i < 16; i++)
        q[i] = (uint8_t)((steps[i] & 15) | (steps[i + 16] & 15) << 4);
    if (!high)
        return;
    memset(high, 0, 4);
    for (int i = 0; i < 32; i++)
        high[i / 8] |= (uint8_t)((steps[i] >> 4) << i % 8);
}

/* Around zero: the value that lies farthest from it is the lowest step. half: 8 or 16. */
static void around_zero(uint8_t *to, uint8_t *high, uint8_t *q, const float *from, int half)
{
    float most = 0.0f, at = 0.0f, d, id;
    int steps[32];

    for (int i = 0; i < 32; i++)
        if (fabsf(from[i]) > most) {
            most = fabsf(from[i]);
            at = from[i];
        }
    d = at / (float)-half;
    id = inverse(d);
    for (int i = 0; i < 32; i++)
        steps[i] = step(from[i] * id + ((float)half + 0.5f), 0, 2 * half - 1);
    half_write(to, d);
    put_steps(q, high, steps);
}

/* From the least up. top: 15 or 31. */
static void from_least(uint8_t *to, uint8_t *high, uint8_t *q, const float *from, int top)
{
    float least = from[0], most = from[0], d, id;
    int steps[32];

    for (int i = 1; i < 32; i++) {
        least = from[i] < least ? from[i] : least;
        most = from[i] > most ? from[i] : most;
    }
    d = (most - least) / (float)top;
    id = inverse(d);
    for (int i = 0; i < 32; i++)
        steps[i] = step((from[i] - least) * id + 0.5f, 0, top);
    half_write(to, d);
    half_write(to + 2, least);
    put_steps(q, high, steps);
}

static void encode_q4_0(uint8_t *to, const float *from, size_t blocks)
{
    for (; blocks; blocks--, from += 32, to += 18)
        around_zero(to, NULL, to + 2, from, 8);
}

static void encode_q4_1(uint8_t *to, const float *from, size_t blocks)
{
    for (; blocks; blocks--, from += 32, to += 20)
        from_least(to, NULL, to + 4, from, 15);
}

static void encode_q5_0(uint8_t *to, const float *from, size_t blocks)
{
    for (; blocks; blocks--, from += 32, to += 22)
        around_zero(to, to + 2, to + 6, from, 16);
}

static void encode_q5_1(uint8_t *to, const float *from, size_t blocks)
{
    for (; blocks; blocks--, from += 32, to += 24)
        from_least(to, to + 4, to + 8, from, 31);
}

quant_encode *quant_encode_of(enum quant type)
{
    switch (type) {
    case QUANT_F32:
        return encode_f32;
    case QUANT_F16:
        return encode_f16;
    case QUANT_BF16:
        return encode_bf16;
    case QUANT_Q8_0:
        return encode_q8_0;
    case QUANT_Q4_0:
        return encode_q4_0;
    case QUANT_Q4_1:
        return encode_q4_1;
    case QUANT_Q5_0:
        return encode_q5_0;
    case QUANT_Q5_1:
        return encode_q5_1;
    case QUANT_Q4_K:
        return quant_fit_q4_k;
    case QUANT_Q5_K:
        return quant_fit_q5_k;
    case QUANT_Q6_K:
        return quant_fit_q6_k;
    default:
        return NULL;
    }
}
