#include "base/rng.h"
#include "stats/bootstrap.h"
#include "stats/share.h"
#include "tests/stats/golden.h"

enum { MOST = 200, EACH = 4 };

static void an_interval_is_wilsons(void **state)
{
    double value[MOST];
    uint32_t cluster[30];
    struct share got;

    (void)state;
    for (size_t i = 0; i < COUNT(wilson); i += 4) {
        const size_t n = (size_t)wilson[i + 1];
        if (n > MOST)
            continue;
        for (size_t k = 0; k < n; k++)
            value[k] = (double)k < wilson[i] * (double)n - .5;
        assert_ok(share_mean(&got, value, NULL, n, 1, .95));
        assert_near(got.estimate, wilson[i], 1e-12);
        assert_near(got.low, wilson[i + 2], 1e-12);
        assert_near(got.high, wilson[i + 3], 1e-12);
    }
    for (uint32_t i = 0; i < 30; i++)
        cluster[i] = i * 7 % 12;
    assert_ok(share_mean(&got, share_value, cluster, 30, 1, .95));
    assert_near(got.estimate, share_golden[0], 1e-12);
    assert_near(got.n, share_golden[1], 1e-9);
    assert_near(got.low, share_interval[0], 1e-9);
    assert_near(got.high, share_interval[1], 1e-9);
}

/* Twenty of twenty are no certainty, and of five prompts with four answers each still less. */
static void an_edge_is_no_certainty(void **state)
{
    double value[20];
    uint32_t cluster[20];
    struct share alone, together, none;
    struct bootstrap drawn;

    (void)state;
    for (uint32_t i = 0; i < 20; i++) {
        value[i] = 1;
        cluster[i] = i / EACH;
    }
    assert_ok(bootstrap_mean(&drawn, value, NULL, 20, &(struct bootstrap_conf){0}));
    assert_true(drawn.low == 1); /* what this is instead of */
    assert_ok(share_mean(&alone, value, NULL, 20, 1, .95));
    assert_ok(share_mean(&together, value, cluster, 20, 1, .95));
    assert_near(alone.low, .8388746, 1e-6);
    assert_near(alone.high, 1, 1e-12);
    assert_near(together.n, 5, 0);
    assert_true(together.low < alone.low && together.high <= 1);
    for (uint32_t i = 0; i < 20; i++)
        value[i] = 0;
    assert_ok(share_mean(&none, value, NULL, 20, 1, .95));
    assert_near(none.high, 1 - alone.low, 1e-9);
    assert_ok(share_mean(&none, value, cluster, 1, 1, .95));
    assert_true(none.high < 1 && none.n == 1);
}

static void ties_are_halves(void **state)
{
    const double all[] = {.5, .5, .5, .5}, some[] = {1, 0, 1, 0};
    struct share got, other;

    (void)state;
    assert_ok(share_mean(&got, all, NULL, 4, 1, .95));
    assert_ok(share_mean(&other, some, NULL, 4, 1, .95));
    assert_near(got.estimate, .5, 1e-12);
    assert_near(got.low, other.low, 1e-12);
    assert_near(got.high, other.high, 1e-12);
    /* values that are each the mean of many: of as many rows as their spread says */
    assert_ok(share_mean(&got, (const double[]){.4, .6, .5, .5}, NULL, 4, 8, .95));
    assert_near(got.n, 32, 0);
    assert_ok(share_mean(&got, (const double[]){.2, .8, .5, .5}, NULL, 4, 8, .95));
    assert_near(got.n, .25 / (.18 / 16 * 4 / 3), 1e-9);
}

/* Fixed seeds; tests/stats/coverage.c is the same with more of everything. */
static void shares_are_covered(void **state)
{
    static const double p[] = {.5, .7, .9, .95, .99};
    static const uint32_t n[] = {20, 60, 200};

    (void)state;
    for (size_t i = 0; i < 3; i++)
        for (size_t k = 0; k < 5; k++) {
            const uint32_t trials = 400000 / n[i];
            uint32_t covered = 0;
            for (uint32_t t = 0; t < trials; t++) {
                double value[MOST];
                struct share got;
                for (uint32_t r = 0; r < n[i]; r++)
                    value[r] = rng_uniform(k + 5, RNG_TEST, t, r, n[i]) < p[k];
                assert_ok(share_mean(&got, value, NULL, n[i], 1, .95));
                covered += got.low <= p[k] && p[k] <= got.high;
            }
            if (covered < .92 * trials)
                fail_msg("n = %u, p = %g: %g", n[i], p[k], (double)covered / trials);
        }
}

static void what_is_no_share_is_refused(void **state)
{
    const double good[] = {0, 1}, high[] = {0, 1.5}, not [] = {0, NAN};
    const uint32_t far[] = {0, 2};
    struct share got;

    (void)state;
    assert_err(ERR_RANGE, share_mean(&got, good, NULL, 0, 1, .95));
    assert_err(ERR_RANGE, share_mean(&got, good, NULL, 2, 1, 1));
    assert_err(ERR_RANGE, share_mean(&got, good, far, 2, 1, .95));
    assert_err(ERR_RANGE, share_mean(&got, high, NULL, 2, 1, .95));
    assert_err(ERR_RANGE, share_mean(&got, not, NULL, 2, 1, .95));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_interval_is_wilsons), cmocka_unit_test(an_edge_is_no_certainty),
        cmocka_unit_test(ties_are_halves), cmocka_unit_test(shares_are_covered),
        cmocka_unit_test(what_is_no_share_is_refused)};
    return cmocka_run_group_tests_name("share", tests, NULL, NULL);
}
