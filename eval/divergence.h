/* divergence: of a model p from a reference q, along an answer that p wrote.
 *
 * At each token of the answer, given what stands before it, x = ln p - ln q of the token:
 *   kl       sum over the vocabulary of p (ln p - ln q): exact, no luck of the token in it
 *   k1       x: unbiased, may be negative
 *   k3       exp(-x) - 1 + x: unbiased, never negative      (Schulman 2020)
 *   entropy  - sum over the vocabulary of p ln p
 * Sums over the answer's tokens, in nats. p and q are softmax(logits / temperature), greedy
 * answers at 1. The expectation of the sum of `kl` is the divergence of whole answers. */

#ifndef EVAL_DIVERGENCE_H
#define EVAL_DIVERGENCE_H

#include "eval/eval.h"

struct divergence {
    double kl, k1, k3, entropy;
};

/* token [prompt + answer]. Errors: ERR_RANGE when the two do not share a vocabulary, or the
 * tokens do not fit a context. */
enum err divergence_of(struct divergence *out, const struct model *p, const struct model *q,
                       const int *token, int prompt, int answer, float temperature) MUST_CHECK;

/* Of each answer; out [answers->n]. Uses answers->loaded as p. */
enum err divergence_answers(struct divergence *out, const struct eval_conf *conf,
                            const struct eval_prompts *prompts,
                            const struct eval_answers *answers,
                            const struct open_model *reference) MUST_CHECK;

#endif
