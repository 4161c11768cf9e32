/* ppo_pass: micro-batches of PPO through policy and critic.
 *
 * A micro-batch is packed: prompt and answer of each rollout, one after another. The critic's
 * number for a token stands one place before it in the model's output; here all arrays are
 * shifted so that index i speaks of token i. */

#ifndef LEARNER_PPO_PASS_H
#define LEARNER_PPO_PASS_H

#include "learner/objective_ppo.h"
#include "learner/ppo_batch.h"

struct ppo_pass {
    const struct ppo_batch *source;
    struct batch batch;
    int *token, *seq;
    uint8_t *learn;
    float *block;     /* PPO_PASS_ARRAYS of `room` */
    float *behaviour; /* all [room] */
    float *advantage;
    float *returns;
    float *old_value;
    float *logprob; /* outputs, and then slopes */
    float *entropy;
    float *value;
    float *slope[2];
    size_t room, seq_room; /* tokens, sequences */
};
void ppo_pass_free(struct ppo_pass *pass);

/* Packs the rollouts order[0..n) of `source`, which must live until the next pack. Errors:
 * ERR_NOMEM. */
enum err ppo_pass_pack(struct ppo_pass *pass, const struct ppo_batch *source,
                       const uint32_t *order, size_t n) MUST_CHECK;

/* The packed micro-batch's old values into `value` [tokens of the source's answers]. */
enum err ppo_pass_values(struct ppo_pass *pass, struct step *critic, const uint32_t *order,
                         size_t n, float *value) MUST_CHECK;

/* Forward, objective, backward (gradients add up). out->metric is filled. ppo_pass_policy
 * leaves `logprob` for whoever wants to look. */
enum err ppo_pass_forward(struct ppo_pass *pass, struct step *policy,
                          double temperature) MUST_CHECK;
void ppo_pass_policy(struct ppo_pass *pass, struct step *policy,
                     const struct objective_ppo_conf *conf, double normaliser,
                     struct objective_out *out);
enum err ppo_pass_critic(struct ppo_pass *pass, struct step *critic,
                         const struct objective_ppo_conf *conf, double normaliser,
                         struct objective_out *out) MUST_CHECK;

#endif
