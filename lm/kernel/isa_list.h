/* isa_list: the tables themselves, for isa.c and the files that define them. */

#ifndef LM_KERNEL_ISA_LIST_H
#define LM_KERNEL_ISA_LIST_H

struct isa;

extern const struct isa isa_scalar;
extern const struct isa isa_avx2;   /* x86-64 only */
extern const struct isa isa_avx512; /* x86-64 only: F and DQ */

#endif
