/* group: the rows of the methods that compare answers to one prompt and hold no critic.
 *
 * s[i]: an answer's score (less missing_eos_penalty), plus the overlong punishment
 * (rewards.h). With KL in the reward s[i] -= beta sum of the estimator over its tokens.
 *
 * GRPO: advantage_group.h; objective_grpo.h. With each_reward the rewards are scaled one by
 * one, and so is what shapes them, as TRL would a reward function that gives it: -1 where an
 * answer did not end, with weight missing_eos_penalty, and the overlong punishment. The KL
 * stays in nats, less its group's mean: scaled, its price would not grow with it. With step
 * rewards (below) the advantage of the outcome alone, plus steps_share times advantage_steps.h.
 *
 * RLOO: s clipped to [clip_low, clip_high] before the KL; advantage_group_others;
 * objective_rloo.h.
 *
 * REINFORCE++: reward[t] = -beta kl[t], plus s at the last learnt token (of step rewards:
 * plus each at its token); advantage[t] = what is still to come, discounted by gamma, whitened
 * over all learnt tokens of the batch (Hu 2025, arXiv:2501.03262); with `baseline` the
 * group's mean is taken off s first, and the mean of the group's steps off each step;
 * objective_grpo.h.
 *
 * RAFT: the `best` highest of each group (ties: the earlier), of those at least min_score,
 * are learnt as demonstrations (Dong et al. 2023, arXiv:2304.06767); objective_sft.h.
 *
 * Step rewards (a process reward of steps: dense, potential or worst) stand at the last token
 * of their step; what is left of s is the outcome's, at the answer's last token. Outcome and
 * steps have each their own mean and deviation, as in Cui et al. 2025 (PRIME, arXiv:2502.01456,
 * section 3.2), since there are more steps than answers: one mean for both would pay for being
 * the one or the other. steps_share is the process rewards' weight over that of the others;
 * without a scale (Dr. GRPO) it is 1, for the values are weighted. RLOO's ratio is that of a
 * whole answer, so group_keys refuses them there; RAFT takes their sum.
 *
 * Metrics are TRL 1.16's: loss, grad_norm, learning_rate, reward, reward_std,
 * frac_reward_zero_std, num_tokens, completions/{mean,min,max}_length,
 * completions/{mean,min,max}_terminated_length, completions/clipped_ratio, kl (mean over
 * tokens), drover_steps/{per_answer,mean,std} (of step rewards, weighted), entropy_coef (with
 * an entropy bonus: after the steps, their mean) and the objective's.
 */

#ifndef LEARNER_METHODS_GROUP_H
#define LEARNER_METHODS_GROUP_H

#include "learner/iteration/iteration.h"
#include "learner/objective/advantage_group.h"
#include "learner/objective/objective_grpo.h"
#include "learner/objective/objective_rloo.h"
#include "learner/objective/objective_sft.h"
#include "reward/reward.h"

enum group_kind { GROUP_GRPO, GROUP_RLOO, GROUP_REINFORCE, GROUP_RAFT };

struct group_conf {
    union {
        struct objective_grpo_conf grpo; /* GRPO, REINFORCE++ */
        struct objective_rloo_conf rloo;
        struct objective_sft_conf sft;
    } loss; /* first: what the objectives take */
    enum group_kind kind;
    double beta;       /* of the KL */
    bool kl_in_reward; /* else in the loss, by objective_grpo */
    enum advantage_group_scale scale;
    bool each_reward;           /* multi_objective_aggregation: normalize_then_sum */
    double weight[REWARDS_MAX]; /* of the rewards, for each_reward */
    double steps_share;         /* GRPO: credit_share */
    bool mask_truncated;        /* answers that did not end are not learnt from */
    int soft_max, soft_cache;   /* soft_cache 0: no overlong punishment */
    double clip_low, clip_high; /* RLOO: of the score */
    bool normalize_advantages;  /* RLOO */
    bool baseline;              /* REINFORCE++ */
    double gamma;
    int best; /* RAFT */
    double min_score;
};

/* Fills the method's part of `round`; `conf` is borrowed until iteration_new. samples, epochs and
 * the rest are the caller's. */
void group_round(struct iteration_conf *round, const struct group_conf *conf);

#endif
