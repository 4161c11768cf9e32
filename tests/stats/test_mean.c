#include "base/rng.h"
#include "stats/mean.h"
#include "tests/stats/golden.h"

static void intervals_are_numpys(void **state)
{
    const struct bootstrap_conf conf = {.resamples = 200000, .seed = 3};
    double z[30];
    uint32_t owner[30];
    struct bootstrap got;

    (void)state;
    for (uint32_t i = 0; i < 30; i++) {
        z[i] = exp(1.2 * (double)formula(i, 7));
        owner[i] = i % 10;
    }
    assert_ok(mean_run(&got, z, NULL, 30, &conf));
    assert_near(got.estimate, mean_alone[0], 1e-12);
    assert_near(got.se, mean_alone[3], 1e-12);
    assert_near(got.low, mean_alone[1], 0.03 * got.se);
    assert_near(got.high, mean_alone[2], 0.03 * got.se);
    assert_ok(mean_run(&got, z, owner, 30, &conf));
    assert_near(got.estimate, mean_together[0], 1e-12);
    assert_near(got.se, mean_together[3], 1e-12);
    assert_near(got.low, mean_together[1], 0.03 * got.se);
    assert_near(got.high, mean_together[2], 0.05 * got.se);
}

static void skewed_means_are_covered(void **state)
{
    enum { TRIALS = 400, N = 20 };
    int covered = 0;

    (void)state;
    for (uint32_t t = 0; t < TRIALS; t++) {
        const struct bootstrap_conf conf = {.resamples = 400, .seed = t};
        double value[N];
        struct bootstrap got;
        for (uint32_t i = 0; i < N; i++)
            value[i] = exp(rng_normal(9, RNG_TEST, t, i, 1));
        assert_ok(mean_run(&got, value, NULL, N, &conf));
        covered += got.low <= exp(.5) && exp(.5) <= got.high;
    }
    assert_true(covered >= TRIALS * 90 / 100); /* BCa: 88 % */
}

/* Most draws have no spread: Student's t, and nothing infinite. */
static void draws_that_say_nothing_are_stood_in_for(void **state)
{
    const double odd[] = {0, 0, 0, 0, 0, 0, 0, 8}, same[] = {2, 2, 2};
    struct bootstrap got;

    (void)state;
    assert_ok(mean_run(&got, odd, NULL, 8, &(struct bootstrap_conf){.seed = 1}));
    assert_near(got.high, 1 + 2.3646242515927849 * got.se, 1e-6);
    assert_true(isfinite(got.low));
    assert_ok(mean_run(&got, same, NULL, 3, &(struct bootstrap_conf){.seed = 1}));
    assert_true(got.low == 2 && got.high == 2);
    assert_ok(mean_run(&got, odd, NULL, 1, &(struct bootstrap_conf){.seed = 1}));
    assert_true(got.low == 0 && got.high == 0);
}

static void what_is_no_number_is_refused(void **state)
{
    const double not [] = {0, INFINITY};
    const uint32_t far[] = {0, 2};
    struct bootstrap got;

    (void)state;
    assert_err(ERR_RANGE, mean_run(&got, not, NULL, 0, &(struct bootstrap_conf){0}));
    assert_err(ERR_RANGE, mean_run(&got, not, NULL, 2, &(struct bootstrap_conf){0}));
    assert_err(ERR_RANGE, mean_run(&got, not, far, 2, &(struct bootstrap_conf){0}));
    assert_err(ERR_RANGE, mean_run(&got, not, NULL, 1, &(struct bootstrap_conf){.level = 1}));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(intervals_are_numpys), cmocka_unit_test(skewed_means_are_covered),
        cmocka_unit_test(draws_that_say_nothing_are_stood_in_for),
        cmocka_unit_test(what_is_no_number_is_refused)};
    return cmocka_run_group_tests_name("mean", tests, NULL, NULL);
}
