#include "learner/ppo.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/rng.h"
#include "learner/checkpoint.h"
#include "learner/ppo_batch.h"
#include "learner/ppo_pass.h"
#include "lm/kernel/real.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct ppo {
    struct ppo_conf conf;
    struct objective_ppo_conf objective;
    struct step *policy, *critic;
    struct kl_control kl;
    struct ppo_pass pass;
    int64_t iteration, episodes;
};

struct ppo_conf ppo_defaults(int64_t iterations)
{
    return (struct ppo_conf){
        .num_ppo_epochs = 4,
        .num_mini_batches = 1,
        .per_device_train_batch_size = 8,
        .kl_coef = .05,
        .kl_estimator = KL_K1,
        .kl_horizon = 10000,
        .cliprange = .2,
        .cliprange_value = .2,
        .vf_coef = .1,
        .gamma = 1,
        .lam = .95,
        .temperature = .7,
        .rates = optim_plan(SCHEDULE_LINEAR, 3e-6, 0, iterations),
        .critic_learning_rate = 3e-6,
        .adamw = {.beta1 = .9, .beta2 = .999, .epsilon = 1e-8},
        .max_grad_norm = 1,
        .gradient_checkpointing = true,
        .seed = 42,
    };
}

enum err ppo_check(const struct ppo_conf *c)
{
    const struct {
        const char *key;
        double value, low, high;
    } range[] = {
        {"num_ppo_epochs", c->num_ppo_epochs, 1, 1000},
        {"num_mini_batches", c->num_mini_batches, 1, 1 << 20},
        {"per_device_train_batch_size", c->per_device_train_batch_size, 1, 1 << 20},
        {"kl_coef", c->kl_coef, 0, 1e6},
        {"target_kl", c->target_kl, 0, 1e6},
        {"kl_horizon", c->kl_horizon, c->target_kl > 0 ? 1 : 0, 1e12},
        {"cliprange", c->cliprange, 0, 1e6},
        {"cliprange_value", c->cliprange_value, 0, 1e6},
        {"vf_coef", c->vf_coef, 0, 1e6},
        {"entropy_coef", c->entropy_coef, -1e3, 1e3},
        {"gamma", c->gamma, 0, 1},
        {"lam", c->lam, 0, 1},
        {"temperature", c->temperature, 1e-3, 1e3},
        {"missing_eos_penalty", c->missing_eos_penalty, 0, 1e6},
        {"critic_learning_rate", c->critic_learning_rate, 0, 1e3},
        {"max_grad_norm", c->max_grad_norm, 0, 1e9},
    };

    for (size_t i = 0; i < sizeof(range) / sizeof(range[0]); i++)
        if (!(range[i].value >= range[i].low && range[i].value <= range[i].high))
            return err_set(ERR_RANGE, "%s: %g is not between %g and %g", range[i].key,
                           range[i].value, range[i].low, range[i].high);
    return optim_plan_check(&c->rates);
}

/* The critic that was given, or the policy's trunk under a head of zeros. */
static enum err critic_params(struct params **critic, const struct params *policy,
                              uint64_t seed)
{
    const struct shape *a = &policy->shape;

    if (a->head != HEAD_LM)
        return err_set(ERR_RANGE, "the policy has no language head");
    if (!*critic)
        return params_reheaded(critic, policy, HEAD_SCALAR, seed, true);
    if ((*critic)->shape.head != HEAD_SCALAR)
        return err_set(ERR_RANGE, "the critic has no scalar head");
    if ((*critic)->shape.vocab < a->vocab)
        return err_set(ERR_RANGE, "the critic knows %d tokens, the policy %d",
                       (*critic)->shape.vocab, a->vocab);
    return OK;
}

enum err ppo_new(struct ppo **out, const struct ppo_conf *conf, struct params *policy,
                 struct params *critic)
{
    const struct train_options options = {conf->gradient_checkpointing, conf->portable};
    struct ppo *ppo = mem_new(1, sizeof(*ppo));
    enum err err = ppo_check(conf);

    *out = NULL;
    ppo->conf = *conf;
    ppo->objective = (struct objective_ppo_conf){conf->cliprange, conf->cliprange_value,
                                                 conf->vf_coef, conf->entropy_coef};
    ppo->kl = (struct kl_control){conf->kl_coef, conf->target_kl, conf->kl_horizon};
    if (!err)
        err = critic_params(&critic, policy, conf->seed);
    if (err) {
        params_free(policy);
        params_free(critic);
    } else {
        err = step_new(&ppo->critic, critic, &options);
        if (err)
            params_free(policy);
        else
            err = step_new(&ppo->policy, policy, &options);
    }
    if (err)
        ppo_free(ppo);
    else
        *out = ppo;
    return err;
}

void ppo_free(struct ppo *ppo)
{
    if (!ppo)
        return;
    ppo_pass_free(&ppo->pass);
    step_free(ppo->policy);
    step_free(ppo->critic);
    free(ppo);
}

size_t ppo_size(const struct ppo_conf *conf, const struct shape *policy,
                const struct shape *critic, int tokens)
{
    const struct train_options options = {conf->gradient_checkpointing, conf->portable};

    return step_size(policy, &options, tokens) + step_size(critic, &options, tokens);
}

int64_t ppo_count(const struct ppo *ppo)
{
    return ppo->iteration;
}

const struct params *ppo_policy(const struct ppo *ppo)
{
    return step_params(ppo->policy);
}

const float *ppo_image(const struct ppo *ppo, size_t *bytes)
{
    return step_image(ppo->policy, bytes);
}

const struct params *ppo_critic(const struct ppo *ppo)
{
    return step_params(ppo->critic);
}

double ppo_beta(const struct ppo *ppo)
{
    return ppo->kl.beta;
}

/* What one iteration gathers. */
struct tally {
    struct objective_out sums;      /* its metrics, added up by name */
    double ratio_sum, ratio_square; /* of the mini-batches' mean ratios */
    double policy_norm, critic_norm;
    int64_t steps;
};

static double add(struct tally *tally, const struct objective_out *out, const char *wanted)
{
    double sum = 0;

    for (int i = 0; i < out->metrics; i++) {
        const struct objective_metric *m = &out->metric[i];
        int k = 0;
        while (k < tally->sums.metrics && strcmp(tally->sums.metric[k].name, m->name) != 0)
            k++;
        if (k == tally->sums.metrics)
            objective_metric(&tally->sums, m->name, 0, 0);
        tally->sums.metric[k].sum += m->sum;
        tally->sums.metric[k].weight += m->weight;
        if (wanted && !strcmp(wanted, m->name))
            sum = m->sum;
    }
    return sum;
}

struct work {
    struct ppo *ppo;
    const struct ppo_batch *batch;
    struct tally tally;
    struct ppo_first first;
};

static enum err stopped(const struct ppo *ppo)
{
    if (ppo->conf.stop && ppo->conf.stop())
        return err_set(ERR_STATE, "stopped in iteration %" PRId64, ppo->iteration + 1);
    return OK;
}

static enum err off_policy(const struct work *work, const uint32_t *order, int i)
{
    const struct ppo_pass *pass = &work->ppo->pass;
    const struct ppo_rollout *r;
    int k = 0;

    while (pass->seq[k + 1] <= i)
        k++;
    r = &work->batch->rollout[order[k]];
    return err_set(ERR_STATE,
                   "task %" PRIu64 " sample %" PRIu32 " token %d: log-probability %.9g, "
                   "%.9g where it was written: not the same weights, or not the same bits",
                   r->task, r->sample, i - pass->seq[k] - r->prompts, (double)pass->logprob[i],
                   (double)pass->behaviour[i]);
}

/* The packed micro-batch before the iteration's first optimiser step. */
static enum err look(struct work *work, const uint32_t *order)
{
    const struct ppo_pass *pass = &work->ppo->pass;
    struct ppo_first *first = &work->first;

    for (int i = 0; i < pass->batch.n; i++) {
        if (!pass->learn[i])
            continue;
        if (work->ppo->conf.strict && pass->logprob[i] != pass->behaviour[i])
            return off_policy(work, order, i);
        const double x = (double)pass->logprob[i] - (double)pass->behaviour[i];
        first->ratio_gap = fmax(first->ratio_gap, fabs(real_exp(x) - 1));
        first->tokens++;
    }
    return OK;
}

static void first_sums(struct ppo_first *first, const struct objective_out *out)
{
    for (int i = 0; i < out->metrics; i++) {
        if (!strcmp(out->metric[i].name, "policy/approxkl_avg"))
            first->approxkl += out->metric[i].sum;
        if (!strcmp(out->metric[i].name, "policy/clipfrac_avg"))
            first->clipfrac += out->metric[i].sum;
    }
}

/* One micro-batch through both models. */
static enum err micro(struct work *work, const uint32_t *order, size_t n, double normaliser,
                      double *ratio)
{
    struct ppo *ppo = work->ppo;
    struct ppo_pass *pass = &ppo->pass;
    struct objective_out out;
    enum err err = stopped(ppo);

    if (!err)
        err = ppo_pass_pack(pass, work->batch, order, n);
    if (!err)
        err = ppo_pass_forward(pass, ppo->policy, ppo->conf.temperature);
    if (!err && !work->tally.steps)
        err = look(work, order);
    if (err)
        return err;
    ppo_pass_policy(pass, ppo->policy, &ppo->objective, normaliser, &out);
    if (!work->tally.steps)
        first_sums(&work->first, &out);
    *ratio += add(&work->tally, &out, "val/ratio");
    err = ppo_pass_critic(pass, ppo->critic, &ppo->objective, normaliser, &out);
    if (!err)
        add(&work->tally, &out, NULL);
    return err;
}

static double apply(const struct ppo *ppo, struct step *step, double peak, const char *whose)
{
    const struct ppo_conf *conf = &ppo->conf;
    struct schedule_plan rates = conf->rates;
    double norm;

    rates.peak = peak;
    norm =
        step_apply(step, &conf->adamw, optim_rate(&rates, ppo->iteration), conf->max_grad_norm);
    if (!isfinite(norm))
        log_warn("gradient", "model=%s iteration=%" PRId64 " norm=%g weights left as they are",
                 whose, ppo->iteration + 1, norm);
    return norm;
}

/* One optimiser step of policy and critic over the answers order[0..n). */
static enum err mini_batch(struct work *work, const uint32_t *order, size_t n)
{
    struct ppo *ppo = work->ppo;
    const size_t each = (size_t)ppo->conf.per_device_train_batch_size;
    struct tally *tally = &work->tally;
    double ratio = 0;
    int64_t learnt = 0;

    for (size_t k = 0; k < n; k++)
        learnt += work->batch->learnt[order[k]];
    for (size_t k = 0; k < n; k += each) {
        const size_t count = n - k < each ? n - k : each;
        const enum err err = micro(work, order + k, count, (double)learnt, &ratio);
        if (err)
            return err;
    }
    ratio /= (double)learnt;
    tally->ratio_sum += ratio;
    tally->ratio_square += (ratio - 1) * (ratio - 1);
    tally->policy_norm += apply(ppo, ppo->policy, ppo->conf.rates.peak, "policy");
    tally->critic_norm += apply(ppo, ppo->critic, ppo->conf.critic_learning_rate, "critic");
    tally->steps++;
    return OK;
}

static enum err epochs(struct work *work)
{
    const struct ppo *ppo = work->ppo;
    const size_t n = work->batch->n, parts = (size_t)ppo->conf.num_mini_batches;
    uint32_t *order = mem_new(n, sizeof(*order));
    enum err err = OK;

    for (int epoch = 0; epoch < ppo->conf.num_ppo_epochs && !err; epoch++) {
        /* the top bit keeps these shuffles apart from those of the prompts */
        const uint64_t a = (uint64_t)1 << 63 | (uint64_t)ppo->iteration << 16 | (uint64_t)epoch;
        rng_shuffle(order, n, ppo->conf.seed, RNG_ORDER, a);
        for (size_t m = 0; m < parts && !err; m++) {
            const size_t from = m * n / parts, to = (m + 1) * n / parts;
            err = mini_batch(work, order + from, to - from);
        }
    }
    free(order);
    return err;
}

/* The critic's values of all answers, in their own order. */
static enum err values(struct ppo *ppo, struct ppo_batch *batch)
{
    const size_t each = (size_t)ppo->conf.per_device_train_batch_size;
    uint32_t *order = mem_new(batch->n, sizeof(*order));
    enum err err = OK;

    for (size_t i = 0; i < batch->n; i++)
        order[i] = (uint32_t)i;
    for (size_t i = 0; i < batch->n && !err; i += each) {
        const size_t n = batch->n - i < each ? batch->n - i : each;
        err = stopped(ppo);
        if (!err)
            err = ppo_pass_pack(&ppo->pass, batch, order + i, n);
        if (!err)
            err = ppo_pass_values(&ppo->pass, ppo->critic, order + i, n, batch->value);
    }
    free(order);
    return err;
}

static void put(struct ppo_metrics *out, const char *name, double value)
{
    out->metric[out->n].name = name;
    out->metric[out->n++].value = value;
}

static void report(const struct work *work, struct ppo_metrics *out)
{
    const struct ppo *ppo = work->ppo;
    const struct ppo_batch *batch = work->batch;
    const struct tally *tally = &work->tally;
    const double n = (double)batch->n, steps = (double)tally->steps;
    const double mean = tally->ratio_sum / steps, off = (mean - 1) * (mean - 1);
    const double spread = fmax(tally->ratio_square - steps * off, 0);

    *out = (struct ppo_metrics){
        .first = work->first, .tokens = batch->tokens, .learnt = batch->total_learnt};
    out->first.approxkl /= (double)work->first.tokens;
    out->first.clipfrac /= (double)work->first.tokens;
    put(out, "lr", optim_rate(&ppo->conf.rates, ppo->iteration));
    put(out, "episode", (double)(ppo->episodes + (int64_t)batch->n));
    put(out, "objective/kl", batch->kl / n);
    put(out, "objective/entropy", batch->entropy / n);
    put(out, "objective/non_score_reward", batch->non_score / n);
    put(out, "objective/rlhf_reward", (batch->non_score + batch->score) / n);
    put(out, "objective/scores", batch->score / n);
    for (int i = 0; i < tally->sums.metrics; i++) {
        const struct objective_metric *m = &tally->sums.metric[i];
        put(out, m->name, !strcmp(m->name, "val/ratio") ? mean : m->sum / m->weight);
    }
    put(out, "val/ratio_var", steps > 1 ? spread / (steps - 1) : 0);
    put(out, "val/num_eos_tokens", (double)batch->ended);
    put(out, "drover_kl_coef", ppo->kl.beta);
    put(out, "drover_policy_grad_norm", tally->policy_norm / steps);
    put(out, "drover_critic_grad_norm", tally->critic_norm / steps);
}

enum err ppo_iteration(struct ppo *ppo, const struct ppo_rollout *rollout, size_t n,
                       struct ppo_metrics *out)
{
    struct ppo_batch batch = {0};
    struct work work = {.ppo = ppo, .batch = &batch};
    enum err err;

    if (n < (size_t)ppo->conf.num_mini_batches)
        return err_set(ERR_RANGE, "%zu answers for num_mini_batches %d", n,
                       ppo->conf.num_mini_batches);
    err = ppo_batch_init(&batch, rollout, n);
    if (!err)
        err = values(ppo, &batch);
    if (!err) {
        ppo_batch_rewards(&batch, &ppo->conf, ppo->kl.beta);
        ppo_batch_advantages(&batch, &ppo->conf);
        err = epochs(&work);
    }
    if (!err) {
        report(&work, out);
        kl_control_update(&ppo->kl, batch.kl / (double)n, (long)n);
        ppo->iteration++;
        ppo->episodes += (int64_t)n;
    }
    ppo_batch_fini(&batch);
    return err;
}

/* The numbers that stand beside the weights in a checkpoint. */
struct counts {
    int64_t iteration, episodes, policy, critic;
    double beta;
};

enum { BLOCKS = 7 };

static void blocks(struct checkpoint_block *block, const struct ppo *ppo, struct counts *counts)
{
    static const char *const name[2][3] = {{"policy", "policy_m", "policy_v"},
                                           {"critic", "critic_m", "critic_v"}};
    struct step *const model[2] = {ppo->policy, ppo->critic};

    for (int i = 0; i < 2; i++) {
        const struct step_state state = step_state(model[i]);
        float *const data[3] = {state.params, state.m, state.v};
        for (int k = 0; k < 3; k++)
            block[3 * i + k] =
                (struct checkpoint_block){name[i][k], data[k], state.count * sizeof(float)};
    }
    block[6] = (struct checkpoint_block){"counts", counts, sizeof(*counts)};
}

enum err ppo_write(struct ppo *ppo, const char *folder, const json_t *meta)
{
    struct counts counts = {.iteration = ppo->iteration,
                            .episodes = ppo->episodes,
                            .policy = step_count(ppo->policy),
                            .critic = step_count(ppo->critic),
                            .beta = ppo->kl.beta};
    char *path = checkpoint_path(folder, ppo->iteration);
    struct checkpoint_block block[BLOCKS];
    json_t *head = json_object();
    enum err err;

    if (meta)
        json_object_set(head, "meta", (json_t *)(uintptr_t)meta);
    blocks(block, ppo, &counts);
    err = checkpoint_write(path, head, block, BLOCKS);
    json_decref(head);
    free(path);
    return err;
}

enum err ppo_read(struct ppo *ppo, const char *folder, int64_t iteration, json_t **meta)
{
    char *path = checkpoint_path(folder, iteration);
    struct checkpoint_block block[BLOCKS];
    struct counts counts;
    json_t *head = NULL;
    enum err err = checkpoint_peek(path, &head);

    blocks(block, ppo, &counts);
    if (!err)
        err = checkpoint_read(path, block, BLOCKS);
    free(path);
    if (!err) {
        ppo->iteration = counts.iteration;
        ppo->episodes = counts.episodes;
        ppo->kl.beta = counts.beta;
        step_restored(ppo->policy, counts.policy);
        step_restored(ppo->critic, counts.critic);
        if (meta)
            *meta = json_incref(json_object_get(head, "meta"));
    }
    json_decref(head);
    return err;
}
