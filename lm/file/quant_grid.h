/* quant_grid: ggml's types of one to three bits a value, whose codes are places in a grid
 * (quant_points). Rows of quant's table; who calls has checked that whole blocks are there. */

#ifndef LM_FILE_QUANT_GRID_H
#define LM_FILE_QUANT_GRID_H

#include <stddef.h>
#include <stdint.h>

/* to [256 * blocks] out; a block takes 66, 74, 82, 98, 110, 50 and 56 bytes. The grid is laid out
 * anew in each call: ask for many blocks at once. */
void quant_grid_iq2_xxs(float *to, const uint8_t *from, size_t blocks);
void quant_grid_iq2_xs(float *to, const uint8_t *from, size_t blocks);
void quant_grid_iq2_s(float *to, const uint8_t *from, size_t blocks);
void quant_grid_iq3_xxs(float *to, const uint8_t *from, size_t blocks);
void quant_grid_iq3_s(float *to, const uint8_t *from, size_t blocks);
void quant_grid_iq1_s(float *to, const uint8_t *from, size_t blocks);
void quant_grid_iq1_m(float *to, const uint8_t *from, size_t blocks);

#endif
