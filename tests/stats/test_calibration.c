#include "stats/calibration.h"
#include "tests/stats/golden.h"

static void all_figures_follow_their_definitions(void **state)
{
    double p[200], truth[200];
    struct calibration c;
    size_t n = 0;

    (void)state;
    for (uint32_t i = 0; i < 200; i++) {
        p[i] = ((double)formula(i, 5) + 1) / 2;
        truth[i] = ((double)formula(i, 6) + 1) / 2 < pow(p[i], 1.5);
        if (i % 17 == 0)
            truth[i] = 0.5;
    }
    assert_ok(calibration_run(&c, p, truth, 200, 10));
    assert_near(c.ece, calibration_golden[0], 1e-12);
    assert_near(c.mce, calibration_golden[1], 1e-12);
    assert_near(c.brier, calibration_golden[2], 1e-12);
    assert_near(c.log_loss, calibration_golden[3], 1e-12);
    assert_near(c.accuracy, calibration_golden[4], 1e-12);
    for (int b = 0; b < c.bins; b++) {
        n += c.bin[b].n;
        assert_true(!c.bin[b].n ||
                    (c.bin[b].mean >= c.bin[b].from && c.bin[b].mean < c.bin[b].to));
        assert_true(!c.bin[b].n ||
                    (c.bin[b].low <= c.bin[b].share && c.bin[b].share <= c.bin[b].high));
    }
    assert_int_equal(n, 200);
}

static void the_ends_belong_to_bins_and_stay_finite(void **state)
{
    const double p[] = {0, 1, 1, 0.5}, truth[] = {0, 1, 0, 1};
    struct calibration c;

    (void)state;
    assert_ok(calibration_run(&c, p, truth, 4, 10));
    assert_int_equal(c.bin[0].n, 1);
    assert_int_equal(c.bin[9].n, 2);
    assert_int_equal(c.bin[5].n, 1);
    assert_true(isnan(c.bin[3].share));
    assert_near(c.accuracy, 2.5 / 4, 1e-15);
    assert_near(c.log_loss, (15 * log(10) + log(2)) / 4, 1e-3);
}

static void what_is_no_probability_is_refused(void **state)
{
    const double good[] = {0.5}, bad[] = {1.5}, nan_[] = {NAN};
    struct calibration c;

    (void)state;
    assert_err(ERR_RANGE, calibration_run(&c, bad, good, 1, 10));
    assert_err(ERR_RANGE, calibration_run(&c, good, nan_, 1, 10));
    assert_err(ERR_RANGE, calibration_run(&c, good, good, 0, 10));
    assert_err(ERR_RANGE, calibration_run(&c, good, good, 1, 101));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_figures_follow_their_definitions),
        cmocka_unit_test(the_ends_belong_to_bins_and_stay_finite),
        cmocka_unit_test(what_is_no_probability_is_refused)};
    return cmocka_run_group_tests_name("calibration", tests, NULL, NULL);
}
