/* objective_orpo: learning and preferring in one: the chosen answer's likelihood, and the odds
 * of both answers.
 *
 * Hong et al. 2024, arXiv:2403.07691, eq. 6-7, as TRL has it. Of a pair, c and r are the means
 * of log-probabilities over answer tokens; odds(x) = x - ln(1 - exp x):
 *
 *   loss = mean negative log-likelihood of the chosen sequences' tokens, prompt and all (learn
 *          1 and 2; in->step_tokens) - b sum ln sigmoid(odds(c) - odds(r)) / in->normaliser
 *
 * Metrics: objective_pair.h, rewards are b c and b r; nll_loss, log_odds_ratio (mean of the ln
 * sigmoid), log_odds_chosen (mean of the difference). */

#ifndef LEARNER_OBJECTIVE_OBJECTIVE_ORPO_H
#define LEARNER_OBJECTIVE_OBJECTIVE_ORPO_H

#include "learner/objective/objective.h"

struct objective_orpo_conf {
    double beta;
};

/* conf: struct objective_orpo_conf. Reads logprob, seq_weight, seq_soft. */
extern const struct objective objective_orpo;

#endif
