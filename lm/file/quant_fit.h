/* quant_fit: the K types that are written: for each part of a block the scale, and the least, that
 * leave the smallest squares. */

#ifndef LM_FILE_QUANT_FIT_H
#define LM_FILE_QUANT_FIT_H

#include <stddef.h>
#include <stdint.h>

/* Blocks of 256 finite values; a block takes 144, 176 and 210 bytes. */
void quant_fit_q4_k(uint8_t *to, const float *from, size_t blocks);
void quant_fit_q5_k(uint8_t *to, const float *from, size_t blocks);
void quant_fit_q6_k(uint8_t *to, const float *from, size_t blocks);

#endif
