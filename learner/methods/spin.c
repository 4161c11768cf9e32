/* spin: self-play: the record's own answer, a demonstration, against the policy's; the reference
 * is the policy as the iteration found it (Chen et al. 2024, arXiv:2401.01335, eq. 4.7). Names
 * and defaults are those of the authors' scripts, where they name a key.
 *
 * How it works: sample 0 of a task is the policy's, sample 1 the record's; assign pairs them,
 * the record's as chosen; objective_dpo.h learns them. An iteration plays on all records, in as
 * many optimiser steps as batches of them, so that epochs and mini-batches are known only with
 * the number of records. Without words of the user's the demonstrations decide when it is
 * enough (stop_gain).
 *
 * Metrics: loss, grad_norm, learning_rate, rewards/{real,generated,margins,accuracies},
 * logps/{real,generated}, completions/mean_length, num_tokens; spin/real_logps, the
 * demonstrations' mean log-probability of a token after the iteration, and spin/gain, what the
 * iteration added to it. */
#include "learner/methods/group.h"
#include "learner/methods/pairs.h"

#include <limits.h>
#include <math.h>
#include <string.h>

struct spin {
    struct fleet_keys fleet;
    struct objective_dpo_conf loss;
    int loss_type, spin_iterations, prompts_per_iteration;
    double stop_gain;
};

static const char *const loss_types[] = {"sigmoid", "hinge", NULL};

static const struct conf_key table[] = {
    CONF_REAL(keys, learning_rate, "5e-7", 0, 1e3, "peak learning rate"),
    {"max_new_tokens", CONF_INT_, offsetof(struct fleet_keys, response_length), "256", 1,
     1 << 18, "most tokens of an answer; longer demonstrations are left out", "response_length",
     NULL},
    CONF_INT(fleet_keys, eval_prompts, "0", 0, 1 << 20,
             "prompts that rewards score before and after"),
    CONF_REAL_AT(spin, loss.beta, "beta", "0.1", 1e-9, 1e6, "lambda of the loss"),
    CONF_WORD(spin, loss_type, loss_types, "sigmoid", "sigmoid or hinge"),
    CONF_INT(spin, spin_iterations, "3", 1, 1000,
             "opponents in turn: each iteration plays the policy that it found"),
    CONF_INT(spin, prompts_per_iteration, "", 1, INT_MAX,
             "records an iteration plays on; all of them unset"),
    CONF_REAL(keys, num_train_epochs, "3", 0, 1e6, "passes over an iteration's pairs"),
    CONF_REAL(spin, stop_gain, "0", -1e9, 1e9,
              "the run ends after an iteration that adds less than this to the demonstrations' "
              "mean log-probability of a token (unless stop_if says otherwise)"),
    CONF_REFUSED("reference", "the opponent is the reference"),
    CONF_END};

static const struct conf_key *const tables[] = {
    table, fleet_keys_table, keys_table_shared, keys_table_ignored, group_table_ignored, NULL};

static void assign(const void *method, struct iteration_batch *batch, double beta)
{
    (void)method, (void)beta;
    iteration_batch_divergence(batch, NULL);
    batch->n_unit = batch->n / 2;
    for (size_t k = 0; k < batch->n_unit; k++) {
        batch->unit[2 * k] = (uint32_t)(2 * k + 1);
        batch->unit[2 * k + 1] = (uint32_t)(2 * k);
    }
}

/* Mean log-probability of a token of the demonstrations. */
static double real_logps(const struct iteration_batch *batch, const float *logprob)
{
    double sum = 0, tokens = 0;

    for (size_t i = 0; i < batch->n; i++)
        for (size_t t = batch->at[i]; t < batch->at[i + 1] && !batch->rollout[i].behaviour;
             t++) {
            sum += (double)logprob[t];
            tokens++;
        }
    return sum / fmax(tokens, 1);
}

static void report(const void *method, const struct iteration_report *r,
                   struct iteration_metrics *out)
{
    static const char *const name[][2] = {
        {"rewards/chosen", "rewards/real"},     {"rewards/rejected", "rewards/generated"},
        {"logps/chosen", "logps/real"},         {"logps/rejected", "logps/generated"},
        {"rewards/margins", "rewards/margins"}, {"rewards/accuracies", "rewards/accuracies"}};
    const struct iteration_batch *const batch = r->batch;
    const double now = real_logps(batch, batch->after);
    double length = 0, pairs = (double)batch->n_unit;

    (void)method;
    pairs_report(r, out);
    for (size_t i = 0; i < batch->n; i++)
        length += batch->rollout[i].behaviour ? batch->rollout[i].n_token : 0;
    iteration_report_put(out, "completions/mean_length", length / fmax(pairs, 1));
    for (int i = 0; i < r->sums.metrics.n; i++)
        for (size_t k = 0; k < sizeof name / sizeof *name; k++)
            if (!strcmp(r->sums.metrics.row[i].name, name[k][0]))
                iteration_report_put(out, name[k][1], pairs_figure(r, name[k][0]));
    iteration_report_put(out, "spin/real_logps", now);
    iteration_report_put(out, "spin/gain", now - real_logps(batch, batch->proximal));
}

static enum err plan(void *self, struct fleet_plan *out)
{
    struct spin *const spin = self;
    struct iteration_conf *const to = &out->iteration;

    spin->loss.terms = 1;
    spin->loss.term[0].kind = spin->loss_type ? DPO_HINGE : DPO_SIGMOID;
    spin->loss.term[0].weight = 1;
    spin->loss.alpha = .5;
    spin->loss.ld_alpha = 1;
    if (!spin->fleet.stop_if)
        out->stop_if[out->conditions++] =
            (struct fleet_keys_condition){"spin/gain", true, spin->stop_gain};
    to->loss = &spin->loss;
    to->policy = &objective_dpo;
    to->assign = assign;
    to->report = report;
    to->unit = to->samples = 2;
    to->reference = to->self_reference = true;
    to->rate_by_step = true;
    return out->lag || out->free ? err_set(ERR_RANGE, "overlap: the opponent is the policy as "
                                                      "the iteration finds it: only none")
                                 : OK;
}

/* All records are one iteration: only now is it known how many steps that is. */
static enum err length(void *self, struct fleet_plan *out, size_t rows)
{
    const struct spin *const spin = self;
    const uint64_t step = out->batch; /* pairs an optimiser step */
    const double epochs = ceil(spin->fleet.keys.num_train_epochs);

    out->batch = conf_has_int(spin->prompts_per_iteration)
                     ? (uint64_t)spin->prompts_per_iteration
                     : rows;
    if (epochs < 1 || epochs > 1000)
        return err_set(ERR_RANGE, "num_train_epochs: 1 to 1000 passes an iteration");
    out->iteration.epochs = (int)epochs;
    out->iteration.mini_batches = (int)((out->batch + step - 1) / step);
    out->episodes = (double)out->batch * spin->spin_iterations;
    return OK;
}

const struct method spin_method = {.name = "spin",
                                   .help =
                                       "self-play over a fleet: demonstrations against answers",
                                   .tables = tables,
                                   .size = sizeof(struct spin),
                                   .plan = plan,
                                   .score = "spin/real_logps",
                                   .divergence = "spin/gain",
                                   .demonstrations = true,
                                   .length = length};
