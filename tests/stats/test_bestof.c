#include "base/mem.h"
#include "stats/bestof.h"
#include "tests/stats/golden.h"

#include <stdlib.h>

static void the_estimate_is_the_mean_over_all_subsets(void **state)
{
    static const struct {
        size_t n;
        const double *want;
    } row[] = {{1, bestof_1}, {2, bestof_2}, {4, bestof_4}, {9, bestof_9}};
    double proxy[9], gold[9], got;

    (void)state;
    for (uint32_t i = 0; i < 9; i++) {
        proxy[i] = rint(4 * (double)formula(i, 20));
        gold[i] = (double)formula(i, 21);
    }
    for (size_t i = 0; i < COUNT(row); i++) {
        assert_ok(bestof_mean(&got, proxy, gold, 9, row[i].n));
        assert_near(got, *row[i].want, 1e-12);
    }
    assert_err(ERR_RANGE, bestof_mean(&got, proxy, gold, 9, 10));
    assert_err(ERR_RANGE, bestof_mean(&got, proxy, gold, 9, 0));
    gold[3] = NAN;
    assert_err(ERR_RANGE, bestof_mean(&got, proxy, gold, 9, 2));
}

static void pass_at_k_counts_subsets(void **state)
{
    (void)state;
    assert_near(bestof_pass(10, 3, 1), 0.3, 1e-15);
    assert_near(bestof_pass(10, 3, 2), 1 - 42. / 90, 1e-15); /* C(7,2) / C(10,2) = 21/45 */
    assert_near(bestof_pass(5, 0, 5), 0, 0);
    assert_near(bestof_pass(5, 1, 5), 1, 0);
}

/* KL(q || p). */
static double divergence(const double *q, const double *p, size_t n)
{
    double sum = 0;

    for (size_t i = 0; i < n; i++)
        sum += q[i] > 0 ? q[i] * log(q[i] / p[i]) : 0;
    return sum;
}

/* Exact numbers: distinct rewards follow the formula, a binary one saturates. */
static void the_exact_divergence_meets_its_bound(void **state)
{
    static const size_t ns[] = {2, 4, 16, 64, 256, 1024};
    static const double formula_kl[] = {.1931, .6363, 1.8351, 3.1745, 4.5491, 5.9324};
    static const double uniform[] = {.1931, .6363, 1.8351, 3.1745, 4.5489, 5.9298};
    static const double binary[] = {.0366, .2174, 1.4161, 2.2909, 2.3026, 2.3026};
    double *p = mem_new(3 * 4096, sizeof *p), *r = p + 4096, *q = r + 4096;
    const double two[] = {.9, .1}, reward[] = {0, 1};

    (void)state;
    for (size_t i = 0; i < 4096; i++) {
        p[i] = 1 / 4096.;
        r[i] = (double)formula((uint32_t)i, 30) + 1e-9 * (double)i;
    }
    for (size_t i = 0; i < COUNT(ns); i++) {
        double sum = 0;
        bestof_exact(q, p, r, 4096, (double)ns[i]);
        for (size_t k = 0; k < 4096; k++)
            sum += q[k];
        assert_near(sum, 1, 1e-12);
        assert_near(divergence(q, p, 4096), uniform[i], 6e-5);
        assert_near(bestof_kl(ns[i]), formula_kl[i], 6e-5);
        assert_true(divergence(q, p, 4096) <= bestof_kl(ns[i]) + 1e-12);
        bestof_exact(q, two, reward, 2, (double)ns[i]);
        assert_near(divergence(q, two, 2), binary[i], 6e-5);
    }
    free(p);
}

/* Averages of the estimate over draws meet the exact expectation: it is unbiased. */
static void the_estimate_is_unbiased(void **state)
{
    const double p[] = {.5, .2, .2, .1}, proxy[] = {0, 1, 1, 2}, gold[] = {1, 3, -1, 0};
    double q[4], want = 0, sum = 0, square = 0;
    const int draws = 20000;

    (void)state;
    bestof_exact(q, p, proxy, 4, 3);
    for (int k = 0; k < 4; k++)
        want += q[k] * gold[k];
    for (int d = 0; d < draws; d++) {
        double x[6], y[6], got;
        for (int i = 0; i < 6; i++) {
            double u = ((double)formula((uint32_t)(6 * d + i), 40) + 1) / 2;
            int k = 0;
            for (; k < 3 && u >= p[k]; k++)
                u -= p[k];
            x[i] = proxy[k];
            y[i] = gold[k];
        }
        assert_ok(bestof_mean(&got, x, y, 6, 3));
        sum += got / draws;
        square += got * got / draws;
    }
    assert_near(sum, want, 3.5 * sqrt((square - sum * sum) / draws));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_estimate_is_the_mean_over_all_subsets),
        cmocka_unit_test(pass_at_k_counts_subsets),
        cmocka_unit_test(the_exact_divergence_meets_its_bound),
        cmocka_unit_test(the_estimate_is_unbiased)};
    return cmocka_run_group_tests_name("bestof", tests, NULL, NULL);
}
