#include "stats/kendall.h"
#include "tests/stats/golden.h"

static void ties_count_as_scipy_counts_them(void **state)
{
    double x[40], y[40];

    (void)state;
    for (uint32_t i = 0; i < 40; i++) {
        x[i] = (double)rintf(8 * formula(i, 1));
        y[i] = (double)rintf(8 * formula(i, 2) + 5 * formula(i, 1));
    }
    assert_near(kendall_tau(x, y, 40), kendall_golden[0], 1e-12);
    assert_near(kendall_tau(x, y, 9), kendall_golden[1], 1e-12);
}

static void order_and_reverse_are_one_and_minus_one(void **state)
{
    const double x[] = {1, 2, 5, 9}, y[] = {-3, 0, 1, 7}, z[] = {7, 1, 0, -3},
                 same[] = {1, 1, 1, 1};

    (void)state;
    assert_near(kendall_tau(x, y, 4), 1, 0);
    assert_near(kendall_tau(x, z, 4), -1, 0);
    assert_true(isnan(kendall_tau(x, same, 4)));
    assert_true(isnan(kendall_tau(x, y, 1)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ties_count_as_scipy_counts_them),
        cmocka_unit_test(order_and_reverse_are_one_and_minus_one)};
    return cmocka_run_group_tests_name("kendall", tests, NULL, NULL);
}
