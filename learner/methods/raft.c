/* raft: rejection sampling: the num_best highest of each group (ties: the earlier), of those at
 * least min_score, are learnt as demonstrations (Dong et al. 2023, arXiv:2304.06767).
 *
 * How it works: assign ranks each group by its scores (group.h; of rewards that are credited
 * step by step it takes the sum) and makes the taken answers the iteration's only units;
 * objective_sft.h learns them, without a reference. */
#include "learner/methods/group.h"
#include "learner/objective/objective_sft.h"

#include <math.h>
#include <stdlib.h>

struct raft {
    struct group_keys group;
    struct objective_sft_conf loss;
    int num_best;
    double min_score;
};

static const struct conf_key table[] = {
    CONF_REFUSED("beta", "demonstrations are learnt without a reference"),
    CONF_REAL(keys, learning_rate, "2e-5", 0, 1e3, "peak learning rate"),
    CONF_INT(raft, num_best, "1", 1, 1024, "answers of a group that are learnt"),
    CONF_REAL(raft, min_score, "", -1e30, 1e30, "and only those that score as much"), CONF_END};
static const struct conf_key *const tables[] = GROUP_TABLES(table);

/* How many of the group stand before answer i: higher scores, and equal ones that are earlier.
 */
static size_t rank(const double *score, size_t each, size_t i)
{
    size_t before = 0;

    for (size_t k = 0; k < each; k++)
        before += score[k] > score[i] || (k < i && !(score[k] < score[i]));
    return before;
}

/* By rank and not by a threshold on it: of equal scores the earlier one is taken, so that a run
 * gives the same answers again. */
static bool taken(const struct raft *raft, const struct iteration_batch *batch, size_t i)
{
    const size_t each = (size_t)batch->conf->samples, first = i - i % each;

    return rank(batch->score + first, each, i - first) < (size_t)raft->num_best &&
           !(batch->score[i] < raft->min_score) && /* NAN: none is asked for */
           (!raft->group.mask_truncated_completions || batch->rollout[i].ended);
}

static void assign(const void *method, struct iteration_batch *batch, double beta)
{
    const struct raft *const raft = method;

    (void)beta;
    free(group_scores(&raft->group, batch, 0, -INFINITY, INFINITY));
    batch->n_unit = 0;
    for (size_t i = 0; i < batch->n; i++) {
        const bool learnt = taken(raft, batch, i);
        iteration_batch_spread(batch, i, learnt);
        if (learnt)
            batch->unit[batch->n_unit++] = (uint32_t)i;
    }
}

static void report(const void *method, const struct iteration_report *r,
                   struct iteration_metrics *out)
{
    group_report_batch(method, r, out);
    iteration_report_put(out, "drover_learnt_answers", (double)r->batch->n_unit);
    group_report_loss(r, out);
}

static enum err plan(void *self, struct fleet_plan *out)
{
    struct raft *const raft = self;
    enum err err = group_plan(&raft->group, out);

    if (!err && raft->num_best > raft->group.num_generations)
        err = err_set(ERR_RANGE, "num_best: %d of num_generations %d", raft->num_best,
                      raft->group.num_generations);
    out->iteration.loss = &raft->loss;
    out->iteration.policy = &objective_sft;
    out->iteration.assign = assign;
    out->iteration.report = report;
    return err;
}

const struct method raft_method = {.name = "raft",
                                   .help =
                                       "rejection sampling over a fleet: the best are learnt",
                                   .tables = tables,
                                   .size = sizeof(struct raft),
                                   .plan = plan,
                                   .score = "reward",
                                   .divergence = "kl"};
