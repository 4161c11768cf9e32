/* ppo_batch: the answers of one iteration, and what PPO makes of their scores.
 *
 * Arrays over the tokens of all answers, one answer after another in the order of the rollouts;
 * everything is summed in that order. Fill `value`, then ppo_batch_advantages. */

#ifndef LEARNER_PPO_BATCH_H
#define LEARNER_PPO_BATCH_H

#include "learner/ppo.h"

struct ppo_batch {
    const struct ppo_rollout *rollout; /* [n], borrowed */
    size_t n;
    size_t *at;       /* [n+1] where each answer starts in the arrays below */
    uint8_t *learn;   /* [tokens] */
    int64_t *learnt;  /* [n] learnt tokens of each answer */
    float *reward;    /* [tokens] as DESIGN says: KL price, and the score at the last */
    float *value;     /* [tokens] of the critic, at the token before */
    float *advantage; /* [tokens] whitened */
    float *returns;   /* [tokens] from before the whitening */
    int64_t tokens, total_learnt, ended;
    /* sums over answers; kl and entropy also over their tokens */
    double kl, entropy, non_score, score;
};

/* Errors: ERR_RANGE names task, sample and token; ERR_NOMEM. ppo_batch_fini follows in any
 * case. */
enum err ppo_batch_init(struct ppo_batch *batch, const struct ppo_rollout *rollout,
                        size_t n) MUST_CHECK;
void ppo_batch_fini(struct ppo_batch *batch);

/* reward and the sums. */
void ppo_batch_rewards(struct ppo_batch *batch, const struct ppo_conf *conf, double beta);

/* From reward and value: whitens the rewards if conf says so, then advantage and returns. */
void ppo_batch_advantages(struct ppo_batch *batch, const struct ppo_conf *conf);

#endif
