/* ppo: PPO with a KL penalty and a critic, by the names and defaults of TRL 0.22.2's PPOConfig
 * (where drover has another default the help says so).
 *
 * How it works: token_rewards.h makes rewards of scores and distances; advantages and returns
 * come by GAE over the critic's values (with advantage vtrace: by V-trace), then advantages are
 * whitened over all learnt tokens of the batch; objective_ppo.h moves policy and critic. Each
 * iteration's epochs are num_ppo_epochs; the schedule counts iterations, as TRL's.
 *
 * While the critic learns alone (critic_warmup) its targets are the rewards that came, lambda
 * 1, and its change is not clipped: Yuan et al. 2025, arXiv:2503.01491, section 4.1.
 *
 * Metrics are TRL's, over learnt tokens only, and sums over tokens are means over answers: lr,
 * episode, objective/{kl,entropy,non_score_reward,rlhf_reward,scores},
 * policy/{approxkl,clipfrac,entropy}_avg, loss/{policy,value}_avg,
 * val/{clipfrac_avg,ratio,ratio_var,num_eos_tokens} (eps is the caller's: it has the clock);
 * val/explained_variance, which is 1 - Var(G - V) / Var(G) over learnt tokens, V what the critic
 * says before the iteration, G the discounted rewards to come, and left out where G does not
 * vary; drover_kl_coef, drover_{policy,critic}_grad_norm. */
#include "base/mem.h"
#include "learner/iteration/iteration_report.h"
#include "learner/methods/fleet_keys.h"
#include "learner/methods/token_rewards.h"
#include "learner/objective/advantage.h"
#include "learner/objective/objective_ppo.h"
#include "lm/kernel/real.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct ppo {
    struct fleet_keys fleet;
    struct objective_ppo_conf loss; /* its cliprange_value is that of the iteration */
    char *exp_name;
    int total_episodes; /* INT_MIN: from the epochs */
    int critic_warmup;  /* INT_MIN: by how the critic begins */
    int critic, advantage;
    double cliprange_value, gamma, lam, rho_bar;
    bool whiten_rewards;
};

static const char *const critics[] = {"reward_model", "reward_trunk", "zero", NULL};
static const char *const advantages_by[] = {"gae", "vtrace", NULL};

static const struct conf_key table[] = {
    {"sft_model_path", CONF_TEXT_, offsetof(struct keys, model_name_or_path), NULL, 0, 0,
     "another name of model_name_or_path", NULL, NULL},
    CONF_TEXT(ppo, exp_name, NULL, "no effect: a name"),
    CONF_REAL(keys, learning_rate, "3e-6", 0, 1e3, "peak learning rate of the policy"),
    CONF_REAL_AT(ppo, fleet.iteration.critic_learning_rate, "critic_learning_rate", "", 0, 1e3,
                 "peak of the critic; learning_rate when unset"),
    CONF_WORD(ppo, critic, critics, "reward_model",
              "start of the critic: reward_model, reward_trunk (it under a head of zeros) or "
              "zero (the policy under one)"),
    CONF_INT(ppo, critic_warmup, "", 0, INT_MAX,
             "first iterations in which the critic learns alone; unset: 1 where it begins "
             "as the reward model, else 0"),
    CONF_INT(ppo, total_episodes, "", 1, INT_MAX,
             "answers in all; num_train_epochs x prompts when unset"),
    CONF_INT(keys, max_steps, "-1", -1, INT_MAX, "most iterations"),
    CONF_INT_AT(ppo, fleet.iteration.epochs, "num_ppo_epochs", "4", 1, 1000,
                "passes over an iteration's answers"),
    CONF_INT_AT(ppo, fleet.iteration.mini_batches, "num_mini_batches", "1", 1, 65536,
                "optimiser steps a pass"),
    CONF_INT(fleet_keys, response_length, "53", 1, 1 << 18, "most tokens of an answer"),
    CONF_REAL_AT(fleet_keys, iteration.temperature, "temperature", "0.7", 1e-3, 1e3,
                 "in all three log-probability passes"),
    CONF_REAL_AT(ppo, fleet.iteration.kl_coef, "kl_coef", "0.05", 0, 1e6,
                 "price of a nat from the reference"),
    CONF_WORD_AT(ppo, fleet.iteration.kl_estimator, "kl_estimator", kl_names, "k1",
                 "k1, k2 or k3"),
    CONF_REAL_AT(ppo, fleet.iteration.target_kl, "target_kl", "0", 0, 1e6,
                 "nats an answer to steer kl_coef to; 0: kl_coef is fixed"),
    CONF_REAL_AT(ppo, fleet.iteration.kl_horizon, "kl_horizon", "10000", 1, 1e12,
                 "episodes in which target_kl acts"),
    CONF_BOOL(ppo, whiten_rewards, "false", "divide rewards by their deviation"),
    CONF_REAL_AT(ppo, loss.cliprange, "cliprange", "0.2", 0, 1e6, "of the ratio"),
    CONF_REAL(ppo, cliprange_value, "0.2", 0, 1e6, "of the critic's change"),
    CONF_REAL_AT(ppo, loss.vf_coef, "vf_coef", "0.1", 0, 1e6, "weight of the critic's loss"),
    CONF_REAL_AT(ppo, fleet.iteration.entropy.coef, "entropy_coef", "0", -1e3, 1e3,
                 "weight of an entropy bonus"),
    CONF_REAL(ppo, gamma, "1", 0, 1, "discount"),
    CONF_REAL(ppo, lam, "0.95", 0, 1, "lambda of the advantage"),
    CONF_WORD(ppo, advantage, advantages_by, "gae",
              "gae, or vtrace for answers of older weights"),
    CONF_REAL(ppo, rho_bar, "1", 0, 1e9, "of vtrace: bound of the ratio"),
    CONF_IGNORED_BUT("local_rollout_forward_batch_size", "64",
                     "rows are packed by their tokens, not counted"),
    CONF_IGNORED_BUT("num_sample_generations", "10",
                     "answers of every evaluation are in output_dir/samples.jsonl"),
    CONF_REFUSED("ref_adapter_name", "the reference is model_name_or_path as it was loaded"),
    CONF_REFUSED("model_adapter_name", "an adapter is named by its folder: "
                                       "model_name_or_path"),
    CONF_REFUSED("mini_batch_size", "follows from num_mini_batches"),
    CONF_END};

static const struct conf_key *const tables[] = {table, fleet_keys_table, keys_table_shared,
                                                keys_table_ignored, NULL};

/* ---- advantage assignment */

/* Answers of older weights: how likely the present policy is to have written each token. */
static void traced(struct iteration_batch *batch, const struct ppo *ppo, double lam, size_t i)
{
    const struct iteration_rollout *const r = &batch->rollout[i];
    const size_t at = batch->at[i];
    double *const ratio = mem_new((size_t)r->n_token, sizeof *ratio);

    for (int t = 0; t < r->n_token; t++)
        ratio[t] =
            batch->has_proximal
                ? real_exp((double)batch->proximal[at + (size_t)t] - (double)r->behaviour[t])
                : 1;
    advantage_vtrace(batch->reward + at, batch->value + at, ratio, batch->learn + at,
                     r->n_token, ppo->gamma, lam, ppo->rho_bar, batch->advantage + at,
                     batch->returns + at);
    free(ratio);
}

/* 1 - Var(G - V) / Var(G), G what the rewards came to, discounted. */
static double explained(const struct iteration_batch *batch, double gamma)
{
    double n = 0, sum[2] = {0, 0}, square[2] = {0, 0};

    for (size_t i = 0; i < batch->n; i++) {
        double to_come = 0;
        for (size_t t = batch->at[i + 1]; t-- > batch->at[i];) {
            if (!batch->learn[t])
                continue;
            to_come = (double)batch->reward[t] + gamma * to_come;
            const double x[2] = {to_come, to_come - (double)batch->value[t]};
            for (int k = 0; k < 2; k++) {
                sum[k] += x[k];
                square[k] += x[k] * x[k];
            }
            n++;
        }
    }
    for (int k = 0; k < 2; k++)
        square[k] = square[k] / n - sum[k] / n * (sum[k] / n);
    return square[0] > 1e-12 ? 1 - square[1] / square[0] : (double)NAN;
}

/* From reward and value: advantages and returns; lambda 1 while the critic learns alone. */
static void advantages(struct iteration_batch *batch, const struct ppo *ppo)
{
    const int total = (int)batch->tokens;
    const bool alone = batch->iteration < batch->conf->critic_warmup;
    const double lam = alone ? 1 : ppo->lam;

    if (ppo->whiten_rewards)
        advantage_whiten(batch->reward, batch->learn, total, ADVANTAGE_KEEP_MEAN);
    batch->explained = explained(batch, ppo->gamma);
    for (size_t i = 0; i < batch->n; i++) {
        const size_t at = batch->at[i];
        if (ppo->advantage) {
            traced(batch, ppo, lam, i);
            continue;
        }
        advantage_gae(batch->reward + at, batch->value + at, batch->learn + at,
                      batch->rollout[i].n_token, ppo->gamma, lam, batch->advantage + at,
                      batch->returns + at);
    }
    advantage_whiten(batch->advantage, batch->learn, total, ADVANTAGE_CENTRED);
}

static void assign(const void *method, struct iteration_batch *batch, double beta)
{
    double *const step = iteration_batch_steps(batch);

    token_rewards(batch, step, beta);
    free(step);
    advantages(batch, method);
}

static void on_iteration(void *method, const struct iteration_conf *conf, int64_t iteration)
{
    struct ppo *const ppo = method;
    const bool alone = iteration < conf->critic_warmup;

    ppo->loss.cliprange_value = alone ? (double)INFINITY : ppo->cliprange_value;
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

/* ---- what the keys mean */

/* A reward model's values before an answer's end mean nothing: the critic first learns some. */
static bool begins_as_reward(const struct fleet_plan *plan)
{
    bool any = false;

    for (int i = 0; i < plan->rewards.n; i++)
        any |= reward_values_states(&plan->rewards.reward[i]);
    return any && !plan->critic_zero && !plan->critic_trunk;
}

static void take_critic(const struct ppo *ppo, struct fleet_plan *out)
{
    out->critic_trunk = ppo->critic == 1;
    out->critic_zero = ppo->critic == 2;
    out->warmup_said = conf_has_int(ppo->critic_warmup);
    out->iteration.critic_warmup =
        out->warmup_said ? ppo->critic_warmup : begins_as_reward(out);
    out->iteration.critic = &objective_ppo_value;
    if (!conf_has_real(out->iteration.critic_learning_rate))
        out->iteration.critic_learning_rate = ppo->fleet.keys.learning_rate;
}

/* V-trace has its own weights: a second kind beside it would weigh an answer twice. */
static enum err take_stale(const struct ppo *ppo, struct fleet_plan *out)
{
    const int given = ppo->fleet.importance;

    if (!ppo->advantage)
        return OK;
    if (given >= 0 && given != IMPORTANCE_PLAIN)
        return err_set(ERR_RANGE,
                       "importance: vtrace weighs answers itself: leave it, or plain");
    if (fleet_keys_stale(out))
        out->iteration.stale.mode = IMPORTANCE_PLAIN;
    return OK;
}

static enum err plan(void *self, struct fleet_plan *out)
{
    struct ppo *const ppo = self;
    struct iteration_conf *const to = &out->iteration;

    to->loss = &ppo->loss;
    to->policy = &objective_ppo;
    to->assign = assign;
    to->report = report;
    to->on_iteration = on_iteration;
    to->reference = true;
    take_critic(ppo, out);
    if (conf_has_int(ppo->total_episodes))
        out->episodes = ppo->total_episodes;
    if (out->batch < (uint64_t)to->mini_batches)
        return err_set(ERR_RANGE, "num_mini_batches: %d of a batch of %d answers",
                       to->mini_batches, (int)out->batch);
    return take_stale(ppo, out);
}

const struct method ppo_method = {.name = "ppo",
                                  .help = "PPO over a fleet: broker, actors, rewarders and "
                                          "learner, on this machine or joined from others",
                                  .tables = tables,
                                  .size = sizeof(struct ppo),
                                  .plan = plan,
                                  .score = "objective/scores",
                                  .divergence = "objective/kl"};
