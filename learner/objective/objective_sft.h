/* objective_sft: learn to say what the demonstrations say.
 *
 * Over learnt tokens t, N = in->normaliser (learnt tokens of the whole step):
 *   nll  loss = 1/N sum_t -logprob[t]
 *   dft  loss = 1/N sum_t -p[t] logprob[t], p[t] = exp(logprob[t]) held fixed
 *        (Wu et al. 2025, arXiv:2508.05629, eq. 9)
 * smoothing e > 0, of nll: loss = 1/N sum_t -((1 - e) logprob[t] + e mean_logprob[t]): of e of a
 * token's weight every token of the vocabulary has the same part (transformers' LabelSmoother)
 * Metrics: entropy, mean_token_accuracy over the micro-batch's learnt tokens (TRL 1.16). */

#ifndef LEARNER_OBJECTIVE_OBJECTIVE_SFT_H
#define LEARNER_OBJECTIVE_OBJECTIVE_SFT_H

#include "learner/objective/objective.h"

struct objective_sft_conf {
    bool dft;
    double smoothing; /* 0: none; not with dft */
};

/* conf: struct objective_sft_conf. Reads logprob, learn, with smoothing mean_logprob; entropy and
 * hit for the metrics. */
extern const struct objective objective_sft;

#endif
