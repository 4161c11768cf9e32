/* objective_rloo: the clipped surrogate over whole answers.
 *
 * R[s] = exp(sum over s of logprob - old) (old: proximal, behaviour where there is none), A the
 * answer's advantage, N = in->normaliser sequences:
 *   loss = 1/N sum_s -min(R A, clip(R, 1 - eps, 1 + eps_high) A)
 * Ahmadian et al. 2024, arXiv:2402.14740, with TRL 1.16's clip (RLOOTrainer._compute_loss). An
 * answer's importance is the mean of its tokens'. */

#ifndef LEARNER_OBJECTIVE_OBJECTIVE_RLOO_H
#define LEARNER_OBJECTIVE_OBJECTIVE_RLOO_H

#include "learner/objective/objective.h"

struct objective_rloo_conf {
    double epsilon, epsilon_high;
};

/* conf: struct objective_rloo_conf. Metrics: entropy, clip_ratio/{low_mean,low_min,high_mean,
 * high_max,region_mean}. */
extern const struct objective objective_rloo;

#endif
