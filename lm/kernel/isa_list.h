/* isa_list: the tables themselves, for isa.c and the files that define them. */

#ifndef LM_KERNEL_ISA_LIST_H
#define LM_KERNEL_ISA_LIST_H

#include <stdbool.h>

struct isa;

extern const struct isa isa_scalar;
extern const struct isa isa_avx2;   /* x86-64 only */
extern const struct isa isa_avx512; /* x86-64 only: F, DQ and BW */

/* What AVX512-VNNI and AVX512-BF16 add to isa_avx512's table; x86-64 only. */
void isa_avx512vnni(struct isa *table);
void isa_avx512bf16(struct isa *table);

/* Whether a table rounds to bfloat16 and multiplies as the definition does, bit for bit, on numbers of a
 * model, near the least that is not +0, wild and not finite ones; a NaN is a NaN. Milliseconds. */
bool isa_proof(const struct isa *table, const struct isa *definition);

#endif
