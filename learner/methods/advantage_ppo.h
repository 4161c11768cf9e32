/* advantage_ppo: PPO's credit: from a score and the critic's values to advantages.
 *
 * For each answer with tokens t = 0..T-1:
 *   reward[t] = -beta kl(behaviour[t], reference[t]), plus that of a step that ends at t, and
 *               the (rest of the) score at the last learnt token
 *   advantage, returns by GAE over the critic's values (with vtrace: by V-trace); then
 *   advantages are whitened over all learnt tokens of the batch. */

#ifndef LEARNER_METHODS_ADVANTAGE_PPO_H
#define LEARNER_METHODS_ADVANTAGE_PPO_H

#include "learner/iteration/iteration_batch.h"

struct ppo_conf;

/* batch->reward and the sums kl, entropy, non_score. step: iteration_batch_steps, or NULL. */
void advantage_ppo_rewards(struct iteration_batch *batch, const double *step, double beta);

/* From reward and value: whitens the rewards if conf says so, then advantage and returns. */
void advantage_ppo(struct iteration_batch *batch, const struct ppo_conf *conf);

#endif
