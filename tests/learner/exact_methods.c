/* exact_methods: the methods over the fleet against worlds whose best policy is known.
 *
 *     exact_methods CASE ...                 seed 0 of the cases named; without one, of all
 *     exact_methods seeds FIRST N CASE ...   N seeds, each of world, weights and draws; at
 * least four of five must pass; means with 95 % intervals
 *
 * Bounds: at least .9 of the achievable gain; a run with a bug must fail. One thread: the world
 * is so small that a second one waits more than it works. For more, run other seeds beside. */
#include "tests/learner/planned.h"
#include "tests/learner/tally.h"
#include "tests/learner/toy_run.h"

#include "base/clock.h"
#include "learner/iteration/iteration_batch.h"
#include "learner/objective/objective_dpo.h"

#include <math.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STEPS = 400, ITERATIONS = 200 };

static struct toy_world *world;
static uint64_t seed; /* the world's, too */
static struct tally tally;

/* Of every method here: steps a run counts, rate, and what else the worlds want. */
#define BASE \
    "temperature=1;adam_epsilon=1e-5;gradient_checkpointing=false;max_grad_norm=1;" \
    "learning_rate=1e-3;response_length=8;per_device_train_batch_size=64;"

static struct iteration_conf settled(struct iteration_conf conf, int micro)
{
    conf.per_device_train_batch_size = micro;
    conf.strict = true;
    conf.seed = seed;
    return conf;
}

static bool tell(const char *name, const struct toy_run *toy_run, const struct toy_worth *w,
                 int64_t begun, double bound, bool sound)
{
    const bool good = sound ? w->share >= bound : w->share < bound;

    printf("%-28s gain %6.3f  KL(pi|pi*) %.4f  KL(pi|ref) %.3f of %.3f  E r %.3f  %.1f s  %s "
           "%.2f: %s\n",
           name, w->share, w->kl_best, w->kl, w->kl_opt, w->reward,
           (double)(clock_mono_ms() - begun) / 1e3, sound ? "at least" : "below", bound,
           good ? "ok" : "WRONG");
    fflush(stdout);
    tally_put(&tally, name, w->share, good);
    if (fabs(w->J_best - w->J - toy_run->price * w->kl_best) > 1e-4) {
        printf("J* - J is not beta KL: the enumeration is wrong\n");
        exit(1);
    }
    return good;
}

static bool run(const char *name, const struct toy_run *toy_run, double bound, bool sound)
{
    const int64_t begun = clock_mono_ms();
    struct toy_worth w;

    toy_run_run(&w, toy_run);
    return tell(name, toy_run, &w, begun, bound, sound);
}

/* ---- groups */

#define GRPO BASE "loss_type=dr_grpo;scale_rewards=none;beta=.5;"

/* `samples` answers to a prompt, four passes in four steps. */
static struct toy_run group_play(struct iteration_conf conf, int iterations)
{
    struct toy_run toy_run = {.toy = world,
                              .seed = seed,
                              .conf = settled(conf, 64),
                              .samples = conf.samples,
                              .iterations = iterations,
                              .price = .5};

    toy_run.conf.epochs = 4;
    toy_run.conf.mini_batches = 4;
    return toy_run;
}

static bool grpo(void)
{
    const struct toy_run toy_run = group_play(
        planned("grpo", 16 * ITERATIONS, GRPO "kl_in=reward;max_completion_length=5"),
        ITERATIONS);

    return run("grpo", &toy_run, .9, true);
}

/* In the loss each token pays for its own divergence and not, as in the reward, for what it
 * leads to: the end is near the best policy, not at it. */
static bool grpo_loss(void)
{
    const struct toy_run toy_run =
        group_play(planned("grpo", 16 * ITERATIONS, GRPO "kl_in=loss;max_completion_length=5"),
                   ITERATIONS);

    return run("grpo, KL in the loss", &toy_run, .8, true);
}

static bool rloo(void)
{
    const struct toy_run toy_run = group_play(
        planned("rloo", 16 * ITERATIONS, BASE "beta=.5;num_generations=4"), ITERATIONS);

    return run("rloo", &toy_run, .9, true);
}

static bool reinforce(void)
{
    const struct toy_run toy_run =
        group_play(planned("reinforce++", 32 * ITERATIONS, BASE "beta=.5"), 2 * ITERATIONS);

    return run("reinforce++", &toy_run, .9, true);
}

/* The mean that is taken off holds the answer's own score, so that scores count (n - 1) / n of
 * what they should beside the price of a nat: many to a prompt. */
static bool reinforce_baseline(void)
{
    const struct toy_run toy_run = group_play(planned("reinforce++", 32 * ITERATIONS,
                                                      BASE "beta=.5;baseline=true;"
                                                           "num_generations=16"),
                                              2 * ITERATIONS);

    return run("reinforce++ with baseline", &toy_run, .9, true);
}

static bool no_reference(void)
{
    struct toy_run toy_run = group_play(
        planned("grpo", 16 * ITERATIONS, GRPO "kl_in=reward;max_completion_length=5"),
        ITERATIONS);

    toy_run.no_reference = true;
    return run("grpo, no reference", &toy_run, .9, false);
}

/* ---- pairs */

static struct toy_run online_play(double price, int iterations)
{
    struct toy_run toy_run = {.toy = world,
                              .seed = seed,
                              .samples = 2,
                              .iterations = iterations,
                              .price = price,
                              .noise = true};

    toy_run.conf =
        settled(planned("online-dpo", iterations, BASE "beta=%g;num_generations=2", price), 32);
    return toy_run;
}

static bool online(void)
{
    struct toy_run toy_run = online_play(.5, 9 * ITERATIONS);

    return run("online DPO", &toy_run, .9, true);
}

/* Judges that err: an answer is the better one in half of its pairs whatever it is. */
static void (*assign_of)(const void *method, struct iteration_batch *batch, double beta);
static void swapped(const void *method, struct iteration_batch *batch, double beta)
{
    assign_of(method, batch, beta);
    for (size_t k = 0; k < batch->n_unit; k++) {
        const uint32_t first = batch->unit[2 * k];
        batch->unit[2 * k] = batch->unit[2 * k + 1];
        batch->unit[2 * k + 1] = first;
    }
}

static bool online_swapped(void)
{
    struct toy_run toy_run = online_play(.5, 2 * ITERATIONS);

    assign_of = toy_run.conf.assign;
    toy_run.conf.assign = swapped;
    return run("online DPO, pairs swapped", &toy_run, .5, false);
}

static bool online_means(void)
{
    const struct toy_run toy_run = online_play(.5, 2 * ITERATIONS);

    ((struct objective_dpo_conf *)(uintptr_t)toy_run.conf.loss)->term[0].kind =
        DPO_SIGMOID_NORM;
    return run("online DPO, means for sums", &toy_run, .75, false);
}

/* The same labels and updates on answers of the reference: where the best policy is far from it
 * (KL above 4 nats) those cover little of it. */
static bool online_against_offline(void)
{
    const int64_t begun = clock_mono_ms();
    struct toy_run toy_run = online_play(.2, 2 * ITERATIONS);
    struct toy_worth live, dead;

    toy_run_run(&live, &toy_run);
    toy_run.frozen = true;
    toy_run.conf.strict = false;
    toy_run_run(&dead, &toy_run);
    return tell("online DPO, beta .2", &toy_run, &live, begun, dead.share + .05, true) &&
           tell("offline DPO, beta .2", &toy_run, &dead, begun, live.share - .05, false);
}

/* ---- SPIN: demonstrations of pi*, which is some nats from the policy at first */

enum { SPINS = 4 };

static void data_of(double *out, double price, bool own)
{
    for (int p = 0; p < TOY_PROMPTS; p++) {
        const size_t at = (size_t)p * (size_t)world->n;
        double Z = 0;
        for (int i = 0; i < world->n; i++) {
            out[at + (size_t)i] = world->reference[at + (size_t)i] +
                                  (own ? 0 : world->reward[at + (size_t)i] / price);
            Z += exp(out[at + (size_t)i]);
        }
        for (int i = 0; i < world->n; i++)
            out[at + (size_t)i] -= log(Z);
    }
}

static void spin_run(double lambda, bool own, int epochs, double *divergence, double *loss)
{
    double *const data = malloc((size_t)world->n * TOY_PROMPTS * sizeof *data);
    struct toy_worth w;
    struct toy_run toy_run = {
        .toy = world,
        .seed = seed,
        .conf = settled(planned("spin", 128 * SPINS, BASE "learning_rate=5e-4;beta=%g", lambda),
                        256),
        .samples = 1,
        .answers = TOY_RUN_MOST,
        .iterations = SPINS,
        .price = .5,
        .data = data,
        .divergence = divergence,
        .loss = loss};

    data_of(data, .5, own);
    toy_run.conf.rates.schedule = SCHEDULE_CONSTANT;
    toy_run.conf.epochs = epochs;
    toy_run.conf.mini_batches = TOY_RUN_MOST / 256;
    toy_run_run(&w, &toy_run);
    free(data);
}

static bool spin(void)
{
    double d[SPINS + 1], wild[SPINS + 1];
    bool good = true;

    spin_run(1, false, 4, d, NULL);
    spin_run(.1, false, 4, wild, NULL);
    printf("spin, lambda 1  KL(data|pi)");
    for (int i = 0; i <= SPINS; i++) {
        printf(" %.3f", d[i]);
        good = good && (!i || d[i] < d[i - 1]);
    }
    printf("  lambda .1:");
    for (int i = 0; i <= SPINS; i++)
        printf(" %.3f", wild[i]);
    good = good && wild[SPINS] > d[SPINS] + .1;
    tally_put(&tally, "spin, KL(data|pi) at the end", d[SPINS], good);
    printf("  falls, and lower: %s\n", good ? "ok" : "WRONG");
    return good;
}

static bool spin_still(void)
{
    double d[SPINS + 1], loss[SPINS];
    bool good = true;

    spin_run(1, true, 1, d, loss);
    printf("spin at the data's own policy  KL(data|pi)");
    for (int i = 0; i <= SPINS; i++) {
        printf(" %.4f", d[i]);
        good = good && d[i] < .15;
    }
    printf("  loss");
    for (int i = 0; i < SPINS; i++) {
        printf(" %.4f", loss[i]);
        good = good && fabs(loss[i] - log(2)) < .05;
    }
    tally_put(&tally, "spin at the data, KL(data|pi)", d[SPINS], good);
    printf("  stays, ln 2: %s\n", good ? "ok" : "WRONG");
    return good;
}

/* ---- answers of older weights: any of the last five versions, at a rate at which that tells
 */

static bool stale(const char *name, int old, enum importance mode, bool interpolated,
                  bool vtrace, double bound, bool sound)
{
    struct toy_run toy_run = {.toy = world,
                              .seed = seed,
                              .samples = 1,
                              .iterations = ITERATIONS,
                              .price = .5,
                              .old = old};

    toy_run.conf = settled(planned("ppo", ITERATIONS,
                                   BASE "learning_rate=3e-3;critic_learning_rate=1e-3;"
                                        "critic_warmup=0;num_mini_batches=4;kl_coef=.5;"
                                        "advantage=%s",
                                   vtrace ? "vtrace" : "gae"),
                           64);
    toy_run.conf.strict = !old;
    toy_run.conf.stale =
        (struct importance_conf){.mode = mode, .high = 3, .interpolated = interpolated};
    return run(name, &toy_run, bound, sound);
}

static bool free_none(void)
{
    return stale("ppo, free 4, ratio to writer", 4, IMPORTANCE_NONE, false, false, .9, true);
}

static bool free_naive(void)
{
    return stale("ppo, free 4, uncorrected", 4, IMPORTANCE_PLAIN, false, false, .9, false);
}

static bool free_decoupled(void)
{
    return stale("ppo, free 4, decoupled", 4, IMPORTANCE_TOKEN_TRUNCATE, false, false, .9,
                 true);
}

static bool free_interpolated(void)
{
    return stale("ppo, free 4, interpolated", 4, IMPORTANCE_TOKEN_TRUNCATE, true, false, .9,
                 true);
}

static bool free_vtrace(void)
{
    return stale("ppo, free 4, V-trace", 4, IMPORTANCE_PLAIN, false, true, .9, true);
}

static const struct {
    const char *name;
    bool (*run)(void);
} cases[] = {
    {"grpo", grpo},
    {"grpo-loss", grpo_loss},
    {"rloo", rloo},
    {"reinforce", reinforce},
    {"reinforce-baseline", reinforce_baseline},
    {"no-reference", no_reference},
    {"online", online},
    {"online-swapped", online_swapped},
    {"online-means", online_means},
    {"online-offline", online_against_offline},
    {"spin", spin},
    {"spin-still", spin_still},
    {"free-none", free_none},
    {"free-naive", free_naive},
    {"free-decoupled", free_decoupled},
    {"free-interpolated", free_interpolated},
    {"free-vtrace", free_vtrace},
};

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

static bool known(const char *name)
{
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        if (!strcmp(name, cases[i].name))
            return true;
    fprintf(stderr, "exact_methods: no case '%s'\n", name);
    return false;
}

static int seeds(int n, int names, char **name)
{
    static const char *const pairs[][2] = {
        {"ppo, free 4, decoupled", "ppo, free 4, uncorrected"},
        {"ppo, free 4, V-trace", "ppo, free 4, uncorrected"},
        {"ppo, free 4, interpolated", "ppo, free 4, uncorrected"},
        {"online DPO, beta .2", "offline DPO, beta .2"}};
    int wrong;

    for (int i = 0; i < n; i++, seed++) {
        printf("seed %llu\n", (unsigned long long)seed);
        (void)toy_run_all(names, name);
    }
    wrong = tally_tell(&tally);
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
        tally_between(&tally, pairs[i][0], pairs[i][1]);
    return wrong;
}

int main(int argc, char **argv)
{
    const bool many = argc > 3 && !strcmp(argv[1], "seeds");
    const int from = many ? 4 : 1;
    const int n = many ? (int)strtol(argv[3], NULL, 10) : 1;
    bool good = n >= 1 && n <= TALLY_SEEDS;
    int wrong;

    for (int i = from; i < argc; i++)
        good = good && known(argv[i]);
    if (!good) {
        fprintf(stderr, "usage: exact_methods [seeds FIRST N] [CASE ...], up to %d seeds\n",
                TALLY_SEEDS);
        return 2;
    }
    omp_set_num_threads(1);
    seed = many ? strtoull(argv[2], NULL, 10) : 0;
    wrong = many ? seeds(n, argc - from, argv + from) : toy_run_all(argc - from, argv + from);
    printf("%s\n", wrong ? "FAILED" : "ok");
    return wrong != 0;
}
