#include "base/rng.h"
#include "stats/alpha.h"
#include "stats/kappa.h"
#include "tests/stats/agreement_golden.h"

#include <string.h>

/* Judges by row, units by column; '.' is missing. */
struct alpha_table {
    size_t start[513];
    uint32_t value[2048];
    double number[16];
    struct alpha_units units;
};

static void fill(struct alpha_table *t, const char *const *judge, int judges, int units)
{
    size_t n = 0;

    for (int u = 0; u < units; u++) {
        t->start[u] = n;
        for (int j = 0; j < judges; j++)
            if (judge[j][u] != '.')
                t->value[n++] = (uint32_t)(judge[j][u] - '0');
    }
    t->start[units] = n;
    for (int i = 0; i < 16; i++)
        t->number[i] = i;
    t->units = (struct alpha_units){.start = t->start,
                                    .value = t->value,
                                    .number = t->number,
                                    .units = (size_t)units,
                                    .values = 10};
}

static const struct bootstrap_conf few = {.resamples = 200, .seed = 3};

static double alpha(struct alpha_table *t, enum alpha_metric metric)
{
    struct alpha got;

    t->units.metric = metric;
    assert_ok(alpha_run(&got, &t->units, &few));
    assert_true(got.low < got.high && got.low <= got.alpha && got.alpha <= got.high);
    return got.alpha;
}

static void published_ones(void **state)
{
    static const char *const wikipedia[] = {".....34121133.3", "1.213343.......",
                                            "..21344.21133.4"};
    static const char *const krippendorff[] = {"123321412...", "1233224125.3", ".3332342251.",
                                               "12332441251."};
    struct alpha_table t;

    (void)state;
    fill(&t, wikipedia, 3, 15);
    assert_near(alpha(&t, ALPHA_NOMINAL), .691358, 5e-7);
    assert_near(alpha(&t, ALPHA_ORDINAL), .806721, 5e-7);
    assert_near(alpha(&t, ALPHA_INTERVAL), .810845, 5e-7);
    assert_near(alpha(&t, ALPHA_RATIO), .808944, 5e-7);
    fill(&t, krippendorff, 4, 12);
    assert_near(alpha(&t, ALPHA_NOMINAL), .743421, 5e-7);
    assert_near(alpha(&t, ALPHA_ORDINAL), .815388, 5e-7);
    assert_near(alpha(&t, ALPHA_INTERVAL), .849107, 5e-7);
    assert_near(alpha(&t, ALPHA_RATIO), .797403, 5e-7);
}

/* 60 units, six judges, a third missing, values of which some may never occur. */
static void random_ones_are_krippendorffs(void **state)
{
    static const double domain[] = {0, 1, 2.5, 3, 4, 7, 11};
    struct alpha_table t;
    size_t n = 0;

    (void)state;
    for (uint32_t u = 0; u < 60; u++) {
        t.start[u] = n;
        for (uint32_t j = 0; j < 6; j++) {
            const bool first = u % 2 == 0 && formula(j * 30 + u / 2, 4) > -.4;
            if (!(formula(j * 60 + u, 5) > (float).3))
                t.value[n++] = (uint32_t)formula_token(first ? u : j * 60 + u, 3, 7);
        }
    }
    t.start[60] = n;
    t.units = (struct alpha_units){
        .start = t.start, .value = t.value, .number = domain, .units = 60, .values = 7};
    for (int m = 0; m < 4; m++)
        assert_near(alpha(&t, (enum alpha_metric)m), krippendorff_golden[m], 1e-12);
}

/* n units of each judgements of k values: alike with chance rho. */
static void simulate(struct alpha_table *t, size_t n, size_t each, uint32_t k, double rho,
                     uint64_t seed)
{
    size_t at = 0;

    for (uint32_t u = 0; u < n; u++) {
        const bool all = rng_uniform(seed, RNG_TEST, u, 0, 0) < rho;
        t->start[u] = at;
        for (uint32_t j = 0; j < each; j++)
            t->value[at++] =
                (uint32_t)((double)k * rng_uniform(seed, RNG_TEST, u, all ? 0 : j, 1));
    }
    t->start[n] = at;
    t->units =
        (struct alpha_units){.start = t->start, .value = t->value, .units = n, .values = k};
}

static void fleiss_comes_with_it(void **state)
{
    struct alpha_table t;
    struct alpha got;
    struct kappa want;
    double count[400] = {0};

    (void)state;
    simulate(&t, 100, 3, 4, .4, 7);
    for (size_t i = 0; i < 300; i++)
        count[4 * (i / 3) + t.value[i]]++;
    assert_ok(kappa_fleiss(&want, count, 100, 4));
    assert_ok(alpha_run(&got, &t.units, &few));
    assert_near(got.kappa, want.value, 1e-12);
    assert_near(1 - got.alpha, (1 - got.kappa) * 299 / 300, 1e-12);
    assert_true(got.how == ALPHA_BOOTSTRAP && got.kappa_low < got.kappa &&
                got.kappa < got.kappa_high);
    assert_int_equal(got.judgements, 300);
    /* The standard error to first order is that of the draws. */
    assert_true(got.se > 0 && fabs((got.high - got.low) / 3.92 / got.se - 1) < .2);
    t.start[100]--; /* one judgement less: Fleiss' is not defined */
    assert_ok(alpha_run(&got, &t.units, &few));
    assert_true(isnan(got.kappa) && !isnan(got.alpha));
}

/* Each judgement under both names is what doubling the units would give, but for n; and turning
 * any units round changes nothing. */
static void mirrors_are_exchangeable(void **state)
{
    static const uint32_t mirror[4] = {1, 0, 2, 3};
    struct alpha_table t, twice;
    struct alpha one, doubled, turned;

    (void)state;
    simulate(&t, 100, 3, 4, .3, 11);
    for (size_t i = 0; i < 300; i++)
        t.value[i] =
            t.value[i] == 1 && i % 3 ? 0 : t.value[i]; /* one name is said more often */
    memcpy(&twice, &t, sizeof t);
    for (size_t i = 0; i < 300; i++)
        twice.value[300 + i] = mirror[t.value[i]];
    for (size_t u = 0; u <= 200; u++)
        twice.start[u] = 3 * u;
    twice.units = (struct alpha_units){
        .start = twice.start, .value = twice.value, .units = 200, .values = 4};
    assert_ok(alpha_run(&doubled, &twice.units, &few));
    t.units.mirror = mirror;
    assert_ok(alpha_run(&one, &t.units, &few));
    assert_near(one.alpha, doubled.alpha, 1e-12);
    assert_int_equal(one.judgements, 300);
    for (size_t i = 0; i < 300; i++)
        t.value[i] = i / 3 % 3 ? mirror[t.value[i]] : t.value[i];
    assert_ok(alpha_run(&turned, &t.units, &few));
    assert_near(turned.alpha, one.alpha, 1e-12);
    assert_near(turned.kappa, one.kappa, 1e-12);
    assert_near(turned.low, one.low, 1e-12);
    assert_near(turned.high, one.high, 1e-12);
    assert_near(turned.se, one.se, 1e-12);
}

/* Twenty or two hundred items on which all agree: no certainty; one value alone: no answer. */
static void an_edge_is_no_certainty(void **state)
{
    struct alpha_table t;
    struct alpha got;

    (void)state;
    for (size_t n = 20; n <= 200; n += 180) {
        simulate(&t, n, 2, 3, 1, 5);
        assert_ok(alpha_run(&got, &t.units, &few));
        assert_near(got.alpha, 1, 0);
        assert_true(got.how == ALPHA_INVERSION && got.low < .99 && got.high == 1);
        assert_true(n == 20 ? got.low < .85 : got.low > .9);
        assert_near(got.kappa, 1, 0);
        assert_true(got.kappa_low < .99);
    }
    memset(t.value, 0, sizeof t.value);
    assert_ok(alpha_run(&got, &t.units, &few));
    assert_true(isnan(got.alpha) && isnan(got.low) && isnan(got.kappa));
    assert_near(got.observed, 0, 0);
    t.units.units = 1; /* one item: an estimate, no interval */
    t.value[0] = 1;
    assert_ok(alpha_run(&got, &t.units, &few));
    assert_true(!isnan(got.alpha) && isnan(got.low));
}

/* Items of one prompt are no news: the interval by prompt is wider. */
static void clusters_widen(void **state)
{
    uint32_t cluster[400];
    struct alpha_table t;
    struct alpha alone, by;

    (void)state;
    simulate(&t, 400, 2, 3, .5, 9);
    for (uint32_t u = 0; u < 400; u++) {
        cluster[u] = u / 8;
        memcpy(&t.value[2 * u], &t.value[16 * (u / 8)], 2 * sizeof *t.value);
    }
    assert_ok(alpha_run(&alone, &t.units, &few));
    t.units.cluster = cluster;
    t.units.clusters = 50;
    assert_ok(alpha_run(&by, &t.units, &few));
    assert_near(by.alpha, alone.alpha, 1e-12);
    assert_int_equal(by.clusters, 50);
    assert_near(by.se / alone.se, sqrt(8. * 50 / 49 * 399 / 400), 1e-9);
    assert_true(by.high - by.low > 2 * (alone.high - alone.low));
}

/* A quick look at what `coverage` shows at length. */
static void intervals_cover(void **state)
{
    static const size_t n[] = {20, 60};
    struct alpha_table t;

    (void)state;
    for (int i = 0; i < 2; i++) {
        int covered = 0;
        for (uint64_t trial = 0; trial < 200; trial++) {
            struct alpha got;
            simulate(&t, n[i], 3, 3, .4, 1000 + trial);
            assert_ok(alpha_run(&got, &t.units, &few));
            covered += got.low <= .4 && .4 <= got.high;
        }
        if (covered < 180 || covered > 199)
            fail_msg("%zu items: %d of 200", n[i], covered);
    }
}

static void nonsense_is_refused(void **state)
{
    static const size_t single[] = {0, 1, 2}, pair[] = {0, 2};
    static const uint32_t value[] = {0, 7}, cluster[] = {9};
    const struct alpha_units alone = {.start = single, .value = value, .units = 2, .values = 8};
    const struct alpha_units high = {.start = pair, .value = value, .units = 1, .values = 7};
    const struct alpha_units far = {.start = pair,
                                    .value = value,
                                    .units = 1,
                                    .values = 8,
                                    .cluster = cluster,
                                    .clusters = 9};
    struct alpha got;

    (void)state;
    assert_int_equal(alpha_run(&got, &alone, &few), ERR_RANGE);
    assert_int_equal(alpha_run(&got, &high, &few), ERR_RANGE);
    assert_int_equal(alpha_run(&got, &far, &few), ERR_RANGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(published_ones),
        cmocka_unit_test(random_ones_are_krippendorffs),
        cmocka_unit_test(fleiss_comes_with_it),
        cmocka_unit_test(mirrors_are_exchangeable),
        cmocka_unit_test(an_edge_is_no_certainty),
        cmocka_unit_test(clusters_widen),
        cmocka_unit_test(intervals_cover),
        cmocka_unit_test(nonsense_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
