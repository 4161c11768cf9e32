#include "learner/methods/pairs.h"

#include "learner/iteration/iteration_report.h"
#include "learner/objective/advantage_group.h"

#include <math.h>
#include <string.h>

static void on_iteration(void *method, const struct iteration_conf *round, int64_t iteration)
{
    struct pairs_conf *const conf = method;
    (void)round;
    const double epoch = floor((double)iteration * conf->epochs_each + 1e-9);

    if (conf->betas)
        conf->loss.beta = conf->beta[(int)fmin(epoch, conf->betas - 1)];
}

static void assign_online(const void *method, struct iteration_batch *batch, double beta)
{
    const struct pairs_conf *const conf = method;
    const size_t each = (size_t)batch->conf->samples;

    (void)beta;
    iteration_batch_divergence(batch, NULL);
    batch->flat = advantage_group_flat(batch->score, batch->n, each);
    batch->units = 0;
    for (size_t g = 0; g < batch->n; g += each) {
        size_t best = g, worst = g;
        for (size_t i = g + 1; i < g + each; i++) {
            best = batch->score[i] > batch->score[best] ? i : best;
            worst = batch->score[i] < batch->score[worst] ? i : worst;
        }
        if (best == worst && !conf->ties)
            continue;
        batch->unit[2 * batch->units] = (uint32_t)best;
        batch->unit[2 * batch->units + 1] = (uint32_t)(best == worst ? g + 1 : worst);
        batch->margin += batch->score[best] - batch->score[worst];
        batch->units++;
    }
}

static void assign_spin(const void *method, struct iteration_batch *batch, double beta)
{
    (void)method, (void)beta;
    iteration_batch_divergence(batch, NULL);
    batch->units = batch->n / 2;
    for (size_t k = 0; k < batch->units; k++) {
        batch->unit[2 * k] = (uint32_t)(2 * k + 1);
        batch->unit[2 * k + 1] = (uint32_t)(2 * k);
    }
}

static void common(const struct iteration_report *r, struct iteration_metrics *out)
{
    const double steps = fmax((double)r->steps, 1);

    iteration_report_put(out, "loss", r->sums.loss[0] / steps);
    iteration_report_put(out, "grad_norm", r->policy_norm / steps);
    iteration_report_put(out, "learning_rate", r->rate);
    iteration_report_put(out, "num_tokens", (double)r->num_tokens);
}

static double figure(const struct metrics_row *m)
{
    return m->weight > 0 ? m->sum / m->weight : 0;
}

static void report_online(const void *method, const struct iteration_report *r,
                          struct iteration_metrics *out)
{
    const struct pairs_conf *const conf = method;
    const struct iteration_batch *const batch = r->batch;
    const double n = (double)batch->n, price = -conf->loss.beta * batch->kl / n;

    common(r, out);
    iteration_report_put(out, "beta", conf->loss.beta);
    iteration_report_put(out, "objective/kl", batch->kl / n);
    iteration_report_put(out, "objective/entropy", batch->entropy / n);
    iteration_report_put(out, "objective/non_score_reward", price);
    iteration_report_put(out, "objective/rlhf_reward", price + batch->total / n);
    iteration_report_put(out, "objective/scores", batch->total / n);
    iteration_report_put(out, "objective/scores_margin",
                         batch->margin / fmax((double)batch->units, 1));
    iteration_report_put(out, "val/contain_eos_token", (double)batch->ended / n);
    iteration_report_put(out, "drover_pairs", (double)batch->units);
    for (int i = 0; i < r->sums.metrics.n; i++)
        if (strcmp(r->sums.metrics.row[i].name, "entropy") != 0)
            iteration_report_put(out, r->sums.metrics.row[i].name,
                                 figure(&r->sums.metrics.row[i]));
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

static void report_spin(const void *method, const struct iteration_report *r,
                        struct iteration_metrics *out)
{
    static const char *const name[][2] = {
        {"rewards/chosen", "rewards/real"},     {"rewards/rejected", "rewards/generated"},
        {"logps/chosen", "logps/real"},         {"logps/rejected", "logps/generated"},
        {"rewards/margins", "rewards/margins"}, {"rewards/accuracies", "rewards/accuracies"}};
    const struct iteration_batch *const batch = r->batch;
    const double now = real_logps(batch, batch->after);
    double length = 0, pairs = (double)batch->units;

    (void)method;
    common(r, out);
    for (size_t i = 0; i < batch->n; i++)
        length += batch->rollout[i].behaviour ? batch->rollout[i].tokens : 0;
    iteration_report_put(out, "completions/mean_length", length / fmax(pairs, 1));
    for (int i = 0; i < r->sums.metrics.n; i++)
        for (size_t k = 0; k < sizeof name / sizeof *name; k++)
            if (!strcmp(r->sums.metrics.row[i].name, name[k][0]))
                iteration_report_put(out, name[k][1], figure(&r->sums.metrics.row[i]));
    iteration_report_put(out, "spin/real_logps", now);
    iteration_report_put(out, "spin/gain", now - real_logps(batch, batch->proximal));
}

void pairs_round(struct iteration_conf *round, const struct pairs_conf *conf)
{
    round->method = (void *)(uintptr_t)conf;
    round->loss = &conf->loss;
    round->policy = &objective_dpo;
    round->critic = NULL;
    round->assign = conf->spin ? assign_spin : assign_online;
    round->on_iteration = on_iteration;
    round->report = conf->spin ? report_spin : report_online;
    round->unit = 2;
    round->reference = true;
    round->self_reference = conf->spin;
    round->rate_by_step = true;
}
