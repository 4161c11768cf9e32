#include "learner/ppo_batch.h"

#include "base/mem.h"
#include "learner/advantage.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

static enum err fault(const struct ppo_rollout *r, const char *what)
{
    return err_set(ERR_RANGE, "task %" PRIu64 " sample %" PRIu32 ": %s", r->task, r->sample,
                   what);
}

static enum err check_numbers(const struct ppo_rollout *r)
{
    for (int t = 0; t < r->tokens; t++)
        if (!isfinite(r->behaviour[t]) || !isfinite(r->reference[t]))
            return err_set(ERR_RANGE,
                           "task %" PRIu64 " sample %" PRIu32
                           " token %d: log-probability %g, reference %g",
                           r->task, r->sample, t, (double)r->behaviour[t],
                           (double)r->reference[t]);
    return isfinite(r->score) ? OK : fault(r, "its score is not a finite number");
}

static enum err check(const struct ppo_rollout *r, size_t i)
{
    const struct ppo_rollout *last = r - 1;

    if (r->prompts < 1 || r->tokens < 1)
        return fault(r, "prompt or answer is empty");
    if (i && (last->task > r->task || (last->task == r->task && last->sample >= r->sample)))
        return fault(r, "not in ascending order");
    return check_numbers(r);
}

static enum err lay_out(struct ppo_batch *batch)
{
    const size_t n = (size_t)batch->tokens;
    float *block;
    enum err err = mem_big(&block, 4 * n, sizeof(float), "the batch's answers");

    if (err)
        return err;
    batch->reward = block;
    batch->value = block + n;
    batch->advantage = block + 2 * n;
    batch->returns = block + 3 * n;
    return mem_big(&batch->learn, n, 1, "the batch's answers");
}

static enum err mark(struct ppo_batch *batch, size_t i)
{
    const struct ppo_rollout *r = &batch->rollout[i];

    for (int t = 0; t < r->tokens; t++) {
        const bool learn = !r->mask || r->mask[t];
        batch->learn[batch->at[i] + (size_t)t] = learn;
        batch->learnt[i] += learn;
    }
    batch->total_learnt += batch->learnt[i];
    return batch->learnt[i] ? OK : fault(r, "the policy wrote none of its tokens");
}

enum err ppo_batch_init(struct ppo_batch *batch, const struct ppo_rollout *rollout, size_t n)
{
    enum err err = OK;

    *batch = (struct ppo_batch){.rollout = rollout, .n = n};
    batch->at = mem_new(n + 1, sizeof(*batch->at));
    batch->learnt = mem_new(n, sizeof(*batch->learnt));
    for (size_t i = 0; i < n && !err; i++) {
        err = check(&rollout[i], i);
        batch->tokens += rollout[i].tokens;
        batch->at[i + 1] = (size_t)batch->tokens;
    }
    if (!err)
        err = lay_out(batch);
    for (size_t i = 0; i < n && !err; i++)
        err = mark(batch, i);
    return err;
}

void ppo_batch_fini(struct ppo_batch *batch)
{
    free(batch->at);
    free(batch->learnt);
    free(batch->learn);
    free(batch->reward);
    *batch = (struct ppo_batch){0};
}

void ppo_batch_rewards(struct ppo_batch *batch, const struct ppo_conf *conf, double beta)
{
    for (size_t i = 0; i < batch->n; i++) {
        const struct ppo_rollout *r = &batch->rollout[i];
        const double score = r->score - (r->ended ? 0 : conf->missing_eos_penalty);
        float *reward = batch->reward + batch->at[i];
        const uint8_t *learn = batch->learn + batch->at[i];
        int last = 0;

        for (int t = 0; t < r->tokens; t++) {
            reward[t] = 0;
            if (!learn[t])
                continue;
            const double b = (double)r->behaviour[t];
            const double kl = kl_estimate(conf->kl_estimator, b, (double)r->reference[t]);
            reward[t] = (float)(-beta * kl);
            batch->kl += kl;
            batch->entropy -= b;
            batch->non_score += -beta * kl;
            last = t;
        }
        reward[last] = (float)((double)reward[last] + score);
        batch->score += score;
        batch->ended += r->ended;
    }
}

void ppo_batch_advantages(struct ppo_batch *batch, const struct ppo_conf *conf)
{
    const int total = (int)batch->tokens;

    if (conf->whiten_rewards)
        advantage_whiten(batch->reward, batch->learn, total, ADVANTAGE_KEEP_MEAN);
    for (size_t i = 0; i < batch->n; i++) {
        const size_t at = batch->at[i];
        advantage_gae(batch->reward + at, batch->value + at, batch->learn + at,
                      batch->rollout[i].tokens, conf->gamma, conf->lam, batch->advantage + at,
                      batch->returns + at);
    }
    advantage_whiten(batch->advantage, batch->learn, total, ADVANTAGE_CENTRED);
}
