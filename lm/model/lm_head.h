/* lm_head: the head on the rows that are asked for.
 *
 * Logits are made a chunk of rows at a time, used and forgotten; backward makes them again, a piece
 * of the vocabulary at a time. Rows whose gradient is zero are left out. */

#ifndef LM_MODEL_LM_HEAD_H
#define LM_MODEL_LM_HEAD_H

#include "lm/model/backward.h"

/* From acts->hidden: logprob, entropy [n], as in train.h; either may be NULL. Fills acts->hit.
 */
void lm_head_forward(struct activations *acts, const struct model *model, float *logprob,
                     float *entropy);

/* acts->dh [n,width] out; gradients [n] as in train.h, NULL for zero. */
void lm_head_backward(const struct backward *pass, const float *dlogprob,
                      const float *dentropy);

/* HEAD_SCALAR, HEAD_STEP; dvalue [n] may be NULL. */
void lm_head_scalar_backward(const struct backward *pass, const float *dvalue);

#endif
