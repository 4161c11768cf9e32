/* quant_encode: f32 to the types of quant, block by block: what quant's decoders read.
 *
 * F16, BF16, Q8_0, Q4_0, Q4_1, Q5_0 and Q5_1 have the bytes of gguf-py's quantiser; Q4_K, Q5_K and
 * Q6_K, which it does not have, those of ggml's (quantize_row_q4_K_ref and its kin). */

#ifndef LM_FILE_QUANT_ENCODE_H
#define LM_FILE_QUANT_ENCODE_H

#include "lm/file/quant.h"

/* Blocks of from [values * blocks], which are finite numbers, to their bytes. */
typedef void quant_encode(uint8_t *to, const float *from, size_t blocks);

/* NULL for a type that is not written. */
quant_encode *quant_encode_of(enum quant type);

#endif
