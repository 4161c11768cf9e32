/* quant_super: ggml's K types: blocks of 256 values whose parts have scales of their own, packed
 * in a few bits. Rows of quant's table; who calls has checked that whole blocks are there. */

#ifndef LM_FILE_QUANT_SUPER_H
#define LM_FILE_QUANT_SUPER_H

#include <stddef.h>
#include <stdint.h>

/* to [256 * blocks] out; a block takes 84, 110, 144, 176 and 210 bytes. */
void quant_super_q2_k(float *to, const uint8_t *from, size_t blocks);
void quant_super_q3_k(float *to, const uint8_t *from, size_t blocks);
void quant_super_q4_k(float *to, const uint8_t *from, size_t blocks);
void quant_super_q5_k(float *to, const uint8_t *from, size_t blocks);
void quant_super_q6_k(float *to, const uint8_t *from, size_t blocks);

/* Scale and least of part j (0..7) out of the twelve bytes that Q4_K and Q5_K pack them in, six
 * bits each; _pack is the inverse. */
void quant_super_part(const uint8_t s[12], int j, int *scale, int *least);
void quant_super_pack(uint8_t s[12], const uint8_t scale[8], const uint8_t least[8]);

#endif
