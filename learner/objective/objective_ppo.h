/* objective_ppo: the clipped surrogate for the policy, the clipped squares for the critic.
 *
 * Two rows, as policy and critic are two models. Over learnt tokens t, N = in->normaliser:
 *
 *   objective_ppo    r[t] = exp(logprob[t] - old[t]), old: proximal, behaviour where there is
 * none loss = 1/N sum_t w[t] max(-A[t] r[t], -A[t] clip(r[t], 1 - eps, 1 + eps)) - c H[t] / N
 *     Schulman et al. 2017, arXiv:1707.06347, eq. 7; w is importance[t] (decoupled PPO:
 *     importance.h), 1 without; H is entropy[t], c in->entropy_coef.
 *   objective_ppo_value  u[t] = clip(value[t], old_value[t] - eps_v, old_value[t] + eps_v)
 *     loss = vf_coef / (2N) sum_t max((value[t] - returns[t])^2, (u[t] - returns[t])^2)
 *     as in OpenAI's baselines/ppo2 and TRL.
 *
 * Metrics are TRL's, over learnt tokens only: policy/approxkl_avg (half the mean squared log
 * ratio), policy/clipfrac_avg, policy/entropy_avg, loss/policy_avg, val/ratio; loss/value_avg
 * (without vf_coef), val/clipfrac_avg. */

#ifndef LEARNER_OBJECTIVE_OBJECTIVE_PPO_H
#define LEARNER_OBJECTIVE_OBJECTIVE_PPO_H

#include "learner/objective/objective.h"

struct objective_ppo_conf {
    double cliprange, cliprange_value, vf_coef;
};

/* conf: struct objective_ppo_conf. */
extern const struct objective objective_ppo, objective_ppo_value;

#endif
