/* machine: what this one can do at most, measured: products in registers, bytes from memory. */

#ifndef BENCH_MACHINE_H
#define BENCH_MACHINE_H

#include <stddef.h>

/* Which product: fused multiply-adds of floats; of bfloat16, of whole numbers, by the instructions that
 * the named table (isa.h) uses. */
enum machine_kind { MACHINE_FLOAT, MACHINE_BF16, MACHINE_INT8, MACHINE_KINDS };

/* Multiplications and additions a second, both counted, of independent ones in registers on every thread
 * for `seconds`. 0: this build does not know how. */
double machine_peak(enum machine_kind kind, const char *isa, double seconds);

/* Bytes a second that every thread together reads of `block`, each a part of its own of each `piece` in
 * turn, for `seconds`. */
double machine_bandwidth(const void *block, size_t bytes, size_t piece, double seconds);

#endif
