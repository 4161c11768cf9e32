/* ppo: one iteration of PPO with a KL penalty, from finished rollouts to new weights.
 *
 * Knows no socket, no journal and no clock. State plus rollouts give the next state bit for
 * bit, so a run is resumed by reading the last state and training the journal's steps again.
 * Formulas: advantage.h, kl.h, objective_ppo.h. For each answer with tokens t = 0..T-1:
 *
 *   reward[t] = -beta kl(behaviour[t], reference[t]), plus the score at the last learnt token
 *   advantage, returns by GAE over the critic's values; then advantages are whitened over all
 *   learnt tokens of the batch
 *
 * then num_ppo_epochs times, in an order fixed by (seed, iteration, epoch), num_mini_batches
 * optimiser steps of policy and critic. The value of a token is the critic's at the token
 * before it: what it expects of the state in which the token was chosen. */

#ifndef LEARNER_PPO_H
#define LEARNER_PPO_H

#include "learner/kl.h"
#include "learner/step.h"

#include <jansson.h>

/* Everything is borrowed until ppo_iteration returns. */
struct ppo_rollout {
    uint64_t task;
    uint32_t sample;
    const int *prompt; /* [prompts], at least one token */
    int prompts;
    const int *token; /* [tokens], the answer, its stop token included; at least one */
    int tokens;
    const uint8_t *mask; /* [tokens] 1 where the policy wrote; NULL: everywhere */
    const float
        *behaviour; /* [tokens] nats at conf.temperature, under the weights that wrote */
    const float *reference; /* [tokens] nats at conf.temperature, under the frozen reference */
    double score;           /* the weighted sum of its rewards */
    bool ended;             /* by a stop token: without, missing_eos_penalty is subtracted */
};

/* TRL's keys by TRL's names (0.22 PPOConfig). */
struct ppo_conf {
    int num_ppo_epochs, num_mini_batches;
    int per_device_train_batch_size; /* answers in a micro-batch */
    double kl_coef;
    enum kl kl_estimator;
    double target_kl, kl_horizon; /* target_kl 0: kl_coef stays; else nats an answer */
    bool whiten_rewards;
    double cliprange, cliprange_value, vf_coef, entropy_coef, gamma, lam;
    double temperature;
    double missing_eos_penalty;  /* 0: none */
    struct schedule_plan rates;  /* rates.peak is learning_rate; one step an iteration */
    double critic_learning_rate; /* peak; the same schedule */
    struct adamw adamw;
    double max_grad_norm; /* of policy and critic each; 0: no limit */
    bool gradient_checkpointing, portable;
    bool strict; /* rollouts are on-policy: a ratio that is not exactly 1 before the first
                    optimiser step of an iteration is an error */
    uint64_t seed;
    bool (*stop)(void); /* asked between micro-batches, true ends with ERR_STATE; may be NULL */
};

/* TRL's defaults, for a run of `iterations`: a linear schedule. */
struct ppo_conf ppo_defaults(int64_t iterations);
/* Errors: ERR_RANGE naming the key. */
enum err ppo_check(const struct ppo_conf *conf) MUST_CHECK;

struct ppo;
/* Takes both params (also on an error). critic NULL: the policy's trunk with a zero head; else
 * it must have a scalar head and the policy's vocabulary. Errors: ppo_check's, ERR_RANGE,
 * ERR_NOMEM. */
enum err ppo_new(struct ppo **out, const struct ppo_conf *conf, struct params *policy,
                 struct params *critic) MUST_CHECK;
void ppo_free(struct ppo *ppo);

/* Bytes that a ppo holds with micro-batches of at most `tokens` tokens. */
size_t ppo_size(const struct ppo_conf *conf, const struct shape *policy,
                const struct shape *critic, int tokens);

/* Before the first optimiser step of an iteration, over its first mini-batch. On-policy:
 * exactly 0, 0 and 0. */
struct ppo_first {
    double ratio_gap; /* max |ratio - 1| */
    double approxkl, clipfrac;
    int64_t tokens;
};
enum { PPO_METRICS = 24 };
struct ppo_metrics {
    struct {
        const char *name; /* a constant */
        double value;
    } metric[PPO_METRICS];
    int n;
    struct ppo_first first;
    int64_t tokens, learnt; /* of the answers, and those of them that were learnt */
};

/* One iteration over n >= num_mini_batches rollouts in ascending (task, sample). Metrics are
 * TRL's, over learnt tokens only, and sums over tokens are means over answers: lr, episode,
 * objective/{kl,entropy,non_score_reward,rlhf_reward,scores}, policy/{approxkl,clipfrac,
 * entropy}_avg, loss/{policy,value}_avg, val/{clipfrac_avg,ratio,ratio_var,num_eos_tokens} (eps
 * is the caller's: it has the clock); and drover_kl_coef, drover_{policy,critic}_grad_norm.
 * Errors: ERR_RANGE (a rollout that is empty, out of order, not finite; words name task, sample
 * and token), ERR_NOMEM, ERR_STATE (strict: a ratio is not 1; conf.stop). After an error only
 * ppo_free may follow. */
enum err ppo_iteration(struct ppo *ppo, const struct ppo_rollout *rollout, size_t n,
                       struct ppo_metrics *out) MUST_CHECK;

/* Iterations done; the version of the policy. */
int64_t ppo_count(const struct ppo *ppo);
/* Valid until the next iteration; params for hash and save, image for the fleet. */
const struct params *ppo_policy(const struct ppo *ppo);
const float *ppo_image(const struct ppo *ppo, size_t *bytes);
const struct params *ppo_critic(const struct ppo *ppo);
double ppo_beta(const struct ppo *ppo); /* the KL coefficient of the next iteration */

/* The whole state (weights, moments and counts of both models, beta, iteration, episodes) as
 * FOLDER/step-<iteration>.ckpt (checkpoint.h lists and trims them), with a JSON value of the
 * caller's (NULL: none). Errors: ERR_IO. */
enum err ppo_write(struct ppo *ppo, const char *folder, const json_t *meta) MUST_CHECK;
/* State after `iteration`, into a ppo of the same shapes; *meta (may be NULL) is the caller's
 * and to be freed. Errors: ERR_IO, ERR_PARSE, ERR_RANGE (other shapes); the ppo is then
 * unchanged. */
enum err ppo_read(struct ppo *ppo, const char *folder, int64_t iteration,
                  json_t **meta) MUST_CHECK;

#endif
