/* lora_branch: what an adapter adds to the two passes of training (train.h has the formulas).
 */

#ifndef LM_MODEL_LORA_BRANCH_H
#define LM_MODEL_LORA_BRANCH_H

#include "lm/model/activations.h"

/* Scratch for n tokens. */
size_t lora_branch_floats(const struct shape *shape, const struct lora_conf *conf, int n);

/* Dropout is on: y [n, rows of w], row stride ldy, += s (drop(x) - x) A^T B^T; x [n, cols]. */
void lora_branch_forward(const struct activations *acts, const struct tensor *w, const float *x,
                         float *y, size_t ldy);

/* dx [n, cols] += s (dy B) A, through the mask if dropout is on; dy has row stride ldy. */
void lora_branch_back(const struct activations *acts, const struct tensor *w, const float *dy,
                      size_t ldy, int n, float *dx);

/* Adds dA and dB to grad (places of lora->weights). */
void lora_branch_grad(const struct activations *acts, const struct tensor *w, const float *dy,
                      size_t ldy, int n, const float *x, float *grad);

#endif
