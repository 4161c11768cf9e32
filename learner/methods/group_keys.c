#include "learner/methods/group_keys.h"

#include "base/log.h"
#include "base/mem.h"
#include "learner/methods/group.h"
#include "reward/credit.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct group_keys {
    struct fleet_keys fleet;
    int num_generations, generation_batch_size, steps_per_generation, num_iterations;
    double beta, epsilon, epsilon_high, delta;
    char *kl_in, *kl_estimator, *loss_type, *importance_sampling_level;
    bool use_bias_correction_kl, mask_truncated_completions;
    double sapo_temperature_pos, sapo_temperature_neg;
    double vespo_k_pos, vespo_lambda_pos, vespo_k_neg, vespo_lambda_neg;
    char *scale_rewards, *multi_objective_aggregation;
    json_t *reward_weights, *reward_clip_range, *generation_kwargs;
    double top_entropy_quantile, off_policy_mask_threshold;
    double entropy_coef, entropy_coef_min, entropy_coef_max, entropy_coef_delta, entropy_target;
    double top_p, min_p, repetition_penalty;
    int top_k, soft_punish_cache, dynamic_sampling_max;
    bool shuffle_dataset, normalize_advantages, dynamic_sampling;
    bool baseline, use_adaptive_entropy, sync_ref_model;
    double ref_model_mixup_alpha;
    int ref_model_sync_steps, max_tool_calling_iterations;
    double gamma;
    int num_best;
    double min_score;
};

/* What all four have. */
static const struct conf_key shared[] = {
    CONF_REAL(keys, learning_rate, "1e-6", 0, 1e3, "peak learning rate"),
    CONF_INT(group_keys, num_generations, "8", 2, 1024, "answers to a prompt"),
    {"max_completion_length", CONF_INT_, offsetof(struct fleet_keys, response_length), "512", 1,
     1 << 18, "most tokens of an answer", "response_length"},
    CONF_INT(group_keys, generation_batch_size, "", 1, INT_MAX,
             "answers an iteration; per_device_train_batch_size x steps_per_generation unset"),
    CONF_INT(group_keys, steps_per_generation, "", 1, 65536,
             "micro-batches that share an iteration's answers; gradient_accumulation_steps "
             "unset"),
    CONF_INT(group_keys, num_iterations, "1", 1, 1000, "passes over an iteration's answers"),
    CONF_REAL(group_keys, beta, "0", 0, 1e6, "price of a nat; 0: there is no reference"),
    CONF_TEXT(group_keys, kl_in, "loss", "where the price stands: loss or reward"),
    CONF_TEXT(group_keys, kl_estimator, "k1", "k1, k2 or k3, where it is in the reward"),
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

static const struct conf_key grpo[] = {
    CONF_TEXT(group_keys, loss_type, "dapo",
              "dapo, grpo, bnpo, dr_grpo, cispo, sapo, luspo or vespo"),
    CONF_TEXT(group_keys, importance_sampling_level, "token", "token, or sequence (GSPO)"),
    CONF_BOOL(group_keys, use_bias_correction_kl, "true", "the KL term times the ratio"),
    CONF_REAL(group_keys, delta, "", 0, 1e9, "bound of the ratio where it is not clipped"),
    CONF_REAL(group_keys, sapo_temperature_pos, "1.0", 1e-6, 1e6, "of sapo, A > 0"),
    CONF_REAL(group_keys, sapo_temperature_neg, "1.05", 1e-6, 1e6, "of sapo, A <= 0"),
    CONF_REAL(group_keys, vespo_k_pos, "2.0", 0, 1e6, "of vespo, A >= 0"),
    CONF_REAL(group_keys, vespo_lambda_pos, "3.0", 0, 1e6, "of vespo, A >= 0"),
    CONF_REAL(group_keys, vespo_k_neg, "3.0", 0, 1e6, "of vespo, A < 0"),
    CONF_REAL(group_keys, vespo_lambda_neg, "2.0", 0, 1e6, "of vespo, A < 0"),
    CONF_TEXT(group_keys, scale_rewards, "group", "group, batch or none"),
    CONF_TEXT(group_keys, multi_objective_aggregation, "sum_then_normalize",
              "or normalize_then_sum"),
    CONF_REAL(group_keys, top_entropy_quantile, "1.0", 0, 1,
              "share of the most uncertain tokens that are learnt"),
    CONF_REAL(group_keys, entropy_coef, "0", -1e3, 1e3, "weight of an entropy bonus"),
    CONF_REAL(group_keys, off_policy_mask_threshold, "", 0, 1e9,
              "answers with A < 0 that drifted further (mean log ratio) are left out"),
    CONF_BOOL(group_keys, use_adaptive_entropy, "false",
              "entropy_coef is where it begins: steered to entropy_target from there"),
    CONF_REAL(group_keys, entropy_coef_min, "0", -1e3, 1e3, "its lower bound"),
    CONF_REAL(group_keys, entropy_coef_max, "1", -1e3, 1e3, "its upper bound"),
    CONF_REAL(group_keys, entropy_coef_delta, "0.005", 0, 1e3,
              "its change by an optimiser step"),
    CONF_REAL(group_keys, entropy_target, "0.2", 0, 1e3,
              "mean nats of a token up to which there is a bonus and it grows"),
    CONF_END};

static const struct conf_key rloo[] = {
    CONF_INT(group_keys, num_generations, "2", 2, 1024, "answers to a prompt"),
    CONF_REAL(group_keys, beta, "0.05", 0, 1e6, "price of a nat, in the reward"),
    CONF_TEXT(group_keys, kl_in, "reward", "where the price stands: reward"),
    CONF_TREE(group_keys, reward_clip_range, "[low, high] of the score"),
    CONF_BOOL(group_keys, normalize_advantages, "false", "centred and scaled over the batch"),
    CONF_END};

static const struct conf_key reinforce[] = {
    CONF_INT(group_keys, num_generations, "1", 1, 1024, "answers to a prompt"),
    CONF_REAL(group_keys, beta, "0.01", 0, 1e6, "price of a nat"),
    CONF_TEXT(group_keys, kl_in, "reward", "where the price stands: reward or loss"),
    CONF_BOOL(group_keys, baseline, "false", "the group's mean is taken off the score first"),
    CONF_REAL(group_keys, gamma, "1", 0, 1, "discount"),
    CONF_BOOL(group_keys, use_bias_correction_kl, "false", "the KL term times the ratio"),
    CONF_REAL(group_keys, entropy_coef, "0", -1e3, 1e3, "weight of an entropy bonus"),
    CONF_END};

static const struct conf_key raft[] = {
    CONF_REFUSED("beta", "demonstrations are learnt without a reference"),
    CONF_REAL(keys, learning_rate, "2e-5", 0, 1e3, "peak learning rate"),
    CONF_INT(group_keys, num_best, "1", 1, 1024, "answers of a group that are learnt"),
    CONF_REAL(group_keys, min_score, "", -1e30, 1e30, "and only those that score as much"),
    CONF_END};

/* clang-format off */
#define ACTORS "the fleet's actors make the answers"
#define SAMPLES "answers of every evaluation are in output_dir/samples.jsonl and report.html"
const struct conf_key group_keys_ignored[] = {
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

#define TABLES(own) \
    { \
        own, shared, fleet_keys_table, keys_table_shared, keys_table_ignored, \
            group_keys_ignored, NULL \
    }
static const struct conf_key *const grpo_tables[] = TABLES(grpo);
static const struct conf_key *const rloo_tables[] = TABLES(rloo);
static const struct conf_key *const reinforce_tables[] = TABLES(reinforce);
static const struct conf_key *const raft_tables[] = TABLES(raft);

/* ---- what the words mean */

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
    out->round.samples = k->num_generations;
    out->round.mini_batches = steps / accumulate;
    out->round.epochs = k->num_iterations;
    return OK;
}

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

static enum err take_kl(struct fleet_plan *out, struct group_conf *to,
                        const struct group_keys *k)
{
    static const char *const places[] = {"loss", "reward", NULL};
    int place = 0;
    enum err err = conf_word(&place, "kl_in", k->kl_in, places);

    to->beta = k->beta;
    to->kl_in_reward = place == 1;
    if (!err && to->kind == GROUP_RLOO && !to->kl_in_reward)
        err = err_set(ERR_RANGE, "kl_in: rloo takes the price from the reward");
    return err ? err : kl_named(&out->round.kl_estimator, k->kl_estimator);
}

static struct group_conf *conf_new(struct fleet_plan *out, enum group_kind kind,
                                   const struct group_keys *k)
{
    struct group_conf *const to = out->own = mem_new(1, sizeof *to);

    to->kind = kind;
    to->gamma = 1;
    to->clip_low = -INFINITY;
    to->clip_high = INFINITY;
    to->mask_truncated = k->mask_truncated_completions;
    to->soft_max = k->fleet.response_length;
    to->soft_cache = k->soft_punish_cache;
    if (out->overlong) { /* the numbers of TRL's script */
        to->soft_max = 1280;
        to->soft_cache = 256;
    }
    out->rewards.soft_max = to->soft_max;
    out->rewards.soft_cache = to->soft_cache;
    return to;
}

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

static enum err take_shared(struct fleet_plan *out, struct group_conf *to,
                            const struct group_keys *k)
{
    enum err err = refuse(out, k);

    if (!err)
        err = take_batch(out, k);
    if (!err)
        err = take_weights(out, k->reward_weights);
    if (!err)
        err = take_sampling(out, k);
    if (!err)
        err = take_kl(out, to, k);
    if (k->sync_ref_model)
        out->round.follow =
            (struct ref_model_conf){k->ref_model_mixup_alpha, k->ref_model_sync_steps};
    for (int i = 0; i < out->rewards.n && !err; i++)
        to->weight[i] = out->rewards.reward[i].weight;
    to->steps_share = credit_share(&out->rewards);
    if (!err && (out->lag || out->free) && !k->fleet.importance)
        out->round.stale.mode = IMPORTANCE_SEQUENCE_MASK; /* TRL's */
    return err;
}

static double high(const struct group_keys *k)
{
    return conf_has_real(k->epsilon_high) ? k->epsilon_high : k->epsilon;
}

static double or_none(double value)
{
    return conf_has_real(value) ? value : INFINITY;
}

static void take_grpo(struct objective_grpo_conf *to, const struct group_keys *k)
{
    to->epsilon = k->epsilon;
    to->epsilon_high = high(k);
    to->delta = or_none(k->delta);
    to->use_bias_correction_kl = k->use_bias_correction_kl;
    to->sapo_temperature_pos = k->sapo_temperature_pos;
    to->sapo_temperature_neg = k->sapo_temperature_neg;
    to->vespo_k_pos = k->vespo_k_pos;
    to->vespo_lambda_pos = k->vespo_lambda_pos;
    to->vespo_k_neg = k->vespo_k_neg;
    to->vespo_lambda_neg = k->vespo_lambda_neg;
    to->top_entropy_quantile = k->top_entropy_quantile;
    to->off_policy_mask_threshold = or_none(k->off_policy_mask_threshold);
    to->max_completion_length = k->fleet.response_length;
}

static enum err take_entropy(struct entropy_control *to, const struct group_keys *k)
{
    *to = (struct entropy_control){.coef = k->entropy_coef,
                                   .adaptive = k->use_adaptive_entropy,
                                   .least = k->entropy_coef_min,
                                   .most = k->entropy_coef_max,
                                   .delta = k->entropy_coef_delta,
                                   .target = k->entropy_target};
    return to->least <= to->most
               ? OK
               : err_set(ERR_RANGE, "entropy_coef_min: %g is above entropy_coef_max",
                         to->least);
}

static enum err refuse_steps(const struct fleet_plan *out, const char *why)
{
    const char *const name = credit_any(&out->rewards);

    return name ? err_set(ERR_RANGE,
                          "rewards: '%s' is credited step by step: %s (steps: min, "
                          "product, last or mean are one)",
                          name, why)
                : OK;
}

static enum err plan_grpo(void *self, struct fleet_plan *out)
{
    static const char *const levels[] = {"token", "sequence", NULL};
    static const char *const scales[] = {"group", "batch", "none", NULL};
    static const char *const sums[] = {"sum_then_normalize", "normalize_then_sum", NULL};
    const struct group_keys *const k = self;
    struct group_conf *const to = conf_new(out, GROUP_GRPO, k);
    int level = 0, scale = 0, sum = 0;
    enum err err = take_shared(out, to, k);

    take_grpo(&to->loss.grpo, k);
    if (!err)
        err = take_entropy(&out->round.entropy, k);
    if (!err)
        err = objective_grpo_named(&to->loss.grpo.loss, k->loss_type);
    if (!err)
        err = conf_word(&level, "importance_sampling_level", k->importance_sampling_level,
                        levels);
    if (!err)
        err = conf_word(&scale, "scale_rewards", k->scale_rewards, scales);
    if (!err)
        err = conf_word(&sum, "multi_objective_aggregation", k->multi_objective_aggregation,
                        sums);
    if (!err && sum == 1)
        err = refuse_steps(out, "multi_objective_aggregation: normalize_then_sum takes one "
                                "number of an answer");
    to->loss.grpo.sequence = level == 1;
    to->loss.grpo.beta = to->kl_in_reward ? 0 : to->beta;
    to->scale = (enum advantage_group_scale)scale;
    to->each_reward = sum == 1;
    out->by_group = true;
    group_round(&out->round, to);
    return err;
}

static enum err plan_rloo(void *self, struct fleet_plan *out)
{
    const struct group_keys *const k = self;
    struct group_conf *const to = conf_new(out, GROUP_RLOO, k);
    enum err err = take_shared(out, to, k);

    if (!err)
        err = refuse_steps(out, "rloo has one ratio and one advantage an answer");
    to->loss.rloo = (struct objective_rloo_conf){k->epsilon, high(k)};
    to->normalize_advantages = k->normalize_advantages;
    if (!err && k->reward_clip_range && json_array_size(k->reward_clip_range) != 2)
        err = err_set(ERR_PARSE, "reward_clip_range: expected [low, high]");
    if (!err && k->reward_clip_range)
        err = fleet_keys_number(&to->clip_low, json_array_get(k->reward_clip_range, 0),
                                "reward_clip_range");
    if (!err && k->reward_clip_range)
        err = fleet_keys_number(&to->clip_high, json_array_get(k->reward_clip_range, 1),
                                "reward_clip_range");
    out->by_group = true;
    group_round(&out->round, to);
    return err;
}

static enum err plan_reinforce(void *self, struct fleet_plan *out)
{
    const struct group_keys *const k = self;
    struct group_conf *const to = conf_new(out, GROUP_REINFORCE, k);
    enum err err = take_shared(out, to, k);

    to->loss.grpo = objective_grpo_defaults();
    to->loss.grpo.loss = OBJECTIVE_DAPO; /* the mean over the step's tokens */
    to->loss.grpo.epsilon = k->epsilon;
    to->loss.grpo.epsilon_high = high(k);
    to->loss.grpo.beta = to->kl_in_reward ? 0 : to->beta;
    to->loss.grpo.use_bias_correction_kl = k->use_bias_correction_kl;
    out->round.entropy.coef = k->entropy_coef;
    to->baseline = out->by_group = k->baseline;
    to->gamma = k->gamma;
    if (!err && k->baseline && k->num_generations < 2)
        err = err_set(ERR_RANGE, "baseline: a group of num_generations 1 has no mean to be "
                                 "better than");
    group_round(&out->round, to);
    return err;
}

static enum err plan_raft(void *self, struct fleet_plan *out)
{
    const struct group_keys *const k = self;
    struct group_conf *const to = conf_new(out, GROUP_RAFT, k);
    enum err err = take_shared(out, to, k);

    to->beta = 0;
    to->best = k->num_best;
    to->min_score = conf_has_real(k->min_score) ? k->min_score : -INFINITY;
    if (!err && k->num_best > k->num_generations)
        err = err_set(ERR_RANGE, "num_best: %d of num_generations %d", k->num_best,
                      k->num_generations);
    group_round(&out->round, to);
    return err;
}

#define METHOD(word, says, list, how) \
    { \
        .name = word, .help = says, .tables = list, .size = sizeof(struct group_keys), \
        .plan = how, .score = "reward", .divergence = "kl" \
    }
const struct method group_keys_grpo_method =
    METHOD("grpo", "GRPO over a fleet: answers compared in groups", grpo_tables, plan_grpo);
const struct method group_keys_rloo_method = METHOD(
    "rloo", "RLOO over a fleet: each against the mean of the others", rloo_tables, plan_rloo);
const struct method group_keys_reinforce_method =
    METHOD("reinforce++", "REINFORCE++ over a fleet", reinforce_tables, plan_reinforce);
const struct method group_keys_raft_method = METHOD(
    "raft", "rejection sampling over a fleet: the best are learnt", raft_tables, plan_raft);
