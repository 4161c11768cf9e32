/* half: floats of sixteen bits, IEEE binary16 and bfloat16, and back: to the nearest, ties to even;
 * a NaN stays one. */

#ifndef LM_FILE_HALF_H
#define LM_FILE_HALF_H

#include <stdint.h>

float half_f16(uint16_t half);
float half_bf16(uint16_t half);
uint16_t half_to_f16(float value);
uint16_t half_to_bf16(float value);

/* A binary16, little-endian, at any address; half_write gives back what a reader will have. */
float half_read(const uint8_t *from);
float half_write(uint8_t *to, float value);

#endif
