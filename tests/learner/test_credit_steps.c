/* Rewards of steps in the methods that compare answers: against tests/golden/step_advantage.py,
 * against numbers by hand, and nothing where there are none. */
#include "learner/iteration/iteration_batch.h"
#include "learner/objective/advantage_steps.h"
#include "tests/golden/step_advantage.inc"
#include "tests/learner/planned.h"
#include "tests/support/test.h"

#include <math.h>
#include <string.h>

enum { N = STEP_ANSWERS, MOST = STEP_LONGEST };

struct steps_world {
    int token[MOST + 1];
    float zero[MOST];
    float dense[N][MOST];
    struct iteration_rollout answer[N];
    struct iteration_conf round;
    struct iteration_batch batch;
};

/* A process reward model of this weight beside a reward of weight 1: the share of its steps. */
#define STEPS "rewards=[{name: prm, model: p, steps: dense, weight: %.17g}];"

static void prepare(struct steps_world *w, struct iteration_conf round)
{
    memset(w, 0, sizeof *w);
    w->round = round;
}

static void put(struct steps_world *w, size_t i, int n, double score, const float *dense)
{
    for (int t = 0; t < n; t++)
        w->dense[i][t] = dense[t] < NO_STEP ? dense[t] : NAN;
    w->answer[i] =
        (struct iteration_rollout){.task = i / (size_t)w->round.samples,
                                   .sample = (uint32_t)(i % (size_t)w->round.samples),
                                   .prompt = w->token,
                                   .n_prompt = 1,
                                   .token = w->token,
                                   .n_token = n,
                                   .behaviour = w->zero,
                                   .score = score,
                                   .dense = w->dense[i],
                                   .ended = true};
}

static void assign(struct steps_world *w, size_t n)
{
    assert_ok(iteration_batch_init(&w->batch, &w->round, w->answer, n, 0));
    w->round.assign(w->round.method, &w->batch, w->round.kl_coef);
}

static struct iteration_conf case_of(int c)
{
    static const char *const scales[] = {"group", "batch", "none"};

    if (step_case[c].reinforce)
        return planned("reinforce++", 1, STEPS "num_generations=4;gamma=%g;beta=%g;baseline=%s",
                       step_case[c].share, step_case[c].gamma, step_case[c].beta,
                       step_case[c].baseline ? "true" : "false");
    return planned("grpo", 1, STEPS "num_generations=4;kl_in=reward;scale_rewards=%s;beta=%g",
                   step_case[c].share, scales[step_case[c].scale], step_case[c].beta);
}

static void advantages_are_those_of_the_papers(void **state)
{
    (void)state;
    for (int c = 0; c < STEP_CASES; c++) {
        struct steps_world w;
        prepare(&w, case_of(c));
        for (size_t i = 0; i < N; i++) {
            put(&w, i, step_answer[i].n, step_answer[i].score, step_answer[i].dense);
            w.answer[i].behaviour = step_answer[i].behaviour;
            w.answer[i].reference = step_answer[i].reference;
            w.answer[i].mask = step_answer[i].mask;
        }
        assign(&w, N);
        for (int t = 0; t < STEP_TOKENS; t++)
            if (!(fabs((double)w.batch.advantage[t] - step_case[c].advantage[t]) < 1e-5))
                fail_msg("case %d token %d: %.7f, not %.7f", c, t, (double)w.batch.advantage[t],
                         step_case[c].advantage[t]);
        iteration_batch_fini(&w.batch);
    }
}

#define TWOS "num_generations=2;kl_in=reward"

/* Two answers to a prompt, three steps in all: 1 and 0 of the first, .5 of the second; their
 * mean is .5, their deviation .5. Outcomes 0 and 2: mean 1, deviation sqrt(2). */
static void two_answers_by_hand(void **state)
{
    const float first[] = {NO_STEP, 1, NO_STEP, 0, NO_STEP}, second[] = {NO_STEP, .5f, NO_STEP};
    const double one = .5 / (.5 + 1e-4), end = 1 / (sqrt(2) + 1e-4);
    /* one step that is as much better as the other is worse: until the first has ended they
     * cancel, then only the worse one is to come, then the outcome alone */
    const double want[] = {-end, -end, -one - end, -one - end, -end, end, end, end};
    struct steps_world w;
    (void)state;

    prepare(&w, planned("grpo", 1, STEPS TWOS, 1.));
    put(&w, 0, 5, 1, first);
    put(&w, 1, 3, 2.5, second);
    assign(&w, 2);
    for (int t = 0; t < 8; t++)
        assert_true(fabs((double)w.batch.advantage[t] - want[t]) < 1e-6);
    iteration_batch_fini(&w.batch);
    /* a third of the weight */
    w.round = planned("grpo", 1, STEPS TWOS, 1. / 3);
    assign(&w, 2);
    assert_true(fabs((double)w.batch.advantage[2] - (-one / 3 - end)) < 1e-6);
    iteration_batch_fini(&w.batch);
}

/* Process supervision alone: what is left of the scores is 0 but for rounding. */
static void steps_alone_are_all_there_is(void **state)
{
    const float a[] = {.9f, .2f}, b[] = {.7f, NO_STEP};
    const double m = (.9 + .2 + .7) / 3, s = sqrt((.09 + .16 + .01) / 2) + 1e-4;
    struct steps_world w;
    (void)state;

    prepare(&w, planned("grpo", 1, STEPS TWOS, 1.));
    put(&w, 0, 2, .9 + .2, a);
    put(&w, 1, 2, .7, b);
    assign(&w, 2);
    assert_true(fabs((double)w.batch.advantage[0] - (1.1 - 2 * m) / s) < 1e-3);
    assert_true(fabs((double)w.batch.advantage[1] - (.2 - m) / s) < 1e-3);
    assert_true(fabs((double)w.batch.advantage[2] - (.7 - m) / s) < 1e-3);
    assert_true(fabs((double)w.batch.advantage[3]) < 1e-3);
    iteration_batch_fini(&w.batch);
}

/* Answers without a step among those that have some, and none at all: the bits of before. */
static void without_steps_nothing_changes(void **state)
{
    const float none[] = {NO_STEP, NO_STEP};
    static const char *const kinds[] = {"grpo", "reinforce++", "raft"};
    (void)state;

    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        float advantage[2][8];
        for (int with = 0; with < 2; with++) {
            struct steps_world w;
            prepare(&w, planned(kinds[k], 1, "num_generations=2;kl_in=reward"));
            for (size_t i = 0; i < 4; i++) {
                put(&w, i, 2, .1 * (double)(i * i), none);
                if (!with)
                    w.answer[i].dense = NULL;
            }
            assign(&w, 4);
            memcpy(advantage[with], w.batch.advantage, sizeof advantage[with]);
            iteration_batch_fini(&w.batch);
        }
        assert_memory_equal(advantage[0], advantage[1], sizeof advantage[0]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(advantages_are_those_of_the_papers),
        cmocka_unit_test(two_answers_by_hand),
        cmocka_unit_test(steps_alone_are_all_there_is),
        cmocka_unit_test(without_steps_nothing_changes),
    };

    return cmocka_run_group_tests_name("credit_steps", tests, NULL, NULL);
}
