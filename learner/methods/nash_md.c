/* nash_md: Nash-MD: each answer plays against a mixture of policy and reference; what is learnt
 * is to be preferred to it (Munos et al. 2023, arXiv:2312.00886, section 7). Names and defaults
 * by TRL 0.22's NashMDConfig.
 *
 * Of an answer y of the policy, P(y) its chance to be preferred to an answer of the opponent
 * pi^(1-c) ref^c / Z, c mixture_coef, x = ln pi/ref:
 *   d loss = -(P(y) - 1/2 - beta x(y)) d ln pi(y)
 * whose rest is the equilibrium pi(y) ~ ref(y) exp(P(y) / beta). The preference of y to y' is
 * sigmoid(s(y) - s(y')) of their scores, as TRL's with a reward model.
 *
 * How it works: TRL has the mixture write a second answer, token by token. Here a group's
 * answers are the policy's own, for a fleet's actors hold its versions alone, and each plays the
 * others, which stand for the mixture's with the weights v = (ref / mu)^c, mu who wrote them,
 * over their sum: the paper's mixture of whole answers. That needs three answers, better more:
 * the weights of few are not the mixture's yet (their bias falls with 1 / num_generations).
 *
 * kl_of answer is the formula above. TRL's, kl_of token, has each token pay for its own x and
 * not for what it leads to, which rests elsewhere.
 *
 * Metrics are TRL's: loss, grad_norm, learning_rate, num_tokens, loss/{kl,score},
 * objective/entropy, rewards/{probabilities,accuracies,margins,chosen,rejected} (the last two
 * scores: the policy's, the mixture's), logps/{chosen,rejected} (of the answers, under policy
 * and reference), val/{model,ref}_contain_eos_token, beta, mixture_coef. */
#include "base/mem.h"
#include "learner/methods/group.h"
#include "learner/methods/pairs.h"
#include "learner/objective/advantage_group.h"
#include "learner/objective/logistic.h"
#include "lm/kernel/real.h"

#include <math.h>
#include <stdlib.h>

struct nash_md_loss {
    double beta; /* of the iteration */
    int kl_of;
};

struct nash_md {
    struct pairs_keys pairs;
    struct nash_md_loss loss;
    struct pairs_number mixture_coef;
    double coef; /* of the iteration */
};
enum { NASH_MD_ANSWER, NASH_MD_TOKEN };
static const char *const kl_of[] = {"answer", "token", NULL};

static const struct conf_key table[] = {
    CONF_ROW(CONF_TREE_, nash_md, mixture_coef.given, "mixture_coef", NULL, 0, 0,
             "the reference's share in the opponent, 0.5 unset; a list: one each epoch, the "
             "last stays",
             NULL),
    CONF_INT(pairs_keys, num_generations, "8", 2, 1024,
             "answers to a prompt; each plays the others, weighed as the opponent's"),
    CONF_WORD_AT(nash_md, loss.kl_of, "kl_of", kl_of, "answer",
                 "whose distance a token pays for: the answer's, or (TRL) the token's"),
    CONF_END};

static const struct conf_key *const tables[] = PAIRS_TABLES(table);

/* ---- the loss of an answer */

/* What a sequence adds up. */
struct nash_md_sums {
    double logp, ref, own; /* own: of x logprob, token by token */
    double advantage;
    int n;
};

static struct nash_md_sums sums_of(const struct objective_in *in, int s)
{
    struct nash_md_sums sums = {0};

    for (int t = in->seq[s]; t < in->seq[s + 1]; t++) {
        if (!in->learn[t])
            continue;
        const double logprob = (double)in->logprob[t], reference = (double)in->reference[t];
        sums.logp += logprob;
        sums.ref += reference;
        sums.own += (logprob - reference) * logprob;
        sums.advantage = (double)in->advantage[t];
        sums.n++;
    }
    return sums;
}

static void slopes(const struct nash_md_loss *loss, const struct objective_in *in, int s,
                   const struct nash_md_sums *sums, float *dlogprob)
{
    for (int t = in->seq[s]; t < in->seq[s + 1]; t++) {
        if (!in->learn[t])
            continue;
        const double own = (double)in->logprob[t] - (double)in->reference[t];
        const double x = loss->kl_of == NASH_MD_TOKEN ? own : sums->logp - sums->ref;
        const double w = in->importance ? (double)in->importance[t] : 1;
        dlogprob[t] = (float)(w * (loss->beta * x - sums->advantage) / in->normaliser);
    }
}

static void run(const void *conf, const struct objective_in *in, struct objective_out *out)
{
    const struct nash_md_loss *const loss = conf;
    double score = 0, kl = 0, logp = 0, ref = 0, wins = 0, n = 0;

    objective_begin(in, out);
    for (int s = 0; s < in->n_seq; s++) {
        const struct nash_md_sums sums = sums_of(in, s);
        const double x = sums.logp - sums.ref;
        const double distance = loss->kl_of == NASH_MD_TOKEN ? sums.own : x * sums.logp;
        if (!sums.n)
            continue;
        out->loss += (loss->beta * distance - sums.advantage * sums.logp) / in->normaliser;
        if (out->dlogprob)
            slopes(loss, in, s, &sums, out->dlogprob);
        score += sums.advantage * sums.logp;
        kl += x;
        logp += sums.logp;
        ref += sums.ref;
        wins += x > 0;
        n++;
    }
    objective_metric(out, "loss/kl", kl, n);
    objective_metric(out, "loss/score", score, n);
    objective_metric(out, "rewards/accuracies", wins, n);
    objective_metric(out, "rewards/margins", kl, n);
    objective_metric(out, "logps/chosen", logp, n);
    objective_metric(out, "logps/rejected", ref, n);
}

static const struct objective objective = {.name = "nash_md",
                                           .logprob = true,
                                           .reference = true,
                                           .group = 1,
                                           .count = objective_sequences,
                                           .run = run};

/* ---- an iteration */

/* v [n]: how much each of the group's answers, from `first` on, stands for the mixture. */
static void weigh(const struct nash_md *nash, const struct iteration_batch *batch, size_t first,
                  double *v)
{
    const size_t each = (size_t)batch->conf->samples;
    double most = -INFINITY;

    for (size_t k = 0; k < each; k++) {
        const size_t i = first + k;
        const struct iteration_rollout *const r = &batch->rollout[i];
        const float *const reference = iteration_batch_reference(batch, i);
        v[k] = 0;
        for (int t = 0; t < r->n_token; t++)
            if (batch->learn[batch->at[i] + (size_t)t])
                v[k] += nash->coef * ((double)reference[t] - (double)r->behaviour[t]);
        most = fmax(most, v[k]);
    }
    for (size_t k = 0; k < each; k++)
        v[k] = real_exp(v[k] - most);
}

/* P of the group's k-th answer, against the others. */
static double chance(const double *score, const double *v, size_t each, size_t k)
{
    double won = 0, all = 0;

    for (size_t j = 0; j < each; j++) {
        if (j == k)
            continue;
        won += v[j] * logistic_sigmoid(score[k] - score[j]);
        all += v[j];
    }
    return all > 0 ? won / all : .5;
}

static void assign(const void *method, struct iteration_batch *batch, double beta)
{
    const struct nash_md *const nash = method;
    const size_t each = (size_t)batch->conf->samples;
    double *const v = mem_new(each, sizeof *v);

    (void)beta;
    iteration_batch_divergence(batch, NULL);
    batch->flat = advantage_group_flat(batch->score, batch->n, each);
    for (size_t g = 0; g < batch->n; g += each) {
        weigh(nash, batch, g, v);
        for (size_t k = 0; k < each; k++) {
            const double P = chance(batch->score + g, v, each, k);
            batch->margin += P;
            iteration_batch_spread(batch, g + k, P - .5);
        }
    }
    free(v);
}

static void on_iteration(void *method, const struct iteration_conf *conf, int64_t iteration)
{
    struct nash_md *const nash = method;

    (void)conf;
    nash->loss.beta = pairs_number_at(&nash->pairs, &nash->pairs.beta, iteration);
    nash->coef = pairs_number_at(&nash->pairs, &nash->mixture_coef, iteration);
}

/* The mean of x over the mixture's answers, group by group. */
static void as_mixture(const struct nash_md *nash, const struct iteration_batch *batch,
                       double *score, double *ended)
{
    const size_t each = (size_t)batch->conf->samples;
    double *const v = mem_new(each, sizeof *v);

    *score = *ended = 0;
    for (size_t g = 0; g < batch->n; g += each) {
        double all = 0, s = 0, e = 0;
        weigh(nash, batch, g, v);
        for (size_t k = 0; k < each; k++) {
            all += v[k];
            s += v[k] * batch->score[g + k];
            e += batch->rollout[g + k].ended ? v[k] : 0;
        }
        *score += s / all * (double)each / (double)batch->n;
        *ended += e / all * (double)each / (double)batch->n;
    }
    free(v);
}

static void report(const void *method, const struct iteration_report *r,
                   struct iteration_metrics *out)
{
    static const char *const names[] = {"loss/kl",         "loss/score",   "rewards/accuracies",
                                        "rewards/margins", "logps/chosen", "logps/rejected"};
    const struct nash_md *const nash = method;
    const struct iteration_batch *const batch = r->batch;
    const double n = (double)batch->n;
    double score, ended;

    as_mixture(nash, batch, &score, &ended);
    pairs_report(r, out);
    for (size_t k = 0; k < sizeof names / sizeof *names; k++)
        iteration_report_put(out, names[k], pairs_figure(r, names[k]));
    iteration_report_put(out, "objective/entropy", batch->entropy / n);
    iteration_report_put(out, "rewards/probabilities", batch->margin / n);
    iteration_report_put(out, "rewards/chosen", batch->total / n);
    iteration_report_put(out, "rewards/rejected", score);
    iteration_report_put(out, "val/model_contain_eos_token", (double)batch->ended / n);
    iteration_report_put(out, "val/ref_contain_eos_token", ended);
    iteration_report_put(out, "beta", nash->loss.beta);
    iteration_report_put(out, "mixture_coef", nash->coef);
}

static enum err plan(void *self, struct fleet_plan *out)
{
    struct nash_md *const nash = self;
    bool mixed = false;
    enum err err = pairs_plan(&nash->pairs, out);

    if (!err)
        err = pairs_number_read(&nash->mixture_coef, "mixture_coef", .5, 0, 1);
    for (int i = 0; i < nash->mixture_coef.n && !err; i++)
        mixed = mixed || nash->mixture_coef.value[i] > 0;
    if (!err && mixed && nash->pairs.num_generations < 3)
        err = err_set(ERR_RANGE, "num_generations: 2: a mixture (mixture_coef above 0) is told "
                                 "by the weights of two others: at least 3");
    if (!err && fleet_keys_stale(out) && nash->pairs.fleet.importance < 0)
        out->iteration.stale.mode = IMPORTANCE_SEQUENCE_TRUNCATE;
    out->iteration.loss = &nash->loss;
    out->iteration.policy = &objective;
    out->iteration.assign = assign;
    out->iteration.report = report;
    out->iteration.on_iteration = on_iteration;
    return err;
}

const struct method nash_md_method = {
    .name = "nash-md",
    .help = "Nash-MD over a fleet: answers that are preferred to a mixture's",
    .tables = tables,
    .size = sizeof(struct nash_md),
    .plan = plan,
    .length = pairs_length,
    .score = "rewards/chosen",
    .divergence = "loss/kl"};
