/* How it works: one walk over each answer's learnt tokens, called once an iteration by the
 * methods whose loss tells tokens apart (ppo, reinforce++). The price of a nat is paid where it
 * is spent; a score belongs to the whole answer and stands where it ends, which is the last
 * token that the policy wrote: what follows was masked. */
#include "learner/methods/token_rewards.h"

#include <math.h>

void token_rewards(struct iteration_batch *batch, const double *step, double beta)
{
    for (size_t i = 0; i < batch->n; i++) {
        const struct iteration_rollout *r = &batch->rollout[i];
        const float *const reference = iteration_batch_reference(batch, i);
        float *reward = batch->reward + batch->at[i];
        const uint8_t *learn = batch->learn + batch->at[i];
        int last = 0;

        for (int t = 0; t < r->n_token; t++) {
            reward[t] = 0;
            if (!learn[t])
                continue;
            const double b = (double)r->behaviour[t];
            const double kl =
                reference ? kl_estimate(batch->conf->kl_estimator, b, (double)reference[t]) : 0;
            reward[t] = (float)(-beta * kl);
            batch->kl += kl;
            batch->entropy -= b;
            batch->non_score += -beta * kl;
            last = t;
        }
        for (int t = 0; t < r->n_token && step; t++)
            if (!isnan(step[batch->at[i] + (size_t)t]))
                reward[t] += (float)step[batch->at[i] + (size_t)t];
        reward[last] = (float)((double)reward[last] + batch->score[i]);
    }
}
