#include "base/rng.h"
#include "stats/bootstrap.h"
#include "stats/normal.h"
#include "tests/stats/golden.h"

struct both {
    double z[30], w[30];
};

static double ratio(const void *self, const uint32_t *times)
{
    const struct both *both = self;
    double z = 0, w = 0;

    for (int i = 0; i < 30; i++) {
        z += times[i] * both->z[i];
        w += times[i] * both->w[i];
    }
    return z / w;
}

static void make(struct both *both)
{
    for (uint32_t i = 0; i < 30; i++) {
        both->z[i] = exp(1.2 * (double)formula(i, 7));
        both->w[i] = 1 + 0.5 * (double)formula(i, 8);
    }
}

static void intervals_are_scipys(void **state)
{
    const struct bootstrap_conf bca = {.resamples = 100000, .seed = 3},
                                plain = {BOOTSTRAP_PERCENTILE, 100000, 0.95, 3};
    struct both both;
    struct bootstrap got;

    (void)state;
    make(&both);
    assert_ok(bootstrap_mean(&got, both.z, NULL, 30, &bca));
    assert_near(got.estimate, bca_mean[0], 1e-12);
    assert_near(got.low, bca_mean[1], 0.03 * got.se);
    assert_near(got.high, bca_mean[2], 0.03 * got.se);
    assert_near(got.se, bca_mean[3], 0.01 * got.se);
    assert_ok(bootstrap_run(&got, 30, ratio, &both, &bca));
    assert_near(got.estimate, bca_ratio[0], 1e-12);
    assert_near(got.low, bca_ratio[1], 0.03 * got.se);
    assert_near(got.high, bca_ratio[2], 0.03 * got.se);
    assert_near(got.se, bca_ratio[3], 0.01 * got.se);
    assert_ok(bootstrap_mean(&got, both.z, NULL, 30, &plain));
    assert_near(got.low, percentile_mean[0], 0.03 * got.se);
    assert_near(got.high, percentile_mean[1], 0.03 * got.se);
}

static void the_same_seed_gives_the_same_interval(void **state)
{
    struct both both;
    struct bootstrap a, b, c;

    (void)state;
    make(&both);
    assert_ok(bootstrap_mean(&a, both.z, NULL, 30, &(struct bootstrap_conf){.seed = 1}));
    assert_ok(bootstrap_mean(&b, both.z, NULL, 30, &(struct bootstrap_conf){.seed = 1}));
    assert_ok(bootstrap_mean(&c, both.z, NULL, 30, &(struct bootstrap_conf){.seed = 2}));
    assert_true(a.low == b.low && a.high == b.high && a.se == b.se);
    assert_true(a.low != c.low);
}

/* 40 prompts with 5 rows each that share their prompt's luck: intervals that draw prompts cover
 * the truth, intervals that draw rows are far too short. */
static void clusters_are_drawn_whole(void **state)
{
    int covered = 0, rowwise = 0;
    enum { SETS = 500, PROMPTS = 40, EACH = 5, ROWS = PROMPTS * EACH };

    (void)state;
    for (uint32_t s = 0; s < SETS; s++) {
        const struct bootstrap_conf conf = {BOOTSTRAP_PERCENTILE, 400, 0.95, s};
        double value[ROWS];
        uint32_t cluster[ROWS];
        struct bootstrap got;
        for (uint32_t i = 0; i < ROWS; i++) {
            cluster[i] = i / EACH;
            value[i] = 1 + rng_normal(5, RNG_TEST, s, cluster[i], 1) +
                       0.3 * rng_normal(5, RNG_TEST, s, i, 2);
        }
        assert_ok(bootstrap_mean(&got, value, cluster, ROWS, &conf));
        covered += got.low <= 1 && 1 <= got.high;
        assert_ok(bootstrap_mean(&got, value, NULL, ROWS, &conf));
        rowwise += got.low <= 1 && 1 <= got.high;
    }
    assert_in_range(covered, SETS * 91 / 100, SETS * 98 / 100);
    assert_true(rowwise < SETS * 75 / 100);
}

static double undefined(const void *self, const uint32_t *times)
{
    return times[0] ? *(const double *)self : NAN;
}

static void what_cannot_be_drawn_is_refused(void **state)
{
    const double one = 1, same[] = {2, 2, 2};
    const uint32_t far[] = {0, 1, 3};
    struct bootstrap got;

    (void)state;
    assert_err(ERR_RANGE, bootstrap_mean(&got, &one, NULL, 0, &(struct bootstrap_conf){0}));
    assert_err(ERR_RANGE,
               bootstrap_mean(&got, &one, NULL, 1, &(struct bootstrap_conf){.level = 1}));
    assert_err(ERR_RANGE, bootstrap_mean(&got, same, far, 3, &(struct bootstrap_conf){0}));
    assert_err(ERR_RANGE, bootstrap_run(&got, 4, undefined, &one, &(struct bootstrap_conf){0}));
    assert_err(ERR_RANGE, bootstrap_mean(&got, same, NULL, 3,
                                         &(struct bootstrap_conf){.resamples = 1000001}));
    assert_ok(bootstrap_mean(&got, same, NULL, 3, &(struct bootstrap_conf){0}));
    assert_true(got.low == 2 && got.high == 2 && got.se < 1e-12);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(intervals_are_scipys),
                                       cmocka_unit_test(the_same_seed_gives_the_same_interval),
                                       cmocka_unit_test(clusters_are_drawn_whole),
                                       cmocka_unit_test(what_cannot_be_drawn_is_refused)};
    return cmocka_run_group_tests_name("bootstrap", tests, NULL, NULL);
}
