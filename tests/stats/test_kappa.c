#include "base/rng.h"
#include "stats/kappa.h"
#include "tests/stats/agreement_golden.h"

/* The example of SAS's FREQ procedure, as statsmodels has it. */
static void cohens_is_sas(void **state)
{
    static const double table[9] = {0, 4, 1, 0, 8, 0, 0, 1, 5};
    double by[9], square = 0, mean = 0;
    struct kappa got;

    (void)state;
    assert_ok(kappa_cohen(&got, table, 3, KAPPA_EQUAL));
    assert_near(got.value, .4842, 5e-5);
    assert_near(got.se, .1380, 5e-5);
    assert_near(got.value - 1.959964 * got.se, .2137, 5e-5);
    assert_near(got.value + 1.959964 * got.se, .7547, 5e-5);
    assert_near(got.se_none, .1484, 5e-5);
    assert_near(got.z, 3.2626, 5e-5);
    assert_int_equal(got.categories, 3);
    assert_ok(kappa_influence(by, table, 3, KAPPA_EQUAL));
    for (int i = 0; i < 9; i++) {
        mean += table[i] * by[i] / 19;
        square += table[i] * by[i] * by[i] / 19;
    }
    assert_near(mean, 0, 1e-12);
    assert_near(sqrt(square / 19), got.se, 1e-12);
    assert_ok(kappa_cohen(&got, table, 3, KAPPA_LINEAR));
    assert_near(got.value, .4701, 5e-5);
    assert_near(got.se, .1457, 5e-5);
}

/* irr's anxiety, raters 2 and 3; nobody said 5, so 6 is the category behind 4. */
static void weights_are_irrs(void **state)
{
    static const char two[] = "36462424332333221334", three[] = "21443216111233113322";
    static const double want[] = {-.006289308, .1459075, .2520325};
    static const enum kappa_weights weights[] = {KAPPA_EQUAL, KAPPA_LINEAR, KAPPA_QUADRATIC};
    double table[25] = {0};

    (void)state;
    for (int i = 0; i < 20; i++)
        table[5 * (two[i] == '6' ? 4 : two[i] - '1') +
              (three[i] == '6' ? 4 : three[i] - '1')]++;
    for (int w = 0; w < 3; w++) {
        struct kappa got;
        assert_ok(kappa_cohen(&got, table, 5, weights[w]));
        assert_near(got.value, want[w], 5e-8);
    }
}

static void cohens_is_statsmodels(void **state)
{
    static const enum kappa_weights weights[] = {KAPPA_EQUAL, KAPPA_LINEAR, KAPPA_QUADRATIC};
    double table[25];

    (void)state;
    for (uint32_t i = 0; i < 25; i++)
        table[i] = floor(8 * ((double)formula(i, 1) + 1)) + (i % 6 == 0 ? 6 : 0);
    for (int w = 0; w < 3; w++) {
        struct kappa got;
        assert_ok(kappa_cohen(&got, table, 5, weights[w]));
        assert_near(got.value, cohen_golden[3 * w], 1e-12);
        assert_near(got.se, cohen_golden[3 * w + 1], 1e-12);
        assert_near(got.se_none, cohen_golden[3 * w + 2], 1e-12);
    }
}

/* Fleiss 1971: 30 patients, six psychiatrists, five diagnoses. */
static const char *const diagnoses[30] = {
    "444444", "222555", "233335", "555555", "222444", "113333", "333355", "113334",
    "114444", "555555", "144444", "124444", "222333", "144444", "224445", "333335",
    "111455", "111112", "224444", "133555", "555555", "244444", "224555", "114444",
    "144445", "222224", "111155", "224444", "133333", "555555"};
static const double wikipedia[50] = {0, 0, 0, 0, 14, 0, 2, 6, 4, 2, 0, 0, 3, 5, 6, 0, 3,
                                     9, 2, 0, 2, 2,  8, 1, 1, 7, 7, 0, 0, 0, 3, 2, 6, 3,
                                     0, 2, 5, 3, 2,  2, 6, 5, 2, 1, 0, 0, 2, 2, 3, 7};

static void fleiss_is_published(void **state)
{
    double count[150] = {0};
    struct kappa got;

    (void)state;
    for (int i = 0; i < 30; i++)
        for (int j = 0; j < 6; j++)
            count[5 * i + diagnoses[i][j] - '1']++;
    assert_ok(kappa_fleiss(&got, count, 30, 5));
    assert_near(got.value, .4302445, 5e-8);
    assert_near(got.z, 17.65183, 5e-6);
    assert_ok(kappa_fleiss(&got, wikipedia, 10, 5));
    assert_near(got.value, .210, 5e-4);
    assert_ok(kappa_fleiss(&got, (double[]){7, 1, 3, 5}, 2, 2));
    assert_near(got.value, .161905, 5e-7);
    assert_near(got.uniform, .214286, 5e-7);
    assert_ok(kappa_fleiss(&got, (double[]){6, 1, 0, 0, 7, 0}, 2, 3));
    assert_near(got.value, .708333, 5e-7);
    assert_near(got.uniform, .785714, 5e-7);
    /* Prevalence: nearly all are of one category, and what is left is chance. */
    assert_ok(kappa_fleiss(&got, (double[]){6.99, .01, 6.99, .01}, 2, 2));
    assert_near(got.value, -.166667, 5e-7);
    assert_near(got.uniform, .993343, 5e-7);
}

static void fleiss_is_statsmodels(void **state)
{
    double count[200] = {0};
    struct kappa got;

    (void)state;
    for (uint32_t i = 0; i < 50; i++)
        for (uint32_t j = 0; j < 5; j++)
            count[4 * i + (uint32_t)formula_token(i % 3 ? 5 * i + j : 5 * i, 2, 4)]++;
    assert_ok(kappa_fleiss(&got, count, 50, 4));
    assert_near(got.value, fleiss_golden[0], 1e-12);
    assert_near(got.uniform, fleiss_golden[1], 1e-12);
}

/* 0 / 0 is no number, and neither 1 nor 0. */
static void one_category_says_nothing(void **state)
{
    double by[4];
    struct kappa got;

    (void)state;
    assert_ok(kappa_cohen(&got, (double[]){9, 0, 0, 0}, 2, KAPPA_EQUAL));
    assert_true(isnan(got.value) && isnan(got.se));
    assert_near(got.observed, 1, 0);
    assert_int_equal(got.categories, 1);
    assert_int_equal(kappa_influence(by, (double[]){9, 0, 0, 0}, 2, KAPPA_EQUAL), ERR_RANGE);
    assert_ok(kappa_fleiss(&got, (double[]){3, 0, 3, 0}, 2, 2));
    assert_true(isnan(got.value));
}

static void nonsense_is_refused(void **state)
{
    struct kappa got;

    (void)state;
    assert_int_equal(kappa_cohen(&got, (double[]){0, 0, 0, 0}, 2, KAPPA_EQUAL), ERR_RANGE);
    assert_int_equal(kappa_cohen(&got, (double[]){1, -1, 0, 0}, 2, KAPPA_EQUAL), ERR_RANGE);
    assert_int_equal(kappa_cohen(&got, (double[]){1}, 0, KAPPA_EQUAL), ERR_RANGE);
    assert_int_equal(kappa_fleiss(&got, (double[]){1, 2, 3, 1}, 2, 2), ERR_RANGE);
    assert_int_equal(kappa_fleiss(&got, (double[]){1, 0, 0, 1}, 2, 2), ERR_RANGE);
}

/* How far kappa is off in the table that has kappa `at`, in its standard errors, cell by cell. */
static double refused(const double *table, size_t k, double at, double value)
{
    double cell[25], row[5] = {0}, column[5] = {0}, n = 0, observed = 0, expected = 0;
    double square = 0, mean = 0, r[5], c[5], is;

    for (size_t i = 0; i < k * k; i++)
        n += table[i];
    for (size_t i = 0; i < k * k; i++) {
        row[i / k] += table[i] / n;
        column[i % k] += table[i] / n;
    }
    for (size_t i = 0; i < k; i++) {
        r[i] = (1 - at) * row[i] + at * (row[i] + column[i]) / 2;
        c[i] = (1 - at) * column[i] + at * (row[i] + column[i]) / 2;
        for (size_t j = 0; j < k; j++)
            cell[i * k + j] =
                (1 - at) * row[i] * column[j] + (i == j ? at * (row[i] + column[i]) / 2 : 0);
        cell[i * k + i] = fmax(0, cell[i * k + i]);
        observed += cell[i * k + i];
        expected += r[i] * c[i];
    }
    for (size_t i = 0; i < k * k; i++) {
        const double by =
            (i / k == i % k ? 1 - expected : 0) - (r[i % k] + c[i / k]) * (1 - observed);
        square += cell[i] * by * by;
        mean += cell[i] * by;
    }
    is = (observed - expected) / (1 - expected);
    return fabs(value - is) * pow(1 - expected, 2) / sqrt((square - mean * mean) / n);
}

/* The edges are where the test just fails; with items that hang together it needs more. */
static void edges_are_those_of_the_test(void **state)
{
    static const double tables[3][9] = {
        {0, 4, 1, 0, 8, 0, 0, 1, 5}, {90, 8, 2, 7, 1, 0, 1, 0, 0}, {3, 9, 1, 2, 4, 7, 8, 1, 0}};
    struct kappa got;
    double low, high;

    (void)state;
    for (int i = 0; i < 3; i++) {
        assert_ok(kappa_cohen(&got, tables[i], 3, KAPPA_EQUAL));
        for (int alike = 1; alike <= 4; alike += 3) {
            assert_ok(kappa_score(&low, &high, tables[i], 3, alike, 1.96));
            assert_true(low < got.value && got.value < high && high < 1);
            assert_near(refused(tables[i], 3, low, got.value), 1.96 * sqrt(alike), 1e-6);
            assert_near(refused(tables[i], 3, high, got.value), 1.96 * sqrt(alike), 1e-6);
        }
    }
}

/* Where all agree the standard error is 0 and the interval is not: n items that agree refuse what
 * would show a disagreement among them more often than the test allows. */
static void an_edge_is_no_certainty(void **state)
{
    static const double table[4] = {12, 0, 0, 8}, never[4] = {0, 6, 5, 0};
    double low, high;

    (void)state;
    assert_ok(kappa_score(&low, &high, table, 2, 1, 1.96));
    assert_near(high, 1, 1e-12);
    assert_true(low > .4 && low < .8);
    assert_ok(kappa_score(&low, &high, never, 2, 1, 1.96));
    assert_true(low < -.95 && high > -.9 && high < 0);
    assert_int_equal(kappa_score(&low, &high, (const double[]){4, 0, 0, 0}, 2, 1, 1.96),
                     ERR_RANGE);
    assert_true(isnan(low) && isnan(high));
}

/* Two people who draw one value of three eight times in ten, each alone: the standard error at the
 * table that was seen, which often has no agreement on the rare ones, covers .85. */
static void intervals_cover(void **state)
{
    enum { SETS = 1000, ITEMS = 60 };
    int held = 0;

    (void)state;
    for (uint32_t set = 0; set < SETS; set++) {
        double table[9] = {0}, low, high;
        for (uint32_t i = 0; i < ITEMS; i++) {
            int said[2];
            for (uint32_t who = 0; who < 2; who++) {
                const double u = rng_uniform(34, RNG_TEST, set, i, who);
                said[who] = (u >= .8) + (u >= .9);
            }
            table[3 * said[0] + said[1]]++;
        }
        assert_ok(kappa_score(&low, &high, table, 3, 1, 1.96));
        held += low <= 0 && 0 <= high;
    }
    assert_in_range(held, SETS * 93 / 100, SETS * 98 / 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cohens_is_sas),
        cmocka_unit_test(weights_are_irrs),
        cmocka_unit_test(cohens_is_statsmodels),
        cmocka_unit_test(fleiss_is_published),
        cmocka_unit_test(fleiss_is_statsmodels),
        cmocka_unit_test(one_category_says_nothing),
        cmocka_unit_test(nonsense_is_refused),
        cmocka_unit_test(edges_are_those_of_the_test),
        cmocka_unit_test(an_edge_is_no_certainty),
        cmocka_unit_test(intervals_cover),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
