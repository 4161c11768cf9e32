#include "stats/binomial.h"
#include "tests/stats/agreement_golden.h"

static void fair_is_scipys(void **state)
{
    static const size_t k[] = {0, 2, 7, 60, 4700}, n[] = {1, 9, 20, 100, 10000};

    (void)state;
    for (int i = 0; i < 5; i++) {
        assert_near(binomial_fair(k[i], n[i]), fair_golden[i], 1e-9 * fair_golden[i]);
        assert_near(binomial_fair(n[i] - k[i], n[i]), fair_golden[i], 1e-9 * fair_golden[i]);
    }
    assert_near(binomial_fair(0, 0), 1, 0);
    assert_near(binomial_fair(5, 10), 1, 0);
}

static void ranks_are_exact(void **state)
{
    static const double tied[] = {-1.2, .8, -.2, -.2, -1.2, -.2, .8, -.2, .8, -1.2, -.2, -.2};
    double plain[26];

    (void)state;
    for (uint32_t i = 0; i < 25; i++)
        plain[i] = (double)formula(i, 13) - .2;
    plain[25] = 0; /* says nothing */
    assert_near(binomial_ranks(plain, 26), ranks_golden[0], 1e-12);
    assert_near(binomial_ranks(tied, 12), ranks_golden[1], 1e-12);
    assert_near(binomial_ranks(plain, 0), 1, 0);
    assert_true(isnan(binomial_ranks(plain, BINOMIAL_RANKS_MAX + 1)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fair_is_scipys),
        cmocka_unit_test(ranks_are_exact),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
