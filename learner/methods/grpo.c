/* grpo: answers compared in groups: GRPO and its kin, by TRL 1.16's names and defaults, and
 * drover's own.
 *
 * How it works: scores (group.h) become advantages by advantage_group.h; objective_grpo.h has
 * the losses, which loss_type names. With normalize_then_sum the rewards are scaled one by one,
 * and so is what shapes them, as TRL would a reward function that gives it: -1 where an answer
 * did not end, with weight missing_eos_penalty, and the overlong punishment. The KL stays in
 * nats, less its group's mean: scaled, its price would not grow with it. With step rewards the
 * advantage of the outcome alone, plus steps_share times advantage_steps.h; steps_share is the
 * process rewards' weight over that of the others, and without a scale (Dr. GRPO) 1, for the
 * values are weighted.
 *
 * The price of a nat stands in the loss (kl_in loss: objective_grpo's k3), or is taken off the
 * score (kl_in reward: group_scores). */
#include "base/mem.h"
#include "learner/methods/group.h"
#include "learner/objective/advantage_steps.h"
#include "learner/objective/objective_grpo.h"
#include "reward/credit.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct grpo {
    struct group_keys group;
    struct objective_grpo_conf loss;
    int importance_sampling_level;
    int scale_rewards; /* enum advantage_group_scale */
    int multi_objective_aggregation;
    double steps_share; /* credit_share */
};

static const char *const levels[] = {"token", "sequence", NULL};
static const char *const scales[] = {"group", "batch", "none", NULL};
static const char *const aggregations[] = {"sum_then_normalize", "normalize_then_sum", NULL};

static const struct conf_key table[] = {
    CONF_WORD_AT(grpo, loss.loss, "loss_type", objective_grpo_names, "dapo",
                 "dapo, grpo, bnpo, dr_grpo, cispo, sapo, luspo or vespo"),
    CONF_WORD(grpo, importance_sampling_level, levels, "token", "token, or sequence (GSPO)"),
    CONF_BOOL_AT(grpo, loss.use_bias_correction_kl, "use_bias_correction_kl", "true",
                 "the KL term times the ratio"),
    CONF_REAL_AT(grpo, loss.delta, "delta", "", 0, 1e9,
                 "bound of the ratio where it is not clipped"),
    CONF_REAL_AT(grpo, loss.sapo_temperature_pos, "sapo_temperature_pos", "1.0", 1e-6, 1e6,
                 "of sapo, A > 0"),
    CONF_REAL_AT(grpo, loss.sapo_temperature_neg, "sapo_temperature_neg", "1.05", 1e-6, 1e6,
                 "of sapo, A <= 0"),
    CONF_REAL_AT(grpo, loss.vespo_k_pos, "vespo_k_pos", "2.0", 0, 1e6, "of vespo, A >= 0"),
    CONF_REAL_AT(grpo, loss.vespo_lambda_pos, "vespo_lambda_pos", "3.0", 0, 1e6,
                 "of vespo, A >= 0"),
    CONF_REAL_AT(grpo, loss.vespo_k_neg, "vespo_k_neg", "3.0", 0, 1e6, "of vespo, A < 0"),
    CONF_REAL_AT(grpo, loss.vespo_lambda_neg, "vespo_lambda_neg", "2.0", 0, 1e6,
                 "of vespo, A < 0"),
    CONF_WORD(grpo, scale_rewards, scales, "group", "group, batch or none"),
    CONF_WORD(grpo, multi_objective_aggregation, aggregations, "sum_then_normalize",
              "or normalize_then_sum"),
    CONF_REAL_AT(grpo, loss.top_entropy_quantile, "top_entropy_quantile", "1.0", 0, 1,
                 "share of the most uncertain tokens that are learnt"),
    CONF_REAL_AT(fleet_keys, iteration.entropy.coef, "entropy_coef", "0", -1e3, 1e3,
                 "weight of an entropy bonus"),
    CONF_REAL_AT(grpo, loss.off_policy_mask_threshold, "off_policy_mask_threshold", "", 0, 1e9,
                 "answers with A < 0 that drifted further (mean log ratio) are left out"),
    CONF_BOOL_AT(fleet_keys, iteration.entropy.adaptive, "use_adaptive_entropy", "false",
                 "entropy_coef is where it begins: steered to entropy_target from there"),
    CONF_REAL_AT(fleet_keys, iteration.entropy.least, "entropy_coef_min", "0", -1e3, 1e3,
                 "its lower bound"),
    CONF_REAL_AT(fleet_keys, iteration.entropy.most, "entropy_coef_max", "1", -1e3, 1e3,
                 "its upper bound"),
    CONF_REAL_AT(fleet_keys, iteration.entropy.delta, "entropy_coef_delta", "0.005", 0, 1e3,
                 "its change by an optimiser step"),
    CONF_REAL_AT(fleet_keys, iteration.entropy.target, "entropy_target", "0.2", 0, 1e3,
                 "mean nats of a token up to which there is a bonus and it grows"),
    CONF_END};
static const struct conf_key *const tables[] = GROUP_TABLES(table);

/* The rewards of the rollouts, one reward after another. What shapes them stands behind: each
 * its own reward, whose weight is its price; and the distance, which is priced in nats. */
static void by_reward(const struct grpo *grpo, const struct iteration_batch *batch,
                      const double *price, double *out)
{
    enum { SHAPES = 2 };
    const size_t own = (size_t)batch->conf->parts, parts = own + SHAPES, n = batch->n;
    double *const part = mem_new(parts * n, sizeof *part), weight[REWARDS_MAX + SHAPES];

    memcpy(weight, grpo->group.weight, sizeof grpo->group.weight);
    weight[own] = batch->conf->missing_eos_penalty;
    weight[own + 1] = 1;
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < own; k++)
            part[k * n + i] = batch->rollout[i].part[k];
        part[own * n + i] = batch->rollout[i].ended ? 0 : -1;
        part[(own + 1) * n + i] = group_overlong(&grpo->group, batch, i);
    }
    advantage_group_parts(out, part, weight, parts, price, n, (size_t)batch->conf->samples);
    free(part);
}

/* The steps' advantages beside those of the outcome. */
static void add_steps(const struct grpo *grpo, struct iteration_batch *batch, double *step)
{
    const enum advantage_group_scale scale = (enum advantage_group_scale)grpo->scale_rewards;
    const double share = scale == ADVANTAGE_GROUP_PLAIN ? 1 : grpo->steps_share;

    advantage_steps(step, step, batch->at, batch->n, (size_t)batch->conf->samples, scale);
    for (size_t t = 0; t < (size_t)batch->tokens; t++)
        if (batch->learn[t])
            batch->advantage[t] = (float)((double)batch->advantage[t] + share * step[t]);
}

static void assign(const void *method, struct iteration_batch *batch, double beta)
{
    const struct grpo *const grpo = method;
    double *const A = mem_new(batch->n, sizeof *A);
    double *const price =
        group_scores(&grpo->group, batch, group_price(&grpo->group, beta), -INFINITY, INFINITY);
    double *const step = iteration_batch_steps(batch);

    if (grpo->multi_objective_aggregation)
        by_reward(grpo, batch, price, A);
    else
        advantage_group(A, batch->score, batch->n, (size_t)batch->conf->samples,
                        (enum advantage_group_scale)grpo->scale_rewards);
    for (size_t i = 0; i < batch->n; i++)
        iteration_batch_spread(batch, i, A[i]);
    if (step)
        add_steps(grpo, batch, step);
    group_mask(&grpo->group, batch);
    free(step);
    free(price);
    free(A);
}

static enum err plan(void *self, struct fleet_plan *out)
{
    struct grpo *const grpo = self;
    const struct entropy_control *const bonus = &out->iteration.entropy;
    enum err err = group_plan(&grpo->group, out);

    if (!err && !(bonus->least <= bonus->most))
        err =
            err_set(ERR_RANGE, "entropy_coef_min: %g is above entropy_coef_max", bonus->least);
    if (!err && grpo->multi_objective_aggregation)
        err = group_refuse_steps(out, "multi_objective_aggregation: normalize_then_sum takes "
                                      "one number of an answer");
    grpo->loss.epsilon = grpo->group.epsilon;
    grpo->loss.epsilon_high = group_epsilon_high(&grpo->group);
    grpo->loss.beta = grpo->group.kl_in == GROUP_IN_LOSS ? grpo->group.beta : 0;
    grpo->loss.sequence = grpo->importance_sampling_level == 1;
    grpo->loss.max_completion_length = grpo->group.fleet.response_length;
    grpo->steps_share = credit_share(&out->rewards);
    out->by_group = true;
    out->iteration.loss = &grpo->loss;
    out->iteration.policy = objective_grpo(grpo->loss.loss);
    out->iteration.assign = assign;
    return err;
}

const struct method grpo_method = {.name = "grpo",
                                   .help = "GRPO over a fleet: answers compared in groups",
                                   .tables = tables,
                                   .size = sizeof(struct grpo),
                                   .plan = plan,
                                   .score = "reward",
                                   .divergence = "kl"};
