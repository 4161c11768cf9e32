/* quant_table: ggml's types whose values come out of a short table or a base other than two:
 * IQ4, FP4, ternary. Rows of quant's table; who calls has checked that whole blocks are there. */

#ifndef LM_FILE_QUANT_TABLE_H
#define LM_FILE_QUANT_TABLE_H

#include <stddef.h>
#include <stdint.h>

/* to [values * blocks] out: 32 values of 18 bytes, 256 of 136, 32 of 17, 64 of 36, 256 of 54 and
 * 256 of 66. */
void quant_table_iq4_nl(float *to, const uint8_t *from, size_t blocks);
void quant_table_iq4_xs(float *to, const uint8_t *from, size_t blocks);
void quant_table_mxfp4(float *to, const uint8_t *from, size_t blocks);
void quant_table_nvfp4(float *to, const uint8_t *from, size_t blocks);
void quant_table_tq1_0(float *to, const uint8_t *from, size_t blocks);
void quant_table_tq2_0(float *to, const uint8_t *from, size_t blocks);

#endif
