#include "stats/student.h"
#include "tests/stats/golden.h"

static void quantiles_are_scipys(void **state)
{
    static const double p[] = {.6, .975, .9995}, at[] = {-3, .4, 2.2};

    (void)state;
    for (size_t i = 0; i < COUNT(student_df); i++)
        for (size_t k = 0; k < 3; k++) {
            const double want = student_x[3 * i + k], df = student_df[i];
            assert_near(student_quantile(p[k], df), want, 1e-9 * want);
            assert_near(student_quantile(1 - p[k], df), -want, 1e-8 * want);
            assert_near(student_cdf(at[k], df), student_cdf_golden[3 * i + k], 1e-10);
        }
    assert_near(student_quantile(.975, 1e9), 1.959963984540054, 1e-6);
    assert_true(isinf(student_quantile(1, 3)) && isnan(student_quantile(1.1, 3)));
    assert_true(isnan(student_quantile(.9, 0)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(quantiles_are_scipys)};
    return cmocka_run_group_tests_name("student", tests, NULL, NULL);
}
