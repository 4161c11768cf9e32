/* objective_reward: a number for an answer, from which of two people preferred.
 *
 * Sequences 2i (chosen) and 2i+1 (rejected) are a pair; r is the value at a sequence's last
 * token. Over pairs, N = in->normaliser (pairs of the whole step), m the pair's margin:
 *   loss = 1/N sum -ln sigmoid(r_c - r_r - m) + c/N sum (r_c + r_r)^2
 * Bradley & Terry 1952; margin: Touvron et al. 2023, arXiv:2307.09288, eq. 2; centring:
 * Eisenstein et al. 2023, arXiv:2312.09244.
 * Metrics (TRL 1.16): accuracy (ties count nothing), margin (r_c - r_r), mean_reward; the
 * micro-batch's smallest and largest as min_reward and max_reward, extremes. */

#ifndef LEARNER_OBJECTIVE_OBJECTIVE_REWARD_H
#define LEARNER_OBJECTIVE_OBJECTIVE_REWARD_H

#include "learner/objective/objective.h"

struct objective_reward_conf {
    double center; /* center_rewards_coefficient; 0: off */
};

/* conf: struct objective_reward_conf. Reads value, seq_margin. */
extern const struct objective objective_reward;

/* -ln sigmoid(x) without overflow. */
double objective_reward_bt(double x);

#endif
