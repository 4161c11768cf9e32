/* group: what the methods share that compare answers to one prompt and hold no critic: grpo,
 * rloo, reinforce, raft.
 *
 * s[i]: an answer's score (less missing_eos_penalty), plus the overlong punishment
 * (reward/combine.h). With KL in the reward s[i] -= beta sum of the estimator over its tokens.
 *
 * Step rewards (a process reward of steps: dense, potential or worst) stand at the last token
 * of their step; what is left of s is the outcome's, at the answer's last token. Outcome and
 * steps have each their own mean and deviation, as in Cui et al. 2025 (PRIME, arXiv:2502.01456,
 * section 3.2), since there are more steps than answers: one mean for both would pay for being
 * the one or the other.
 *
 * Metrics are TRL 1.16's: loss, grad_norm, learning_rate, reward, reward_std,
 * frac_reward_zero_std, num_tokens, completions/{mean,min,max}_length,
 * completions/{mean,min,max}_terminated_length, completions/clipped_ratio, kl (mean over
 * tokens), drover_steps/{per_answer,mean,std} (of step rewards, weighted), entropy_coef (with
 * an entropy bonus: after the steps, their mean) and the objective's. */

#ifndef LEARNER_METHODS_GROUP_H
#define LEARNER_METHODS_GROUP_H

#include "learner/iteration/iteration_report.h"
#include "learner/methods/fleet_keys.h"

/* The struct of each of them begins with it. */
struct group_keys {
    struct fleet_keys fleet;
    int num_generations, generation_batch_size, steps_per_generation;
    double beta, epsilon, epsilon_high;
    int kl_in; /* GROUP_IN_LOSS, GROUP_IN_REWARD */
    bool mask_truncated_completions, shuffle_dataset, dynamic_sampling, sync_ref_model;
    json_t *reward_weights, *generation_kwargs;
    double top_p, min_p, repetition_penalty, ref_model_mixup_alpha;
    int top_k, soft_punish_cache, dynamic_sampling_max;
    int ref_model_sync_steps, max_tool_calling_iterations;
    /* What follows from them. */
    int soft_max, soft_cache;   /* soft_cache 0: no overlong punishment */
    double weight[REWARDS_MAX]; /* of the rewards */
};
enum { GROUP_IN_LOSS, GROUP_IN_REWARD };

extern const struct conf_key group_table[];
extern const struct conf_key
    group_table_ignored[]; /* of TRL's online trainers, without meaning */
extern const char *const group_kl_in[];

/* A method's list of tables, its own first. */
#define GROUP_TABLES(own) \
    { \
        own, group_table, fleet_keys_table, keys_table_shared, keys_table_ignored, \
            group_table_ignored, NULL \
    }

/* The beginning of a method's plan: what the shared keys mean, and the iteration's part of it
 * that all of them have; loss, policy and assign are the method's. Errors: ERR_RANGE, ERR_PARSE
 * naming the key. */
enum err group_plan(struct group_keys *group, struct fleet_plan *out) MUST_CHECK;
/* Errors: ERR_RANGE, where a reward is credited step by step, for the reason `why`. */
enum err group_refuse_steps(const struct fleet_plan *plan, const char *why) MUST_CHECK;
/* The clip above 1. */
double group_epsilon_high(const struct group_keys *group);

/* Scores as the group sees them: punished, within [low, high], less `price` a nat; sums of the
 * batch, groups without a spread. Returns what of each score is the price of its distance [n];
 * the caller's. */
double *group_scores(const struct group_keys *group, struct iteration_batch *batch,
                     double price, double low, double high);
/* The price of a nat in a score: beta, or 0 where it stands in the loss. */
double group_price(const struct group_keys *group, double beta);
double group_overlong(const struct group_keys *group, const struct iteration_batch *batch,
                      size_t i);
/* Answers that did not end are not learnt from, if the keys say so. */
void group_mask(const struct group_keys *group, struct iteration_batch *batch);

/* iteration_conf.report; and its two halves: what is of the batch, what the objective says. */
void group_report(const void *method, const struct iteration_report *r,
                  struct iteration_metrics *out);
void group_report_batch(const struct group_keys *group, const struct iteration_report *r,
                        struct iteration_metrics *out);
void group_report_loss(const struct iteration_report *r, struct iteration_metrics *out);

#endif
