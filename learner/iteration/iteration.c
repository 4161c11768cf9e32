/* One iteration, in order: the answers become a batch (iteration_batch), whose rollouts are
 * checked; what models say of them before anything moves (iteration_figures: reference, values;
 * iteration_proximal: the policy); the method assigns advantages; then epochs of mini-batches,
 * each of them one optimiser step (learner/step) that this file fills; at the end the method
 * names its figures.
 *
 * Everything that is random is a function of (seed, iteration, epoch), and everything is added
 * up in one order, so the same state and rollouts give the same bits. In a strict iteration
 * nothing of it is kept before every answer was compared: until then only gradients were made,
 * which can be forgotten. Called by the learner's trainer thread, and by nobody else while it
 * runs. */
#include "learner/iteration/iteration.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/rng.h"
#include "learner/iteration/iteration_compare.h"
#include "learner/iteration/iteration_figures.h"
#include "learner/iteration/iteration_own.h"
#include "learner/iteration/iteration_pack.h"
#include "learner/iteration/iteration_proximal.h"
#include "learner/iteration/iteration_report.h"
#include "learner/iteration/iteration_state.h"
#include "lm/kernel/real.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The models of an optimiser step. */
enum { POLICY, CRITIC };

enum err iteration_new(struct iteration_state **out, const struct iteration_conf *conf,
                       struct params *policy, struct params *critic)
{
    struct iteration_state *state = mem_new(1, sizeof(*state));
    struct train_options options = conf->training;
    enum err err = optim_plan_check(&conf->rates);

    *out = NULL;
    options.room = &state->room;
    state->conf = *conf;
    state->kl = (struct kl_control){conf->kl_coef, conf->target_kl, conf->kl_horizon};
    state->entropy = conf->entropy;
    state->entropy.last = INFINITY;
    if (!err)
        err = iteration_state_critic(&critic, policy, conf);
    if (err) {
        params_free(policy);
        params_free(critic);
    } else {
        if (critic)
            err = trainable_new(&state->critic, critic, &options, conf->lora, conf->seed);
        /* Who has taken one of the two has freed it; the other is still ours. */
        if (err)
            params_free(policy);
        else
            err = trainable_new(&state->policy, policy, &options, conf->lora, conf->seed);
        if (!err && conf->follow.every)
            err = ref_model_new(&state->reference, &conf->follow, state->policy);
    }
    if (err)
        iteration_free(state);
    else
        *out = state;
    return err;
}

void iteration_free(struct iteration_state *state)
{
    if (!state)
        return;
    micro_batch_free(&state->batch);
    free(state->lie);
    trainable_free(state->policy);
    trainable_free(state->critic);
    ref_model_free(state->reference);
    train_room_fini(&state->room);
    free(state);
}

int64_t iteration_count(const struct iteration_state *state)
{
    return state->iteration;
}

const struct params *iteration_policy(const struct iteration_state *state)
{
    return trainable_params(state->policy);
}

const struct trainable *iteration_trainable(const struct iteration_state *state)
{
    return state->policy;
}

const float *iteration_image(const struct iteration_state *state, size_t *bytes)
{
    return trainable_image(state->policy, bytes);
}

const struct params *iteration_critic(const struct iteration_state *state)
{
    return state->critic ? trainable_params(state->critic) : NULL;
}

double iteration_beta(const struct iteration_state *state)
{
    return state->kl.beta;
}

/* An iteration under way. */
struct iteration_work {
    struct iteration_state *state;
    struct iteration_batch *batch;
    struct iteration_report report;
};

/* The answers of one optimiser step: optimizer_step.h's self. */
struct mini_batch {
    struct iteration_work *work;
    const uint32_t *order; /* [n] answers */
    size_t n, each;        /* each: answers of a micro-batch */
};

static void at(const struct iteration_state *state, enum iteration_phase phase)
{
    if (state->conf.at)
        state->conf.at(state->conf.watch, phase);
}

/* Not while the critic learns alone. */
static bool moves(const struct iteration_state *state)
{
    return !state->critic || state->iteration >= state->conf.critic_warmup;
}

static enum err fill(void *self, size_t i, struct micro_batch *out)
{
    const struct mini_batch *const mini = self;
    const size_t at = i * mini->each, left = mini->n - at;

    return iteration_pack(mini->work->batch, mini->order + at,
                          left < mini->each ? left : mini->each, out);
}

static enum err complete(void *self, size_t i, struct micro_batch *batch)
{
    const struct mini_batch *const mini = self;

    (void)i, (void)batch;
    return iteration_figures_stopped(mini->work->state);
}

/* The policy's log-probabilities before the iteration's first optimiser step against those that
 * the answers came with: what was written by these weights has the same bits. */
static void check_on_policy(struct iteration_work *work, const struct micro_batch *b,
                            const uint32_t *order)
{
    struct iteration_first *first = &work->report.first;
    const float *const behaviour = b->column[MICRO_BATCH_BEHAVIOUR];

    for (int s = 0; s < b->batch.n_seq; s++) {
        const struct iteration_rollout *r = &work->batch->rollout[order[s]];
        const int answer = iteration_pack_answer(b, s, r);
        if (order[s] >= work->batch->n) /* an older version's, which people judged */
            continue;
        for (int i = b->seq[s]; i < b->seq[s + 1] && r->behaviour; i++) {
            if (!b->learn[i])
                continue;
            if (work->state->conf.strict && b->logprob[i] != behaviour[i])
                iteration_compare_note(work->state, work->batch, order[s], i - answer,
                                       b->logprob[i]);
            const double x = (double)b->logprob[i] - (double)behaviour[i];
            first->ratio_gap = fmax(first->ratio_gap, fabs(real_exp(x) - 1));
            first->tokens++;
        }
    }
}

/* After the policy's forward pass. Once an answer was found false nothing more is learnt, but
 * those that are left are still compared. */
static void look(void *self, size_t i, struct micro_batch *b, int model, bool *go)
{
    const struct mini_batch *const mini = self;
    struct iteration_work *const work = mini->work;
    const uint32_t *const order = mini->order + i * mini->each;

    if (model != POLICY)
        return;
    if (!work->report.steps)
        check_on_policy(work, b, order);
    *go = !work->state->n_lie;
    if (*go)
        iteration_proximal_passed(work->state, work->batch, b, order, !work->report.steps);
}

/* TRL's PPO counts iterations, its other trainers optimiser steps. */
static double rate_at(const struct iteration_state *state, const struct trainable *step,
                      double peak)
{
    struct schedule_plan rates = state->conf.rates;

    rates.peak = peak;
    return optim_rate(&rates,
                      state->conf.rate_by_step ? trainable_count(step) : state->iteration);
}

static double apply(const struct iteration_state *state, const struct optimizer_step_model *one,
                    double peak, const char *whose)
{
    const double norm = optimizer_step_apply(
        one, &state->conf.adamw, rate_at(state, one->model, peak), state->conf.max_grad_norm);

    if (!isfinite(norm))
        log_warn("gradient", "model=%s iteration=%" PRId64 " norm=%g weights left as they are",
                 whose, state->iteration + 1, norm);
    return norm;
}

static void move_policy(struct iteration_work *work, const struct optimizer_step_model *one,
                        const struct optimizer_step_sums *sums)
{
    struct iteration_state *state = work->state;
    struct iteration_report *report = &work->report;
    const double peak = state->conf.rates.peak;
    const double ratio = metrics_sum(&sums->metrics, "val/ratio") / one->tokens;

    report->ratio_sum += ratio;
    report->ratio_square += (ratio - 1) * (ratio - 1);
    if (!report->steps)
        report->rate = rate_at(state, state->policy, peak);
    /* Norms and ratios are added up here and become means in the method's report, by the
     * number of steps. */
    report->policy_norm += apply(state, one, peak, "policy");
    entropy_control_update(&state->entropy, sums->bonus_entropy, sums->bonus_tokens);
    if (state->reference)
        ref_model_sync(state->reference, state->policy);
}

/* A model moves, by what the step has added up: the policy before its critic's turn, whose gradient
 * then stands where its own stood. */
static bool move(void *self, int model, const struct optimizer_step *step,
                 const struct optimizer_step_sums *sums)
{
    const struct mini_batch *const mini = self;
    struct iteration_work *const work = mini->work;
    struct iteration_state *const state = work->state;
    struct iteration_report *const report = &work->report;

    if (state->n_lie) /* nothing is kept; `epochs` says so */
        return false;
    at(state, ITERATION_STEP);
    if (model == CRITIC) {
        report->critic_norm +=
            apply(state, &step->model[CRITIC], state->conf.critic_learning_rate, "critic");
        return true;
    }
    if (!report->steps) {
        report->first.approxkl = metrics_sum(&sums->metrics, "policy/approxkl_avg");
        report->first.clipfrac = metrics_sum(&sums->metrics, "policy/clipfrac_avg");
    }
    if (moves(state))
        move_policy(work, &step->model[POLICY], sums);
    at(state, ITERATION_CRITIC);
    return true;
}

/* The optimiser step over the answers of `mini`. A policy that waits for its critic is looked at
 * once, before the first step: what it says does not change. */
static struct optimizer_step step_of(struct mini_batch *mini)
{
    struct iteration_work *work = mini->work;
    struct iteration_state *state = work->state;
    const struct iteration_conf *conf = &state->conf;
    const bool waits = !moves(state);

    return (struct optimizer_step){
        .model[POLICY] = {.model = waits && work->report.steps ? NULL : state->policy,
                          .pass = {.objective = conf->policy,
                                   .conf = conf->loss,
                                   .temperature = conf->temperature,
                                   .bonus = entropy_control_on(&conf->entropy)},
                          .learns = !waits},
        .model[CRITIC] = {.model = state->critic,
                          .pass = iteration_figures_critic(state),
                          .learns = true},
        .entropy_coef = entropy_control_weight(&state->entropy),
        .n = (mini->n + mini->each - 1) / mini->each,
        .self = mini,
        .fill = fill,
        .complete = complete,
        .look = look,
        .whole = move,
        .batch = &state->batch,
        .total = &work->report.sums};
}

/* One optimiser step of the models over the answers order[0..n). */
static enum err learn(struct iteration_work *work, const uint32_t *order, size_t n)
{
    struct iteration_state *state = work->state;
    struct iteration_report *report = &work->report;
    const struct iteration_conf *conf = &state->conf;
    struct mini_batch mini = {work, order, n,
                              (size_t)conf->per_device_train_batch_size * (size_t)conf->unit};
    struct optimizer_step step = step_of(&mini);
    struct optimizer_step_sums sums;
    enum err err = OK;

    if (!report->steps)
        err = iteration_proximal_rest(state, work->batch, order, n);
    if (!err)
        err = optimizer_step_measure(&step);
    if (!err && conf->strict && !report->steps)
        err = iteration_compare_rest(state, work->batch, order, n);
    at(state, step.model[POLICY].model ? ITERATION_POLICY : ITERATION_CRITIC);
    if (!err)
        err = optimizer_step_accumulate(&step, &sums);
    at(state, ITERATION_FIGURES);
    if (err || state->n_lie)
        return err;
    report->ratio_sum += !moves(state);
    report->entropy_coef += state->entropy.coef;
    report->steps++;
    return OK;
}

static int rising(const void *a, const void *b)
{
    const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return (x > y) - (x < y);
}

/* Without a critic, answers of a mini-batch to one prompt are put together (iteration_pack.h): it
 * is their sum that counts. */
static enum err epochs(struct iteration_work *work)
{
    const struct iteration_state *state = work->state;
    const struct iteration_batch *batch = work->batch;
    const size_t units = batch->n_unit, unit = (size_t)state->conf.unit;
    const size_t parts = (size_t)state->conf.mini_batches;
    const bool together = !state->critic && unit == 1;
    uint32_t *shuffled = mem_new(units, sizeof(*shuffled));
    uint32_t *order = mem_new(units * unit, sizeof(*order));
    enum err err = OK;

    for (int epoch = 0; epoch < state->conf.epochs && !err && !state->n_lie; epoch++) {
        /* the top bit keeps these shuffles apart from those of the prompts */
        const uint64_t a =
            (uint64_t)1 << 63 | (uint64_t)state->iteration << 16 | (uint64_t)epoch;
        rng_shuffle(shuffled, units, state->conf.seed, RNG_ORDER, a);
        for (size_t i = 0; i < units * unit; i++)
            order[i] = batch->unit[shuffled[i / unit] * unit + i % unit];
        for (size_t m = 0; m < parts && !err && !state->n_lie; m++) {
            const size_t from = m * units / parts, n = (m + 1) * units / parts - from;
            if (together)
                qsort(order + from, n, sizeof *order, rising);
            if (n)
                err = learn(work, order + from * unit, n * unit);
        }
    }
    free(order);
    free(shuffled);
    return err;
}

static void conclude(struct iteration_work *work, struct iteration_metrics *out)
{
    struct iteration_state *state = work->state;
    const struct iteration_batch *batch = work->batch;
    struct iteration_report *report = &work->report;

    state->episodes += (int64_t)batch->n;
    state->num_tokens += batch->tokens;
    for (size_t i = 0; i < batch->all; i++)
        state->num_tokens += batch->rollout[i].n_prompt;
    report->batch = batch;
    report->beta = state->kl.beta;
    report->episodes = state->episodes;
    report->num_tokens = state->num_tokens;
    *out = (struct iteration_metrics){
        .first = report->first, .tokens = batch->tokens, .learnt = batch->total_learnt};
    out->first.approxkl /= fmax((double)report->first.tokens, 1);
    out->first.clipfrac /= fmax((double)report->first.tokens, 1);
    state->conf.report(state->conf.method, report, out);
    if (moves(state))
        kl_control_update(&state->kl, batch->kl / (double)batch->n, (long)batch->n);
    state->iteration++;
}

enum err iteration_run(struct iteration_state *state, const struct iteration_rollout *rollout,
                       size_t n, size_t judged, struct iteration_metrics *out)
{
    struct iteration_batch batch = {.n = 0};
    struct iteration_work work = {.state = state, .batch = &batch};
    enum err err;

    state->n_lie = 0;
    if (n < (size_t)state->conf.mini_batches)
        return err_set(ERR_RANGE, "%zu answers for num_mini_batches %d", n,
                       state->conf.mini_batches);
    if (state->conf.on_iteration)
        state->conf.on_iteration(state->conf.method, &state->conf, state->iteration);
    err = iteration_batch_init(&batch, &state->conf, rollout, n, judged);
    batch.iteration = state->iteration;
    if (!err)
        err = iteration_proximal_before(state, &batch);
    if (!err && state->reference)
        err = iteration_figures(state, &batch, NULL, batch.all, ITERATION_OF_REFERENCE,
                                batch.reference);
    if (!err && state->critic)
        err = iteration_figures(state, &batch, NULL, n, ITERATION_OF_CRITIC, batch.value);
    if (!err) {
        state->conf.assign(state->conf.method, &batch, state->kl.beta);
        iteration_batch_judged(&batch);
        err = epochs(&work);
        if (!err)
            err = iteration_compare_told(state, &batch, work.report.steps == 0);
    }
    if (!err && state->conf.self_reference)
        err = iteration_figures(state, &batch, NULL, n, ITERATION_OF_POLICY, batch.after);
    if (!err)
        conclude(&work, out);
    /* Nothing of the batch outlives it: the report has copied its figures. */
    iteration_batch_fini(&batch);
    return err;
}
