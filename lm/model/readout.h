/* readout: the head on the rows that are asked for, a chunk of rows at a time.
 *
 * Logits of a chunk are made, used and forgotten; backward makes them again. Rows whose
 * gradient is zero are left out. */

#ifndef LM_MODEL_READOUT_H
#define LM_MODEL_READOUT_H

#include "lm/model/backward.h"

/* From tape->hidden: logprob, entropy [n], as in train.h; either may be NULL. Fills tape->hit.
 */
void readout_forward(struct tape *tape, const struct model *model, float *logprob,
                     float *entropy);

/* tape->dh [n,width] out; gradients [n] as in train.h, NULL for zero. */
void readout_backward(const struct backward *pass, const float *dlogprob,
                      const float *dentropy);

/* HEAD_SCALAR, HEAD_STEP; dvalue [n] may be NULL. */
void readout_scalar_backward(const struct backward *pass, const float *dvalue);

#endif
