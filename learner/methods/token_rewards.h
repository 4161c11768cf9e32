/* token_rewards: from an answer's score and its distance to a reward for each token.
 *
 * For an answer with tokens t = 0..T-1
 *   reward[t] = -beta kl(behaviour[t], reference[t]), plus that of a step that ends at t, and
 *               the (rest of the) score at the last learnt token. */

#ifndef LEARNER_METHODS_TOKEN_REWARDS_H
#define LEARNER_METHODS_TOKEN_REWARDS_H

#include "learner/iteration/iteration_batch.h"

/* batch->reward and the sums kl, entropy, non_score. step: iteration_batch_steps, or NULL. */
void token_rewards(struct iteration_batch *batch, const double *step, double beta);

#endif
