/* half: floats of sixteen bits, IEEE binary16 and bfloat16, and back: to the nearest, ties to even;
 * a NaN stays one. */

#ifndef LM_FILE_HALF_H
#define LM_FILE_HALF_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

float half_f16(uint16_t half);

/* Of whole files: a loop over it must be one of vectors. */
static inline float half_bf16(uint16_t half)
{
    const uint32_t bits = (uint32_t)half << 16;
    float value;

    memcpy(&value, &bits, sizeof value);
    return value;
}

uint16_t half_to_f16(float value);
uint16_t half_to_bf16(float value);
void half_to_bf16_all(uint16_t *to, const float *from, size_t n);

/* A binary16, little-endian, at any address; half_write gives back what a reader will have. */
float half_read(const uint8_t *from);
float half_write(uint8_t *to, float value);

#endif
