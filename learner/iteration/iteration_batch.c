/* Arrays over the tokens of all answers, in one block: where a method's advantages come to lie,
 * and what it makes them from. Here the rollouts are checked, whose numbers came from other
 * machines: order, lengths, that they are finite. `learn` is 1 where the policy wrote; a method
 * may take answers out again (mute), or choose which are trained (unit). */
#include "learner/iteration/iteration_batch.h"

#include "base/mem.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

static enum err fault(const struct iteration_rollout *r, const char *what)
{
    return err_set(ERR_RANGE, "task %" PRIu64 " sample %" PRIu32 ": %s", r->task, r->sample,
                   what);
}

static enum err check_numbers(const struct iteration_rollout *r)
{
    for (int t = 0; t < r->n_token; t++) {
        const double behaviour = r->behaviour ? (double)r->behaviour[t] : 0;
        const double reference = r->reference ? (double)r->reference[t] : 0;
        if (!isfinite(behaviour) || !isfinite(reference))
            return err_set(ERR_RANGE,
                           "task %" PRIu64 " sample %" PRIu32
                           " token %d: log-probability %g, reference %g",
                           r->task, r->sample, t, behaviour, reference);
    }
    return isfinite(r->score) ? OK : fault(r, "its score is not a finite number");
}

/* The order fixes every sum below: answers that come in another one are somebody's mistake,
 * and are said by name. */
static enum err check(const struct iteration_rollout *r, bool follows)
{
    const struct iteration_rollout *last = r - 1;

    if (r->n_prompt < 1 || r->n_token < 1)
        return fault(r, "prompt or answer is empty");
    if (follows &&
        (last->task > r->task || (last->task == r->task && last->sample >= r->sample)))
        return fault(r, "not in ascending order");
    return check_numbers(r);
}

enum { ARRAYS = 8 };

static enum err lay_out(struct iteration_batch *batch)
{
    const size_t n = (size_t)batch->tokens;
    float *block;
    enum err err = mem_big(&block, ARRAYS * n, sizeof(float), "the batch's answers");

    if (err)
        return err;
    batch->reward = block;
    batch->value = block + n;
    batch->advantage = block + 2 * n;
    batch->returns = block + 3 * n;
    batch->proximal = block + 4 * n;
    batch->importance = block + 5 * n;
    batch->after = block + 6 * n;
    batch->reference = block + 7 * n;
    return mem_big(&batch->learn, n, 1, "the batch's answers");
}

static enum err mark(struct iteration_batch *batch, size_t i)
{
    const struct iteration_rollout *r = &batch->rollout[i];

    for (int t = 0; t < r->n_token; t++) {
        const bool learn = !r->mask || r->mask[t];
        batch->learn[batch->at[i] + (size_t)t] = learn;
        batch->importance[batch->at[i] + (size_t)t] = 1;
        batch->learnt[i] += learn;
    }
    /* An answer of which the policy wrote nothing would be divided by no tokens. */
    if (!batch->learnt[i])
        return fault(r, "the policy wrote none of its tokens");
    if (i >= batch->n) /* it was counted by its own iteration */
        return OK;
    batch->total_learnt += batch->learnt[i];
    batch->unit[i] = (uint32_t)i;
    batch->score[i] = r->score - (r->ended ? 0 : batch->conf->missing_eos_penalty);
    batch->total += batch->score[i];
    batch->ended += r->ended;
    return OK;
}

enum err iteration_batch_init(struct iteration_batch *batch, const struct iteration_conf *conf,
                              const struct iteration_rollout *rollout, size_t n, size_t judged)
{
    const size_t all = n + 2 * judged;
    enum err err = OK;

    *batch = (struct iteration_batch){.conf = conf, .rollout = rollout, .n = n, .all = all};
    batch->at = mem_new(all + 1, sizeof(*batch->at));
    batch->learnt = mem_new(all, sizeof(*batch->learnt));
    batch->score = mem_new(n, sizeof(*batch->score));
    batch->unit = mem_new(all, sizeof(*batch->unit));
    batch->n_unit = n / (size_t)conf->unit;
    if (n % (size_t)conf->samples)
        return err_set(ERR_RANGE, "%zu answers do not come in groups of %d", n, conf->samples);
    for (size_t i = 0; i < all && !err; i++) {
        err = check(&rollout[i], i && i < n);
        batch->tokens += rollout[i].n_token;
        batch->at[i + 1] = (size_t)batch->tokens;
    }
    if (!err)
        err = lay_out(batch);
    for (size_t i = 0; i < all && !err; i++)
        err = mark(batch, i);
    return err;
}

void iteration_batch_judged(struct iteration_batch *batch)
{
    for (size_t i = batch->n; i < batch->all; i += 2) {
        batch->unit[2 * batch->n_unit] = (uint32_t)i;
        batch->unit[2 * batch->n_unit + 1] = (uint32_t)i + 1;
        batch->n_unit++;
        batch->n_judged++;
    }
}

void iteration_batch_fini(struct iteration_batch *batch)
{
    free(batch->at);
    free(batch->learnt);
    free(batch->learn);
    free(batch->reward);
    free(batch->score);
    free(batch->unit);
    *batch = (struct iteration_batch){0};
}

/* It keeps its score, which had a say in its group's mean. */
void iteration_batch_mute(struct iteration_batch *batch, size_t i)
{
    for (size_t t = batch->at[i]; t < batch->at[i + 1]; t++)
        batch->learn[t] = 0;
    batch->learnt[i] = 0;
}

void iteration_batch_spread(struct iteration_batch *batch, size_t i, double advantage)
{
    for (size_t t = batch->at[i]; t < batch->at[i + 1]; t++)
        batch->advantage[t] = batch->learn[t] ? (float)advantage : 0;
}

/* Taken off the outcome, so that no reward is paid twice. */
double *iteration_batch_steps(struct iteration_batch *batch)
{
    double *const step = mem_new((size_t)batch->tokens, sizeof *step);
    bool any = false;

    for (size_t i = 0; i < batch->n; i++)
        for (size_t t = batch->at[i]; t < batch->at[i + 1]; t++) {
            const float *const dense = batch->rollout[i].dense;
            step[t] = dense && batch->learn[t] ? (double)dense[t - batch->at[i]] : NAN;
            if (isnan(step[t]))
                continue;
            batch->score[i] -= step[t];
            any = true;
        }
    if (any)
        return step;
    free(step);
    return NULL;
}

const float *iteration_batch_reference(const struct iteration_batch *batch, size_t i)
{
    return batch->conf->follow.every ? batch->reference + batch->at[i]
                                     : batch->rollout[i].reference;
}

void iteration_batch_divergence(struct iteration_batch *batch, double *kl)
{
    for (size_t i = 0; i < batch->n; i++) {
        const struct iteration_rollout *const r = &batch->rollout[i];
        const float *const reference = iteration_batch_reference(batch, i);
        double sum = 0;
        for (int t = 0; t < r->n_token; t++) {
            if (!r->behaviour || !batch->learn[batch->at[i] + (size_t)t])
                continue;
            const double b = (double)r->behaviour[t];
            batch->entropy -= b;
            if (reference)
                sum += kl_estimate(batch->conf->kl_estimator, b, (double)reference[t]);
        }
        batch->kl += sum;
        if (kl)
            kl[i] = sum;
    }
}
