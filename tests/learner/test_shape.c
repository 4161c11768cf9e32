/* What is added to the scores of a group before they are compared, and where it is not lost. */
#include "learner/iteration/iteration_batch.h"
#include "tests/golden/group_parts.inc"
#include "tests/learner/planned.h"
#include "tests/support/test.h"

#include <math.h>
#include <string.h>

enum { N = 6, EACH = 3, LONG = 4 };

/* Six answers to two prompts, of one to four tokens. */
struct shape_world {
    int token[LONG + 1];
    float behaviour[LONG], reference[LONG];
    struct iteration_rollout answer[N];
    struct iteration_conf round;
    struct iteration_batch batch;
};
static const double scores[N] = {1, 3, 3, .5, -1, 0};
static const int lengths[N] = {2, 4, 1, 3, 4, 2};

#define GROUPS "num_generations=3;per_device_train_batch_size=3;kl_in=reward;"
#define TWO "rewards=[{name: a, model: q, weight: .5}];"
#define EACH_REWARD "multi_objective_aggregation=normalize_then_sum;"

static void prepare(struct shape_world *w, struct iteration_conf round)
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
                                                  .n_prompt = 1,
                                                  .token = w->token,
                                                  .n_token = lengths[i],
                                                  .behaviour = w->behaviour,
                                                  .reference = w->reference,
                                                  .score = scores[i],
                                                  .ended = true};
    w->round = round;
}

static void assign(struct shape_world *w)
{
    assert_ok(iteration_batch_init(&w->batch, &w->round, w->answer, N, 0));
    w->round.assign(w->round.method, &w->batch, w->round.kl_coef);
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
        struct shape_world w;
        prepare(&w,
                planned("grpo", 1,
                        GROUPS TWO EACH_REWARD "max_completion_length=%d;soft_punish_cache=%d;"
                                               "missing_eos_penalty=%g",
                        parts_golden[k].most ? parts_golden[k].most : 8, parts_golden[k].cache,
                        parts_golden[k].penalty));
        for (int i = 0; i < N; i++) {
            own[i][0] = part[0][i];
            own[i][1] = part[1][i];
            w.answer[i].part = own[i];
            w.answer[i].score = part[0][i] + .5 * part[1][i];
            w.answer[i].ended = i != 1 && i != 5;
        }
        assign(&w);
        for (int i = 0; i < N; i++)
            near(parts_golden[k].want[i], w.batch.advantage[w.batch.at[i]]);
        iteration_batch_fini(&w.batch);
    }
}

/* Half a nat of k1 a token, less the group's mean, before everything is scaled. */
static void the_price_of_distance_stays_in_nats(void **state)
{
    struct shape_world w;
    double s[N], mean = 0, var = 0;
    (void)state;

    /* the price alone */
    prepare(&w, planned("grpo", 1, GROUPS EACH_REWARD "beta=.2;reward_weights=[0]"));
    for (int i = 0; i < N; i++)
        w.answer[i].part = scores + i;
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
    struct shape_world w;
    (void)state;

    for (int cache = 0; cache <= 3; cache += 3) {
        prepare(&w, planned("grpo", 1, GROUPS "max_completion_length=4;soft_punish_cache=%d",
                            cache));
        for (int i = 0; i < N; i++) {
            w.answer[i].score = 1;
            w.answer[i].ended = true;
        }
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
