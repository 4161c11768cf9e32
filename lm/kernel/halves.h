/* halves: rows of masters (master.h) as a model that computes in bfloat16 holds them: their weights in a
 * matrix that lies as pairs (pairs.h), their rests beside it in the order of W. Four bytes each in all.
 *
 * Serial. No columns but those that are named are written, so that threads may share a panel. */

#ifndef LM_KERNEL_HALVES_H
#define LM_KERNEL_HALVES_H

#include <stdint.h>

/* w [n,k], rows row.. of a matrix, becomes the weights of the columns at.. of the pairs, and rest [n,k].
 * Masters are settled by it. */
void halves_part(uint16_t *pairs, int at, uint16_t *rest, const float *w, int row, int n,
                 int k);

/* The inverse: w [n,k] out, bit for bit. */
void halves_join(float *w, const uint16_t *pairs, int at, const uint16_t *rest, int row, int n,
                 int k);

#endif
