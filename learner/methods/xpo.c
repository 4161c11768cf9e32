/* xpo: exploratory preference optimisation: DPO on an answer of the policy against one of the
 * reference, and a bonus for what the reference would not say (Xie et al. 2024,
 * arXiv:2405.21046, algorithm 1). Names and defaults by TRL 0.22's XPOConfig.
 *
 * Of a pair, y of the policy and y' of the reference, c and r the chosen's and the rejected's
 * ln pi/ref, D = c - r:
 *   sigmoid  -ln sigmoid(beta D)        ipo  (D - 1 / (2 beta))^2
 *   and beside it  alpha ln pi(y')
 *
 * How it works: TRL has the reference write y'. Here all answers are the policy's own, for a
 * fleet's actors hold its versions alone, and an answer stands for one of the reference's with
 * the weight w = ref(y') / mu(y'), mu who wrote it: the same expectation. So of two answers each
 * is y' once, and their pair counts (w + w') / 2, the bonus of each w / 2. Answers of a group
 * are paired in their order, all of them, which keeps that true. A weight is bounded by
 * reference_weight_max; assign puts it where other methods have the advantage.
 *
 * Metrics are TRL's: loss, grad_norm, learning_rate, num_tokens, loss/{dpo,xpo},
 * objective/{kl,entropy} (of the policy's answers as they were written), rewards/{chosen,
 * rejected,accuracies,margins}, logps/{chosen,rejected} (the policy's alone; TRL adds the
 * reference's), val/{model,ref}_contain_eos_token, alpha, beta,
 * objective/{model_scores,ref_scores,scores_margin}: what is ref's is weighed; and drover_pairs,
 * drover_reference_ess, the share of the answers that the weights leave (1: the policy is the
 * reference). */
#include "learner/methods/group.h"
#include "learner/methods/pairs.h"
#include "learner/objective/advantage_group.h"
#include "learner/objective/logistic.h"
#include "learner/objective/objective_pair.h"
#include "lm/kernel/real.h"

#include <math.h>

struct xpo_loss {
    double beta, alpha; /* of the iteration */
    bool ipo;
};

struct xpo {
    struct pairs_keys pairs;
    struct xpo_loss loss;
    struct pairs_number alpha;
    double reference_weight_max;
};

static const struct conf_key table[] = {
    CONF_ROW(CONF_TREE_, xpo, alpha.given, "alpha", NULL, 0, 0,
             "weight of the bonus, 1e-5 unset; a list: one each epoch, the last stays", NULL),
    CONF_INT(pairs_keys, num_generations, "2", 2, 1024,
             "answers to a prompt, an even number: pairs in their order"),
    CONF_REAL(xpo, reference_weight_max, "10", 1, 1e9,
              "bound of ref/pi, an answer's weight as one of the reference's"),
    CONF_END};

static const struct conf_key *const tables[] = PAIRS_TABLES(table);

/* ---- the loss of a pair */

/* An answer's weight stands at each of its learnt tokens. */
static double weight_of(const struct objective_in *in, int s)
{
    for (int t = in->seq[s]; t < in->seq[s + 1]; t++)
        if (in->learn[t])
            return (double)in->advantage[t];
    return 0;
}

/* The loss of D, and its slope. */
static double preference(const struct xpo_loss *loss, double D, double *slope)
{
    const double off = D - 1 / (2 * loss->beta);

    *slope = loss->ipo ? 2 * off : -loss->beta * logistic_sigmoid(-loss->beta * D);
    return loss->ipo ? off * off : -logistic_log(loss->beta * D);
}

static void run(const void *conf, const struct objective_in *in, struct objective_out *out)
{
    const struct xpo_loss *const loss = conf;
    struct objective_pair_log log = {0};
    double dpo = 0, xpo = 0;

    objective_begin(in, out);
    for (int i = 0; i < in->n_seq / 2; i++) {
        const double w = weight_of(in, 2 * i), v = weight_of(in, 2 * i + 1);
        struct objective_pair p;
        double slope;
        objective_pair_read(&p, in, i, 1);
        const double c = p.chosen.logp - p.chosen.ref, r = p.rejected.logp - p.rejected.ref;
        dpo += (w + v) / 2 * preference(loss, c - r, &slope);
        xpo += loss->alpha * (w * p.chosen.logp + v * p.rejected.logp) / 2;
        slope *= (w + v) / 2;
        if (out->dlogprob)
            objective_pair_slopes(out->dlogprob, in, i, 1,
                                  (slope + loss->alpha * w / 2) / in->normaliser,
                                  (-slope + loss->alpha * v / 2) / in->normaliser);
        objective_pair_note(&log, &p, loss->beta * c, loss->beta * r);
    }
    out->loss = (dpo + xpo) / in->normaliser;
    objective_metric(out, "loss/dpo", dpo, log.n);
    objective_metric(out, "loss/xpo", xpo, log.n);
    objective_pair_metrics(&log, in, out);
}

static const struct objective objective = {.name = "xpo",
                                           .logprob = true,
                                           .reference = true,
                                           .group = 2,
                                           .count = objective_pair_count,
                                           .run = run};

/* ---- an iteration */

/* ref(y) / mu(y), bounded. */
static double weight(const struct xpo *xpo, const struct iteration_batch *batch, size_t i)
{
    const struct iteration_rollout *const r = &batch->rollout[i];
    const float *const reference = iteration_batch_reference(batch, i);
    double x = 0;

    for (int t = 0; t < r->n_token; t++)
        if (batch->learn[batch->at[i] + (size_t)t])
            x += (double)reference[t] - (double)r->behaviour[t];
    return fmin(real_exp(x), xpo->reference_weight_max);
}

static void assign(const void *method, struct iteration_batch *batch, double beta)
{
    const struct xpo *const xpo = method;

    (void)beta;
    iteration_batch_divergence(batch, NULL);
    batch->flat = advantage_group_flat(batch->score, batch->n, (size_t)batch->conf->samples);
    for (size_t i = 0; i < batch->n; i++)
        iteration_batch_spread(batch, i, weight(xpo, batch, i));
    batch->n_unit = 0;
    for (size_t i = 0; i < batch->n; i += 2) {
        const double ahead = batch->score[i] - batch->score[i + 1];
        if (!(ahead > 0 || ahead < 0) && !xpo->pairs.ties)
            continue;
        batch->unit[2 * batch->n_unit] = (uint32_t)(ahead < 0 ? i + 1 : i);
        batch->unit[2 * batch->n_unit + 1] = (uint32_t)(ahead < 0 ? i : i + 1);
        batch->n_unit++;
    }
}

static void on_iteration(void *method, const struct iteration_conf *conf, int64_t iteration)
{
    struct xpo *const xpo = method;

    (void)conf;
    xpo->loss.beta = pairs_number_at(&xpo->pairs, &xpo->pairs.beta, iteration);
    xpo->loss.alpha = pairs_number_at(&xpo->pairs, &xpo->alpha, iteration);
}

/* What the answers are as the reference's. */
struct xpo_sums {
    double weight, square, score, ended;
};

static struct xpo_sums as_reference(const struct xpo *xpo, const struct iteration_batch *batch)
{
    struct xpo_sums sums = {0};

    for (size_t i = 0; i < batch->n; i++) {
        const double w = weight(xpo, batch, i);
        sums.weight += w;
        sums.square += w * w;
        sums.score += w * batch->score[i];
        sums.ended += batch->rollout[i].ended ? w : 0;
    }
    return sums;
}

static void report(const void *method, const struct iteration_report *r,
                   struct iteration_metrics *out)
{
    static const char *const names[] = {
        "loss/dpo",           "loss/xpo",        "rewards/chosen", "rewards/rejected",
        "rewards/accuracies", "rewards/margins", "logps/chosen",   "logps/rejected"};
    const struct xpo *const xpo = method;
    const struct iteration_batch *const batch = r->batch;
    const struct xpo_sums ref = as_reference(xpo, batch);
    const double n = (double)batch->n, weight = fmax(ref.weight, 1e-300);

    pairs_report(r, out);
    for (size_t k = 0; k < sizeof names / sizeof *names; k++)
        iteration_report_put(out, names[k], pairs_figure(r, names[k]));
    iteration_report_put(out, "objective/kl", batch->kl / n);
    iteration_report_put(out, "objective/entropy", batch->entropy / n);
    iteration_report_put(out, "objective/model_scores", batch->total / n);
    iteration_report_put(out, "objective/ref_scores", ref.score / weight);
    iteration_report_put(out, "objective/scores_margin", batch->total / n - ref.score / weight);
    iteration_report_put(out, "val/model_contain_eos_token", (double)batch->ended / n);
    iteration_report_put(out, "val/ref_contain_eos_token", ref.ended / weight);
    iteration_report_put(out, "alpha", xpo->loss.alpha);
    iteration_report_put(out, "beta", xpo->loss.beta);
    iteration_report_put(out, "drover_pairs", (double)batch->n_unit);
    iteration_report_put(out, "drover_reference_ess",
                         weight * weight / fmax(n * ref.square, 1e-300));
}

static enum err plan(void *self, struct fleet_plan *out)
{
    struct xpo *const xpo = self;
    enum err err = pairs_plan(&xpo->pairs, out);

    if (!err)
        err = pairs_number_read(&xpo->alpha, "alpha", 1e-5, 0, 1e3);
    if (!err && xpo->pairs.num_generations % 2)
        err = err_set(ERR_RANGE, "num_generations: %d: pairs need an even number",
                      xpo->pairs.num_generations);
    xpo->loss.ipo = xpo->pairs.loss_type == 1;
    out->iteration.loss = &xpo->loss;
    out->iteration.policy = &objective;
    out->iteration.assign = assign;
    out->iteration.report = report;
    out->iteration.on_iteration = on_iteration;
    out->iteration.unit = 2;
    return err;
}

const struct method xpo_method = {
    .name = "xpo",
    .help = "XPO over a fleet: DPO that explores beyond the reference",
    .tables = tables,
    .size = sizeof(struct xpo),
    .plan = plan,
    .length = pairs_length,
    .score = "objective/model_scores",
    .divergence = "objective/kl"};
