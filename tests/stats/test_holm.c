#include "stats/holm.h"
#include "tests/stats/agreement_golden.h"

static void they_are_statsmodels(void **state)
{
    double holm[10], by[10];

    (void)state;
    for (uint32_t i = 0; i < 9; i++)
        holm[i] = by[i] = pow((double)formula(i, 12) + 1, 2) / 20;
    holm[9] = by[9] = NAN; /* no test */
    holm_adjust(holm, 10);
    holm_yekutieli(by, 10);
    for (int i = 0; i < 9; i++) {
        assert_near(holm[i], holm_golden[i], 1e-12);
        assert_near(by[i], yekutieli_golden[i], 1e-12);
    }
    assert_true(isnan(holm[9]) && isnan(by[9]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(they_are_statsmodels)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
