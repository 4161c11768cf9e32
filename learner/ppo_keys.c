#include "learner/ppo_keys.h"

#include "base/log.h"
#include "base/mem.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* TRL 0.22.2's PPOConfig; where DESIGN §6 decides otherwise, its value. */
static const struct conf_key table[] = {
    {"model_name_or_path", CONF_TEXT_, offsetof(struct keys, model_name_or_path), NULL, 0, 0,
     "start model and reference: Hugging Face folder, .gguf file or run folder", "model"},
    {"sft_model_path", CONF_TEXT_, offsetof(struct keys, model_name_or_path), NULL, 0, 0,
     "another name of model_name_or_path", NULL},
    CONF_TEXT(ppo_keys, reward_model_path, NULL, "short for a first reward {name: rm, model}"),
    CONF_TREE(ppo_keys, rewards, "list of {name, model | rule | worker, weight, normalize}"),
    CONF_TEXT(ppo_keys, exp_name, NULL, "no effect: a name"),
    CONF_REAL(keys, learning_rate, "3e-6", 0, 1e3, "peak learning rate of the policy"),
    CONF_REAL(ppo_keys, critic_learning_rate, "", 0, 1e3,
              "peak of the critic; learning_rate when unset"),
    CONF_TEXT(ppo_keys, critic, "reward_model",
              "start of the critic: reward_model, or zero (the policy under a zero head)"),
    CONF_INT(ppo_keys, total_episodes, "", 1, INT_MAX,
             "answers in all; num_train_epochs x prompts when unset"),
    CONF_INT(keys, max_steps, "-1", -1, INT_MAX, "most iterations"),
    CONF_INT(ppo_keys, num_ppo_epochs, "4", 1, 1000, "passes over an iteration's answers"),
    CONF_INT(ppo_keys, num_mini_batches, "1", 1, 65536, "optimiser steps a pass"),
    CONF_INT(ppo_keys, response_length, "53", 1, 1 << 18, "most tokens of an answer"),
    CONF_INT(ppo_keys, max_prompt_length, "", 1, 1 << 20,
             "longer prompts are left out and counted; unset: none is"),
    CONF_TEXT(ppo_keys, stop_token, "eos",
              "eos: an answer ends at the model's end tokens; none: it does not"),
    CONF_INT(ppo_keys, stop_token_id, "", 0, INT_MAX, "the token that ends an answer"),
    CONF_REAL(ppo_keys, temperature, "0.7", 1e-3, 1e3, "in all three log-probability passes"),
    CONF_REAL(ppo_keys, missing_eos_penalty, "0", 0, 1e6,
              "taken off the score of an answer that did not end"),
    CONF_REAL(ppo_keys, kl_coef, "0.05", 0, 1e6, "price of a nat from the reference"),
    CONF_TEXT(ppo_keys, kl_estimator, "k1", "k1, k2 or k3"),
    CONF_REAL(ppo_keys, target_kl, "0", 0, 1e6,
              "nats an answer to steer kl_coef to; 0: kl_coef is fixed"),
    CONF_REAL(ppo_keys, kl_horizon, "10000", 1, 1e12, "episodes in which target_kl acts"),
    CONF_BOOL(ppo_keys, whiten_rewards, "false", "divide rewards by their deviation"),
    CONF_REAL(ppo_keys, cliprange, "0.2", 0, 1e6, "of the ratio"),
    CONF_REAL(ppo_keys, cliprange_value, "0.2", 0, 1e6, "of the critic's change"),
    CONF_REAL(ppo_keys, vf_coef, "0.1", 0, 1e6, "weight of the critic's loss"),
    CONF_REAL(ppo_keys, entropy_coef, "0", -1e3, 1e3, "weight of an entropy bonus"),
    CONF_REAL(ppo_keys, gamma, "1", 0, 1, "discount"),
    CONF_REAL(ppo_keys, lam, "0.95", 0, 1, "lambda of the advantage"),
    CONF_TREE(ppo_keys, overlap, "none, or {lag: k}: answers are k versions old"),
    CONF_TEXT(ppo_keys, on_stale, "wait", "wait: no step outruns answers on their way"),
    CONF_TREE(ppo_keys, stop_if, "{metric: \"> 30\"}: ends the run when it holds"),
    CONF_TEXT(ppo_keys, eval_dataset, NULL, "prompts answered before and after: JSONL file"),
    CONF_INT(ppo_keys, eval_prompts, "32", 0, 1 << 20,
             "how many; held out of dataset_name when there is no other source"),
    CONF_TEXT(ppo_keys, reference, NULL,
              "who gives reference log-probabilities: rewarder, or learner"),
    CONF_REAL(keys, save_steps, "50", 0, INT_MAX, "iterations between checkpoints"),
    CONF_TREE(ppo_keys, fleet, "{actors, rewarders, ...}: the supervisor's"),
    CONF_TEXT(ppo_keys, broker, NULL, "tcp://host:port of the fleet's broker"),
    {"broker_key", CONF_TEXT_, offsetof(struct ppo_keys, broker_key), NULL, 0, 0,
     "key file of the fleet", "key"},
    CONF_INT(ppo_keys, broker_wait, "30", 1, 1 << 20, "seconds to wait for it at the start"),
    CONF_INT(ppo_keys, parent_fd, "-1", -1, 1 << 20, "a pipe of the supervisor's"),
    CONF_IGNORED("local_rollout_forward_batch_size"),
    CONF_IGNORED("num_sample_generations"),
    CONF_REFUSED("ref_adapter_name", "LoRA is not available yet"),
    CONF_REFUSED("model_adapter_name", "LoRA is not available yet"),
    CONF_REFUSED("world_size", "follows from the fleet"),
    CONF_REFUSED("batch_size",
                 "is per_device_train_batch_size x gradient_accumulation_steps: set those"),
    CONF_REFUSED("mini_batch_size", "follows from num_mini_batches"),
    CONF_END};

const struct conf_key *const ppo_keys_tables[] = {table, keys_table_shared, keys_table_ignored,
                                                  NULL};

static enum err take_overlap(struct ppo_keys_plan *out, const json_t *overlap)
{
    const char *word = json_string_value(overlap);
    const char *lag = json_string_value(json_object_get(overlap, "lag"));
    char *end = NULL;
    long k = 0;

    if (!overlap || (word && !strcmp(word, "none")))
        return OK;
    if (json_object_get(overlap, "free"))
        return err_set(ERR_RANGE, "overlap: {free: n} comes later; take none or {lag: k}");
    if (lag)
        k = strtol(lag, &end, 10);
    if (json_object_size(overlap) != 1 || !lag || end == lag || *end || k < 0 ||
        k > PPO_KEYS_LAG)
        return err_set(ERR_RANGE, "overlap: expected none or {lag: k} with k up to %d",
                       PPO_KEYS_LAG);
    out->lag = (uint64_t)k;
    return OK;
}

static enum err take_stop(struct ppo_keys_plan *out, const struct ppo_keys *k)
{
    out->stop_id = -1;
    if (conf_has_int(k->stop_token_id))
        out->stop_id = k->stop_token_id;
    else if (k->stop_token && !strcmp(k->stop_token, "eos"))
        out->stop_eos = true;
    else if (k->stop_token && *k->stop_token && strcmp(k->stop_token, "none"))
        return err_set(ERR_RANGE,
                       "stop_token: '%s': expected eos or none, or give "
                       "stop_token_id",
                       k->stop_token);
    if (k->missing_eos_penalty > 0 && !out->stop_eos && out->stop_id < 0)
        return err_set(ERR_RANGE, "missing_eos_penalty: without a stop token no answer ends");
    return OK;
}

static enum err take_conditions(struct ppo_keys_plan *out, const json_t *tree)
{
    const char *metric;
    json_t *value;

    if (tree && !json_is_object(tree))
        return err_set(ERR_PARSE, "stop_if: expected {metric: \"> number\"}");
    json_object_foreach((json_t *)(uintptr_t)tree, metric, value)
    {
        const char *text = json_string_value(value);
        char *end = NULL;
        struct ppo_keys_condition *c = &out->stop_if[out->conditions];
        if (out->conditions == PPO_KEYS_CONDITIONS)
            return err_set(ERR_RANGE, "stop_if: at most %d conditions", PPO_KEYS_CONDITIONS);
        if (!text || (*text != '<' && *text != '>'))
            return err_set(ERR_PARSE, "stop_if: %s: expected \"> number\" or \"< number\"",
                           metric);
        c->metric = metric;
        c->below = *text == '<';
        c->limit = strtod(text + 1, &end);
        if (end == text + 1 || *end || !isfinite(c->limit))
            return err_set(ERR_PARSE, "stop_if: %s: '%s' holds no number", metric, text);
        out->conditions++;
    }
    return OK;
}

/* Who computes the reference: as told, or the learner in a fleet without rewarders. */
static enum err take_reference(struct ppo_keys_plan *out, const struct ppo_keys *k)
{
    const char *rewarders = json_string_value(json_object_get(k->fleet, "rewarders"));

    out->reference_here = rewarders && !strcmp(rewarders, "0");
    if (k->reference && strcmp(k->reference, "learner") && strcmp(k->reference, "rewarder"))
        return err_set(ERR_RANGE, "reference: '%s': expected rewarder or learner",
                       k->reference);
    if (k->reference)
        out->reference_here = !strcmp(k->reference, "learner");
    out->rewards.reference = !out->reference_here;
    for (int i = 0; rewarders && !strcmp(rewarders, "0") && i < out->rewards.n; i++)
        if (out->rewards.reward[i].kind != SCORER_WORKER)
            log_warn("rewarders",
                     "reward=%s reason=\"fleet.rewarders is 0: this reward waits for "
                     "a rewarder that joins from elsewhere\"",
                     out->rewards.reward[i].name);
    return OK;
}

static enum err take_words(struct ppo_keys_plan *out, const struct ppo_keys *k)
{
    enum err err = take_overlap(out, k->overlap);

    if (!err)
        err = take_stop(out, k);
    if (!err)
        err = take_conditions(out, k->stop_if);
    if (!err)
        err = take_reference(out, k);
    if (!err && strcmp(k->on_stale, "wait"))
        err = err_set(ERR_RANGE, "on_stale: '%s': only wait (drop comes with overlap: {free})",
                      k->on_stale);
    if (!err && strcmp(k->critic, "zero") && strcmp(k->critic, "reward_model"))
        err = err_set(ERR_RANGE, "critic: '%s': expected reward_model or zero", k->critic);
    out->critic_zero = !err && !strcmp(k->critic, "zero");
    if (!err && out->rewards.normalize && k->eval_prompts < 2)
        err = err_set(ERR_RANGE, "rewards: normalize: true needs eval_prompts: the scale is "
                                 "that of the answers before training");
    return err;
}

static void take_numbers(struct ppo_conf *to, const struct ppo_keys *k)
{
    to->num_ppo_epochs = k->num_ppo_epochs;
    to->num_mini_batches = k->num_mini_batches;
    to->per_device_train_batch_size = k->keys.per_device_train_batch_size;
    to->kl_coef = k->kl_coef;
    to->target_kl = k->target_kl;
    to->kl_horizon = k->kl_horizon;
    to->cliprange = k->cliprange;
    to->cliprange_value = k->cliprange_value;
    to->vf_coef = k->vf_coef;
    to->entropy_coef = k->entropy_coef;
    to->gamma = k->gamma;
    to->lam = k->lam;
    to->temperature = k->temperature;
    to->missing_eos_penalty = k->missing_eos_penalty;
    to->whiten_rewards = k->whiten_rewards;
    to->critic_learning_rate = conf_has_real(k->critic_learning_rate) ? k->critic_learning_rate
                                                                      : k->keys.learning_rate;
    to->adamw = keys_adamw(&k->keys);
    to->max_grad_norm = k->keys.max_grad_norm;
    to->gradient_checkpointing = k->keys.gradient_checkpointing;
    to->seed = (uint64_t)k->keys.seed;
}

enum err ppo_keys_check(struct ppo_keys_plan *out, const struct ppo_keys *k)
{
    enum err err;

    memset(out, 0, sizeof *out);
    err = keys_check(&out->shared, &k->keys);
    if (!err)
        err = rewards_read(&out->rewards, k->rewards, k->reward_model_path);
    if (!err)
        err = take_words(out, k);
    if (!err && out->shared.order == ORDER_BY_LENGTH)
        err = err_set(ERR_RANGE, "train_sampling_strategy: random or sequential here");
    if (err)
        return err;
    out->ppo = ppo_defaults(1);
    take_numbers(&out->ppo, k);
    out->ppo.portable = out->shared.portable;
    out->ppo.strict = out->lag == 0;
    out->batch = (uint64_t)k->keys.per_device_train_batch_size *
                 (uint64_t)k->keys.gradient_accumulation_steps;
    if (out->batch < (uint64_t)k->num_mini_batches)
        return err_set(ERR_RANGE, "num_mini_batches: %d of a batch of %d answers",
                       k->num_mini_batches, (int)out->batch);
    return kl_named(&out->ppo.kl_estimator, k->kl_estimator);
}

void ppo_keys_fini(struct ppo_keys_plan *plan)
{
    rewards_fini(&plan->rewards);
}

enum err ppo_keys_length(struct ppo_keys_plan *plan, const struct ppo_keys *k, size_t rows)
{
    const double episodes = conf_has_int(k->total_episodes)
                                ? (double)k->total_episodes
                                : ceil(k->keys.num_train_epochs * (double)rows);
    const double iterations = ceil(episodes / (double)plan->batch);
    struct keys_length length = {.steps = (int64_t)iterations};
    const double warmup = k->keys.warmup_steps > 0              ? k->keys.warmup_steps
                          : conf_has_real(k->keys.warmup_ratio) ? k->keys.warmup_ratio
                                                                : 0;
    enum err err;

    if (k->keys.max_steps > 0 && length.steps > k->keys.max_steps)
        length.steps = k->keys.max_steps;
    if (length.steps < 1)
        return err_set(ERR_RANGE, "num_train_epochs: %g gives no iteration",
                       k->keys.num_train_epochs);
    length.warmup =
        warmup < 1 ? (int64_t)ceil(warmup * (double)length.steps) : (int64_t)floor(warmup);
    plan->iterations = (uint64_t)length.steps;
    err = keys_schedule(&plan->ppo.rates, &k->keys, &plan->shared, &length);
    return err ? err : ppo_check(&plan->ppo);
}
