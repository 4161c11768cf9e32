/* How it works: group_table's rows are keys that all of these methods have; group_plan, the
 * first thing in each method's plan, turns them into an iteration's answers (a batch counts
 * answers here, as TRL's does, not prompts), sampling, weights of the rewards. In an iteration
 * group_scores makes of rewards what the group compares: first the punishment of long answers,
 * then the clip, then the price of a nat, so that a clip never hides a price. */
#include "learner/methods/group.h"

#include "base/log.h"
#include "base/mem.h"
#include "learner/objective/advantage_group.h"
#include "reward/combine.h"
#include "reward/credit.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

const char *const group_kl_in[] = {"loss", "reward", NULL};

const struct conf_key group_table[] = {
    CONF_REAL(keys, learning_rate, "1e-6", 0, 1e3, "peak learning rate"),
    CONF_INT(group_keys, num_generations, "8", 2, 1024, "answers to a prompt"),
    {"max_completion_length", CONF_INT_, offsetof(struct fleet_keys, response_length), "512", 1,
     1 << 18, "most tokens of an answer", "response_length", NULL},
    CONF_INT(group_keys, generation_batch_size, "", 1, INT_MAX,
             "answers an iteration; per_device_train_batch_size x steps_per_generation unset"),
    CONF_INT(group_keys, steps_per_generation, "", 1, 65536,
             "micro-batches that share an iteration's answers; gradient_accumulation_steps "
             "unset"),
    CONF_INT_AT(fleet_keys, iteration.epochs, "num_iterations", "1", 1, 1000,
                "passes over an iteration's answers"),
    CONF_REAL(group_keys, beta, "0", 0, 1e6, "price of a nat; 0: there is no reference"),
    CONF_WORD(group_keys, kl_in, group_kl_in, "loss", "where the price stands: loss or reward"),
    CONF_WORD_AT(fleet_keys, iteration.kl_estimator, "kl_estimator", kl_names, "k1",
                 "k1, k2 or k3, where it is in the reward"),
    CONF_REAL(group_keys, epsilon, "0.2", 0, 1e6, "clip of the ratio below 1"),
    CONF_REAL(group_keys, epsilon_high, "", 0, 1e6,
              "clip above 1, of cispo the bound itself; epsilon unset"),
    CONF_BOOL(group_keys, mask_truncated_completions, "false",
              "answers that did not end are not learnt from"),
    CONF_TREE(group_keys, reward_weights, "one for each reward, in their order"),
    CONF_REAL(group_keys, top_p, "1.0", 1e-6, 1, "sampling from the likeliest tokens"),
    CONF_INT(group_keys, top_k, "0", 0, INT_MAX, "sampling from so many tokens; 0: from all"),
    CONF_REAL(group_keys, min_p, "0", 0, 1, "sampling from tokens this likely"),
    CONF_REAL(group_keys, repetition_penalty, "1.0", 0, 1e3, "only 1"),
    CONF_TREE(group_keys, generation_kwargs, "not available: give the keys themselves"),
    CONF_BOOL(group_keys, shuffle_dataset, "true", "false: prompts in the order of the file"),
    CONF_BOOL(group_keys, dynamic_sampling, "false",
              "prompts whose answers all score the same are replaced by the next ones"),
    CONF_INT(group_keys, dynamic_sampling_max, "4", 2, 64,
             "an iteration asks for at most so many times its prompts"),
    CONF_INT(group_keys, soft_punish_cache, "0", 0, 1 << 18,
             "tokens before max_completion_length over which a punishment for length grows"),
    CONF_TREE(fleet_keys, reward_funcs,
              "TRL's: accuracy_reward, reasoning_accuracy_reward, think_format_reward, "
              "get_soft_overlong_punishment"),
    CONF_BOOL(group_keys, sync_ref_model, "false", "the reference follows the policy"),
    CONF_REAL(group_keys, ref_model_mixup_alpha, "0.6", 0, 1,
              "the policy's share in the reference when it follows"),
    CONF_INT(group_keys, ref_model_sync_steps, "512", 1, 1000000000,
             "optimiser steps between two times that it follows"),
    CONF_INT(group_keys, max_tool_calling_iterations, "", 1, INT_MAX, "not available"),
    CONF_END};

/* clang-format off */
#define ACTORS "the fleet's actors make the answers"
#define SAMPLES "answers of every evaluation are in output_dir/samples.jsonl and report.html"
const struct conf_key group_table_ignored[] = {
    CONF_IGNORED("label_smoothing_factor", "the loss of a policy has no labels"),
    CONF_IGNORED("num_generations_eval", "an evaluation asks each prompt once"),
    CONF_IGNORED("log_completions*", SAMPLES),
    CONF_IGNORED("num_completions_to_print", SAMPLES),
    CONF_IGNORED("log_unique_prompts", SAMPLES),
    CONF_IGNORED_BUT("vllm_importance_sampling_correction", "true",
                 "weights for stale answers are set by `importance`"),
    CONF_REFUSED("vllm_importance_sampling_cap", "its name is importance_max (of TRL, vllm_importance_sampling_clip_max)"),
    CONF_IGNORED("use_vllm", ACTORS),
    CONF_IGNORED("vllm_*", ACTORS),
    CONF_IGNORED("use_transformers_*", ACTORS),
    CONF_IGNORED("transformers_continuous_batching_config", ACTORS),
    CONF_END};
/* clang-format on */

/* ---- what the words mean */

/* TRL's reward_weights replace the weights that rewards: gives. */
static enum err take_weights(struct fleet_plan *out, const json_t *weights)
{
    enum err err = OK;

    if (!weights)
        return OK;
    if (json_array_size(weights) != (size_t)out->rewards.n)
        return err_set(ERR_RANGE,
                       "reward_weights: %zu of them for %d rewards (the punishment of long "
                       "answers takes none)",
                       json_array_size(weights), out->rewards.n);
    for (int i = 0; i < out->rewards.n && !err; i++)
        err = fleet_keys_number(&out->rewards.reward[i].weight,
                                json_array_get(weights, (size_t)i), "reward_weights");
    return err;
}

/* An iteration's answers, and the optimiser steps that they give. */
static enum err take_batch(struct fleet_plan *out, const struct group_keys *k)
{
    const int each = k->fleet.keys.per_device_train_batch_size;
    const int accumulate = k->fleet.keys.gradient_accumulation_steps;
    int steps = conf_has_int(k->steps_per_generation) ? k->steps_per_generation : accumulate;
    uint64_t answers;

    if (conf_has_int(k->generation_batch_size)) {
        if (conf_has_int(k->steps_per_generation))
            return err_set(ERR_RANGE,
                           "generation_batch_size and steps_per_generation: give one of them");
        if (k->generation_batch_size % each)
            return err_set(ERR_RANGE,
                           "generation_batch_size: %d is not a multiple of "
                           "per_device_train_batch_size %d",
                           k->generation_batch_size, each);
        steps = k->generation_batch_size / each;
    }
    if (steps % accumulate)
        return err_set(ERR_RANGE,
                       "steps_per_generation: %d is not a multiple of "
                       "gradient_accumulation_steps %d",
                       steps, accumulate);
    answers = (uint64_t)each * (uint64_t)steps;
    if (answers % (uint64_t)k->num_generations)
        return err_set(
            ERR_RANGE,
            "num_generations: an iteration's %d answers (per_device_train_batch_size "
            "x steps_per_generation) are not a multiple of %d",
            (int)answers, k->num_generations);
    out->batch = answers / (uint64_t)k->num_generations;
    out->samples = (uint32_t)k->num_generations;
    out->iteration.samples = k->num_generations;
    out->iteration.mini_batches = steps / accumulate;
    return OK;
}

/* What makes the sampled distribution another one than the trained is refused, or told. */
static enum err take_sampling(struct fleet_plan *out, const struct group_keys *k)
{
    out->top_p = (float)k->top_p;
    out->min_p = (float)k->min_p;
    out->top_k = (uint32_t)k->top_k;
    if (k->dynamic_sampling && (out->lag || out->free))
        return err_set(ERR_RANGE, "dynamic_sampling: which prompts come next depends on the "
                                  "scores: only with overlap none");
    if (k->dynamic_sampling)
        out->most = out->batch * (uint64_t)(k->dynamic_sampling_max - 1);
    if (k->repetition_penalty < 1 || k->repetition_penalty > 1)
        return err_set(ERR_RANGE, "repetition_penalty: only 1: the ratios would be off");
    if (json_object_size(k->generation_kwargs))
        return err_set(ERR_RANGE, "generation_kwargs: give temperature, top_p, top_k, min_p "
                                  "themselves");
    if (k->top_p < 1 || k->top_k || k->min_p > 0)
        log_warn("sampling", "reason=\"training with a filter on: log-probabilities are those "
                             "of the whole softmax\"");
    if (!k->shuffle_dataset)
        out->shared.order = ORDER_SEQUENTIAL;
    return OK;
}

/* Keys that stand for nothing here, and pairs of keys that say two things. */
static enum err refuse(const struct fleet_plan *out, const struct group_keys *k)
{
    if (k->sync_ref_model && !(k->beta > 0))
        return err_set(ERR_RANGE, "sync_ref_model: with beta 0 there is no reference");
    if (conf_has_int(k->max_tool_calling_iterations))
        return err_set(ERR_RANGE, "max_tool_calling_iterations: answers are of one turn here");
    if (out->overlong && k->soft_punish_cache)
        return err_set(ERR_RANGE, "soft_punish_cache: reward_funcs has a punishment already");
    if (k->soft_punish_cache > k->fleet.response_length)
        return err_set(ERR_RANGE, "soft_punish_cache: more than max_completion_length");
    return OK;
}

enum err group_refuse_steps(const struct fleet_plan *out, const char *why)
{
    const char *const name = credit_any(&out->rewards);

    return name ? err_set(ERR_RANGE,
                          "rewards: '%s' is credited step by step: %s (steps: min, "
                          "product, last or mean are one)",
                          name, why)
                : OK;
}

double group_epsilon_high(const struct group_keys *g)
{
    return conf_has_real(g->epsilon_high) ? g->epsilon_high : g->epsilon;
}

/* The punishment of long answers: a key's, or TRL's function among reward_funcs; scorers and the
 * journal are told the same numbers. */
static void take_overlong(struct fleet_plan *out, struct group_keys *g)
{
    g->soft_max = g->fleet.response_length;
    g->soft_cache = g->soft_punish_cache;
    if (out->overlong) { /* the numbers of TRL's script */
        g->soft_max = 1280;
        g->soft_cache = 256;
    }
    out->rewards.soft_max = g->soft_max;
    out->rewards.soft_cache = g->soft_cache;
}

enum err group_plan(struct group_keys *g, struct fleet_plan *out)
{
    struct iteration_conf *const to = &out->iteration;
    enum err err = refuse(out, g);

    take_overlong(out, g);
    if (!err)
        err = take_batch(out, g);
    if (!err)
        err = take_weights(out, g->reward_weights);
    if (!err)
        err = take_sampling(out, g);
    if (g->sync_ref_model)
        to->follow = (struct ref_model_conf){g->ref_model_mixup_alpha, g->ref_model_sync_steps};
    for (int i = 0; i < out->rewards.n && !err; i++)
        g->weight[i] = out->rewards.reward[i].weight;
    if (!err && fleet_keys_stale(out) && g->fleet.importance < 0)
        to->stale.mode = IMPORTANCE_SEQUENCE_MASK; /* TRL's */
    to->reference = g->beta > 0;
    to->rate_by_step = true;
    to->kl_coef = g->kl_in == GROUP_IN_REWARD ? g->beta : 0;
    to->report = group_report;
    return err;
}

/* ---- an iteration's scores */

double group_overlong(const struct group_keys *g, const struct iteration_batch *batch, size_t i)
{
    return combine_overlong(batch->rollout[i].n_token, g->soft_max, g->soft_cache);
}

double group_price(const struct group_keys *g, double beta)
{
    return g->kl_in == GROUP_IN_REWARD ? beta : 0;
}

/* The order is TRL's: what a rule of length takes off may still be clipped, a price may not. */
double *group_scores(const struct group_keys *g, struct iteration_batch *batch, double price,
                     double low, double high)
{
    double *const paid = mem_new(batch->n, sizeof *paid);

    iteration_batch_divergence(batch, paid);
    for (size_t i = 0; i < batch->n; i++) {
        double *const s = &batch->score[i];
        *s += group_overlong(g, batch, i);
        *s = fmin(fmax(*s, low), high);
    }
    batch->flat = advantage_group_flat(batch->score, batch->n, (size_t)batch->conf->samples);
    for (size_t i = 0; i < batch->n; i++) {
        paid[i] = price != 0 ? price * paid[i] : 0;
        batch->score[i] -= paid[i];
    }
    return paid;
}

void group_mask(const struct group_keys *g, struct iteration_batch *batch)
{
    for (size_t i = 0; i < batch->n && g->mask_truncated_completions; i++)
        if (!batch->rollout[i].ended)
            iteration_batch_mute(batch, i);
}

/* ---- metrics */

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
        count(&all, batch->rollout[i].n_token);
        if (batch->rollout[i].ended)
            count(&ended, batch->rollout[i].n_token);
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
        for (int t = 0; t < batch->rollout[i].n_token && batch->rollout[i].dense; t++) {
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

void group_report_batch(const struct group_keys *g, const struct iteration_report *r,
                        struct iteration_metrics *out)
{
    const double steps = fmax((double)r->steps, 1);

    iteration_report_put(out, "loss", r->sums.loss[0] / steps);
    iteration_report_put(out, "grad_norm", r->policy_norm / steps);
    iteration_report_put(out, "learning_rate", r->rate);
    rewards(r->batch, out);
    iteration_report_put(out, "num_tokens", (double)r->num_tokens);
    completions(r->batch, out);
    step_rewards(r->batch, out);
    if (r->batch->conf->reference && g->kl_in == GROUP_IN_REWARD)
        iteration_report_put(out, "kl", r->batch->kl / (double)r->batch->total_learnt);
    if (entropy_control_on(&r->batch->conf->entropy))
        iteration_report_put(out, "entropy_coef", r->entropy_coef / steps);
}

/* policy_loss is written once a step, the others once a micro-batch: each by what it counts. */
void group_report_loss(const struct iteration_report *r, struct iteration_metrics *out)
{
    const double steps = fmax((double)r->steps, 1);

    for (int i = 0; i < r->sums.metrics.n; i++) {
        const struct metrics_row *const m = &r->sums.metrics.row[i];
        const bool whole =
            !strcmp(m->name, "policy_loss"); /* of a step, not of micro-batches */
        iteration_report_put(out, m->name, m->sum / fmax(whole ? steps : m->weight, 1e-300));
    }
}

void group_report(const void *method, const struct iteration_report *r,
                  struct iteration_metrics *out)
{
    group_report_batch(method, r, out);
    group_report_loss(r, out);
}
