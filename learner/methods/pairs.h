/* pairs: the rows of the methods that make pairs of answers as they go.
 *
 *   online DPO  of num_generations answers to a prompt the best and the worst by score (ties:
 *               the earlier) are a pair; the reference is the frozen one (Guo et al. 2024,
 *               arXiv:2402.04792). A group whose scores are all the same has no order and is
 *               left out, unless ties say otherwise.
 *   SPIN        the record's own answer, a demonstration, against the policy's; the reference
 * is the policy as the iteration found it, the opponent (Chen et al. 2024, arXiv:2401.01335,
 * eq. 4.7). Sample 0 is the policy's, sample 1 the record's.
 *
 * Both losses are objective_dpo.h's. Metrics of online DPO, TRL 0.22's: loss, grad_norm,
 * learning_rate, beta,
 * objective/{kl,entropy,non_score_reward,rlhf_reward,scores,scores_margin},
 * val/contain_eos_token, rewards/{chosen,rejected,accuracies,margins}, logps/{chosen,rejected};
 * drover_pairs. Of SPIN: loss, grad_norm, learning_rate, rewards/{real,generated,margins,
 * accuracies}, logps/{real,generated}, completions/mean_length, num_tokens; spin/real_logps,
 * the demonstrations' mean log-probability of a token after the iteration, and spin/gain, what
 * the iteration added to it. */

#ifndef LEARNER_METHODS_PAIRS_H
#define LEARNER_METHODS_PAIRS_H

#include "learner/iteration/iteration.h"
#include "learner/objective/objective_dpo.h"

enum { PAIRS_EPOCHS = 64 };

struct pairs_conf {
    struct objective_dpo_conf loss; /* first: what the objective takes */
    double beta[PAIRS_EPOCHS];      /* of each epoch in turn, the last stays: loss.beta of an */
    int betas;                      /* iteration is that of the epoch it begins in; 0: stays */
    double epochs_each;             /* epochs an iteration */
    bool spin;
    bool ties; /* online: pairs of equal scores are trained too */
};

/* Fills the method's part of `round`; `conf` is borrowed until iteration_new. */
void pairs_round(struct iteration_conf *round, const struct pairs_conf *conf);

#endif
