#include "learner/methods/group.h"

#include "base/mem.h"
#include "learner/iteration/iteration_report.h"
#include "learner/methods/advantage_ppo.h"
#include "learner/objective/advantage.h"
#include "learner/objective/advantage_steps.h"
#include "reward/combine.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static void mask_truncated(struct iteration_batch *batch)
{
    for (size_t i = 0; i < batch->n; i++)
        if (!batch->rollout[i].ended)
            iteration_batch_mute(batch, i);
}

static double overlong(const struct group_conf *conf, const struct iteration_batch *batch,
                       size_t i)
{
    return combine_overlong(batch->rollout[i].tokens, conf->soft_max, conf->soft_cache);
}

/* Scores as the group sees them, sums of the batch, groups without a spread. Returns what of
 * each score is the price of its distance [n]; the caller's. */
static double *prepare(const struct group_conf *conf, struct iteration_batch *batch,
                       double beta)
{
    double *const price = mem_new(batch->n, sizeof *price);
    const bool paid = conf->kl_in_reward && conf->kind != GROUP_REINFORCE;

    iteration_batch_divergence(batch, price);
    for (size_t i = 0; i < batch->n; i++) {
        double *const s = &batch->score[i];
        *s += overlong(conf, batch, i);
        if (conf->kind == GROUP_RLOO)
            *s = fmin(fmax(*s, conf->clip_low), conf->clip_high);
    }
    batch->flat = advantage_group_flat(batch->score, batch->n, (size_t)batch->conf->samples);
    for (size_t i = 0; i < batch->n; i++) {
        price[i] = paid ? beta * price[i] : 0;
        batch->score[i] -= price[i];
    }
    return price;
}

/* The rewards of the rollouts, one reward after another. What shapes them stands behind: each
 * its own reward, whose weight is its price; and the distance, which is priced in nats. */
static void by_reward(const struct group_conf *conf, const struct iteration_batch *batch,
                      const double *price, double *out)
{
    enum { SHAPES = 2 };
    const size_t own = (size_t)batch->conf->parts, parts = own + SHAPES, n = batch->n;
    double *const part = mem_new(parts * n, sizeof *part), weight[REWARDS_MAX + SHAPES];

    memcpy(weight, conf->weight, sizeof conf->weight);
    weight[own] = batch->conf->missing_eos_penalty;
    weight[own + 1] = 1;
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < own; k++)
            part[k * n + i] = batch->rollout[i].part[k];
        part[own * n + i] = batch->rollout[i].ended ? 0 : -1;
        part[(own + 1) * n + i] = overlong(conf, batch, i);
    }
    advantage_group_parts(out, part, weight, parts, price, n, (size_t)batch->conf->samples);
    free(part);
}

/* The steps' advantages beside those of the outcome. */
static void add_steps(const struct group_conf *conf, struct iteration_batch *batch,
                      double *step)
{
    const double share = conf->scale == ADVANTAGE_GROUP_PLAIN ? 1 : conf->steps_share;

    advantage_steps(step, step, batch->at, batch->n, (size_t)batch->conf->samples, conf->scale);
    for (size_t t = 0; t < (size_t)batch->tokens; t++)
        if (batch->learn[t])
            batch->advantage[t] = (float)((double)batch->advantage[t] + share * step[t]);
}

static void assign_grpo(const void *method, struct iteration_batch *batch, double beta)
{
    const struct group_conf *const conf = method;
    double *const A = mem_new(batch->n, sizeof *A), *price = prepare(conf, batch, beta);
    double *const step = iteration_batch_steps(batch);

    if (conf->each_reward)
        by_reward(conf, batch, price, A);
    else
        advantage_group(A, batch->score, batch->n, (size_t)batch->conf->samples, conf->scale);
    for (size_t i = 0; i < batch->n; i++)
        iteration_batch_spread(batch, i, A[i]);
    if (step)
        add_steps(conf, batch, step);
    if (conf->mask_truncated)
        mask_truncated(batch);
    free(step);
    free(price);
    free(A);
}

static void assign_rloo(const void *method, struct iteration_batch *batch, double beta)
{
    const struct group_conf *const conf = method;
    double *const A = mem_new(batch->n, sizeof *A);

    free(prepare(conf, batch, beta));
    advantage_group_others(A, batch->score, batch->n, (size_t)batch->conf->samples,
                           conf->normalize_advantages);
    for (size_t i = 0; i < batch->n; i++)
        iteration_batch_spread(batch, i, A[i]);
    if (conf->mask_truncated)
        mask_truncated(batch);
    free(A);
}

/* The group's means off its answers' outcomes, and off its steps. */
static void take_baseline(struct iteration_batch *batch, double *step)
{
    const size_t each = (size_t)batch->conf->samples;

    for (size_t g = 0; g < batch->n; g += each) {
        const double mean = advantage_group_mean(batch->score + g, each);
        for (size_t i = g; i < g + each; i++)
            batch->score[i] -= mean;
    }
    if (step)
        advantage_steps_centre(step, batch->at, batch->n, each);
}

static void assign_reinforce(const void *method, struct iteration_batch *batch, double beta)
{
    const struct group_conf *const conf = method;

    free(prepare(conf, batch, beta));
    double *const step = iteration_batch_steps(batch);
    if (conf->baseline)
        take_baseline(batch, step);
    batch->kl = batch->entropy = 0; /* counted again beside the rewards */
    advantage_ppo_rewards(batch, step, conf->kl_in_reward ? beta : 0);
    free(step);
    memset(batch->value, 0, (size_t)batch->tokens * sizeof(float));
    for (size_t i = 0; i < batch->n; i++) {
        const size_t at = batch->at[i];
        advantage_gae(batch->reward + at, batch->value + at, batch->learn + at,
                      batch->rollout[i].tokens, conf->gamma, 1, batch->advantage + at,
                      batch->returns + at);
    }
    advantage_whiten(batch->advantage, batch->learn, (int)batch->tokens, ADVANTAGE_CENTRED);
    if (conf->mask_truncated)
        mask_truncated(batch);
}

/* How many of the group stand before answer i: higher scores, and equal ones that are earlier.
 */
static size_t rank(const double *score, size_t each, size_t i)
{
    size_t before = 0;

    for (size_t k = 0; k < each; k++)
        before += score[k] > score[i] || (k < i && !(score[k] < score[i]));
    return before;
}

static void assign_raft(const void *method, struct iteration_batch *batch, double beta)
{
    const struct group_conf *const conf = method;
    const size_t each = (size_t)batch->conf->samples;

    free(prepare(conf, batch, beta));
    batch->units = 0;
    for (size_t i = 0; i < batch->n; i++) {
        const size_t first = i - i % each;
        const bool taken = rank(batch->score + first, each, i - first) < (size_t)conf->best &&
                           batch->score[i] >= conf->min_score &&
                           (!conf->mask_truncated || batch->rollout[i].ended);
        iteration_batch_spread(batch, i, taken);
        if (taken)
            batch->unit[batch->units++] = (uint32_t)i;
    }
}

struct lengths {
    double sum, least, most;
    size_t n;
};

static void count(struct lengths *l, int tokens)
{
    l->least = l->n ? fmin(l->least, tokens) : tokens;
    l->most = fmax(l->most, tokens);
    l->sum += tokens;
    l->n++;
}

static void completions(const struct iteration_batch *batch, struct iteration_metrics *out)
{
    struct lengths all = {0}, ended = {0};

    for (size_t i = 0; i < batch->n; i++) {
        count(&all, batch->rollout[i].tokens);
        if (batch->rollout[i].ended)
            count(&ended, batch->rollout[i].tokens);
    }
    iteration_report_put(out, "completions/mean_length", all.sum / (double)all.n);
    iteration_report_put(out, "completions/min_length", all.least);
    iteration_report_put(out, "completions/max_length", all.most);
    iteration_report_put(out, "completions/clipped_ratio", 1 - (double)ended.n / (double)all.n);
    iteration_report_put(out, "completions/mean_terminated_length",
                         ended.n ? ended.sum / (double)ended.n : 0);
    iteration_report_put(out, "completions/min_terminated_length", ended.least);
    iteration_report_put(out, "completions/max_terminated_length", ended.most);
}

static void rewards(const struct iteration_batch *batch, struct iteration_metrics *out)
{
    double *const score = mem_new(batch->n, sizeof *score);
    const double groups = (double)batch->n / batch->conf->samples;

    for (size_t i = 0; i < batch->n; i++)
        score[i] = batch->rollout[i].score;
    iteration_report_put(out, "reward", advantage_group_mean(score, batch->n));
    iteration_report_put(out, "reward_std", advantage_group_deviation(score, batch->n));
    iteration_report_put(out, "frac_reward_zero_std", (double)batch->flat / groups);
    free(score);
}

/* What the steps of the answers were worth. */
static void step_rewards(const struct iteration_batch *batch, struct iteration_metrics *out)
{
    double n = 0, sum = 0, square = 0;

    for (size_t i = 0; i < batch->n; i++)
        for (int t = 0; t < batch->rollout[i].tokens && batch->rollout[i].dense; t++) {
            const double r = (double)batch->rollout[i].dense[t];
            n += !isnan(r);
            sum += isnan(r) ? 0 : r;
            square += isnan(r) ? 0 : r * r;
        }
    if (n < 1)
        return;
    iteration_report_put(out, "drover_steps/per_answer", n / (double)batch->n);
    iteration_report_put(out, "drover_steps/mean", sum / n);
    iteration_report_put(out, "drover_steps/std",
                         sqrt(fmax(square / n - sum / n * (sum / n), 0)));
}

static void report(const void *method, const struct iteration_report *r,
                   struct iteration_metrics *out)
{
    const struct group_conf *const conf = method;
    const double steps = fmax((double)r->steps, 1);

    iteration_report_put(out, "loss", r->sums.loss[0] / steps);
    iteration_report_put(out, "grad_norm", r->policy_norm / steps);
    iteration_report_put(out, "learning_rate", r->rate);
    rewards(r->batch, out);
    iteration_report_put(out, "num_tokens", (double)r->num_tokens);
    completions(r->batch, out);
    step_rewards(r->batch, out);
    if (r->batch->conf->reference && (conf->kl_in_reward || conf->kind == GROUP_RLOO))
        iteration_report_put(out, "kl", r->batch->kl / (double)r->batch->total_learnt);
    if (entropy_control_on(&r->batch->conf->entropy))
        iteration_report_put(out, "entropy_coef", r->entropy_coef / steps);
    if (conf->kind == GROUP_RAFT)
        iteration_report_put(out, "drover_learnt_answers", (double)r->batch->units);
    for (int i = 0; i < r->sums.metrics.n; i++) {
        const struct metrics_row *const m = &r->sums.metrics.row[i];
        const bool whole =
            !strcmp(m->name, "policy_loss"); /* of a step, not of micro-batches */
        iteration_report_put(out, m->name, m->sum / fmax(whole ? steps : m->weight, 1e-300));
    }
}

void group_round(struct iteration_conf *round, const struct group_conf *conf)
{
    static void (*const assign[])(const void *, struct iteration_batch *, double) = {
        assign_grpo, assign_rloo, assign_reinforce, assign_raft};

    round->method = (void *)(uintptr_t)conf;
    round->loss = &conf->loss;
    round->critic = NULL;
    round->assign = assign[conf->kind];
    round->report = report;
    round->unit = 1;
    round->reference = conf->beta != 0;
    round->rate_by_step = true;
    round->kl_coef = conf->kl_in_reward ? conf->beta : 0;
    switch (conf->kind) {
    case GROUP_RLOO:
        round->policy = &objective_rloo;
        break;
    case GROUP_RAFT:
        round->policy = &objective_sft;
        break;
    default:
        round->policy = objective_grpo(conf->loss.grpo.loss);
    }
}
