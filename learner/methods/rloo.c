/* rloo: each answer against the mean of the others, by TRL 1.16's names and defaults.
 *
 * How it works: scores (group.h) within reward_clip_range, then less the price of a nat, for
 * the price stands in the reward here; advantage_group_others; objective_rloo.h. Its ratio is
 * that of a whole answer, so rewards that are credited step by step are refused. */
#include "base/mem.h"
#include "learner/methods/group.h"
#include "learner/objective/advantage_group.h"
#include "learner/objective/objective_rloo.h"

#include <math.h>
#include <stdlib.h>

struct rloo {
    struct group_keys group;
    struct objective_rloo_conf loss;
    json_t *reward_clip_range;
    bool normalize_advantages;
    double clip_low, clip_high; /* of the score */
};

static const struct conf_key table[] = {
    CONF_INT(group_keys, num_generations, "2", 2, 1024, "answers to a prompt"),
    CONF_REAL(group_keys, beta, "0.05", 0, 1e6, "price of a nat, in the reward"),
    CONF_WORD(group_keys, kl_in, group_kl_in, "reward", "where the price stands: reward"),
    CONF_TREE(rloo, reward_clip_range, "[low, high] of the score"),
    CONF_BOOL(rloo, normalize_advantages, "false", "centred and scaled over the batch"),
    CONF_END};
static const struct conf_key *const tables[] = GROUP_TABLES(table);

static void assign(const void *method, struct iteration_batch *batch, double beta)
{
    const struct rloo *const rloo = method;
    double *const A = mem_new(batch->n, sizeof *A);

    free(group_scores(&rloo->group, batch, beta, rloo->clip_low, rloo->clip_high));
    advantage_group_others(A, batch->score, batch->n, (size_t)batch->conf->samples,
                           rloo->normalize_advantages);
    for (size_t i = 0; i < batch->n; i++)
        iteration_batch_spread(batch, i, A[i]);
    group_mask(&rloo->group, batch);
    free(A);
}

static enum err take_clip(struct rloo *rloo)
{
    const json_t *const range = rloo->reward_clip_range;
    double *const end[] = {&rloo->clip_low, &rloo->clip_high};
    enum err err = OK;

    rloo->clip_low = -INFINITY;
    rloo->clip_high = INFINITY;
    if (range && json_array_size(range) != 2)
        return err_set(ERR_PARSE, "reward_clip_range: expected [low, high]");
    for (size_t i = 0; range && i < 2 && !err; i++)
        err = fleet_keys_number(end[i], json_array_get(range, i), "reward_clip_range");
    return err;
}

static enum err plan(void *self, struct fleet_plan *out)
{
    struct rloo *const rloo = self;
    enum err err = group_plan(&rloo->group, out);

    if (!err && rloo->group.kl_in != GROUP_IN_REWARD)
        err = err_set(ERR_RANGE, "kl_in: rloo takes the price from the reward");
    if (!err)
        err = group_refuse_steps(out, "rloo has one ratio and one advantage an answer");
    if (!err)
        err = take_clip(rloo);
    rloo->loss.epsilon = rloo->group.epsilon;
    rloo->loss.epsilon_high = group_epsilon_high(&rloo->group);
    out->by_group = true;
    out->iteration.loss = &rloo->loss;
    out->iteration.policy = &objective_rloo;
    out->iteration.assign = assign;
    return err;
}

const struct method rloo_method = {.name = "rloo",
                                   .help =
                                       "RLOO over a fleet: each against the mean of the others",
                                   .tables = tables,
                                   .size = sizeof(struct rloo),
                                   .plan = plan,
                                   .score = "reward",
                                   .divergence = "kl"};
