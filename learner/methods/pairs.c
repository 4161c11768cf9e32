/* How it works: a method's plan calls pairs_plan first. beta and what else may be a list is
 * read once; before each iteration pairs_on_iteration puts the value of the epoch in which it
 * begins into the loss, so that a run that goes on behind a checkpoint finds it again without
 * any state. */
#include "learner/methods/pairs.h"

#include "learner/methods/group.h"

#include <limits.h>
#include <math.h>
#include <string.h>

static const char *const loss_types[] = {"sigmoid", "ipo", NULL};
const char *const pairs_ties[] = {"drop", "first", NULL};

const struct conf_key pairs_table[] = {
    CONF_REAL(keys, learning_rate, "5e-7", 0, 1e3, "peak learning rate"),
    {"max_new_tokens", CONF_INT_, offsetof(struct fleet_keys, response_length), "64", 1,
     1 << 18, "most tokens of an answer", "response_length", NULL},
    CONF_REAL_AT(fleet_keys, iteration.temperature, "temperature", "0.9", 1e-3, 1e3,
                 "in all log-probability passes"),
    CONF_ROW(
        CONF_TREE_, pairs_keys, beta.given, "beta", NULL, 0, 0,
        "inverse temperature of the loss, 0.1 unset; a list: one each epoch, the last stays",
        NULL),
    CONF_WORD(pairs_keys, loss_type, loss_types, "sigmoid", "sigmoid, or ipo (over sums)"),
    CONF_INT(pairs_keys, num_generations, "2", 2, 1024,
             "answers to a prompt; the best and the worst are the pair"),
    CONF_WORD(pairs_keys, ties, pairs_ties, "drop",
              "groups whose scores are all the same: drop, or first (TRL: the first wins)"),
    CONF_REAL(pairs_keys, top_p, "1.0", 1e-6, 1, "sampling from the likeliest tokens"),
    CONF_INT(pairs_keys, top_k, "0", 0, INT_MAX, "sampling from so many tokens; 0: from all"),
    CONF_REAL(pairs_keys, min_p, "0", 0, 1, "sampling from tokens this likely"),
    CONF_REAL(pairs_keys, repetition_penalty, "1.0", 1, 1, "only 1"),
    CONF_REFUSED("judge", "TRL's judges are services: name a language model under rewards: "
                          "[{name: ai, judge: FOLDER, template: FILE}]"),
    CONF_REFUSED("reward_weights", "say them in rewards: [{name, model, weight}]"),
    CONF_REFUSED("generation_kwargs", "give temperature, top_p, top_k and min_p themselves"),
    CONF_IGNORED("use_vllm", "the fleet's actors make the answers"),
    CONF_IGNORED("vllm_*", "the fleet's actors make the answers"),
    CONF_IGNORED("use_transformers_*", "the fleet's actors make the answers"),
    CONF_REFUSED("reward_funcs", "functions are Python: name rules, models or workers under "
                                 "rewards:"),
    CONF_END};

enum err pairs_number_read(struct pairs_number *number, const char *key, double unset,
                           double low, double high)
{
    const json_t *const given = number->given;
    const size_t n = json_array_size(given);
    enum err err = OK;

    number->value[0] = unset;
    number->n = n ? (int)n : 1;
    if (given && json_is_string(given))
        err = fleet_keys_number(&number->value[0], given, key);
    else if (given && (!n || n > PAIRS_EPOCHS))
        return err_set(ERR_RANGE, "%s: expected a number, or a list of 1 to %d", key,
                       PAIRS_EPOCHS);
    for (size_t i = 0; i < n && !err; i++)
        err = fleet_keys_number(&number->value[i], json_array_get(given, i), key);
    for (int i = 0; i < number->n && !err; i++)
        if (!(number->value[i] >= low && number->value[i] <= high))
            err = err_set(ERR_RANGE, "%s: %g is not between %g and %g", key, number->value[i],
                          low, high);
    return err;
}

double pairs_number_at(const struct pairs_keys *pairs, const struct pairs_number *number,
                       int64_t iteration)
{
    const double epoch = floor((double)iteration * pairs->epochs_each + 1e-9);

    return number->value[(int)fmin(epoch, number->n - 1)];
}

void pairs_on_iteration(void *method, const struct iteration_conf *conf, int64_t iteration)
{
    struct pairs_keys *const pairs = method;

    (void)conf;
    pairs->loss.beta = pairs_number_at(pairs, &pairs->beta, iteration);
}

enum err pairs_plan(struct pairs_keys *pairs, struct fleet_plan *out)
{
    static const enum objective_dpo_kind kinds[] = {DPO_SIGMOID, DPO_IPO_SUM};
    struct iteration_conf *const to = &out->iteration;
    enum err err = pairs_number_read(&pairs->beta, "beta", .1, 1e-9, 1e6);

    pairs->loss = (struct objective_dpo_conf){
        .terms = 1, .term = {{kinds[pairs->loss_type], 1}}, .alpha = .5, .ld_alpha = 1};
    pairs->loss.beta = pairs->beta.value[0];
    out->samples = (uint32_t)pairs->num_generations;
    out->top_p = (float)pairs->top_p;
    out->top_k = (uint32_t)pairs->top_k;
    out->min_p = (float)pairs->min_p;
    to->samples = pairs->num_generations;
    to->epochs = to->mini_batches = 1;
    to->reference = true;
    to->rate_by_step = true;
    to->loss = &pairs->loss;
    to->on_iteration = pairs_on_iteration;
    return err;
}

enum err pairs_length(void *self, struct fleet_plan *out, size_t rows)
{
    struct pairs_keys *const pairs = self;

    pairs->epochs_each = (double)out->batch / (double)rows;
    return OK;
}

void pairs_report(const struct iteration_report *r, struct iteration_metrics *out)
{
    const double steps = fmax((double)r->steps, 1);

    iteration_report_put(out, "loss", r->sums.loss[0] / steps);
    iteration_report_put(out, "grad_norm", r->policy_norm / steps);
    iteration_report_put(out, "learning_rate", r->rate);
    iteration_report_put(out, "num_tokens", (double)r->num_tokens);
}

double pairs_figure(const struct iteration_report *r, const char *name)
{
    for (int i = 0; i < r->sums.metrics.n; i++) {
        const struct metrics_row *const m = &r->sums.metrics.row[i];
        if (!strcmp(m->name, name))
            return m->weight > 0 ? m->sum / m->weight : 0;
    }
    return 0;
}
