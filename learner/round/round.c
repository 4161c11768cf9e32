#include "learner/round/round.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/rng.h"
#include "learner/round/round_pass.h"
#include "learner/round/round_report.h"
#include "learner/round/round_state.h"
#include "lm/kernel/real.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct round_conf round_defaults(int64_t iterations)
{
    return (struct round_conf){
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

enum err round_check(const struct round_conf *c)
{
    const struct {
        const char *key;
        double value, low, high;
    } range[] = {
        {"epochs", c->epochs, 1, 1000},
        {"num_mini_batches", c->mini_batches, 1, 1 << 20},
        {"critic_warmup", (double)c->critic_warmup, 0, 1e9},
        {"per_device_train_batch_size", c->per_device_train_batch_size, 1, 1 << 20},
        {"num_generations", c->samples, 1, 1024},
        {"kl_coef", c->kl_coef, 0, 1e6},
        {"target_kl", c->target_kl, 0, 1e6},
        {"kl_horizon", c->kl_horizon, c->target_kl > 0 ? 1 : 0, 1e12},
        {"entropy_coef", c->entropy.coef, -1e3, 1e3},
        {"ref_model_mixup_alpha", c->follow.mixup, 0, 1},
        {"temperature", c->temperature, 1e-3, 1e3},
        {"missing_eos_penalty", c->missing_eos_penalty, 0, 1e6},
        {"critic_learning_rate", c->critic_learning_rate, 0, 1e3},
        {"max_grad_norm", c->max_grad_norm, 0, 1e12},
    };

    for (size_t i = 0; i < sizeof range / sizeof range[0]; i++)
        if (!(range[i].value >= range[i].low && range[i].value <= range[i].high))
            return err_set(ERR_RANGE, "%s: %g is not between %g and %g", range[i].key,
                           range[i].value, range[i].low, range[i].high);
    return optim_plan_check(&c->rates);
}

enum err round_new(struct round **out, const struct round_conf *conf, struct params *policy,
                   struct params *critic)
{
    const struct train_options options = {.checkpointing = conf->gradient_checkpointing,
                                          .portable = conf->portable};
    struct round *round = mem_new(1, sizeof(*round));
    enum err err = round_check(conf);

    *out = NULL;
    round->conf = *conf;
    round->own = mem_new(1, conf->own_size);
    memcpy(round->own, conf->own, conf->own_size);
    round->conf.own = round->own;
    round->kl = (struct kl_control){conf->kl_coef, conf->target_kl, conf->kl_horizon};
    round->entropy = conf->entropy;
    round->entropy.last = INFINITY;
    if (!err)
        err = round_state_critic(&critic, policy, conf);
    if (err) {
        params_free(policy);
        params_free(critic);
    } else {
        if (critic)
            err = step_new_lora(&round->critic, critic, &options, conf->lora, conf->seed);
        if (err)
            params_free(policy);
        else
            err = step_new_lora(&round->policy, policy, &options, conf->lora, conf->seed);
        if (!err && conf->follow.every)
            err = follow_new(&round->reference, &conf->follow, round->policy);
    }
    if (err)
        round_free(round);
    else
        *out = round;
    return err;
}

void round_free(struct round *round)
{
    if (!round)
        return;
    round_pass_free(&round->pass);
    free(round->lie);
    step_free(round->policy);
    step_free(round->critic);
    follow_free(round->reference);
    free(round->own);
    free(round);
}

int64_t round_count(const struct round *round)
{
    return round->iteration;
}

const struct params *round_policy(const struct round *round)
{
    return step_params(round->policy);
}

const struct step *round_step(const struct round *round)
{
    return round->policy;
}

size_t round_size(const struct round_conf *conf, const struct shape *policy,
                  const struct shape *critic, int tokens)
{
    const struct train_options options = {.checkpointing = conf->gradient_checkpointing,
                                          .portable = conf->portable};

    return step_size_lora(policy, &options, conf->lora, tokens) +
           (conf->critic ? step_size_lora(critic, &options, conf->lora, tokens) : 0) +
           (conf->follow.every ? follow_size(policy) : 0);
}

const float *round_image(const struct round *round, size_t *bytes)
{
    return step_image(round->policy, bytes);
}

const struct params *round_critic(const struct round *round)
{
    return round->critic ? step_params(round->critic) : NULL;
}

double round_beta(const struct round *round)
{
    return round->kl.beta;
}

struct work {
    struct round *round;
    struct round_batch *batch;
    struct round_report tally;
};

static enum err stopped(const struct round *round)
{
    if (round->conf.stop && round->conf.stop())
        return err_set(ERR_STATE, "stopped in iteration %" PRId64, round->iteration + 1);
    return OK;
}

/* The packed micro-batch before the iteration's first optimiser step. */
static void look(struct work *work, const uint32_t *order)
{
    const struct round_pass *pass = &work->round->pass;
    struct round_first *first = &work->tally.first;

    for (int s = 0; s < pass->batch.n_seq; s++) {
        const bool given = !work->batch->rollout[order[s]].behaviour;
        for (int i = pass->seq[s]; i < pass->seq[s + 1] && !given; i++) {
            if (!pass->learn[i])
                continue;
            if (work->round->conf.strict && pass->logprob[i] != pass->behaviour[i])
                round_compare_note(work->round, work->batch, order[s], i - pass->answer[s],
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
static bool moves(const struct round *round)
{
    return !round->critic || round->iteration >= round->conf.critic_warmup;
}

/* The policy's part of a micro-batch. One that stays is looked at once, before the first
 * optimiser step: what it says does not change. */
static enum err micro_policy(struct work *work, const uint32_t *order,
                             const struct round_pass_whole *whole, struct sums *sums)
{
    struct round *round = work->round;
    struct round_pass *pass = &round->pass;
    struct objective_out out;
    enum err err;

    if (work->tally.steps && !moves(round))
        return OK;
    err = round_pass_forward(pass, round->policy);
    if (!err && !work->tally.steps)
        look(work, order);
    if (err || round->lies)
        return err;
    round_pass_policy(pass, order, whole, &out);
    if (moves(round))
        round_pass_policy_back(round->policy, &out);
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
                      const struct round_pass_whole *whole, struct sums *sums)
{
    struct round *round = work->round;
    struct round_pass *pass = &round->pass;
    struct objective_out out;
    enum err err = stopped(round);

    if (!err)
        err = round_pass_pack(pass, work->batch, order, n);
    if (!err)
        err = micro_policy(work, order, whole, sums);
    if (err || round->lies) /* the others are still to be compared */
        return err;
    if (!round->critic)
        return OK;
    err = round_pass_critic(pass, round->critic, whole, &out);
    if (!err)
        objective_gather(&work->tally.sums, &out);
    return err;
}

static double rate_at(const struct round *round, const struct step *step, double peak)
{
    struct schedule_plan rates = round->conf.rates;

    rates.peak = peak;
    return optim_rate(&rates, round->conf.rate_by_step ? step_count(step) : round->iteration);
}

static double apply(const struct round *round, struct step *step, double peak,
                    const char *whose)
{
    const struct round_conf *conf = &round->conf;
    const double norm =
        step_apply(step, &conf->adamw, rate_at(round, step, peak), conf->max_grad_norm);

    if (!isfinite(norm))
        log_warn("gradient", "model=%s iteration=%" PRId64 " norm=%g weights left as they are",
                 whose, round->iteration + 1, norm);
    return norm;
}

static void move_policy(struct work *work, const struct round_pass_whole *whole,
                        const struct sums *sums)
{
    struct round *round = work->round;
    struct round_report *tally = &work->tally;
    const double peak = round->conf.rates.peak, ratio = sums->ratio / whole->tokens;

    tally->ratio_sum += ratio;
    tally->ratio_square += (ratio - 1) * (ratio - 1);
    if (!tally->steps)
        tally->rate = rate_at(round, round->policy, peak);
    tally->policy_norm += apply(round, round->policy, peak, "policy");
    entropy_control_update(&round->entropy, sums->entropy, sums->tokens);
    if (round->reference)
        follow_step(round->reference, round->policy);
}

/* One optimiser step of the models over the answers order[0..n). */
static enum err mini_batch(struct work *work, const uint32_t *order, size_t n)
{
    struct round *round = work->round;
    const struct round_conf *conf = &round->conf;
    const size_t each = (size_t)conf->per_device_train_batch_size * (size_t)conf->unit;
    const double micros = ceil((double)n / (double)each);
    struct round_pass_whole whole = round_pass_measure(work->batch, order, n);
    struct round_report *tally = &work->tally;
    struct sums sums = {0};

    whole.entropy_coef = entropy_control_weight(&round->entropy);
    if (conf->strict && !tally->steps) {
        const enum err err = round_compare_rest(round, work->batch, order, n);
        if (err)
            return err;
    }
    for (size_t k = 0; k < n; k += each) {
        const size_t count = n - k < each ? n - k : each;
        if (conf->policy->apart)
            whole.normaliser =
                micros * round_pass_measure(work->batch, order + k, count).normaliser;
        const enum err err = micro(work, order + k, count, &whole, &sums);
        if (err)
            return err;
    }
    if (round->lies)
        return OK; /* nothing is kept; `epochs` says so */
    if (moves(round))
        move_policy(work, &whole, &sums);
    else
        tally->ratio_sum += 1;
    if (round->critic)
        tally->critic_norm += apply(round, round->critic, conf->critic_learning_rate, "critic");
    tally->entropy_coef += round->entropy.coef;
    tally->steps++;
    return OK;
}

static int rising(const void *a, const void *b)
{
    const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return (x > y) - (x < y);
}

/* Without a critic, answers of a mini-batch to one prompt are put together (round_pass.h): it
 * is their sum that counts. */
static enum err epochs(struct work *work)
{
    const struct round *round = work->round;
    const struct round_batch *batch = work->batch;
    const size_t units = batch->units, unit = (size_t)round->conf.unit;
    const size_t parts = (size_t)round->conf.mini_batches;
    const bool together = !round->critic && unit == 1;
    uint32_t *shuffled = mem_new(units, sizeof(*shuffled));
    uint32_t *order = mem_new(units * unit, sizeof(*order));
    enum err err = OK;

    for (int epoch = 0; epoch < round->conf.epochs && !err && !round->lies; epoch++) {
        /* the top bit keeps these shuffles apart from those of the prompts */
        const uint64_t a =
            (uint64_t)1 << 63 | (uint64_t)round->iteration << 16 | (uint64_t)epoch;
        rng_shuffle(shuffled, units, round->conf.seed, RNG_ORDER, a);
        for (size_t i = 0; i < units * unit; i++)
            order[i] = batch->unit[shuffled[i / unit] * unit + i % unit];
        for (size_t m = 0; m < parts && !err && !round->lies; m++) {
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
static enum err through(struct round *round, struct round_batch *batch, enum figures whose,
                        float *out)
{
    const struct model *const model =
        whose == OF_REFERENCE ? follow_model(round->reference) : step_model(round->policy);
    const size_t each = (size_t)round->conf.per_device_train_batch_size;
    uint32_t *order = mem_new(batch->n, sizeof(*order));
    enum err err = OK;

    for (size_t i = 0; i < batch->n; i++)
        order[i] = (uint32_t)i;
    for (size_t i = 0; i < batch->n && !err; i += each) {
        const size_t n = batch->n - i < each ? batch->n - i : each;
        err = stopped(round);
        if (!err)
            err = round_pass_pack(&round->pass, batch, order + i, n);
        if (!err)
            err = whose == OF_CRITIC
                      ? round_pass_values(&round->pass, round->critic, order + i, n, out)
                      : round_pass_logprobs(&round->pass, round->policy, model, order + i, n,
                                            out);
    }
    free(order);
    return err;
}

/* What the policy says of the answers before it moves, and their importance. */
static enum err before(struct round *round, struct round_batch *batch)
{
    const struct importance_conf *stale = &round->conf.stale;
    enum err err;

    if (!round->conf.opponent && (stale->mode == IMPORTANCE_NONE || stale->interpolated))
        return OK;
    err = through(round, batch, OF_POLICY, batch->proximal);
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

static void conclude(struct work *work, struct round_metrics *out)
{
    struct round *round = work->round;
    const struct round_batch *batch = work->batch;
    struct round_report *tally = &work->tally;

    round->episodes += (int64_t)batch->n;
    round->num_tokens += batch->tokens;
    for (size_t i = 0; i < batch->n; i++)
        round->num_tokens += batch->rollout[i].prompts;
    tally->batch = batch;
    tally->beta = round->kl.beta;
    tally->episodes = round->episodes;
    tally->num_tokens = round->num_tokens;
    *out = (struct round_metrics){
        .first = tally->first, .tokens = batch->tokens, .learnt = batch->total_learnt};
    out->first.approxkl /= fmax((double)tally->first.tokens, 1);
    out->first.clipfrac /= fmax((double)tally->first.tokens, 1);
    round->conf.report(round->conf.own, tally, out);
    if (moves(round))
        kl_control_update(&round->kl, batch->kl / (double)batch->n, (long)batch->n);
    round->iteration++;
}

enum err round_iteration(struct round *round, const struct round_rollout *rollout, size_t n,
                         struct round_metrics *out)
{
    struct round_batch batch = {.n = 0};
    struct work work = {.round = round, .batch = &batch};
    enum err err;

    round->lies = 0;
    if (n < (size_t)round->conf.mini_batches)
        return err_set(ERR_RANGE, "%zu answers for num_mini_batches %d", n,
                       round->conf.mini_batches);
    if (round->conf.begin)
        round->conf.begin(round->own, &round->conf, round->iteration);
    err = round_batch_init(&batch, &round->conf, rollout, n);
    batch.iteration = round->iteration;
    if (!err)
        err = before(round, &batch);
    if (!err && round->reference)
        err = through(round, &batch, OF_REFERENCE, batch.reference);
    if (!err && round->critic)
        err = through(round, &batch, OF_CRITIC, batch.value);
    if (!err) {
        round->conf.credit(round->conf.own, &batch, round->kl.beta);
        err = epochs(&work);
        if (!err)
            err = round_compare_told(round, &batch, work.tally.steps == 0);
    }
    if (!err && round->conf.opponent)
        err = through(round, &batch, OF_POLICY, batch.after);
    if (!err)
        conclude(&work, out);
    round_batch_fini(&batch);
    return err;
}
