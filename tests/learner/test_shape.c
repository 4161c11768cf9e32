/* What is added to the scores of a group before they are compared, and where it is not lost. */
#include "learner/iteration/iteration_batch.h"
#include "learner/methods/group.h"
#include "tests/golden/group_parts.inc"
#include "tests/support/test.h"

#include <math.h>
#include <string.h>

enum { N = 6, EACH = 3, LONG = 4 };

/* Six answers to two prompts, of one to four tokens. */
struct world {
    int token[LONG + 1];
    float behaviour[LONG], reference[LONG];
    struct iteration_rollout answer[N];
    struct iteration_conf round;
    struct group_conf conf;
    struct iteration_batch batch;
};
static const double scores[N] = {1, 3, 3, .5, -1, 0};
static const int lengths[N] = {2, 4, 1, 3, 4, 2};

static void prepare(struct world *w, double beta)
{
    memset(w, 0, sizeof *w);
    for (int t = 0; t < LONG; t++) {
        w->behaviour[t] = (float)(-1 - t);
        w->reference[t] = (float)(-1.5 - t);
    }
    for (int i = 0; i < N; i++)
        w->answer[i] = (struct iteration_rollout){.task = (uint64_t)(i / EACH),
                                                  .sample = (uint32_t)(i % EACH),
                                                  .prompt = w->token,
                                                  .prompts = 1,
                                                  .token = w->token,
                                                  .tokens = lengths[i],
                                                  .behaviour = w->behaviour,
                                                  .reference = w->reference,
                                                  .score = scores[i],
                                                  .ended = true};
    w->conf = (struct group_conf){.kind = GROUP_GRPO, .beta = beta, .kl_in_reward = true};
    w->round = iteration_conf_defaults(1);
    w->round.samples = EACH;
}

static void assign(struct world *w)
{
    group_round(&w->round, &w->conf);
    assert_ok(iteration_batch_init(&w->batch, &w->round, w->answer, N));
    w->round.assign(w->round.method, &w->batch, w->conf.beta);
}

static void near(double want, float is)
{
    if (!(fabs(want - (double)is) < 1e-5))
        fail_msg("%.7f, not %.7f", (double)is, want);
}

/* What shapes a score belongs to every road to an advantage. */
static void rewards_that_are_scaled_alone_are_shaped_too(void **state)
{
    static const double part[2][N] = {{1, 3, 3, .5, -1, 0}, {.2, .2, .9, .1, .7, .7}};
    (void)state;

    for (size_t k = 0; k < sizeof parts_golden / sizeof *parts_golden; k++) {
        double own[N][2];
        struct world w;
        prepare(&w, 0);
        for (int i = 0; i < N; i++) {
            own[i][0] = part[0][i];
            own[i][1] = part[1][i];
            w.answer[i].part = own[i];
            w.answer[i].score = part[0][i] + .5 * part[1][i];
            w.answer[i].ended = i != 1 && i != 5;
        }
        w.conf.each_reward = true;
        w.conf.weight[0] = 1;
        w.conf.weight[1] = .5;
        w.conf.soft_max = parts_golden[k].most;
        w.conf.soft_cache = parts_golden[k].cache;
        w.round.parts = 2;
        w.round.missing_eos_penalty = parts_golden[k].penalty;
        assign(&w);
        for (int i = 0; i < N; i++)
            near(parts_golden[k].want[i], w.batch.advantage[w.batch.at[i]]);
        iteration_batch_fini(&w.batch);
    }
}

/* Half a nat of k1 a token, less the group's mean, before everything is scaled. */
static void the_price_of_distance_stays_in_nats(void **state)
{
    struct world w;
    double s[N], mean = 0, var = 0;
    (void)state;

    prepare(&w, .2);
    for (int i = 0; i < N; i++)
        w.answer[i].part = scores + i;
    w.conf.each_reward = true;
    w.conf.weight[0] = 0; /* the price alone */
    w.round.parts = 1;
    assign(&w);
    for (int i = 0; i < N; i++) {
        const int *const n = lengths + i / EACH * EACH;
        s[i] = -.2 * .5 * (lengths[i] - (n[0] + n[1] + n[2]) / 3.);
        mean += s[i] / N;
    }
    for (int i = 0; i < N; i++)
        var += (s[i] - mean) * (s[i] - mean) / (N - 1);
    for (int i = 0; i < N; i++)
        near((s[i] - mean) / (sqrt(var) + 1e-4), w.batch.advantage[w.batch.at[i]]);
    iteration_batch_fini(&w.batch);
}

/* A group whose answers differ only in how their length is punished has something to say. */
static void groups_are_flat_after_their_shape(void **state)
{
    struct world w;
    (void)state;

    for (int cache = 0; cache <= 3; cache += 3) {
        prepare(&w, 0);
        for (int i = 0; i < N; i++) {
            w.answer[i].score = 1;
            w.answer[i].ended = true;
        }
        w.conf.soft_max = 4;
        w.conf.soft_cache = cache;
        assign(&w);
        assert_int_equal(w.batch.flat, cache ? 0 : 2);
        iteration_batch_fini(&w.batch);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rewards_that_are_scaled_alone_are_shaped_too),
        cmocka_unit_test(the_price_of_distance_stays_in_nats),
        cmocka_unit_test(groups_are_flat_after_their_shape),
    };
    return cmocka_run_group_tests_name("shape", tests, NULL, NULL);
}
