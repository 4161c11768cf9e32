#include "learner/journal/tasks.h"

#include "tests/support/test.h"

#include <string.h>

static const struct tasks_plan plan = {.seed = 7,
                                       .rows = 10,
                                       .shuffle = true,
                                       .eval = 3,
                                       .batch = 4,
                                       .samples = 1,
                                       .iterations = 6,
                                       .lag = 1};

static struct tasks *make(const struct tasks_plan *from)
{
    struct tasks *tasks;

    assert_ok(tasks_new(&tasks, from));
    return tasks;
}

static void ids_mean_the_same_in_any_order(void **state)
{
    struct tasks *up = make(&plan), *down = make(&plan);
    const uint64_t n = tasks_total(up);
    struct tasks_place at[64];
    (void)state;

    assert_int_equal(n, 3 + 4 * 6 + 3);
    for (uint64_t id = 0; id < n; id++)
        at[id] = tasks_at(up, id);
    for (uint64_t id = n; id-- > 0;) {
        const struct tasks_place other = tasks_at(down, id);
        assert_int_equal(other.kind, at[id].kind);
        assert_int_equal(other.row, at[id].row);
        assert_int_equal(other.version, at[id].version);
    }
    tasks_free(up);
    tasks_free(down);
}

/* Each epoch walks every prompt once; epochs differ. */
static void epochs_are_permutations(void **state)
{
    struct tasks *tasks = make(&plan);
    uint64_t first[10];
    int same = 0;
    (void)state;

    for (uint64_t epoch = 0; epoch < 2; epoch++) {
        int seen[10] = {0};
        for (uint64_t i = 0; i < 10; i++) {
            const uint64_t row = tasks_at(tasks, 3 + epoch * 10 + i).row;
            assert_in_range(row, 0, 9);
            seen[row]++;
            same += epoch && first[i] == row;
            first[i] = row;
        }
        for (int i = 0; i < 10; i++)
            assert_int_equal(seen[i], 1);
    }
    assert_true(same < 10);
    tasks_free(tasks);
}

static void evaluations_ask_the_same_before_and_after(void **state)
{
    struct tasks *tasks = make(&plan);
    (void)state;

    for (uint64_t i = 0; i < 3; i++) {
        const struct tasks_place before = tasks_at(tasks, i), after = tasks_at(tasks, 27 + i);
        assert_int_equal(before.kind, TASKS_BEFORE);
        assert_int_equal(after.kind, TASKS_AFTER);
        assert_int_equal(before.row, i);
        assert_int_equal(after.row, i);
        assert_int_equal(before.version, 0);
        assert_int_equal(after.version, 6);
    }
    tasks_free(tasks);
}

/* open iff id < eval + (V + lag + 1) batch; and no open task may want a
 * version that is not there yet. */
static void the_window_opens_what_has_weights(void **state)
{
    (void)state;

    for (uint64_t lag = 0; lag < 4; lag++) {
        struct tasks_plan p = plan;
        struct tasks *tasks;
        p.lag = lag;
        tasks = make(&p);
        for (uint64_t v = 0; v <= p.iterations; v++) {
            const uint64_t end = tasks_window(tasks, v, 0);
            uint64_t want = 3 + (v + lag + 1) * 4;
            if (want > 27)
                want = 27;
            if (v == p.iterations)
                want = 30;
            assert_int_equal(end, want);
            for (uint64_t id = 0; id < end; id++)
                assert_true(tasks_at(tasks, id).version <= v);
            if (end < 27) /* and what is closed has none yet, or would run too far ahead */
                assert_true(tasks_at(tasks, end).version == v + 1);
        }
        tasks_free(tasks);
    }
}

static void batches_want_one_version(void **state)
{
    struct tasks *tasks = make(&plan);
    (void)state;

    for (uint64_t t = 0; t < plan.iterations; t++)
        for (uint64_t i = 0; i < plan.batch; i++) {
            const struct tasks_place at = tasks_at(tasks, tasks_first(tasks, t) + i);
            assert_int_equal(at.kind, TASKS_TRAIN);
            assert_int_equal(at.iteration, t);
            assert_int_equal(at.version, t > 1 ? t - 1 : 0);
            assert_int_equal(tasks_oldest(tasks, tasks_first(tasks, t) + i), at.version);
        }
    assert_int_equal(tasks_oldest(tasks, tasks_total(tasks)), plan.iterations);
    tasks_free(tasks);
}

static void impossible_plans_are_refused(void **state)
{
    struct tasks_plan p = plan;
    struct tasks *tasks;
    (void)state;

    p.rows = 0;
    assert_err(ERR_RANGE, tasks_new(&tasks, &p));
    p = plan;
    p.batch = 0;
    assert_err(ERR_RANGE, tasks_new(&tasks, &p));
    p = plan;
    p.iterations = UINT64_MAX;
    assert_err(ERR_RANGE, tasks_new(&tasks, &p));
}

static void without_shuffle_the_file_decides(void **state)
{
    struct tasks_plan p = plan;
    struct tasks *tasks;
    (void)state;

    p.shuffle = false;
    tasks = make(&p);
    for (uint64_t i = 0; i < 24; i++)
        assert_int_equal(tasks_at(tasks, 3 + i).row, i % 10);
    tasks_free(tasks);
}

/* What follows moves up, what is there stays where it is. */
static void an_iteration_may_be_extended(void **state)
{
    struct tasks_plan p = plan;
    struct tasks *tasks;
    uint64_t index[64];
    (void)state;

    p.lag = 0;
    p.shuffle = false;
    p.samples = 2;
    p.most = 2;
    tasks = make(&p);
    for (uint64_t id = 0; id < 3 + 8; id++)
        index[id] = tasks_index(tasks, id, 0);
    assert_int_equal(tasks_window(tasks, 1, 0), 3 + 8);
    assert_true(tasks_extend(tasks, 1) && tasks_extend(tasks, 1));
    assert_false(tasks_extend(tasks, 1));
    assert_int_equal(tasks_total(tasks), 3 + 4 * 6 + 2 + 3);
    assert_int_equal(tasks_first(tasks, 1), 3 + 4);
    assert_int_equal(tasks_first(tasks, 2), 3 + 10);
    assert_int_equal(tasks_first(tasks, 6), 3 + 26);
    assert_int_equal(tasks_window(tasks, 1, 0), 3 + 10);
    assert_int_equal(tasks_window(tasks, 2, 0), 3 + 14);
    assert_int_equal(tasks_at(tasks, 3 + 9).iteration, 1);
    assert_int_equal(tasks_at(tasks, 3 + 9).row, 9);
    assert_int_equal(tasks_at(tasks, 3 + 10).iteration, 2);
    assert_int_equal(tasks_at(tasks, 3 + 10).row, 0);
    assert_int_equal(tasks_at(tasks, 3 + 26).kind, TASKS_AFTER);
    assert_int_equal(tasks_at(tasks, 3 + 25).iteration, 5);
    assert_true(tasks_samples(tasks, 3 + 25) == 2 && tasks_samples(tasks, 3 + 26) == 1);
    for (uint64_t id = 0; id < 3 + 8; id++)
        assert_int_equal(tasks_index(tasks, id, 0), index[id]);
    for (uint64_t id = 0; id < tasks_total(tasks); id++)
        assert_true(tasks_index(tasks, id, 0) < tasks_room(tasks));
    assert_int_equal(tasks_index(tasks, 3 + 26, 0), 3);
    tasks_free(tasks);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ids_mean_the_same_in_any_order),
        cmocka_unit_test(epochs_are_permutations),
        cmocka_unit_test(evaluations_ask_the_same_before_and_after),
        cmocka_unit_test(the_window_opens_what_has_weights),
        cmocka_unit_test(batches_want_one_version),
        cmocka_unit_test(impossible_plans_are_refused),
        cmocka_unit_test(without_shuffle_the_file_decides),
        cmocka_unit_test(an_iteration_may_be_extended),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
