/* peak: what this machine can do at most, measured: products in registers, bytes from memory. */

#ifndef LM_KERNEL_PEAK_H
#define LM_KERNEL_PEAK_H

#include <stddef.h>

/* Which product: fused multiply-adds of floats; of bfloat16, of whole numbers, by the instructions that
 * the named table (isa.h) uses. */
enum peak_kind { PEAK_FLOAT, PEAK_BF16, PEAK_INT8, PEAK_KINDS };

/* Multiplications and additions a second, both counted, of independent ones in registers on every thread
 * for `seconds`. 0: this build does not know how. */
double peak_products(enum peak_kind kind, const char *isa, double seconds);

/* Bytes a second that every thread together reads of `block`, each a part of its own of each `piece` in
 * turn, for `seconds`. */
double peak_bytes(const void *block, size_t bytes, size_t piece, double seconds);

#endif
