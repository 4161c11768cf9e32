#include "stats/logit.h"
#include "tests/stats/agreement_golden.h"

static void it_is_statsmodels(void **state)
{
    double x[450], y[150];
    uint32_t cluster[150];
    struct logit got;

    (void)state;
    for (uint32_t i = 0; i < 150; i++) {
        x[3 * i] = 1;
        x[3 * i + 1] = (double)formula(i, 9) * 2;
        x[3 * i + 2] = (double)formula(i, 10);
        y[i] = (double)formula(i, 11) * 2 < .4 + x[3 * i + 1] - .5 * x[3 * i + 2];
        cluster[i] = i * 7 % 31;
    }
    assert_ok(logit_fit(&got, x, y, cluster, 150, 3));
    assert_int_equal(got.clusters, 31);
    for (int j = 0; j < 3; j++) {
        assert_near(got.b[j], logit_golden[j], 1e-8);
        assert_near(got.se[j], logit_golden[3 + j], 1e-8);
        assert_near(got.cluster_se[j], logit_golden[6 + j], 1e-8);
    }
    assert_near(got.loglik, logit_golden[9], 1e-9);
}

static void what_has_no_maximum_is_refused(void **state)
{
    const double x[] = {1, -2, 1, -1, 1, 1, 1, 2}, y[] = {0, 0, 1, 1};
    const double same[] = {1, 1, 1, 1, 1, 1, 1, 1}, other[] = {0, 1, 0, 1};
    struct logit got;

    (void)state;
    assert_int_equal(logit_fit(&got, x, y, NULL, 4, 2), ERR_RANGE); /* separated */
    assert_int_equal(logit_fit(&got, same, other, NULL, 4, 2),
                     ERR_RANGE); /* one column twice */
    assert_int_equal(logit_fit(&got, x, y, NULL, 4, 0), ERR_RANGE);
    assert_int_equal(logit_fit(&got, x, (double[]){0, 1, 2, 0}, NULL, 4, 2), ERR_RANGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_statsmodels),
        cmocka_unit_test(what_has_no_maximum_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
