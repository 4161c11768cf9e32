/* reinforce: REINFORCE++: rewards of tokens, whitened over the batch; names by TRL and drover's
 * own.
 *
 * How it works: reward[t] = -beta kl[t], plus s (group.h) at the last learnt token (of step
 * rewards: plus each at its token); advantage[t] = what is still to come, discounted by gamma,
 * whitened over all learnt tokens of the batch (Hu 2025, arXiv:2501.03262). With `baseline` the
 * group's mean is taken off s first, and the mean of the group's steps off each step. The loss
 * is objective_grpo.h's mean over the step's tokens. */
#include "learner/methods/group.h"
#include "learner/methods/token_rewards.h"
#include "learner/objective/advantage.h"
#include "learner/objective/advantage_steps.h"
#include "learner/objective/objective_grpo.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct reinforce {
    struct group_keys group;
    struct objective_grpo_conf loss;
    bool baseline;
    double gamma;
};

static const struct conf_key table[] = {
    CONF_INT(group_keys, num_generations, "1", 1, 1024, "answers to a prompt"),
    CONF_REAL(group_keys, beta, "0.01", 0, 1e6, "price of a nat"),
    CONF_WORD(group_keys, kl_in, group_kl_in, "reward",
              "where the price stands: reward or loss"),
    CONF_BOOL(reinforce, baseline, "false", "the group's mean is taken off the score first"),
    CONF_REAL(reinforce, gamma, "1", 0, 1, "discount"),
    CONF_BOOL_AT(reinforce, loss.use_bias_correction_kl, "use_bias_correction_kl", "false",
                 "the KL term times the ratio"),
    CONF_REAL_AT(fleet_keys, iteration.entropy.coef, "entropy_coef", "0", -1e3, 1e3,
                 "weight of an entropy bonus"),
    CONF_END};
static const struct conf_key *const tables[] = GROUP_TABLES(table);

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

static void assign(const void *method, struct iteration_batch *batch, double beta)
{
    const struct reinforce *const self = method;

    free(group_scores(&self->group, batch, 0, -INFINITY, INFINITY));
    double *const step = iteration_batch_steps(batch);
    if (self->baseline)
        take_baseline(batch, step);
    batch->kl = batch->entropy = 0; /* counted again beside the rewards */
    token_rewards(batch, step, group_price(&self->group, beta));
    free(step);
    memset(batch->value, 0, (size_t)batch->tokens * sizeof(float));
    for (size_t i = 0; i < batch->n; i++) {
        const size_t at = batch->at[i];
        advantage_gae(batch->reward + at, batch->value + at, batch->learn + at,
                      batch->rollout[i].n_token, self->gamma, 1, batch->advantage + at,
                      batch->returns + at);
    }
    advantage_whiten(batch->advantage, batch->learn, (int)batch->tokens, ADVANTAGE_CENTRED);
    group_mask(&self->group, batch);
}

static enum err plan(void *method, struct fleet_plan *out)
{
    struct reinforce *const self = method;
    const bool bias = self->loss.use_bias_correction_kl;
    enum err err = group_plan(&self->group, out);

    if (!err && self->baseline && self->group.num_generations < 2)
        err = err_set(ERR_RANGE, "baseline: a group of num_generations 1 has no mean to be "
                                 "better than");
    self->loss = objective_grpo_plain(OBJECTIVE_DAPO); /* the mean over the step's tokens */
    self->loss.use_bias_correction_kl = bias;
    self->loss.epsilon = self->group.epsilon;
    self->loss.epsilon_high = group_epsilon_high(&self->group);
    self->loss.beta = self->group.kl_in == GROUP_IN_LOSS ? self->group.beta : 0;
    out->by_group = self->baseline;
    out->iteration.loss = &self->loss;
    out->iteration.policy = objective_grpo(OBJECTIVE_DAPO);
    out->iteration.assign = assign;
    return err;
}

const struct method reinforce_method = {.name = "reinforce++",
                                        .help = "REINFORCE++ over a fleet",
                                        .tables = tables,
                                        .size = sizeof(struct reinforce),
                                        .plan = plan,
                                        .score = "reward",
                                        .divergence = "kl"};
