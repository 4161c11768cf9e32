#include "learner/methods/ppo_keys.h"

#include "base/mem.h"

#include <limits.h>
#include <string.h>

/* TRL 0.22.2's PPOConfig; where drover decides otherwise, its own (docs/MATH.md §8). */
static const struct conf_key table[] = {
    {"sft_model_path", CONF_TEXT_, offsetof(struct keys, model_name_or_path), NULL, 0, 0,
     "another name of model_name_or_path", NULL},
    CONF_TEXT(ppo_keys, exp_name, NULL, "no effect: a name"),
    CONF_REAL(keys, learning_rate, "3e-6", 0, 1e3, "peak learning rate of the policy"),
    CONF_REAL(ppo_keys, critic_learning_rate, "", 0, 1e3,
              "peak of the critic; learning_rate when unset"),
    CONF_TEXT(ppo_keys, critic, "reward_model",
              "start of the critic: reward_model, reward_trunk (it under a head of zeros) or "
              "zero (the policy under one)"),
    CONF_INT(ppo_keys, critic_warmup, "", 0, INT_MAX,
             "first iterations in which the critic learns alone; unset: 1 where it begins "
             "as the reward model, else 0"),
    CONF_INT(ppo_keys, total_episodes, "", 1, INT_MAX,
             "answers in all; num_train_epochs x prompts when unset"),
    CONF_INT(keys, max_steps, "-1", -1, INT_MAX, "most iterations"),
    CONF_INT(ppo_keys, num_ppo_epochs, "4", 1, 1000, "passes over an iteration's answers"),
    CONF_INT(ppo_keys, num_mini_batches, "1", 1, 65536, "optimiser steps a pass"),
    CONF_INT(fleet_keys, response_length, "53", 1, 1 << 18, "most tokens of an answer"),
    CONF_REAL(fleet_keys, temperature, "0.7", 1e-3, 1e3, "in all three log-probability passes"),
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
    CONF_TEXT(ppo_keys, advantage, "gae", "gae, or vtrace for answers of older weights"),
    CONF_REAL(ppo_keys, rho_bar, "1", 0, 1e9, "of vtrace: bound of the ratio"),
    CONF_IGNORED_BUT("local_rollout_forward_batch_size", "64",
                     "rows are packed by their tokens, not counted"),
    CONF_IGNORED_BUT("num_sample_generations", "10",
                     "answers of every evaluation are in output_dir/samples.jsonl"),
    CONF_REFUSED("ref_adapter_name", "the reference is model_name_or_path as it was loaded"),
    CONF_REFUSED("model_adapter_name", "an adapter is named by its folder: "
                                       "model_name_or_path"),
    CONF_REFUSED("mini_batch_size", "follows from num_mini_batches"),
    CONF_END};

static const struct conf_key *const tables[] = {table, fleet_keys_table, keys_table_shared,
                                                keys_table_ignored, NULL};

static void take(struct ppo_conf *to, const struct ppo_keys *k)
{
    to->loss = (struct objective_ppo_conf){k->cliprange, k->cliprange_value, k->vf_coef};
    to->whiten_rewards = k->whiten_rewards;
    to->gamma = k->gamma;
    to->lam = k->lam;
    to->round.entropy.coef = k->entropy_coef;
    to->round.epochs = k->num_ppo_epochs;
    to->round.mini_batches = k->num_mini_batches;
    to->round.kl_coef = k->kl_coef;
    to->round.target_kl = k->target_kl;
    to->round.kl_horizon = k->kl_horizon;
    if (conf_has_real(k->critic_learning_rate))
        to->round.critic_learning_rate = k->critic_learning_rate;
}

/* A reward model's values before an answer's end mean nothing: the critic first learns some. */
static bool begins_as_reward(const struct fleet_plan *plan)
{
    bool any = false;

    for (int i = 0; i < plan->rewards.n; i++)
        any |= reward_values_states(&plan->rewards.reward[i]);
    return any && !plan->critic_zero && !plan->critic_trunk;
}

static enum err take_critic(struct fleet_plan *out, struct ppo_conf *to,
                            const struct ppo_keys *k)
{
    static const char *const words[] = {"reward_model", "reward_trunk", "zero", NULL};
    int which = 0;
    const enum err err = conf_word(&which, "critic", k->critic, words);

    out->critic_trunk = which == 1;
    out->critic_zero = which == 2;
    out->warmup_said = conf_has_int(k->critic_warmup);
    to->round.critic_warmup = out->warmup_said ? k->critic_warmup : begins_as_reward(out);
    return err;
}

static enum err plan(void *self, struct fleet_plan *out)
{
    const struct ppo_keys *const k = self;
    struct ppo_conf *const conf = mem_new(1, sizeof *conf);
    enum err err;

    out->own = conf;
    conf->round = out->round;
    take(conf, k);
    err = take_critic(out, conf, k);
    if (err)
        return err;
    if (strcmp(k->advantage, "gae") && strcmp(k->advantage, "vtrace"))
        return err_set(ERR_RANGE, "advantage: '%s': expected gae or vtrace", k->advantage);
    conf->vtrace = !strcmp(k->advantage, "vtrace");
    conf->rho_bar = k->rho_bar;
    if (conf->vtrace && k->fleet.importance && strcmp(k->fleet.importance, "plain"))
        return err_set(ERR_RANGE,
                       "importance: vtrace weighs answers itself: leave it, or plain");
    if (conf->vtrace && (out->lag || out->free))
        conf->round.stale.mode = IMPORTANCE_PLAIN;
    if (conf_has_int(k->total_episodes))
        out->episodes = k->total_episodes;
    if (out->batch < (uint64_t)k->num_mini_batches)
        return err_set(ERR_RANGE, "num_mini_batches: %d of a batch of %d answers",
                       k->num_mini_batches, (int)out->batch);
    err = kl_named(&conf->round.kl_estimator, k->kl_estimator);
    out->round = ppo_round(conf);
    return err;
}

const struct method ppo_keys_method = {.name = "ppo",
                                       .help =
                                           "PPO over a fleet: broker, actors, rewarders and "
                                           "learner, on this machine or joined from others",
                                       .tables = tables,
                                       .size = sizeof(struct ppo_keys),
                                       .plan = plan,
                                       .score = "objective/scores",
                                       .divergence = "objective/kl"};
