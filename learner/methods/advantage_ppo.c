#include "learner/methods/advantage_ppo.h"

#include "base/mem.h"
#include "learner/methods/ppo.h"
#include "learner/objective/advantage.h"
#include "lm/kernel/real.h"

#include <math.h>
#include <stdlib.h>

void advantage_ppo_rewards(struct iteration_batch *batch, const double *step, double beta)
{
    for (size_t i = 0; i < batch->n; i++) {
        const struct iteration_rollout *r = &batch->rollout[i];
        const float *const reference = iteration_batch_reference(batch, i);
        float *reward = batch->reward + batch->at[i];
        const uint8_t *learn = batch->learn + batch->at[i];
        int last = 0;

        for (int t = 0; t < r->tokens; t++) {
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
        for (int t = 0; t < r->tokens && step; t++)
            if (!isnan(step[batch->at[i] + (size_t)t]))
                reward[t] += (float)step[batch->at[i] + (size_t)t];
        reward[last] = (float)((double)reward[last] + batch->score[i]);
    }
}

/* Answers of older weights: how likely the present policy is to have written each token. */
static void traced(struct iteration_batch *batch, const struct ppo_conf *conf, double lam,
                   size_t i)
{
    const struct iteration_rollout *const r = &batch->rollout[i];
    const size_t at = batch->at[i];
    double *const ratio = mem_new((size_t)r->tokens, sizeof *ratio);

    for (int t = 0; t < r->tokens; t++)
        ratio[t] =
            batch->has_proximal
                ? real_exp((double)batch->proximal[at + (size_t)t] - (double)r->behaviour[t])
                : 1;
    advantage_vtrace(batch->reward + at, batch->value + at, ratio, batch->learn + at, r->tokens,
                     conf->gamma, lam, conf->rho_bar, batch->advantage + at,
                     batch->returns + at);
    free(ratio);
}

/* 1 - Var(G - V) / Var(G), G what the rewards came to, discounted. */
static double explained(const struct iteration_batch *batch, double gamma)
{
    double n = 0, sum[2] = {0, 0}, square[2] = {0, 0};

    for (size_t i = 0; i < batch->n; i++) {
        double to_come = 0;
        for (size_t t = batch->at[i + 1]; t-- > batch->at[i];) {
            if (!batch->learn[t])
                continue;
            to_come = (double)batch->reward[t] + gamma * to_come;
            const double x[2] = {to_come, to_come - (double)batch->value[t]};
            for (int k = 0; k < 2; k++) {
                sum[k] += x[k];
                square[k] += x[k] * x[k];
            }
            n++;
        }
    }
    for (int k = 0; k < 2; k++)
        square[k] = square[k] / n - sum[k] / n * (sum[k] / n);
    return square[0] > 1e-12 ? 1 - square[1] / square[0] : (double)NAN;
}

void advantage_ppo(struct iteration_batch *batch, const struct ppo_conf *conf)
{
    const int total = (int)batch->tokens;
    const bool alone = batch->iteration < batch->conf->critic_warmup;
    const double lam = alone ? 1 : conf->lam;

    if (conf->whiten_rewards)
        advantage_whiten(batch->reward, batch->learn, total, ADVANTAGE_KEEP_MEAN);
    batch->explained = explained(batch, conf->gamma);
    for (size_t i = 0; i < batch->n; i++) {
        const size_t at = batch->at[i];
        if (conf->vtrace) {
            traced(batch, conf, lam, i);
            continue;
        }
        advantage_gae(batch->reward + at, batch->value + at, batch->learn + at,
                      batch->rollout[i].tokens, conf->gamma, lam, batch->advantage + at,
                      batch->returns + at);
    }
    advantage_whiten(batch->advantage, batch->learn, total, ADVANTAGE_CENTRED);
}
