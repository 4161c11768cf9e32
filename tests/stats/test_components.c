#include "base/rng.h"
#include "stats/components.h"
#include "stats/multinomial.h"
#include "stats/paired.h"
#include "tests/stats/golden.h"

#include <string.h>

enum { MOST = 12 };

/* Who reaches whom, by closing the relation; two belong together when each reaches the other. */
static void close_relation(bool *reach, int n)
{
    for (int k = 0; k < n; k++)
        for (int i = 0; i < n; i++)
            for (int j = 0; j < n; j++)
                reach[i * n + j] |= reach[i * n + k] && reach[k * n + j];
}

static void components_are_those_of_the_closure(void **state)
{
    int one = 0, several = 0;

    (void)state;
    for (uint32_t t = 0; t < 400; t++) {
        const int n = 1 + (int)(t % MOST);
        bool won[MOST * MOST], reach[MOST * MOST];
        int of[MOST], found, largest = 0;
        for (int i = 0; i < n * n; i++)
            won[i] = reach[i] = rng_uniform(1, RNG_TEST, t, (uint32_t)i, 0) < 1.6 / n;
        close_relation(reach, n);
        found = components_strong(of, won, n);
        for (int i = 0; i < n; i++) {
            largest = of[i] > largest ? of[i] : largest;
            for (int j = 0; j < n; j++) {
                const bool together = i == j || (reach[i * n + j] && reach[j * n + i]);
                assert_true((of[i] == of[j]) == together);
                assert_true(!won[i * n + j] || of[i] <= of[j]); /* winners come first */
            }
        }
        assert_int_equal(found, largest + 1);
        one += found == 1;
        several += found > 1;
    }
    assert_true(one > 20 && several > 20);
}

static void who_never_met_is_apart(void **state)
{
    bool won[16] = {0};
    int of[4];

    (void)state;
    won[1] = won[2 * 4 + 3] = true; /* 0 beat 1, 2 beat 3 */
    assert_int_equal(components_weak(of, won, 4), 2);
    assert_true(of[0] == of[1] && of[2] == of[3] && of[0] != of[2]);
    assert_int_equal(components_strong(of, won, 4), 4);
}

/* Mean and variance of each kind, and the sum, over many draws; small and large means. */
static void draws_are_multinomial(void **state)
{
    static const uint32_t seen[] = {2, 500, 9000, 0, 30, 100000, 1};
    enum { KINDS = COUNT(seen), DRAWS = 4000 };
    double mean[KINDS] = {0}, square[KINDS] = {0}, n = 0;
    uint32_t drawn[KINDS], again[KINDS];

    (void)state;
    for (size_t k = 0; k < KINDS; k++)
        n += seen[k];
    for (uint32_t r = 0; r < DRAWS; r++) {
        double sum = 0;
        multinomial_draw(drawn, seen, KINDS, 7, r);
        for (size_t k = 0; k < KINDS; k++) {
            sum += drawn[k];
            mean[k] += (double)drawn[k] / DRAWS;
            square[k] += ((double)drawn[k] - seen[k]) * ((double)drawn[k] - seen[k]) / DRAWS;
        }
        assert_near(sum, n, 0);
    }
    for (size_t k = 0; k < KINDS; k++) {
        const double var = seen[k] * (1 - seen[k] / n);
        assert_near(mean[k], seen[k], 5 * sqrt(var / DRAWS));
        assert_near(square[k], var, var * 5 * sqrt((2 + 1 / fmax(var, 1e-9)) / DRAWS));
    }
    multinomial_draw(again, seen, KINDS, 7, DRAWS - 1);
    assert_memory_equal(drawn, again, sizeof drawn);
}

/* Each slope and second derivative is a difference quotient; chances sum to 1. */
static void slopes_are_finite_differences(void **state)
{
    static const double etas[] = {-35, -24, -6, -1.3, 0, .4, 3, 25}, ties[] = {.05, .7, 2.5};
    const double h = 1e-5;

    (void)state;
    for (int model = PAIRED_HALF; model <= PAIRED_PROBIT; model++)
        for (size_t i = 0; i < COUNT(etas) * COUNT(ties); i++) {
            const double eta = etas[i % COUNT(etas)], tie = ties[i / COUNT(etas)];
            struct paired at, right, left, up, down;
            double sum = 0;
            paired_slopes(&at, model, eta, tie);
            paired_slopes(&right, model, eta + h, tie);
            paired_slopes(&left, model, eta - h, tie);
            paired_slopes(&up, model, eta, tie + h);
            paired_slopes(&down, model, eta, tie - h);
            for (int k = 0; k < 3; k++) {
                sum += exp(at.log_p[k]);
                if (!paired_has_tie(model) && k == PAIRED_TIE)
                    continue;
                assert_near(at.by_eta[k], (right.log_p[k] - left.log_p[k]) / (2 * h), 2e-6);
                assert_near(at.by_tie[k], (up.log_p[k] - down.log_p[k]) / (2 * h), 2e-6);
                assert_near(at.eta_eta[k], (left.by_eta[k] - right.by_eta[k]) / (2 * h), 2e-5);
                assert_near(at.eta_tie[k], (down.by_eta[k] - up.by_eta[k]) / (2 * h), 2e-5);
                assert_near(at.tie_tie[k], (down.by_tie[k] - up.by_tie[k]) / (2 * h),
                            1e-5 * (1 + at.tie_tie[k]));
            }
            assert_near(sum, 1, 1e-12);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(components_are_those_of_the_closure),
                                       cmocka_unit_test(who_never_met_is_apart),
                                       cmocka_unit_test(draws_are_multinomial),
                                       cmocka_unit_test(slopes_are_finite_differences)};
    return cmocka_run_group_tests_name("components", tests, NULL, NULL);
}
