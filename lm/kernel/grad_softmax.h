/* grad_softmax: backward of softmax.h. */

#ifndef LM_KERNEL_GRAD_SOFTMAX_H
#define LM_KERNEL_GRAD_SOFTMAX_H

struct softmax;

/* Some logits of a row, n of them, to their gradient, in place, of
 *   dlogprob log p[target] + dentropy H,   p = softmax(l rate),   H = -sum p log p:
 *
 *   dl[j] = rate (dlogprob ([j = target] - p[j]) - dentropy p[j] (log p[j] + H))
 *
 * `row` is of the whole row. The target counts from the first of these; elsewhere: not among them.
 * Terms whose p is 0 are 0. */
void grad_softmax(float *logit, int n, const struct softmax *row, int target, float dlogprob,
                  float dentropy);

#endif
