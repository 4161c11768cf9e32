/* pairs_keys: the configurations of `drover online-dpo` (TRL 0.22's names) and `drover spin`. */
#include "base/mem.h"
#include "learner/methods/group_keys.h"
#include "learner/methods/pairs.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct pairs_keys {
    struct fleet_keys fleet;
    json_t *betas;
    double beta, top_p, min_p, repetition_penalty;
    char *loss_type, *ties;
    int top_k, num_generations;
    json_t *generation_kwargs;
    /* spin */
    int spin_iterations, prompts_per_iteration;
    double stop_gain;
};

static const struct conf_key online[] = {
    CONF_REAL(keys, learning_rate, "5e-7", 0, 1e3, "peak learning rate"),
    {"max_new_tokens", CONF_INT_, offsetof(struct fleet_keys, response_length), "64", 1,
     1 << 18, "most tokens of an answer", "response_length"},
    CONF_REAL(fleet_keys, temperature, "0.9", 1e-3, 1e3, "in all log-probability passes"),
    {"beta", CONF_TREE_, offsetof(struct pairs_keys, betas), NULL, 0, 0,
     "inverse temperature of the loss, 0.1 unset; a list: one each epoch, the last stays",
     NULL},
    CONF_TEXT(pairs_keys, loss_type, "sigmoid", "sigmoid, or ipo (over sums)"),
    CONF_INT(pairs_keys, num_generations, "2", 2, 1024,
             "answers to a prompt; the best and the worst are the pair"),
    CONF_TEXT(pairs_keys, ties, "drop",
              "groups whose scores are all the same: drop, or first (TRL: the first wins)"),
    CONF_REAL(pairs_keys, top_p, "1.0", 1e-6, 1, "sampling from the likeliest tokens"),
    CONF_INT(pairs_keys, top_k, "0", 0, INT_MAX, "sampling from so many tokens; 0: from all"),
    CONF_REAL(pairs_keys, min_p, "0", 0, 1, "sampling from tokens this likely"),
    CONF_REAL(pairs_keys, repetition_penalty, "1.0", 1, 1, "only 1"),
    CONF_REFUSED("judge", "TRL's judges are services: name a language model under rewards: "
                          "[{name: ai, judge: FOLDER, template: FILE}]"),
    CONF_REFUSED("reward_funcs", "functions are Python: name rules, models or workers under "
                                 "rewards:"),
    CONF_END};

/* The scripts of the paper's authors, where they name a key. */
static const struct conf_key spin[] = {
    CONF_REAL(keys, learning_rate, "5e-7", 0, 1e3, "peak learning rate"),
    {"max_new_tokens", CONF_INT_, offsetof(struct fleet_keys, response_length), "256", 1,
     1 << 18, "most tokens of an answer; longer demonstrations are left out",
     "response_length"},
    CONF_INT(fleet_keys, eval_prompts, "0", 0, 1 << 20,
             "prompts that rewards score before and after"),
    CONF_REAL(pairs_keys, beta, "0.1", 1e-9, 1e6, "lambda of the loss"),
    CONF_TEXT(pairs_keys, loss_type, "sigmoid", "sigmoid or hinge"),
    CONF_INT(pairs_keys, spin_iterations, "3", 1, 1000,
             "opponents in turn: each iteration plays the policy that it found"),
    CONF_INT(pairs_keys, prompts_per_iteration, "", 1, INT_MAX,
             "records an iteration plays on; all of them unset"),
    CONF_REAL(keys, num_train_epochs, "3", 0, 1e6, "passes over an iteration's pairs"),
    CONF_REAL(pairs_keys, stop_gain, "0", -1e9, 1e9,
              "the run ends after an iteration that adds less than this to the demonstrations' "
              "mean log-probability of a token (unless stop_if says otherwise)"),
    CONF_REFUSED("reference", "the opponent is the reference"),
    CONF_END};

#define TABLES(own) \
    { \
        own, fleet_keys_table, keys_table_shared, keys_table_ignored, group_keys_ignored, NULL \
    }
static const struct conf_key *const online_tables[] = TABLES(online);
static const struct conf_key *const spin_tables[] = TABLES(spin);

static enum err loss_of(struct pairs_conf *to, const struct pairs_keys *k, double beta,
                        const char *other, enum objective_dpo_kind meant)
{
    to->loss = (struct objective_dpo_conf){
        .terms = 1, .term = {{DPO_SIGMOID, 1}}, .beta = beta, .alpha = .5, .ld_alpha = 1};
    if (!strcmp(k->loss_type, other))
        to->loss.term[0].kind = meant;
    else if (strcmp(k->loss_type, "sigmoid") != 0)
        return err_set(ERR_RANGE, "loss_type: '%s': expected sigmoid or %s", k->loss_type,
                       other);
    return OK;
}

static enum err take_betas(struct pairs_conf *to, const json_t *betas)
{
    const size_t n = json_array_size(betas);
    enum err err = OK;

    if (!betas)
        return OK;
    if (json_is_string(betas))
        err = fleet_keys_number(&to->loss.beta, betas, "beta");
    else if (!n || n > PAIRS_EPOCHS)
        err = err_set(ERR_RANGE, "beta: expected a number, or a list of 1 to %d", PAIRS_EPOCHS);
    for (size_t i = 0; i < n && !err; i++)
        err = fleet_keys_number(&to->beta[i], json_array_get(betas, i), "beta");
    to->betas = (int)n;
    for (size_t i = 0; i < (n ? n : 1) && !err; i++) {
        const double beta = n ? to->beta[i] : to->loss.beta;
        if (!(beta >= 1e-9 && beta <= 1e6))
            err = err_set(ERR_RANGE, "beta: %g is not between 1e-9 and 1e6", beta);
    }
    return err;
}

static enum err plan_online(void *self, struct fleet_plan *out)
{
    const struct pairs_keys *const k = self;
    struct pairs_conf *const to = out->own = mem_new(1, sizeof *to);
    enum err err = loss_of(to, k, .1, "ipo", DPO_IPO_SUM);

    out->samples = (uint32_t)k->num_generations;
    out->round.samples = k->num_generations;
    out->top_p = (float)k->top_p;
    out->top_k = (uint32_t)k->top_k;
    out->min_p = (float)k->min_p;
    to->ties = !strcmp(k->ties, "first");
    if (!err)
        err = take_betas(to, k->betas);
    if (!err && !to->ties && strcmp(k->ties, "drop") != 0)
        err = err_set(ERR_RANGE, "ties: '%s': expected drop or first", k->ties);
    pairs_round(&out->round, to);
    return err;
}

static enum err length_online(void *self, struct fleet_plan *out, size_t rows)
{
    struct pairs_conf *const to = out->own;

    (void)self;
    to->epochs_each = (double)out->batch / (double)rows;
    return OK;
}

/* Without words of the user's the demonstrations decide when it is enough. */
static enum err plan_spin(void *self, struct fleet_plan *out)
{
    const struct pairs_keys *const k = self;
    struct pairs_conf *const to = out->own = mem_new(1, sizeof *to);
    const enum err err = loss_of(to, k, k->beta, "hinge", DPO_HINGE);

    to->spin = true;
    out->round.samples = 2;
    if (!k->fleet.stop_if)
        out->stop_if[out->conditions++] =
            (struct fleet_keys_condition){"spin/gain", true, k->stop_gain};
    pairs_round(&out->round, to);
    return (out->lag || out->free) && !err
               ? err_set(ERR_RANGE, "overlap: the opponent is the policy as the "
                                    "iteration finds it: only none")
               : err;
}

static enum err length_spin(void *self, struct fleet_plan *out, size_t rows)
{
    const struct pairs_keys *const k = self;
    const uint64_t step = out->batch; /* pairs an optimiser step */
    const double epochs = ceil(k->fleet.keys.num_train_epochs);

    out->batch =
        conf_has_int(k->prompts_per_iteration) ? (uint64_t)k->prompts_per_iteration : rows;
    if (epochs < 1 || epochs > 1000)
        return err_set(ERR_RANGE, "num_train_epochs: 1 to 1000 passes an iteration");
    out->round.epochs = (int)epochs;
    out->round.mini_batches = (int)((out->batch + step - 1) / step);
    out->episodes = (double)out->batch * k->spin_iterations;
    return OK;
}

const struct method pairs_keys_online_method = {
    .name = "online-dpo",
    .help = "DPO over a fleet: pairs are made as it goes",
    .tables = online_tables,
    .size = sizeof(struct pairs_keys),
    .plan = plan_online,
    .length = length_online,
    .score = "objective/scores",
    .divergence = "objective/kl"};
const struct method pairs_keys_spin_method = {
    .name = "spin",
    .help = "self-play over a fleet: demonstrations against answers",
    .tables = spin_tables,
    .size = sizeof(struct pairs_keys),
    .plan = plan_spin,
    .score = "spin/real_logps",
    .divergence = "spin/gain",
    .demonstrations = true,
    .length = length_spin};
