/* iteration_pass: micro-batches of an iteration through policy and critic.
 *
 * A micro-batch is packed: prompt and answer of each rollout, one after another. Without a
 * critic, answers to one prompt that stand one after another go on behind its one copy
 * (batch.n_prefix), with the same bits for less work. The critic's
 * number for a token stands one place before it in the model's output; here all arrays are
 * shifted so that index i speaks of token i. */

#ifndef LEARNER_ITERATION_ITERATION_PASS_H
#define LEARNER_ITERATION_ITERATION_PASS_H

#include "learner/iteration/iteration_batch.h"

struct iteration_pass {
    const struct iteration_batch *source;
    struct batch batch;
    int *token, *seq, *stem;
    int *answer; /* [n] where each rollout's answer starts */
    uint8_t *learn, *role;
    float *block; /* of `room` each: */
    float *behaviour;
    float *proximal;
    float *reference;
    float *importance;
    float *advantage;
    float *returns;
    float *old_value;
    float *logprob; /* outputs, and then slopes */
    float *entropy;
    float *value;
    float *slope[2];
    size_t room, seq_room; /* tokens, sequences */
};
void iteration_pass_free(struct iteration_pass *pass);

/* Packs the rollouts order[0..n) of `source`, which must live until the next pack. Errors:
 * ERR_NOMEM. */
enum err iteration_pass_pack(struct iteration_pass *pass, const struct iteration_batch *source,
                             const uint32_t *order, size_t n) MUST_CHECK;

/* The packed micro-batch's old values into `value` [tokens of the source's answers]. */
enum err iteration_pass_values(struct iteration_pass *pass, struct trainable *critic,
                               const uint32_t *order, size_t n, float *value) MUST_CHECK;
/* The packed micro-batch's log-probabilities under `model`, any of the policy's shape,
 * likewise.
 */
enum err iteration_pass_logprobs(struct iteration_pass *pass, struct trainable *policy,
                                 const struct model *model, const uint32_t *order, size_t n,
                                 float *logprob) MUST_CHECK;

/* Of the optimiser step to which a micro-batch belongs. */
struct iteration_pass_whole {
    double normaliser, tokens, entropy_coef; /* objective_in's */
};

/* Of answers order[0..n): the normaliser is that of all of them, whatever the micro-batches.
 * entropy_coef is the caller's. */
struct iteration_pass_whole iteration_pass_measure(const struct iteration_batch *batch,
                                                   const uint32_t *order, size_t n);

/* Forward, objective, backward (gradients add up). out->metric is filled. iteration_pass_policy
 * leaves `logprob` for whoever wants to look; whether its slopes go on is for the caller.
 * `order` is that of the pack. The critic's loss is divided by the step's tokens. */
enum err iteration_pass_forward(struct iteration_pass *pass,
                                struct trainable *policy) MUST_CHECK;
void iteration_pass_policy(struct iteration_pass *pass, const uint32_t *order,
                           const struct iteration_pass_whole *whole, struct objective_out *out);
void iteration_pass_policy_back(struct trainable *policy, const struct objective_out *out);
enum err iteration_pass_critic(struct iteration_pass *pass, struct trainable *critic,
                               const struct iteration_pass_whole *whole,
                               struct objective_out *out) MUST_CHECK;

#endif
