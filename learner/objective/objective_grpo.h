/* objective_grpo: the policy losses of the methods that need no critic, one row a normaliser.
 *
 * For a sequence s of |s| learnt tokens, x[t] = logprob[t] - old[t] (old: proximal, behaviour
 * where there is none), r = exp(x[t]), or for importance_sampling_level sequence (GSPO, Zheng
 * et al. 2025, arXiv:2507.18071) r = exp(mean over s of x). With A = advantage[t], as in TRL
 * 1.16's GRPOTrainer._compute_loss:
 *
 *   grpo bnpo dr_grpo dapo luspo   l = -min(min(r, delta) A, clip(r, 1 - eps, 1 + eps_high) A)
 *   cispo   l = -min(r, eps_high) A logprob[t], its factor held fixed (arXiv:2506.13585)
 *   sapo    l = -4 / tau sigmoid(tau (r - 1)) A, tau by the sign of A (arXiv:2511.20347)
 *   vespo   l = -phi(w) A logprob[t], w = exp(sum over s of x), held fixed,
 *           phi(w) = exp(lambda + k log w - lambda w), k and lambda by the sign of A
 *
 * l is 0 where top_entropy_quantile leaves the token out (a share of the micro-batch's most
 * uncertain tokens is learnt), or off_policy_mask_threshold its sequence (A < 0 and mean of
 * behaviour - logprob above it); times importance[t]; plus beta k3 (with r before it under
 * use_bias_correction_kl), k3 = exp(d) - d - 1, d = reference - logprob.
 *
 * The sum over learnt tokens is divided by N = in->normaliser:
 *   grpo sapo   each sequence by |s| first, N sequences
 *   luspo       N sequences
 *   dr_grpo     by max_completion_length, N sequences
 *   dapo cispo vespo   N tokens
 *   bnpo        N tokens of the micro-batch, and the step is the mean of its micro-batches:
 *               the one row here that depends on how a step is divided into them
 * and in->entropy_coef times the mean entropy of the tokens that are learnt is taken off. */

#ifndef LEARNER_OBJECTIVE_OBJECTIVE_GRPO_H
#define LEARNER_OBJECTIVE_OBJECTIVE_GRPO_H

#include "learner/objective/objective.h"

enum objective_grpo_loss { /* in the order of objective_grpo_names */
                           OBJECTIVE_DAPO,
                           OBJECTIVE_GRPO,
                           OBJECTIVE_BNPO,
                           OBJECTIVE_DR_GRPO,
                           OBJECTIVE_CISPO,
                           OBJECTIVE_SAPO,
                           OBJECTIVE_LUSPO,
                           OBJECTIVE_VESPO,
};

struct objective_grpo_conf {
    enum objective_grpo_loss loss;
    bool sequence;                /* importance_sampling_level */
    double epsilon, epsilon_high; /* of cispo, epsilon_high is the bound itself */
    double delta;                 /* NAN: none */
    double beta;                  /* 0: reference is not read */
    bool use_bias_correction_kl;
    double sapo_temperature_pos, sapo_temperature_neg;
    double vespo_k_pos, vespo_lambda_pos, vespo_k_neg, vespo_lambda_neg;
    double top_entropy_quantile;      /* 1: every token */
    double off_policy_mask_threshold; /* NAN: none */
    int max_completion_length;
};

/* What is not asked for: no other bound than the clip, every token and sequence. */
struct objective_grpo_conf objective_grpo_plain(enum objective_grpo_loss loss);

/* "dapo", "grpo", ... as TRL calls them; NULL-ended. */
extern const char *const objective_grpo_names[];

/* The row of a loss. conf: struct objective_grpo_conf. Metrics: kl (with beta), entropy,
 * clip_ratio/{low_mean,low_min,high_mean,high_max,region_mean}; of cispo cispo_clip_ratio, of
 * vespo vespo/phi_seq_mean; policy_loss where out->dentropy is wanted. */
const struct objective *objective_grpo(enum objective_grpo_loss loss);

#endif
