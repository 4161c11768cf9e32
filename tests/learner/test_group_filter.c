/* Which tasks of an iteration are trained when some teach nothing. */
#include "learner/journal/group_filter.h"
#include "tests/support/test.h"

static void chosen(const char *want, const uint8_t *flat, uint64_t tasks, uint64_t batch)
{
    uint64_t pick[8];
    char is[9] = "........";

    group_filter_choose(pick, flat, tasks, batch);
    is[tasks] = 0;
    for (uint64_t i = 0; i < batch; i++) {
        assert_true(pick[i] < tasks && (!i || pick[i] > pick[i - 1]));
        is[pick[i]] = 'x';
    }
    assert_string_equal(want, is);
}

static void what_teaches_comes_first(void **state)
{
    const uint8_t none[6] = {0}, two[] = {0, 1, 0, 1, 0, 0}, most[] = {1, 1, 0, 1, 1, 1},
                  all[] = {1, 1, 1, 1, 1, 1};
    (void)state;

    chosen("xxxx", NULL, 4, 4);
    chosen("xxxx", none, 4, 4);
    chosen("x.x.xx", two, 6, 4);
    chosen("xxx.xx", two, 6, 5);
    chosen("xxxx..", most, 6, 4); /* the first of the others fill up */
    chosen("x.x...", most, 6, 2);
    chosen("xxx...", all, 6, 3);
}

static void a_step_names_both(void **state)
{
    const uint8_t flat[] = {0, 1, 0};
    struct record_step step, other;
    (void)state;

    group_filter_step(&step, 4, 10, flat, 3, 2, 2);
    assert_true(step.iteration == 4 && step.n_sample == 4 && step.n_drop == 2);
    assert_true(step.sample[1].task == 10 && step.sample[1].sample == 1);
    assert_true(step.sample[2].task == 12 && step.sample[2].sample == 0);
    assert_true(step.drop[1].task == 11 && step.drop[1].sample == 1);
    assert_int_equal(step.drop[0].reason, DROP_FLAT);
    group_filter_step(&other, 4, 10, NULL, 2, 2, 2);
    assert_true(group_filter_same(&step, &step) && !group_filter_same(&step, &other));
    record_fini(JOURNAL_STEP, &step);
    record_fini(JOURNAL_STEP, &other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_teaches_comes_first),
        cmocka_unit_test(a_step_names_both),
    };

    return cmocka_run_group_tests_name("picks", tests, NULL, NULL);
}
