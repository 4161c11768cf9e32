#include "stats/roc.h"
#include "tests/stats/golden.h"

static void area_and_error_follow_their_definitions(void **state)
{
    double score[60];
    bool positive[60];
    struct roc roc;

    (void)state;
    for (uint32_t i = 0; i < 60; i++) {
        score[i] = (double)rintf(10 * formula(i, 3));
        positive[i] = (double)formula(i, 4) + 0.08 * score[i] > 0.1;
    }
    assert_ok(roc_run(&roc, score, positive, 60));
    assert_near((double)roc.positives, roc_golden[0], 0);
    assert_near((double)roc.negatives, roc_golden[1], 0);
    assert_near(roc.auroc, roc_golden[2], 1e-12);
    assert_near(roc.se, roc_golden[3], 1e-12);
    assert_near(roc.low, roc_golden[4], 1e-9);
    assert_near(roc.high, roc_golden[5], 1e-9);
}

static void a_score_without_a_difference_is_one_half(void **state)
{
    const double score[] = {2, 2, 2, 2}, apart[] = {0, 1, 2, 3};
    const bool positive[] = {true, false, false, true}, split[] = {false, false, true, true};
    struct roc roc;

    (void)state;
    assert_ok(roc_run(&roc, score, positive, 4));
    assert_near(roc.auroc, 0.5, 0);
    assert_ok(roc_run(&roc, apart, split, 4));
    assert_near(roc.auroc, 1, 0);
    assert_near(roc.high, 1, 0);
    assert_near(roc.low, .3423802, 1e-6); /* two of two */
}

static void one_class_alone_is_refused(void **state)
{
    const double score[] = {1, NAN};
    const bool positive[] = {true, true}, both[] = {true, false};
    struct roc roc;

    (void)state;
    assert_err(ERR_RANGE, roc_run(&roc, score, positive, 1));
    assert_err(ERR_RANGE, roc_run(&roc, score, both, 2));
    assert_err(ERR_RANGE, roc_run(&roc, score, both, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(area_and_error_follow_their_definitions),
        cmocka_unit_test(a_score_without_a_difference_is_one_half),
        cmocka_unit_test(one_class_alone_is_refused)};
    return cmocka_run_group_tests_name("roc", tests, NULL, NULL);
}
