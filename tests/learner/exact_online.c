/* exact_online: XPO and Nash-MD at their population optima, in worlds that are enumerated.
 *
 *     exact_online CASE ...                  seed 0 of the cases named; without one, of all
 *     exact_online seeds FIRST N CASE ...    N seeds; at least four of five must pass; means
 *                                            with 95 % intervals
 *
 * XPO's rest, with the bonus of its default, is DPO's: pi* ~ ref exp(r / beta) where labels are
 * Bradley-Terry's. (What a larger alpha does to the slopes is exact in learner/online.) Nash-MD's
 * is the equilibrium pi ~ ref exp(P / beta), P(y) against pi^(1-c) ref^c, found by iterating that
 * equation. Figures are KL(pi || where it should be) over that of the reference, which a run must
 * bring below .1 (Nash-MD) or .15 (XPO: its weights spread what 2000 iterations of pairs say); a
 * run with a bug must not. */
#include "learner/iteration/iteration_batch.h"
#include "tests/learner/planned.h"
#include "tests/learner/tally.h"
#include "tests/learner/toy_run.h"

#include "base/clock.h"
#include "base/mem.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STEPS = 400 };

static struct toy_world *world;
static uint64_t seed;
static struct tally tally;

static size_t cells(void)
{
    return (size_t)world->n * TOY_PROMPTS;
}

static double *table_new(void)
{
    return mem_new(cells(), sizeof(double));
}

/* Makes exp(log) of each prompt sum to 1. */
static void normalise(double *table)
{
    for (int x = 0; x < TOY_PROMPTS; x++) {
        double *const row = table + (size_t)x * (size_t)world->n;
        double most = -INFINITY, sum = 0;
        for (int y = 0; y < world->n; y++)
            most = fmax(most, row[y]);
        for (int y = 0; y < world->n; y++)
            sum += exp(row[y] - most);
        for (int y = 0; y < world->n; y++)
            row[y] -= most + log(sum);
    }
}

/* KL(a || b), the mean over prompts; both log-probabilities. */
static double divergence(const double *a, const double *b)
{
    double sum = 0;

    for (size_t i = 0; i < cells(); i++)
        sum += exp(a[i]) * (a[i] - b[i]);
    return sum / TOY_PROMPTS;
}

static double sigmoid(double x)
{
    return 1 / (1 + exp(-x));
}

/* What an answer's reward is among, so that a sum over opponents is one over few of them. */
enum { BINS = 256 };

/* out [n]: sum over y' of q(y') sigmoid(r(y) - r(y')), q and its rewards put into bins. */
static void against(const double *reward, const double *q, double *out)
{
    double low = INFINITY, high = -INFINITY, mass[BINS] = {0}, at[BINS] = {0};

    for (int y = 0; y < world->n; y++) {
        low = fmin(low, reward[y]);
        high = fmax(high, reward[y]);
    }
    for (int y = 0; y < world->n; y++) {
        const int b = (int)((reward[y] - low) / (high - low) * (BINS - 1e-9));
        mass[b] += q[y];
        at[b] += q[y] * reward[y];
    }
    for (int y = 0; y < world->n; y++) {
        out[y] = 0;
        for (int b = 0; b < BINS; b++)
            if (mass[b] > 0)
                out[y] += mass[b] * sigmoid(reward[y] - at[b] / mass[b]);
    }
}

/* ---- Nash-MD */

/* log pi of the equilibrium, halfway from one iterate to the next. */
static double *equilibrium(double beta, double coef)
{
    double *const log_pi = table_new(), *const next = table_new(), *const mix = table_new();
    double *const P = table_new();

    memcpy(log_pi, world->reference, cells() * sizeof *log_pi);
    for (int k = 0; k < 400; k++) {
        for (size_t i = 0; i < cells(); i++)
            mix[i] = (1 - coef) * log_pi[i] + coef * world->reference[i];
        normalise(mix);
        for (size_t i = 0; i < cells(); i++)
            mix[i] = exp(mix[i]);
        for (int x = 0; x < TOY_PROMPTS; x++) {
            const size_t at = (size_t)x * (size_t)world->n;
            against(world->reward + at, mix + at, P + at);
        }
        for (size_t i = 0; i < cells(); i++)
            next[i] = world->reference[i] + P[i] / beta;
        normalise(next);
        for (size_t i = 0; i < cells(); i++)
            log_pi[i] = .5 * log_pi[i] + .5 * next[i];
        normalise(log_pi);
    }
    free(next);
    free(mix);
    free(P);
    return log_pi;
}

static struct iteration_conf settled(struct iteration_conf conf)
{
    conf.per_device_train_batch_size = 64;
    conf.strict = true;
    conf.seed = seed;
    return conf;
}

#define BASE \
    "temperature=1;adam_epsilon=1e-5;gradient_checkpointing=false;learning_rate=1e-3;" \
    "max_new_tokens=8;"

/* The learnt policy's log-probabilities. */
static double *learnt(struct iteration_conf conf, int iterations, bool noise, bool forget)
{
    double *const out = table_new();
    struct toy_worth worth;
    const struct toy_run toy_run = {.toy = world,
                                    .seed = seed,
                                    .conf = settled(conf),
                                    .samples = conf.samples,
                                    .iterations = iterations,
                                    .price = .5,
                                    .noise = noise,
                                    .no_reference = forget,
                                    .logprob = out};

    toy_run_run(&worth, &toy_run);
    return out;
}

/* How far `is` is from where it should be, as a share of how far the reference is. */
static double share(const double *is, const double *there)
{
    return divergence(is, there) / divergence(world->reference, there);
}

static bool tell(const char *name, double value, double bound, bool below, int64_t begun)
{
    const bool good = below ? value < bound : value >= bound;

    printf("%-32s %.4f  %.1f s  %s %.2f: %s\n", name, value,
           (double)(clock_mono_ms() - begun) / 1e3, below ? "below" : "at least", bound,
           good ? "ok" : "WRONG");
    fflush(stdout);
    tally_put(&tally, name, value, good);
    return good;
}

enum { NASH_ITERATIONS = 400, XPO_ITERATIONS = 2000, BUG_ITERATIONS = 800 };
static const double nash_beta = .1;

static double *nash_run(const char *words, bool forget)
{
    return learnt(planned("nash-md", NASH_ITERATIONS, BASE "num_generations=16;beta=%g;%s",
                          nash_beta, words),
                  NASH_ITERATIONS, false, forget);
}

static bool nash(void)
{
    const int64_t begun = clock_mono_ms();
    double *const there = equilibrium(nash_beta, .5);
    double *const is = nash_run("mixture_coef=.5", false);
    const bool good = tell("nash-md", share(is, there), .1, true, begun);

    free(is);
    free(there);
    return good;
}

/* Opponents differ: each run ends nearer to its own equilibrium than the other's does. If the
 * mixture were forgotten both would be one run, and the ratio 1. */
static bool nash_mixture(void)
{
    const int64_t begun = clock_mono_ms();
    double *const self = equilibrium(nash_beta, 0), *const ref = equilibrium(nash_beta, 1);
    double *const a = nash_run("mixture_coef=0", false), *const b =
                                                             nash_run("mixture_coef=1", false);
    const double own = divergence(a, self) + divergence(b, ref);
    const double other = divergence(a, ref) + divergence(b, self);
    const bool good = tell("nash-md, own over other's opponent", own / other, .9, true, begun);

    free(a);
    free(b);
    free(self);
    free(ref);
    return good;
}

static bool nash_no_reference(void)
{
    const int64_t begun = clock_mono_ms();
    double *const there = equilibrium(nash_beta, .5);
    double *const is = nash_run("mixture_coef=.5", true);
    const bool good = tell("nash-md, no reference", share(is, there), .1, false, begun);

    free(is);
    free(there);
    return good;
}

/* Each token pays for its own distance alone: TRL's rest is another one. */
static bool nash_token(void)
{
    const int64_t begun = clock_mono_ms();
    double *const there = equilibrium(nash_beta, .5);
    double *const whole = nash_run("mixture_coef=.5", false);
    double *const token = nash_run("mixture_coef=.5;kl_of=token", false);
    const bool good =
        tell("nash-md, answer over token", divergence(whole, there) / divergence(token, there),
             .8, true, begun);

    free(whole);
    free(token);
    free(there);
    return good;
}

/* A bug: an answer's chance is that of its opponents. */
static void (*assign_of)(const void *method, struct iteration_batch *batch, double beta);
static void lost(const void *method, struct iteration_batch *batch, double beta)
{
    assign_of(method, batch, beta);
    for (int64_t t = 0; t < batch->tokens; t++)
        batch->advantage[t] = -batch->advantage[t];
}

static bool nash_lost(void)
{
    const int64_t begun = clock_mono_ms();
    double *const there = equilibrium(nash_beta, .5);
    struct iteration_conf conf =
        planned("nash-md", NASH_ITERATIONS, BASE "num_generations=16;beta=%g", nash_beta);
    double *is;
    bool good;

    assign_of = conf.assign;
    conf.assign = lost;
    is = learnt(conf, NASH_ITERATIONS, false, false);
    good = tell("nash-md, lost for won", share(is, there), .1, false, begun);
    free(is);
    free(there);
    return good;
}

/* ---- XPO */

static double *best(double beta)
{
    double *const out = table_new();

    for (size_t i = 0; i < cells(); i++)
        out[i] = world->reference[i] + world->reward[i] / beta;
    normalise(out);
    return out;
}

static double *xpo_run(const char *words, int iterations, bool forget)
{
    return learnt(planned("xpo", iterations, BASE "beta=.5;%s", words), iterations, true,
                  forget);
}

static bool xpo(void)
{
    const int64_t begun = clock_mono_ms();
    double *const there = best(.5), *const is = xpo_run("alpha=1e-5", XPO_ITERATIONS, false);
    const bool good = tell("xpo", share(is, there), .15, true, begun);

    free(is);
    free(there);
    return good;
}

static bool xpo_no_reference(void)
{
    const int64_t begun = clock_mono_ms();
    double *const there = best(.5), *const is = xpo_run("alpha=1e-5", BUG_ITERATIONS, true);
    const bool good = tell("xpo, no reference", share(is, there), .15, false, begun);

    free(is);
    free(there);
    return good;
}

static void swapped(const void *method, struct iteration_batch *batch, double beta)
{
    assign_of(method, batch, beta);
    for (size_t k = 0; k < batch->n_unit; k++) {
        const uint32_t first = batch->unit[2 * k];
        batch->unit[2 * k] = batch->unit[2 * k + 1];
        batch->unit[2 * k + 1] = first;
    }
}

static bool xpo_swapped(void)
{
    const int64_t begun = clock_mono_ms();
    double *const there = best(.5);
    struct iteration_conf conf = planned("xpo", 200, BASE "beta=.5");
    double *is;
    bool good;

    assign_of = conf.assign;
    conf.assign = swapped;
    is = learnt(conf, 200, true, false);
    good = tell("xpo, pairs swapped", share(is, there), .15, false, begun);
    free(is);
    free(there);
    return good;
}

static const struct {
    const char *name;
    bool (*run)(void);
} cases[] = {{"nash", nash},
             {"nash-mixture", nash_mixture},
             {"nash-token", nash_token},
             {"nash-no-reference", nash_no_reference},
             {"nash-lost", nash_lost},
             {"xpo", xpo},
             {"xpo-no-reference", xpo_no_reference},
             {"xpo-swapped", xpo_swapped}};

/* All that is asked for, in the world of this seed; how many went wrong. */
static int toy_run_all(int n, char **name)
{
    int wrong = 0;

    toy_new(&world, false, seed, STEPS);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        bool asked = n == 0;
        for (int k = 0; k < n; k++)
            asked = asked || !strcmp(name[k], cases[i].name);
        wrong += asked && !cases[i].run();
    }
    toy_free(world);
    return wrong;
}

int main(int argc, char **argv)
{
    const bool many = argc > 3 && !strcmp(argv[1], "seeds");
    const int from = many ? 4 : 1, n = many ? (int)strtol(argv[3], NULL, 10) : 1;
    int wrong = 0;

    seed = many ? strtoull(argv[2], NULL, 10) : 0;
    for (int i = 0; i < n; i++, seed++)
        wrong += toy_run_all(argc - from, argv + from);
    if (many)
        wrong = tally_tell(&tally);
    printf("%s\n", wrong ? "FAILED" : "ok");
    return wrong != 0;
}
