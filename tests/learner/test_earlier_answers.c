/* Earlier answers: which are kept of which prompt, what goes with a task, and what bounds them. */
#include "learner/context/earlier_answers.h"

#include "base/mem.h"
#include "lm/gen/draft.h"
#include "proto/limit.h"
#include "tests/support/test.h"

#include <math.h>
#include <stdlib.h>

enum { ROWS = 5, EVAL = 2, BATCH = 5, ROUNDS = 3 };

/* Five prompts of training, three epochs of them, in the order of the file; two of evaluation. */
static struct tasks *plan_of(bool shuffle)
{
    struct tasks *tasks;

    assert_ok(tasks_new(&tasks, &(struct tasks_plan){.seed = 3,
                                                     .rows = ROWS,
                                                     .shuffle = shuffle,
                                                     .eval = EVAL,
                                                     .batch = BATCH,
                                                     .samples = 2,
                                                     .iterations = ROUNDS}));
    return tasks;
}

static void answer(struct earlier_answers *earlier, uint64_t task, uint32_t sample, uint32_t n,
                   int32_t first, float logprob)
{
    struct record_sample s = {.task = task, .sample = sample, .n_token = n};

    s.token = mem_new(n, sizeof *s.token);
    s.logprob = mem_new(n, sizeof *s.logprob);
    for (uint32_t i = 0; i < n; i++) {
        s.token[i] = first + (int32_t)i;
        s.logprob[i] = logprob;
    }
    earlier_answers_take(earlier, &s);
    free(s.token);
    free(s.logprob);
}

static void a_prompt_that_comes_again_brings_its_answers(void **state)
{
    struct tasks *tasks = plan_of(true);
    struct earlier_answers *earlier;
    struct earlier got;

    (void)state;
    earlier_answers_new(&earlier, tasks, 1 << 20);
    for (uint64_t task = EVAL; task < EVAL + ROWS; task++) {
        answer(earlier, task, 0, 3, (int32_t)(10 * task), logf(0.75f));
        answer(earlier, task, 1, 2, (int32_t)(10 * task) + 5, 0);
    }
    for (uint64_t task = EVAL; task < EVAL + ROUNDS * ROWS; task++) {
        const uint64_t row = tasks_at(tasks, task).row;
        uint64_t was = EVAL;

        while (tasks_at(tasks, was).row != row)
            was++;
        got = earlier_answers_of(earlier, task);
        if (task == was) { /* its own answers are not earlier ones */
            assert_int_equal(got.n_each, 0);
            continue;
        }
        assert_int_equal(got.n_each, 2);
        assert_int_equal(got.n_token, 5);
        assert_int_equal(got.each[0], 3);
        assert_int_equal(got.each[1], 2);
        assert_int_equal(got.token[0], 10 * was);
        assert_int_equal(got.token[2], 10 * was + 2);
        assert_int_equal(got.token[3], 10 * was + 5);
        assert_int_equal(got.share[0], 191);
        assert_int_equal(got.share[4], 255);
    }
    earlier_answers_free(earlier);
    tasks_free(tasks);
}

/* The evaluation after training asks what the one before asked; nobody asks after the last epoch. */
static void what_is_not_asked_again_is_not_kept(void **state)
{
    struct tasks *tasks = plan_of(false);
    const uint64_t last = EVAL + ROUNDS * ROWS;
    struct earlier_answers *earlier;

    (void)state;
    earlier_answers_new(&earlier, tasks, 25); /* five tokens in all */
    answer(earlier, last - 1, 0, 5, 1, 0);    /* would fill it */
    answer(earlier, last, 0, 5, 1, 0);
    answer(earlier, 0, 0, 5, 7, 0);
    assert_int_equal(earlier_answers_lost(earlier), 0);
    assert_int_equal(earlier_answers_of(earlier, last).token[0], 7);
    assert_int_equal(earlier_answers_of(earlier, last + 1).n_each, 0);
    assert_int_equal(earlier_answers_of(earlier, last - 1).n_each, 0);
    earlier_answers_free(earlier);
    tasks_free(tasks);
}

static void there_is_an_end_to_it(void **state)
{
    struct tasks *tasks = plan_of(false);
    struct earlier_answers *earlier;
    struct earlier got;

    (void)state;
    earlier_answers_new(&earlier, tasks, 1 << 20);
    for (uint32_t k = 0; k < 100; k++) /* the newest 16 */
        answer(earlier, EVAL, k, 1, (int32_t)k, -1);
    got = earlier_answers_of(earlier, EVAL + ROWS);
    assert_int_equal(got.n_each, 16);
    assert_int_equal(got.token[0], 84);
    assert_int_equal(got.token[15], 99);
    for (uint32_t k = 0; k < 3; k++) /* the newest that fit a message */
        answer(earlier, EVAL, k, MAX_EARLIER_TOKENS / 2 - 1, (int32_t)k, -1);
    got = earlier_answers_of(earlier, EVAL + ROWS);
    assert_int_equal(got.n_each, 2);
    assert_int_equal(got.token[0], 1);
    answer(earlier, EVAL, 9, MAX_EARLIER_TOKENS + 1, 0, -1); /* none that would never go */
    assert_int_equal(earlier_answers_of(earlier, EVAL + ROWS).n_each, 2);
    earlier_answers_free(earlier);
    /* who has none when it is full gets none; who has some changes them */
    earlier_answers_new(&earlier, tasks, 5 * 10);
    answer(earlier, EVAL, 0, 6, 1, 0);
    answer(earlier, EVAL + 1, 0, 4, 2, 0);
    answer(earlier, EVAL + 2, 0, 1, 3, 0);
    assert_int_equal(earlier_answers_lost(earlier), 1);
    assert_int_equal(earlier_answers_of(earlier, EVAL + ROWS + 2).n_each, 0);
    answer(earlier, EVAL, 1, 5, 4, 0);
    got = earlier_answers_of(earlier, EVAL + ROWS);
    assert_int_equal(got.n_each, 1);
    assert_int_equal(got.token[0], 4);
    assert_int_equal(earlier_answers_of(earlier, EVAL + ROWS + 1).n_each, 1);
    earlier_answers_free(earlier);
    tasks_free(tasks);
}

/* What goes out is what an actor takes. */
static void what_is_kept_can_be_guessed_by(void **state)
{
    struct tasks *tasks = plan_of(false);
    struct earlier_answers *earlier;
    struct earlier got;
    struct draft_answers answers;

    (void)state;
    earlier_answers_new(&earlier, tasks, 1 << 20);
    for (uint32_t k = 0; k < 40; k++)
        answer(earlier, EVAL + 1, k, 1 + k % 7, (int32_t)k, -0.1f);
    got = earlier_answers_of(earlier, EVAL + ROWS + 1);
    answers = (struct draft_answers){got.token, got.share, got.each, got.n_each, got.n_token};
    assert_null(draft_unfit(&answers, 100));
    assert_true(got.n_each <= MAX_EARLIER && got.n_token <= MAX_EARLIER_TOKENS);
    earlier_answers_free(earlier);
    tasks_free(tasks);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_prompt_that_comes_again_brings_its_answers),
        cmocka_unit_test(what_is_not_asked_again_is_not_kept),
        cmocka_unit_test(there_is_an_end_to_it),
        cmocka_unit_test(what_is_kept_can_be_guessed_by),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
