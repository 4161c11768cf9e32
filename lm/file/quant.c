/* One row a type: bytes of a block, values in it, and the function that decodes blocks: the plain
 * ones here, blocks of parts in quant_super, tables in quant_table, grids of
 * points in quant_grid. The formulas are ggml's (ggml-quants.c, dequantize_row_*); each decoder
 * is compared with gguf-py's numbers (tests/golden/quant.py). gguf decodes rows by them,
 * safetensors uses the three plain types. A decoder knows no bounds: who calls has checked that whole blocks are
 * there. */

#include "lm/file/quant.h"

#include "lm/file/half.h"
#include "lm/file/quant_grid.h"
#include "lm/file/quant_super.h"
#include "lm/file/quant_table.h"

#include <string.h>

static void decode_f32(float *to, const uint8_t *from, size_t blocks)
{
    memcpy(to, from, blocks * sizeof *to);
}

static void decode_f16(float *to, const uint8_t *from, size_t blocks)
{
    for (size_t i = 0; i < blocks; i++)
        to[i] = half_read(from + 2 * i);
}

static void decode_bf16(float *to, const uint8_t *from, size_t blocks)
{
    for (size_t i = 0; i < blocks; i++)
        to[i] = half_bf16((uint16_t)(from[2 * i] | from[2 * i + 1] << 8));
}

/* {f16 d; u8 q[16]}: low nibbles are values 0..15, high ones 16..31; v = d * (q - 8) */
static void decode_q4_0(float *to, const uint8_t *from, size_t blocks)
{
    for (; blocks; blocks--, from += 18, to += 32) {
        const float d = half_read(from);
        for (int j = 0; j < 16; j++) {
            to[j] = d * (float)((from[2 + j] & 15) - 8);
            to[j + 16] = d * (float)((from[2 + j] >> 4) - 8);
        }
    }
}

/* {f16 d, m; u8 q[16]}: v = d * q + m */
static void decode_q4_1(float *to, const uint8_t *from, size_t blocks)
{
    for (; blocks; blocks--, from += 20, to += 32) {
        const float d = half_read(from), m = half_read(from + 2);
        for (int j = 0; j < 16; j++) {
            to[j] = d * (float)(from[4 + j] & 15) + m;
            to[j + 16] = d * (float)(from[4 + j] >> 4) + m;
        }
    }
}

static int fifth(const uint8_t *high, int j) /* bit j of a little-endian u32, as 16 */
{
    return (high[j / 8] >> (j % 8) & 1) << 4;
}

/* {f16 d; u32 high; u8 q[16]}: v = d * (q - 16), bit j of `high` is the fifth bit of value j */
static void decode_q5_0(float *to, const uint8_t *from, size_t blocks)
{
    for (; blocks; blocks--, from += 22, to += 32) {
        const float d = half_read(from);
        for (int j = 0; j < 16; j++) {
            to[j] = d * (float)(((from[6 + j] & 15) | fifth(from + 2, j)) - 16);
            to[j + 16] = d * (float)((from[6 + j] >> 4 | fifth(from + 2, j + 16)) - 16);
        }
    }
}

/* {f16 d, m; u32 high; u8 q[16]}: v = d * q + m */
static void decode_q5_1(float *to, const uint8_t *from, size_t blocks)
{
    for (; blocks; blocks--, from += 24, to += 32) {
        const float d = half_read(from), m = half_read(from + 2);
        for (int j = 0; j < 16; j++) {
            to[j] = d * (float)((from[8 + j] & 15) | fifth(from + 4, j)) + m;
            to[j + 16] = d * (float)(from[8 + j] >> 4 | fifth(from + 4, j + 16)) + m;
        }
    }
}

/* {f16 d; i8 q[32]}: v = q * d */
static void decode_q8_0(float *to, const uint8_t *from, size_t blocks)
{
    for (; blocks; blocks--, from += 34, to += 32) {
        const float d = half_read(from);
        for (int j = 0; j < 32; j++)
            to[j] = (float)(int8_t)from[2 + j] * d;
    }
}

/* What people convert to and this engine has a decoder for. */
static const struct quant_kind kinds[] = {
    {QUANT_F32, "F32", 1, 4, decode_f32},
    {QUANT_F16, "F16", 1, 2, decode_f16},
    {QUANT_BF16, "BF16", 1, 2, decode_bf16},
    {QUANT_Q8_0, "Q8_0", 32, 34, decode_q8_0},
    {QUANT_Q4_0, "Q4_0", 32, 18, decode_q4_0},
    {QUANT_Q4_1, "Q4_1", 32, 20, decode_q4_1},
    {QUANT_Q5_0, "Q5_0", 32, 22, decode_q5_0},
    {QUANT_Q5_1, "Q5_1", 32, 24, decode_q5_1},
    {QUANT_Q2_K, "Q2_K", 256, 84, quant_super_q2_k},
    {QUANT_Q3_K, "Q3_K", 256, 110, quant_super_q3_k},
    {QUANT_Q4_K, "Q4_K", 256, 144, quant_super_q4_k},
    {QUANT_Q5_K, "Q5_K", 256, 176, quant_super_q5_k},
    {QUANT_Q6_K, "Q6_K", 256, 210, quant_super_q6_k},
    {QUANT_IQ1_S, "IQ1_S", 256, 50, quant_grid_iq1_s},
    {QUANT_IQ1_M, "IQ1_M", 256, 56, quant_grid_iq1_m},
    {QUANT_IQ2_XXS, "IQ2_XXS", 256, 66, quant_grid_iq2_xxs},
    {QUANT_IQ2_XS, "IQ2_XS", 256, 74, quant_grid_iq2_xs},
    {QUANT_IQ2_S, "IQ2_S", 256, 82, quant_grid_iq2_s},
    {QUANT_IQ3_XXS, "IQ3_XXS", 256, 98, quant_grid_iq3_xxs},
    {QUANT_IQ3_S, "IQ3_S", 256, 110, quant_grid_iq3_s},
    {QUANT_IQ4_NL, "IQ4_NL", 32, 18, quant_table_iq4_nl},
    {QUANT_IQ4_XS, "IQ4_XS", 256, 136, quant_table_iq4_xs},
    {QUANT_MXFP4, "MXFP4", 32, 17, quant_table_mxfp4},
    {QUANT_NVFP4, "NVFP4", 64, 36, quant_table_nvfp4},
    {QUANT_TQ1_0, "TQ1_0", 256, 54, quant_table_tq1_0},
    {QUANT_TQ2_0, "TQ2_0", 256, 66, quant_table_tq2_0},
};

/* Those that are not read, so that they are refused by the name that people know: of
 * activations, integers, layouts that ggml has given up. */
static const char *const unread[] = {
    [4] = "Q4_2, which ggml has dropped",
    [5] = "Q4_3, which ggml has dropped",
    [9] = "Q8_1, for activations",
    [15] = "Q8_K, for activations",
    [24] = "I8",
    [25] = "I16",
    [26] = "I32",
    [27] = "I64",
    [28] = "F64",
    [31] = "Q4_0_4_4, which ggml has dropped",
    [32] = "Q4_0_4_8, which ggml has dropped",
    [33] = "Q4_0_8_8, which ggml has dropped",
    [36] = "IQ4_NL_4_4, which ggml has dropped",
    [37] = "IQ4_NL_4_8, which ggml has dropped",
    [38] = "IQ4_NL_8_8, which ggml has dropped",
};

const struct quant_kind *quant_kind(uint32_t type)
{
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if ((uint32_t)kinds[i].type == type)
            return &kinds[i];
    return NULL;
}

const char *quant_unread(uint32_t type)
{
    const char *name = type < sizeof unread / sizeof *unread ? unread[type] : NULL;

    return name ? name : "unknown";
}

const char *quant_list(void)
{
    return "F32, F16, BF16, Q8_0, Q4_0, Q4_1, Q5_0, Q5_1, Q2_K, Q3_K, Q4_K, Q5_K, Q6_K, "
           "IQ1_S, "
           "IQ1_M, IQ2_XXS, IQ2_XS, IQ2_S, IQ3_XXS, IQ3_S, IQ4_NL, IQ4_XS, MXFP4, NVFP4, "
           "TQ1_0, TQ2_0";
}
