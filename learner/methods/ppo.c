#include "learner/methods/ppo.h"

#include "learner/iteration/iteration_report.h"
#include "learner/methods/advantage_ppo.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct ppo_conf ppo_defaults(int64_t iterations)
{
    struct ppo_conf conf = {
        .loss = {.cliprange = .2, .cliprange_value = .2, .vf_coef = .1},
        .gamma = 1,
        .lam = .95,
        .rho_bar = 1,
        .round = iteration_conf_defaults(iterations),
    };

    conf.round.epochs = 4;
    conf.round.kl_coef = .05;
    conf.round.temperature = .7;
    return conf;
}

static void assign(const void *method, struct iteration_batch *batch, double beta)
{
    double *const step = iteration_batch_steps(batch);

    advantage_ppo_rewards(batch, step, beta);
    free(step);
    advantage_ppo(batch, method);
}

static void on_iteration(void *method, const struct iteration_conf *round, int64_t iteration)
{
    struct ppo_conf *const conf = method;

    if (!conf->kept.is)
        conf->kept.cliprange_value = conf->loss.cliprange_value;
    conf->kept.is = true;
    conf->loss.cliprange_value =
        iteration < round->critic_warmup ? (double)INFINITY : conf->kept.cliprange_value;
}

static void report(const void *method, const struct iteration_report *r,
                   struct iteration_metrics *out)
{
    const struct iteration_batch *batch = r->batch;
    const double n = (double)batch->n, steps = (double)r->steps;
    const double mean = r->ratio_sum / steps, off = (mean - 1) * (mean - 1);
    const double spread = fmax(r->ratio_square - steps * off, 0);

    (void)method;
    if (!isnan(batch->explained))
        iteration_report_put(out, "val/explained_variance", batch->explained);
    iteration_report_put(out, "lr", r->rate);
    iteration_report_put(out, "episode", (double)r->episodes);
    iteration_report_put(out, "objective/kl", batch->kl / n);
    iteration_report_put(out, "objective/entropy", batch->entropy / n);
    iteration_report_put(out, "objective/non_score_reward", batch->non_score / n);
    iteration_report_put(out, "objective/rlhf_reward", (batch->non_score + batch->total) / n);
    iteration_report_put(out, "objective/scores", batch->total / n);
    for (int i = 0; i < r->sums.metrics.n; i++) {
        const struct metrics_row *m = &r->sums.metrics.row[i];
        iteration_report_put(out, m->name,
                             !strcmp(m->name, "val/ratio") ? mean : m->sum / m->weight);
    }
    iteration_report_put(out, "val/ratio_var", steps > 1 ? spread / (steps - 1) : 0);
    iteration_report_put(out, "val/num_eos_tokens", (double)batch->ended);
    iteration_report_put(out, "drover_kl_coef", r->beta);
    iteration_report_put(out, "drover_policy_grad_norm", r->policy_norm / steps);
    iteration_report_put(out, "drover_critic_grad_norm", r->critic_norm / steps);
}

struct iteration_conf ppo_round(const struct ppo_conf *conf)
{
    struct iteration_conf round = conf->round;

    round.method = (void *)(uintptr_t)conf;
    round.loss = &conf->loss;
    round.policy = &objective_ppo;
    round.critic = &objective_ppo_value;
    round.assign = assign;
    round.on_iteration = on_iteration;
    round.report = report;
    round.unit = round.samples = 1;
    round.reference = true;
    return round;
}
