/* objective_simpo: preference by mean log-probability, without a reference: CPO of means
 * (objective_cpo.h), by its own names.
 *
 * Meng et al. 2024, arXiv:2405.14734, eq. 6, as its authors' trainer has it. Of a pair, D is
 * the difference of the answers' means over tokens, e label_smoothing:
 *
 *   sigmoid  -(1-e) ln sigmoid(b D - gamma) - e ln sigmoid(gamma - b D)
 *   hinge    max(0, 1 - (b D - gamma))
 *
 * loss = sum over pairs / in->normaliser + sft_weight * mean negative log-likelihood of the
 * chosen answers' tokens (in->step_tokens). Metrics: objective_pair.h, rewards are b times the
 * means; nll_loss with sft_weight. */

#ifndef LEARNER_OBJECTIVE_OBJECTIVE_SIMPO_H
#define LEARNER_OBJECTIVE_OBJECTIVE_SIMPO_H

#include "learner/objective/objective.h"

struct objective_simpo_conf {
    double beta, gamma, label_smoothing, likelihood; /* likelihood: sft_weight */
    bool hinge;
};

/* conf: struct objective_simpo_conf. Reads logprob, seq_weight, seq_soft. */
extern const struct objective objective_simpo;

#endif
