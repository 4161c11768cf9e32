#include "base/rng.h"
#include "stats/bradley.h"
#include "stats/kendall.h"
#include "tests/stats/golden.h"

/* Agresti 1990, p. 448: citations among four statistics journals. Wins of row over column. */
enum { BIOMETRIKA, COMM_STAT, JASA, JRSSB };
static const struct bradley_row citations[] = {
    {BIOMETRIKA, COMM_STAT, 730, 33, 0, {0}}, {BIOMETRIKA, JASA, 498, 320, 0, {0}},
    {BIOMETRIKA, JRSSB, 221, 284, 0, {0}},    {COMM_STAT, JASA, 68, 813, 0, {0}},
    {COMM_STAT, JRSSB, 17, 276, 0, {0}},      {JASA, JRSSB, 142, 325, 0, {0}},
};

static void citations_are_agrestis(void **state)
{
    const struct bradley_conf conf = {.items = 4}, centred = {.items = 4, .reference = -1};
    static const double want[] = {0, -2.94907250, -.47956977, .26895406},
                        se[] = {0, .10254534, .06058873, .07082997},
                        middle[] = {.78992205, -2.15915044, .31035228, 1.05887611};
    struct bradley got;

    (void)state;
    assert_ok(bradley_fit(&got, citations, COUNT(citations), &conf));
    for (int i = 0; i < 4; i++) {
        assert_near(got.strength[i], want[i], 1e-8);
        assert_near(got.strength_se[i], se[i], 1e-8);
    }
    assert_near(got.deviance, 4.293384, 1e-6);
    bradley_fini(&got);
    assert_ok(bradley_fit(&got, citations, COUNT(citations), &centred));
    for (int i = 0; i < 4; i++)
        assert_near(got.strength[i], middle[i], 1e-8);
    bradley_fini(&got);
}

/* Agresti 1990, p. 438: the American League of 1987, wins at home and away. Milwaukee Detroit
 * Toronto New York Boston Cleveland Baltimore. */
static const int home_wins[7][7] = {
    {0, 4, 4, 4, 6, 4, 6}, {3, 0, 4, 4, 6, 6, 4}, {2, 4, 0, 2, 4, 4, 6}, {3, 5, 2, 0, 4, 4, 6},
    {5, 2, 3, 4, 0, 5, 6}, {2, 3, 3, 4, 4, 0, 2}, {2, 1, 1, 2, 1, 3, 0}};
static const int away_wins[7][7] = {
    {0, 3, 2, 3, 1, 2, 0}, {3, 0, 2, 3, 0, 1, 3}, {5, 3, 0, 4, 3, 2, 0}, {3, 1, 5, 0, 3, 2, 1},
    {1, 5, 3, 2, 0, 2, 0}, {5, 3, 4, 3, 2, 0, 4}, {5, 5, 6, 4, 6, 4, 0}};

static void baseball_has_its_home_effect(void **state)
{
    struct bradley_row row[42];
    struct bradley got;
    size_t n = 0;

    (void)state;
    for (int h = 0; h < 7; h++)
        for (int a = 0; a < 7; a++)
            if (a != h)
                row[n++] = (struct bradley_row){h, a, home_wins[h][a], away_wins[h][a], 0, {1}};
    assert_ok(bradley_fit(&got, row, n, &(struct bradley_conf){.items = 7, .reference = 6}));
    assert_near(got.deviance, 44.053461, 1e-6);
    assert_near(got.strength[0], 1.58135588, 1e-7);
    bradley_fini(&got);
    assert_ok(bradley_fit(&got, row, n,
                          &(struct bradley_conf){.items = 7, .effects = 1, .reference = 6}));
    assert_near(got.deviance, 38.642852, 1e-6);
    assert_near(got.strength[0], 1.61955499, 1e-7);
    assert_near(got.effect[0], .30226066, 1e-7);
    assert_near(got.effect_se[0], .13094, 1e-4);
    bradley_fini(&got);
}

static void covariates_are_a_logistic_regressions(void **state)
{
    struct bradley_row row[COUNT(bt_first)];
    struct bradley got;

    (void)state;
    for (uint32_t i = 0; i < COUNT(bt_first); i++)
        row[i] = (struct bradley_row){(int)bt_first[i],
                                      (int)bt_second[i],
                                      bt_wins[i],
                                      bt_losses[i],
                                      0,
                                      {1, 2 * (double)formula(i, 12), formula(i, 13) > 0}};
    assert_ok(
        bradley_fit(&got, row, COUNT(row), &(struct bradley_conf){.items = 6, .effects = 3}));
    for (int i = 1; i < 6; i++) {
        assert_near(got.strength[i], bt_params[i - 1], 1e-9);
        assert_near(got.strength_se[i], bt_se[i - 1], 1e-9);
    }
    for (int k = 0; k < 3; k++) {
        assert_near(got.effect[k], bt_params[5 + k], 1e-9);
        assert_near(got.effect_se[k], bt_se[5 + k], 1e-9);
    }
    assert_near(got.deviance, bt_deviance[0], 1e-8);
    bradley_fini(&got);
}

/* Davidson 1970: 15 pairs of chocolate puddings. */
static const int pudding[15][5] = {{1, 2, 19, 22, 16}, {1, 3, 16, 19, 12}, {2, 3, 19, 19, 10},
                                   {1, 4, 18, 23, 13}, {2, 4, 23, 19, 9},  {3, 4, 19, 20, 15},
                                   {1, 5, 13, 19, 18}, {2, 5, 16, 20, 12}, {3, 5, 16, 15, 17},
                                   {4, 5, 17, 14, 16}, {1, 6, 18, 21, 12}, {2, 6, 22, 20, 12},
                                   {3, 6, 13, 18, 10}, {4, 6, 14, 19, 18}, {5, 6, 11, 21, 12}};

static void puddings_tie_as_davidson_says(void **state)
{
    static const double want[] = {.138803, .173002, .161747, .165373, .158685, .202389};
    static const double half[] = {-.128509, .031800, -.017166, -.001029, -.031079, .145983};
    struct bradley_row row[15];
    struct bradley got;
    double sum = 0;

    (void)state;
    for (int i = 0; i < 15; i++)
        row[i] = (struct bradley_row){pudding[i][0] - 1, pudding[i][1] - 1, pudding[i][2],
                                      pudding[i][3],     pudding[i][4],     {0}};
    assert_ok(bradley_fit(&got, row, 15,
                          &(struct bradley_conf){.items = 6, .model = PAIRED_DAVIDSON}));
    for (int i = 0; i < 6; i++)
        sum += exp(got.strength[i]);
    for (int i = 0; i < 6; i++)
        assert_near(exp(got.strength[i]) / sum, want[i], 1e-6);
    assert_near(got.tie, .746823, 1e-6);
    assert_near(got.loglik, -809.70951, 1e-5);
    bradley_fini(&got);
    assert_ok(bradley_fit(&got, row, 15, &(struct bradley_conf){.items = 6, .reference = -1}));
    for (int i = 0; i < 6; i++)
        assert_near(got.strength[i], half[i], 1e-6);
    bradley_fini(&got);
}

static void ties_and_a_home_effect_have_errors(void **state)
{
    struct bradley_row row[15];
    struct bradley got;

    (void)state;
    for (int i = 0; i < 15; i++)
        row[i] = (struct bradley_row){pudding[i][0] - 1, pudding[i][1] - 1, 5 * pudding[i][2],
                                      pudding[i][3],     pudding[i][4],     {1}};
    assert_ok(bradley_fit(
        &got, row, 15,
        &(struct bradley_conf){.items = 6, .effects = 1, .model = PAIRED_DAVIDSON}));
    assert_near(got.effect[0], davidson_home[0], 1e-5);
    assert_near(got.effect_se[0], davidson_home[1], 1e-5);
    assert_near(got.tie, davidson_home[2], 1e-5);
    assert_near(got.tie_se, davidson_home[3], 1e-5);
    for (int i = 0; i < 5; i++) {
        assert_near(got.strength[i + 1], davidson_home[4 + i], 1e-5);
        assert_near(got.strength_se[i + 1], davidson_home[9 + i], 1e-5);
    }
    bradley_fini(&got);
}

/* choix's example: 0 beats 1 twice, 1 beats 2, 2 beats 0. */
static void three_items_are_choixs(void **state)
{
    const struct bradley_row row[] = {
        {0, 1, 2, 0, 0, {0}}, {1, 2, 1, 0, 0, {0}}, {2, 0, 1, 0, 0, {0}}};
    struct bradley got;

    (void)state;
    assert_ok(bradley_fit(&got, row, 3, &(struct bradley_conf){.items = 3, .reference = -1}));
    assert_near(got.strength[0], .419617624, 1e-8);
    assert_near(got.strength[1], -.419617624, 1e-8);
    assert_near(got.strength[2], 0, 1e-8);
    bradley_fini(&got);
}

static void an_undefeated_item_needs_a_penalty(void **state)
{
    const struct bradley_row row[] = {{0, 1, 3, 0, 0, {0}}, {1, 2, 1, 1, 0, {0}}},
                             apart[] = {{0, 1, 1, 1, 0, {0}}, {2, 3, 1, 1, 0, {0}}},
                             bad[] = {{0, 3, 1, 0, 0, {0}}},
                             negative[] = {{0, 1, -1, 0, 0, {0}}};
    struct bradley got;

    (void)state;
    assert_err(ERR_RANGE, bradley_fit(&got, row, 2, &(struct bradley_conf){.items = 3}));
    assert_ok(bradley_fit(&got, row, 2,
                          &(struct bradley_conf){.items = 3, .reference = -1, .penalty = 0.1}));
    assert_true(got.strength[0] > got.strength[1] && isfinite(got.strength_se[0]));
    bradley_fini(&got);
    assert_err(ERR_RANGE, bradley_fit(&got, apart, 2, &(struct bradley_conf){.items = 4}));
    assert_err(ERR_RANGE, bradley_fit(&got, bad, 1, &(struct bradley_conf){.items = 3}));
    assert_err(ERR_RANGE, bradley_fit(&got, negative, 1, &(struct bradley_conf){.items = 3}));
    assert_err(ERR_RANGE, bradley_fit(&got, row, 0, &(struct bradley_conf){.items = 3}));
}

/* A judge that likes what stands first (a) and what is long (b): 5,000 votes on 8 models whose
 * answers grow longer as they grow worse. */
enum { MODELS = 8, VOTES = 5000 };
static const double first_bias = 0.8, length_bias = 1.5;

static void vote(struct bradley_row *row, uint32_t v, uint64_t seed,
                 const double *true_strength)
{
    const int i = (int)(rng_uniform(seed, RNG_TEST, 1, v, 0) * MODELS);
    const int j = (i + 1 + (int)(rng_uniform(seed, RNG_TEST, 1, v, 1) * (MODELS - 1))) % MODELS;
    const double length = 0.25 * (j - i) + 0.5 * rng_normal(seed, RNG_TEST, 2, v, 0);
    const double eta = true_strength[i] - true_strength[j] + first_bias - length_bias * -length;
    const bool won = rng_uniform(seed, RNG_TEST, 3, v, 0) < 1 / (1 + exp(-eta));

    *row = (struct bradley_row){i, j, won, !won, 0, {1, length}};
}

static void a_biased_judge_is_seen_through(void **state)
{
    static struct bradley_row row[VOTES];
    double strength[MODELS], naive_tau = 0;
    int inside[2] = {0, 0};

    (void)state;
    for (int i = 0; i < MODELS; i++)
        strength[i] = 0.3 * i;
    for (uint64_t seed = 1; seed <= 5; seed++) {
        struct bradley full, naive;
        for (uint32_t v = 0; v < VOTES; v++)
            vote(&row[v], v, seed, strength);
        assert_ok(bradley_fit(&full, row, VOTES,
                              &(struct bradley_conf){.items = MODELS, .effects = 2}));
        assert_ok(bradley_fit(&naive, row, VOTES, &(struct bradley_conf){.items = MODELS}));
        assert_near(kendall_tau(strength, full.strength, MODELS), 1, 0);
        naive_tau += kendall_tau(strength, naive.strength, MODELS) / 5;
        inside[0] += fabs(full.effect[0] - first_bias) < 2 * full.effect_se[0];
        inside[1] += fabs(full.effect[1] - length_bias) < 2 * full.effect_se[1];
        assert_near(full.effect[0], first_bias, 4 * full.effect_se[0]);
        assert_near(full.effect[1], length_bias, 4 * full.effect_se[1]);
        bradley_fini(&full);
        bradley_fini(&naive);
    }
    assert_true(inside[0] >= 4 && inside[1] >= 4);
    assert_true(naive_tau < 0.5); /* without the covariates the order is lost */
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(citations_are_agrestis),
                                       cmocka_unit_test(baseball_has_its_home_effect),
                                       cmocka_unit_test(covariates_are_a_logistic_regressions),
                                       cmocka_unit_test(puddings_tie_as_davidson_says),
                                       cmocka_unit_test(ties_and_a_home_effect_have_errors),
                                       cmocka_unit_test(three_items_are_choixs),
                                       cmocka_unit_test(an_undefeated_item_needs_a_penalty),
                                       cmocka_unit_test(a_biased_judge_is_seen_through)};
    return cmocka_run_group_tests_name("bradley", tests, NULL, NULL);
}
