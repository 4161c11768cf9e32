/* round_pass: micro-batches of an iteration through policy and critic.
 *
 * A micro-batch is packed: prompt and answer of each rollout, one after another. Without a
 * critic, answers to one prompt that stand one after another go on behind its one copy
 * (batch.stem), with the same bits for less work. The critic's
 * number for a token stands one place before it in the model's output; here all arrays are
 * shifted so that index i speaks of token i. */

#ifndef LEARNER_ROUND_ROUND_PASS_H
#define LEARNER_ROUND_ROUND_PASS_H

#include "learner/round/round_batch.h"

struct round_pass {
    const struct round_batch *source;
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
void round_pass_free(struct round_pass *pass);

/* Packs the rollouts order[0..n) of `source`, which must live until the next pack. Errors:
 * ERR_NOMEM. */
enum err round_pass_pack(struct round_pass *pass, const struct round_batch *source,
                         const uint32_t *order, size_t n) MUST_CHECK;

/* The packed micro-batch's old values into `value` [tokens of the source's answers]. */
enum err round_pass_values(struct round_pass *pass, struct step *critic, const uint32_t *order,
                           size_t n, float *value) MUST_CHECK;
/* The packed micro-batch's log-probabilities under `model`, any of the policy's shape,
 * likewise.
 */
enum err round_pass_logprobs(struct round_pass *pass, struct step *policy,
                             const struct model *model, const uint32_t *order, size_t n,
                             float *logprob) MUST_CHECK;

/* Of the optimiser step to which a micro-batch belongs. */
struct round_pass_whole {
    double normaliser, tokens, entropy_coef; /* objective_in's */
};

/* Of answers order[0..n): the normaliser is that of all of them, whatever the micro-batches.
 * entropy_coef is the caller's. */
struct round_pass_whole round_pass_measure(const struct round_batch *batch,
                                           const uint32_t *order, size_t n);

/* Forward, objective, backward (gradients add up). out->metric is filled. round_pass_policy
 * leaves `logprob` for whoever wants to look; whether its slopes go on is for the caller.
 * `order` is that of the pack. The critic's loss is divided by the step's tokens. */
enum err round_pass_forward(struct round_pass *pass, struct step *policy) MUST_CHECK;
void round_pass_policy(struct round_pass *pass, const uint32_t *order,
                       const struct round_pass_whole *whole, struct objective_out *out);
void round_pass_policy_back(struct step *policy, const struct objective_out *out);
enum err round_pass_critic(struct round_pass *pass, struct step *critic,
                           const struct round_pass_whole *whole,
                           struct objective_out *out) MUST_CHECK;

#endif
