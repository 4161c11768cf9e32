/* quant: weights as files store them, to f32 and back.
 *
 * Numbers and block layouts are ggml's (ggml-common.h, gguf-py/gguf/quants.py); the f32 results
 * have the same bits as gguf-py's dequantize. Little-endian machines only, as the files. */

#ifndef LM_FILE_QUANT_H
#define LM_FILE_QUANT_H

#include <stddef.h>
#include <stdint.h>

/* ggml's type numbers. */
enum quant {
    QUANT_F32 = 0,
    QUANT_F16 = 1,
    QUANT_Q4_0 = 2,
    QUANT_Q4_1 = 3,
    QUANT_Q5_0 = 6,
    QUANT_Q5_1 = 7,
    QUANT_Q8_0 = 8,
    QUANT_Q2_K = 10,
    QUANT_Q3_K = 11,
    QUANT_Q4_K = 12,
    QUANT_Q5_K = 13,
    QUANT_Q6_K = 14,
    QUANT_IQ2_XXS = 16,
    QUANT_IQ2_XS = 17,
    QUANT_IQ3_XXS = 18,
    QUANT_IQ1_S = 19,
    QUANT_IQ4_NL = 20,
    QUANT_IQ3_S = 21,
    QUANT_IQ2_S = 22,
    QUANT_IQ4_XS = 23,
    QUANT_IQ1_M = 29,
    QUANT_BF16 = 30,
    QUANT_TQ1_0 = 34,
    QUANT_TQ2_0 = 35,
    QUANT_MXFP4 = 39,
    QUANT_NVFP4 = 40,
};

/* One row per type that can be read. */
struct quant_kind {
    enum quant type;
    const char *name;
    size_t values, bytes; /* of one block */
    void (*decode)(float *to, const uint8_t *from, size_t blocks);
};

/* NULL for a type that is not read; quant_list names those that are, quant_unread one that is not:
 * as ggml calls it, or "unknown". */
const struct quant_kind *quant_kind(uint32_t type);
const char *quant_list(void);
const char *quant_unread(uint32_t type);

#endif
