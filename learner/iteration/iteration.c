#include "learner/iteration/iteration.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/rng.h"
#include "learner/iteration/iteration_pass.h"
#include "learner/iteration/iteration_report.h"
#include "learner/iteration/iteration_state.h"
#include "lm/kernel/real.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct iteration_conf iteration_defaults(int64_t iterations)
{
    return (struct iteration_conf){
        .unit = 1,
        .samples = 1,
        .epochs = 1,
        .mini_batches = 1,
        .per_device_train_batch_size = 8,
        .kl_estimator = KL_K1,
        .kl_horizon = 10000,
        .temperature = 1,
        .rates = optim_plan(SCHEDULE_LINEAR, 3e-6, 0, iterations),
        .critic_learning_rate = 3e-6,
        .adamw = {.beta1 = .9, .beta2 = .999, .epsilon = 1e-8},
        .max_grad_norm = 1,
        .gradient_checkpointing = true,
        .stale = {.mode = IMPORTANCE_NONE, .high = INFINITY},
        .seed = 42,
    };
}

enum err iteration_new(struct iteration_state **out, const struct iteration_conf *conf,
                       struct params *policy, struct params *critic)
{
    const struct train_options options = {.checkpointing = conf->gradient_checkpointing,
                                          .portable = conf->portable};
    struct iteration_state *state = mem_new(1, sizeof(*state));
    enum err err = optim_plan_check(&conf->rates);

    *out = NULL;
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
            err = trainable_new_lora(&state->critic, critic, &options, conf->lora, conf->seed);
        if (err)
            params_free(policy);
        else
            err = trainable_new_lora(&state->policy, policy, &options, conf->lora, conf->seed);
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
    iteration_pass_free(&state->pass);
    free(state->lie);
    trainable_free(state->policy);
    trainable_free(state->critic);
    ref_model_free(state->reference);
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

size_t iteration_size(const struct iteration_conf *conf, const struct shape *policy,
                      const struct shape *critic, int tokens)
{
    const struct train_options options = {.checkpointing = conf->gradient_checkpointing,
                                          .portable = conf->portable};

    return trainable_size_lora(policy, &options, conf->lora, tokens) +
           (conf->critic ? trainable_size_lora(critic, &options, conf->lora, tokens) : 0) +
           (conf->follow.every ? ref_model_size(policy) : 0);
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

struct work {
    struct iteration_state *state;
    struct iteration_batch *batch;
    struct iteration_report tally;
};

static enum err stopped(const struct iteration_state *state)
{
    if (state->conf.stop && state->conf.stop())
        return err_set(ERR_STATE, "stopped in iteration %" PRId64, state->iteration + 1);
    return OK;
}

/* The packed micro-batch before the iteration's first optimiser step. */
static void look(struct work *work, const uint32_t *order)
{
    const struct iteration_pass *pass = &work->state->pass;
    struct iteration_first *first = &work->tally.first;

    for (int s = 0; s < pass->batch.n_seq; s++) {
        const bool given = !work->batch->rollout[order[s]].behaviour;
        for (int i = pass->seq[s]; i < pass->seq[s + 1] && !given; i++) {
            if (!pass->learn[i])
                continue;
            if (work->state->conf.strict && pass->logprob[i] != pass->behaviour[i])
                iteration_compare_note(work->state, work->batch, order[s], i - pass->answer[s],
                                       pass->logprob[i]);
            const double x = (double)pass->logprob[i] - (double)pass->behaviour[i];
            first->ratio_gap = fmax(first->ratio_gap, fabs(real_exp(x) - 1));
            first->tokens++;
        }
    }
}

/* What the micro-batches of an optimiser step add up. */
struct sums {
    double ratio, entropy, tokens; /* the entropy bonus's, and its tokens */
};

/* Not while the critic learns alone. */
static bool moves(const struct iteration_state *state)
{
    return !state->critic || state->iteration >= state->conf.critic_warmup;
}

/* The policy's part of a micro-batch. One that stays is looked at once, before the first
 * optimiser step: what it says does not change. */
static enum err micro_policy(struct work *work, const uint32_t *order,
                             const struct iteration_pass_whole *whole, struct sums *sums)
{
    struct iteration_state *state = work->state;
    struct iteration_pass *pass = &state->pass;
    struct objective_out out;
    enum err err;

    if (work->tally.steps && !moves(state))
        return OK;
    err = iteration_pass_forward(pass, state->policy);
    if (!err && !work->tally.steps)
        look(work, order);
    if (err || state->lies)
        return err;
    iteration_pass_policy(pass, order, whole, &out);
    if (moves(state))
        iteration_pass_policy_back(state->policy, &out);
    if (!work->tally.steps) {
        work->tally.first.approxkl += objective_sum(&out, "policy/approxkl_avg");
        work->tally.first.clipfrac += objective_sum(&out, "policy/clipfrac_avg");
    }
    sums->ratio += objective_sum(&out, "val/ratio");
    sums->entropy += out.bonus_entropy;
    sums->tokens += out.bonus_tokens;
    work->tally.loss += out.loss;
    objective_gather(&work->tally.sums, &out);
    return OK;
}

/* One micro-batch through the models. */
static enum err micro(struct work *work, const uint32_t *order, size_t n,
                      const struct iteration_pass_whole *whole, struct sums *sums)
{
    struct iteration_state *state = work->state;
    struct iteration_pass *pass = &state->pass;
    struct objective_out out;
    enum err err = stopped(state);

    if (!err)
        err = iteration_pass_pack(pass, work->batch, order, n);
    if (!err)
        err = micro_policy(work, order, whole, sums);
    if (err || state->lies) /* the others are still to be compared */
        return err;
    if (!state->critic)
        return OK;
    err = iteration_pass_critic(pass, state->critic, whole, &out);
    if (!err)
        objective_gather(&work->tally.sums, &out);
    return err;
}

static double rate_at(const struct iteration_state *state, const struct trainable *step,
                      double peak)
{
    struct schedule_plan rates = state->conf.rates;

    rates.peak = peak;
    return optim_rate(&rates,
                      state->conf.rate_by_step ? trainable_count(step) : state->iteration);
}

static double apply(const struct iteration_state *state, struct trainable *step, double peak,
                    const char *whose)
{
    const struct iteration_conf *conf = &state->conf;
    const double norm =
        trainable_apply(step, &conf->adamw, rate_at(state, step, peak), conf->max_grad_norm);

    if (!isfinite(norm))
        log_warn("gradient", "model=%s iteration=%" PRId64 " norm=%g weights left as they are",
                 whose, state->iteration + 1, norm);
    return norm;
}

static void move_policy(struct work *work, const struct iteration_pass_whole *whole,
                        const struct sums *sums)
{
    struct iteration_state *state = work->state;
    struct iteration_report *tally = &work->tally;
    const double peak = state->conf.rates.peak, ratio = sums->ratio / whole->tokens;

    tally->ratio_sum += ratio;
    tally->ratio_square += (ratio - 1) * (ratio - 1);
    if (!tally->steps)
        tally->rate = rate_at(state, state->policy, peak);
    tally->policy_norm += apply(state, state->policy, peak, "policy");
    entropy_control_update(&state->entropy, sums->entropy, sums->tokens);
    if (state->reference)
        ref_model_sync(state->reference, state->policy);
}

/* One optimiser step of the models over the answers order[0..n). */
static enum err mini_batch(struct work *work, const uint32_t *order, size_t n)
{
    struct iteration_state *state = work->state;
    const struct iteration_conf *conf = &state->conf;
    const size_t each = (size_t)conf->per_device_train_batch_size * (size_t)conf->unit;
    const double micros = ceil((double)n / (double)each);
    struct iteration_pass_whole whole = iteration_pass_measure(work->batch, order, n);
    struct iteration_report *tally = &work->tally;
    struct sums sums = {0};

    whole.entropy_coef = entropy_control_weight(&state->entropy);
    if (conf->strict && !tally->steps) {
        const enum err err = iteration_compare_rest(state, work->batch, order, n);
        if (err)
            return err;
    }
    for (size_t k = 0; k < n; k += each) {
        const size_t count = n - k < each ? n - k : each;
        if (conf->policy->apart)
            whole.normaliser =
                micros * iteration_pass_measure(work->batch, order + k, count).normaliser;
        const enum err err = micro(work, order + k, count, &whole, &sums);
        if (err)
            return err;
    }
    if (state->lies)
        return OK; /* nothing is kept; `epochs` says so */
    if (moves(state))
        move_policy(work, &whole, &sums);
    else
        tally->ratio_sum += 1;
    if (state->critic)
        tally->critic_norm += apply(state, state->critic, conf->critic_learning_rate, "critic");
    tally->entropy_coef += state->entropy.coef;
    tally->steps++;
    return OK;
}

static int rising(const void *a, const void *b)
{
    const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return (x > y) - (x < y);
}

/* Without a critic, answers of a mini-batch to one prompt are put together (iteration_pass.h): it
 * is their sum that counts. */
static enum err epochs(struct work *work)
{
    const struct iteration_state *state = work->state;
    const struct iteration_batch *batch = work->batch;
    const size_t units = batch->units, unit = (size_t)state->conf.unit;
    const size_t parts = (size_t)state->conf.mini_batches;
    const bool together = !state->critic && unit == 1;
    uint32_t *shuffled = mem_new(units, sizeof(*shuffled));
    uint32_t *order = mem_new(units * unit, sizeof(*order));
    enum err err = OK;

    for (int epoch = 0; epoch < state->conf.epochs && !err && !state->lies; epoch++) {
        /* the top bit keeps these shuffles apart from those of the prompts */
        const uint64_t a =
            (uint64_t)1 << 63 | (uint64_t)state->iteration << 16 | (uint64_t)epoch;
        rng_shuffle(shuffled, units, state->conf.seed, RNG_ORDER, a);
        for (size_t i = 0; i < units * unit; i++)
            order[i] = batch->unit[shuffled[i / unit] * unit + i % unit];
        for (size_t m = 0; m < parts && !err && !state->lies; m++) {
            const size_t from = m * units / parts, n = (m + 1) * units / parts - from;
            if (together)
                qsort(order + from, n, sizeof *order, rising);
            if (n)
                err = mini_batch(work, order + from * unit, n * unit);
        }
    }
    free(order);
    free(shuffled);
    return err;
}

enum figures { OF_POLICY, OF_REFERENCE, OF_CRITIC };

/* All answers in their own order through a model, whose figures fill `out`. */
static enum err through(struct iteration_state *state, struct iteration_batch *batch,
                        enum figures whose, float *out)
{
    const struct model *const model = whose == OF_REFERENCE ? ref_model_model(state->reference)
                                                            : trainable_model(state->policy);
    const size_t each = (size_t)state->conf.per_device_train_batch_size;
    uint32_t *order = mem_new(batch->n, sizeof(*order));
    enum err err = OK;

    for (size_t i = 0; i < batch->n; i++)
        order[i] = (uint32_t)i;
    for (size_t i = 0; i < batch->n && !err; i += each) {
        const size_t n = batch->n - i < each ? batch->n - i : each;
        err = stopped(state);
        if (!err)
            err = iteration_pass_pack(&state->pass, batch, order + i, n);
        if (!err)
            err = whose == OF_CRITIC
                      ? iteration_pass_values(&state->pass, state->critic, order + i, n, out)
                      : iteration_pass_logprobs(&state->pass, state->policy, model, order + i,
                                                n, out);
    }
    free(order);
    return err;
}

/* What the policy says of the answers before it moves, and their importance. */
static enum err before(struct iteration_state *state, struct iteration_batch *batch)
{
    const struct importance_conf *stale = &state->conf.stale;
    enum err err;

    if (!state->conf.self_reference && (stale->mode == IMPORTANCE_NONE || stale->interpolated))
        return OK;
    err = through(state, batch, OF_POLICY, batch->proximal);
    batch->has_proximal = !err;
    for (size_t i = 0; i < batch->n && !err; i++) {
        const size_t at = batch->at[i];
        if (batch->rollout[i].behaviour)
            importance_weigh(batch->importance + at, batch->rollout[i].behaviour,
                             batch->proximal + at, batch->learn + at, batch->rollout[i].tokens,
                             stale);
    }
    return err;
}

static void conclude(struct work *work, struct iteration_metrics *out)
{
    struct iteration_state *state = work->state;
    const struct iteration_batch *batch = work->batch;
    struct iteration_report *tally = &work->tally;

    state->episodes += (int64_t)batch->n;
    state->num_tokens += batch->tokens;
    for (size_t i = 0; i < batch->n; i++)
        state->num_tokens += batch->rollout[i].prompts;
    tally->batch = batch;
    tally->beta = state->kl.beta;
    tally->episodes = state->episodes;
    tally->num_tokens = state->num_tokens;
    *out = (struct iteration_metrics){
        .first = tally->first, .tokens = batch->tokens, .learnt = batch->total_learnt};
    out->first.approxkl /= fmax((double)tally->first.tokens, 1);
    out->first.clipfrac /= fmax((double)tally->first.tokens, 1);
    state->conf.report(state->conf.method, tally, out);
    if (moves(state))
        kl_control_update(&state->kl, batch->kl / (double)batch->n, (long)batch->n);
    state->iteration++;
}

enum err iteration_run(struct iteration_state *state, const struct iteration_rollout *rollout,
                       size_t n, struct iteration_metrics *out)
{
    struct iteration_batch batch = {.n = 0};
    struct work work = {.state = state, .batch = &batch};
    enum err err;

    state->lies = 0;
    if (n < (size_t)state->conf.mini_batches)
        return err_set(ERR_RANGE, "%zu answers for num_mini_batches %d", n,
                       state->conf.mini_batches);
    if (state->conf.on_iteration)
        state->conf.on_iteration(state->conf.method, &state->conf, state->iteration);
    err = iteration_batch_init(&batch, &state->conf, rollout, n);
    batch.iteration = state->iteration;
    if (!err)
        err = before(state, &batch);
    if (!err && state->reference)
        err = through(state, &batch, OF_REFERENCE, batch.reference);
    if (!err && state->critic)
        err = through(state, &batch, OF_CRITIC, batch.value);
    if (!err) {
        state->conf.assign(state->conf.method, &batch, state->kl.beta);
        err = epochs(&work);
        if (!err)
            err = iteration_compare_told(state, &batch, work.tally.steps == 0);
    }
    if (!err && state->conf.self_reference)
        err = through(state, &batch, OF_POLICY, batch.after);
    if (!err)
        conclude(&work, out);
    iteration_batch_fini(&batch);
    return err;
}
