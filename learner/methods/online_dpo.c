/* online_dpo: DPO on pairs that are made as it goes: of num_generations answers to a prompt the
 * best and the worst by score (ties: the earlier) are a pair; the reference is the frozen one
 * (Guo et al. 2024, arXiv:2402.04792). Names and defaults by TRL 0.22.
 *
 * How it works: assign makes of each group one pair, chosen first; objective_dpo.h learns them.
 * A group whose scores are all the same has no order and is left out, unless ties say
 * otherwise.
 *
 * Metrics are TRL's: loss, grad_norm, learning_rate, beta,
 * objective/{kl,entropy,non_score_reward,rlhf_reward,scores,scores_margin},
 * val/contain_eos_token, rewards/{chosen,rejected,accuracies,margins}, logps/{chosen,rejected};
 * and drover_pairs. Pairs that people judged (fleet_keys: people) are learnt beside these, with the
 * same loss; rewards/ and logps/ are means over both. */
#include "learner/methods/group.h"
#include "learner/methods/pairs.h"
#include "learner/objective/advantage_group.h"

#include <math.h>
#include <string.h>

static const struct conf_key *const tables[] = {pairs_table,         fleet_keys_table,
                                                keys_table_shared,   keys_table_ignored,
                                                group_table_ignored, NULL};

static void assign(const void *method, struct iteration_batch *batch, double beta)
{
    const struct pairs_keys *const pairs = method;
    const size_t each = (size_t)batch->conf->samples;

    (void)beta;
    iteration_batch_divergence(batch, NULL);
    batch->flat = advantage_group_flat(batch->score, batch->n, each);
    batch->n_unit = 0;
    for (size_t g = 0; g < batch->n; g += each) {
        size_t best = g, worst = g;
        for (size_t i = g + 1; i < g + each; i++) {
            best = batch->score[i] > batch->score[best] ? i : best;
            worst = batch->score[i] < batch->score[worst] ? i : worst;
        }
        if (best == worst && !pairs->ties)
            continue;
        batch->unit[2 * batch->n_unit] = (uint32_t)best;
        batch->unit[2 * batch->n_unit + 1] = (uint32_t)(best == worst ? g + 1 : worst);
        batch->margin += batch->score[best] - batch->score[worst];
        batch->n_unit++;
    }
}

static void report(const void *method, const struct iteration_report *r,
                   struct iteration_metrics *out)
{
    const struct pairs_keys *const pairs = method;
    const struct iteration_batch *const batch = r->batch;
    const double n = (double)batch->n, price = -pairs->loss.beta * batch->kl / n;

    pairs_report(r, out);
    iteration_report_put(out, "beta", pairs->loss.beta);
    iteration_report_put(out, "objective/kl", batch->kl / n);
    iteration_report_put(out, "objective/entropy", batch->entropy / n);
    iteration_report_put(out, "objective/non_score_reward", price);
    iteration_report_put(out, "objective/rlhf_reward", price + batch->total / n);
    iteration_report_put(out, "objective/scores", batch->total / n);
    iteration_report_put(out, "objective/scores_margin",
                         batch->margin / fmax((double)(batch->n_unit - batch->n_judged), 1));
    iteration_report_put(out, "val/contain_eos_token", (double)batch->ended / n);
    iteration_report_put(out, "drover_pairs", (double)(batch->n_unit - batch->n_judged));
    for (int i = 0; i < r->sums.metrics.n; i++)
        if (strcmp(r->sums.metrics.row[i].name, "entropy") != 0)
            iteration_report_put(out, r->sums.metrics.row[i].name,
                                 pairs_figure(r, r->sums.metrics.row[i].name));
}

static enum err plan(void *self, struct fleet_plan *out)
{
    out->iteration.policy = &objective_dpo;
    out->iteration.assign = assign;
    out->iteration.report = report;
    out->iteration.unit = 2;
    out->judged = true;
    return pairs_plan(self, out);
}

const struct method online_dpo_method = {.name = "online-dpo",
                                         .help = "DPO over a fleet: pairs are made as it goes",
                                         .tables = tables,
                                         .size = sizeof(struct pairs_keys),
                                         .plan = plan,
                                         .length = pairs_length,
                                         .score = "objective/scores",
                                         .divergence = "objective/kl"};
