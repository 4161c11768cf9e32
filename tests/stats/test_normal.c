#include "stats/normal.h"
#include "tests/stats/golden.h"

static void quantiles_are_scipys(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(normal_p); i++) {
        assert_near(normal_quantile(normal_p[i]), normal_x[i], 1e-10);
        assert_near(normal_cdf(normal_x[i]), normal_p[i], 1e-13);
    }
    assert_true(isinf(normal_quantile(0)) && normal_quantile(0) < 0);
    assert_true(isinf(normal_quantile(1)) && normal_quantile(1) > 0);
    assert_true(isnan(normal_quantile(-0.1)) && isnan(normal_quantile(NAN)));
}

static void shares_have_wilsons_interval(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(wilson); i += 4) {
        double low, high;
        normal_wilson(wilson[i], wilson[i + 1], 0.95, &low, &high);
        assert_near(low, wilson[i + 2], 1e-12);
        assert_near(high, wilson[i + 3], 1e-12);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(quantiles_are_scipys),
                                       cmocka_unit_test(shares_have_wilsons_interval)};
    return cmocka_run_group_tests_name("normal", tests, NULL, NULL);
}
