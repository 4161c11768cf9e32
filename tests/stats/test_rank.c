/* The models of rankings against choix, statsmodels, scipy and arena-rank (tests/golden/rank.py),
 * and against published figures. */
#include "base/mem.h"
#include "base/rng.h"
#include "stats/arena.h"
#include "stats/bradley.h"
#include "stats/elo.h"
#include "stats/plackett.h"
#include "stats/sandwich.h"
#include "stats/thurstone.h"
#include "tests/golden/rank.inc"
#include "tests/stats/golden.h"

#include <ctype.h>
#include <stdlib.h>

enum { MODELS = 7, VOTES = (sizeof rank_votes - 1) / 3, EACH = 4, CHOICES = 1000 };

/* Agresti 1990, p. 448: citations among four statistics journals. Wins of row over column. */
enum { BIOMETRIKA, COMM_STAT, JASA, JRSSB };
static const struct bradley_row citations[] = {
    {BIOMETRIKA, COMM_STAT, 730, 33, 0, {0}}, {BIOMETRIKA, JASA, 498, 320, 0, {0}},
    {BIOMETRIKA, JRSSB, 221, 284, 0, {0}},    {COMM_STAT, JASA, 68, 813, 0, {0}},
    {COMM_STAT, JRSSB, 17, 276, 0, {0}},      {JASA, JRSSB, 142, 325, 0, {0}},
};

static struct bradley_row vote(size_t i, bool covariate)
{
    const char *v = rank_votes + 3 * i;

    return (struct bradley_row){v[0] - '0',  v[1] - '0',  v[2] == '0',
                                v[2] == '1', v[2] == '2', {covariate ? rank_x[i] : 0}};
}

/* The votes; without their ties as logit, probit and choix's were. prompt: whose rows. */
static size_t votes(struct bradley_row *row, uint32_t *prompt, bool ties, bool covariate)
{
    size_t n = 0;

    for (size_t i = 0; i < VOTES; i++) {
        row[n] = vote(i, covariate);
        prompt[n] = (uint32_t)(i / EACH);
        n += ties || row[n].ties == 0;
    }
    return n;
}

/* Standard errors of a fit that let the rows of a prompt belong together. */
static void clustered(double *se, const struct bradley *fit, enum paired_model model,
                      const struct bradley_row *row, const uint32_t *prompt, size_t n)
{
    double *cov = mem_new((size_t)(fit->params * fit->params), sizeof *cov);
    struct sandwich s;

    sandwich_init(&s, fit->params);
    for (size_t i = 0; i < n; i++) {
        int at[BRADLEY_TERMS];
        double by[BRADLEY_TERMS];
        sandwich_add(&s, at, by, bradley_score(fit, model, &row[i], at, by));
        if (i + 1 == n || prompt[i + 1] != prompt[i])
            sandwich_next(&s, 1);
    }
    sandwich_cov(&s, fit->cov, cov, 0);
    for (int i = 0; i < fit->params; i++)
        se[i] = sqrt(cov[i * fit->params + i]);
    sandwich_fini(&s);
    free(cov);
}

static void strengths_are_choixs(void **state)
{
    struct bradley_row row[VOTES];
    uint32_t prompt[VOTES];
    const size_t n = votes(row, prompt, false, false);
    struct bradley got;

    (void)state;
    assert_ok(
        bradley_fit(&got, row, n, &(struct bradley_conf){.items = MODELS, .reference = -1}));
    for (int i = 0; i < MODELS; i++)
        assert_near(got.strength[i], rank_choix[i], 1e-6);
    bradley_fini(&got);
}

static void fits_and_sandwiches_are_statsmodels(void **state)
{
    static const struct {
        enum paired_model model;
        const double *params, *se, *cluster_se;
    } want[] = {{PAIRED_HALF, rank_logit, rank_logit_se, rank_logit_cluster_se},
                {PAIRED_PROBIT, rank_probit, rank_probit_se, rank_probit_cluster_se}};
    struct bradley_row row[VOTES];
    uint32_t prompt[VOTES];
    const size_t n = votes(row, prompt, false, true);

    (void)state;
    for (size_t k = 0; k < COUNT(want); k++) {
        struct bradley got;
        double se[MODELS + 1];
        assert_ok(bradley_fit(
            &got, row, n,
            &(struct bradley_conf){
                .items = MODELS, .effects = 1, .reference = -1, .model = want[k].model}));
        clustered(se, &got, want[k].model, row, prompt, n);
        for (int i = 0; i <= MODELS; i++) {
            assert_near(i < MODELS ? got.strength[i] : got.effect[0], want[k].params[i], 1e-7);
            assert_near(i < MODELS ? got.strength_se[i] : got.effect_se[0], want[k].se[i],
                        1e-7);
            assert_near(se[i], want[k].cluster_se[i], 1e-7);
        }
        bradley_fini(&got);
    }
}

static void thresholds_are_rao_and_kuppers(void **state)
{
    struct bradley_row row[VOTES];
    uint32_t prompt[VOTES];
    const size_t n = votes(row, prompt, true, false);
    struct bradley got;

    (void)state;
    assert_ok(bradley_fit(
        &got, row, n,
        &(struct bradley_conf){.items = MODELS, .reference = -1, .model = PAIRED_RAO_KUPPER}));
    for (int i = 0; i <= MODELS; i++) {
        assert_near(i < MODELS ? got.strength[i] : got.tie, rank_rao_kupper[i], 1e-5);
        assert_near(i < MODELS ? got.strength_se[i] : got.tie_se, rank_rao_kupper_se[i], 1e-5);
    }
    bradley_fini(&got);
}

/* Davidson 1970: 15 pairs of chocolate puddings. */
static const int pudding[15][5] = {{1, 2, 19, 22, 16}, {1, 3, 16, 19, 12}, {2, 3, 19, 19, 10},
                                   {1, 4, 18, 23, 13}, {2, 4, 23, 19, 9},  {3, 4, 19, 20, 15},
                                   {1, 5, 13, 19, 18}, {2, 5, 16, 20, 12}, {3, 5, 16, 15, 17},
                                   {4, 5, 17, 14, 16}, {1, 6, 18, 21, 12}, {2, 6, 22, 20, 12},
                                   {3, 6, 13, 18, 10}, {4, 6, 14, 19, 18}, {5, 6, 11, 21, 12}};

static void puddings_tie_as_rao_and_kupper_say(void **state)
{
    static const double want[] = {.144399, .171794, .162817, .166078, .160381, .194531};
    struct bradley_row row[15];
    struct bradley got;
    double sum = 0;

    (void)state;
    for (int i = 0; i < 15; i++)
        row[i] = (struct bradley_row){pudding[i][0] - 1, pudding[i][1] - 1, pudding[i][2],
                                      pudding[i][3],     pudding[i][4],     {0}};
    assert_ok(bradley_fit(&got, row, 15,
                          &(struct bradley_conf){.items = 6, .model = PAIRED_RAO_KUPPER}));
    for (int i = 0; i < 6; i++)
        sum += exp(got.strength[i]);
    for (int i = 0; i < 6; i++)
        assert_near(exp(got.strength[i]) / sum, want[i], 1e-6);
    assert_near(got.tie, 1.748457, 1e-6);
    assert_near(got.loglik, -809.69713, 1e-5);
    bradley_fini(&got);
}

/* A pair is a ranking of two: Plackett and Luce with ties are Davidson. */
static void puddings_ranked_are_davidsons(void **state)
{
    static const double want[] = {.138803, .173002, .161747, .165373, .158685, .202389};
    int item[15][2][2];
    struct plackett_choice choice[45];
    struct plackett got;
    double sum = 0;

    (void)state;
    for (int i = 0; i < 15; i++) {
        item[i][0][0] = item[i][1][1] = pudding[i][0] - 1;
        item[i][0][1] = item[i][1][0] = pudding[i][1] - 1;
        for (int k = 0; k < 3; k++)
            choice[3 * i + k] =
                (struct plackett_choice){item[i][k == 1], k == 2 ? 2 : 1, 2, pudding[i][2 + k]};
    }
    assert_ok(plackett_fit(&got, choice, 45, &(struct plackett_conf){.items = 6}));
    for (int i = 0; i < 6; i++)
        sum += exp(got.strength[i]);
    for (int i = 0; i < 6; i++)
        assert_near(exp(got.strength[i]) / sum, want[i], 1e-6);
    assert_near(got.tie[2], .746823, 1e-6);
    assert_near(got.loglik, -809.70951, 1e-5);
    plackett_fini(&got);
}

static void citations_are_thurstones(void **state)
{
    static const double want[] = {0, -1.67469368, -.28991326, .15911707},
                        by_hand[] = {0, -1.63584535, -.29950560, .10199682};
    const struct bradley_conf conf = {.items = 4, .model = PAIRED_PROBIT};
    double wins[16] = {0}, strength[4], apart[9] = {0};
    struct bradley got;

    (void)state;
    assert_ok(bradley_fit(&got, citations, COUNT(citations), &conf));
    for (size_t i = 0; i < COUNT(citations); i++) {
        wins[citations[i].first * 4 + citations[i].second] = citations[i].wins;
        wins[citations[i].second * 4 + citations[i].first] = citations[i].losses;
    }
    assert_ok(thurstone_least_squares(strength, wins, 4));
    for (int i = 0; i < 4; i++) {
        assert_near(got.strength[i], want[i], 1e-8);
        assert_near(strength[i] - strength[0], by_hand[i], 1e-8);
    }
    assert_near(got.deviance, 6.4119746, 1e-7);
    bradley_fini(&got);
    apart[1] = 3; /* 0 beat 1 and nobody met 2 */
    assert_err(ERR_RANGE, thurstone_least_squares(strength, apart, 3));
    apart[5] = 2; /* 1 beat 2: shares of 1 are half a comparison from the edge */
    assert_ok(thurstone_least_squares(strength, apart, 3));
    assert_near(strength[0] - strength[1], .96742156610170, 1e-9);
}

/* A ranking as text: "1(24)0 ". Its choices go behind the n that are there. */
static const char *choices(const char *at, int *item, struct plackett_choice *choice, size_t *n)
{
    int members = 0, placed = 0, size[MODELS + 1], groups = 0;

    for (bool open = false; *at != ' '; at++) {
        open = *at == '(' || (open && *at != ')');
        if (*at == '(')
            size[groups++] = 0;
        if (!isdigit((unsigned char)*at))
            continue;
        item[members++] = *at - '0';
        if (open)
            size[groups - 1]++;
        else
            size[groups++] = 1;
    }
    for (int g = 0; g < groups; placed += size[g++])
        if (members - placed > 1)
            choice[(*n)++] =
                (struct plackett_choice){item + placed, size[g], members - placed, 1};
    return at + 1;
}

static size_t read_rankings(const char *text, int (*item)[MODELS],
                            struct plackett_choice *choice)
{
    size_t n = 0;

    for (size_t r = 0; *text; r++)
        text = choices(text, item[r], choice, &n);
    return n;
}

static void rankings_are_choixs(void **state)
{
    static const char *const small = "012 320 13 ";
    /* choix.ilsr_rankings(tol=1e-13); its own tests hold figures of a looser optimiser, equal to
     * four digits. */
    static const double want[] = {-.44330849, .69506787, -.67060957, .41885019};
    static int item[CHOICES][MODELS];
    static struct plackett_choice choice[CHOICES];
    struct plackett got;

    (void)state;
    assert_ok(plackett_fit(&got, choice, read_rankings(rank_rankings, item, choice),
                           &(struct plackett_conf){.items = MODELS}));
    for (int i = 0; i < MODELS; i++)
        assert_near(got.strength[i], rank_plackett[i], 1e-6);
    plackett_fini(&got);
    assert_ok(plackett_fit(&got, choice, read_rankings(small, item, choice),
                           &(struct plackett_conf){.items = 4}));
    for (int i = 0; i < 4; i++)
        assert_near(got.strength[i], want[i], 1e-8);
    plackett_fini(&got);
}

/* choix's choices of one: 0 over 1, 1 over 2, 2 over 0 and 1. */
static void choices_are_choixs(void **state)
{
    static const int item[3][3] = {{0, 1}, {1, 2}, {2, 0, 1}};
    static const double want[] = {.16040395, -.32080789, .16040394};
    const struct plackett_choice choice[] = {
        {item[0], 1, 2, 1}, {item[1], 1, 2, 1}, {item[2], 1, 3, 1}};
    struct plackett got;

    (void)state;
    assert_ok(plackett_fit(&got, choice, 3, &(struct plackett_conf){.items = 3}));
    for (int i = 0; i < 3; i++)
        assert_near(got.strength[i], want[i], 2e-8);
    plackett_fini(&got);
}

static void shared_places_are_summed_over(void **state)
{
    static int item[CHOICES][MODELS];
    static struct plackett_choice choice[CHOICES];
    const size_t n = read_rankings(rank_tied, item, choice);
    double slope[MODELS + 2] = {0};
    struct plackett got;

    (void)state;
    assert_ok(plackett_fit(&got, choice, n, &(struct plackett_conf){.items = MODELS}));
    for (int i = 0; i < MODELS; i++) {
        assert_near(got.strength[i], rank_davidson_luce[i], 1e-7);
        assert_near(got.strength_se[i], rank_davidson_luce_se[i], 1e-6);
    }
    assert_near(got.tie[2], rank_davidson_luce[MODELS], 1e-7);
    assert_near(got.tie[3], rank_davidson_luce[MODELS + 1], 1e-7);
    for (size_t i = 0; i < n; i++) /* at the maximum the slopes of all choices cancel */
        plackett_score(&got, &choice[i], slope);
    for (int i = 0; i < got.params; i++)
        assert_near(slope[i], 0, 1e-8);
    plackett_fini(&got);
}

static void what_no_ranking_says_is_refused(void **state)
{
    static const int item[12] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}, far[2] = {0, 99};
    const struct plackett_choice wide = {item, 11, 12, 1}, out = {far, 1, 2, 1},
                                 won = {item, 1, 2, 1};
    const struct plackett_conf conf = {.items = 12}, two = {.items = 2},
                               prior = {.items = 2, .penalty = 1};
    struct plackett got;

    (void)state;
    assert_err(ERR_RANGE, plackett_fit(&got, &wide, 1, &conf));
    assert_err(ERR_RANGE, plackett_fit(&got, &out, 1, &conf));
    assert_err(ERR_RANGE, plackett_fit(&got, &won, 1, &two));
    assert_err(ERR_RANGE, plackett_fit(&got, &won, 0, &two));
    assert_ok(plackett_fit(&got, &won, 1, &prior));
    assert_true(got.strength[0] > 0);
    plackett_fini(&got);
}

static void ratings_are_arenas(void **state)
{
    const double points = 400 / log(10);
    struct bradley_row row[VOTES];
    struct arena_cell cell[VOTES];
    uint32_t prompt[VOTES];

    (void)state;
    for (int weighed = 0; weighed < 2; weighed++) {
        const double *const want = weighed ? rank_arena_weighed : rank_arena;
        struct bradley got;
        double cov[MODELS * MODELS];
        votes(row, prompt, true, false);
        for (size_t i = 0; i < VOTES; i++) {
            const double w = weighed ? rank_weight[i] : 1;
            cell[i] = (struct arena_cell){row[i].first, row[i].second,
                                          row[i].wins + row[i].ties / 2, 1, w};
            row[i].wins *= w;
            row[i].losses *= w;
            row[i].ties *= w;
        }
        assert_ok(bradley_fit(&got, row, VOTES,
                              &(struct bradley_conf){.items = MODELS, .reference = -1}));
        assert_ok(arena_covariance(cov, got.strength, MODELS, cell, VOTES));
        for (int i = 0; i < MODELS; i++) {
            const double wide = 1.959963984540054 * sqrt(cov[i * (MODELS + 1)]);
            assert_near(1000 + points * got.strength[i], want[i], 1e-3);
            assert_near(1000 + points * (got.strength[i] - wide), want[MODELS + i], 1e-3);
            assert_near(1000 + points * (got.strength[i] + wide), want[2 * MODELS + i], 1e-3);
        }
        bradley_fini(&got);
    }
}

static void ratings_move_as_elo_says(void **state)
{
    static const struct {
        int a, b;
        double score;
    } games[] = {{0, 1, 1}, {1, 2, 1}, {0, 2, .5}, {2, 0, 1}};
    double r[3] = {1000, 1000, 1000}, other[3] = {1000, 1000, 1000};
    double mine = 1613, theirs = 1609, low = 1500, high = 1600;

    (void)state;
    assert_near(elo_expected(200), .75974693, 1e-8);
    assert_near(elo_expected(400), .90909091, 1e-8);
    elo_game(&mine, &theirs, 0, 32);
    assert_near(mine, 1596.81580, 1e-5);
    assert_near(theirs, 1625.18420, 1e-5);
    elo_game(&low, &high, 1, 32);
    assert_near(low, 1520.48208, 1e-5);
    assert_near(high, 1579.51792, 1e-5);
    for (int i = 0; i < 4; i++) {
        elo_game(&r[games[i].a], &r[games[i].b], games[i].score, 4);
        elo_game(&other[games[3 - i].a], &other[games[3 - i].b], games[3 - i].score, 4);
    }
    assert_near(r[0], 999.954084, 1e-6);
    assert_near(r[1], 1000.011513, 1e-6);
    assert_near(r[2], 1000.034404, 1e-6);
    assert_true(fabs(other[0] - r[0]) > 1e-4); /* the order of the games matters */
}

/* Items renamed and rows shuffled and turned: the same figures, with a penalty as without. */
static void nobody_comes_first(void **state)
{
    static const enum paired_model models[] = {PAIRED_HALF, PAIRED_DAVIDSON, PAIRED_RAO_KUPPER,
                                               PAIRED_PROBIT};
    struct bradley_row row[VOTES], turned[VOTES];
    uint32_t prompt[VOTES], order[VOTES];
    const size_t n = votes(row, prompt, true, true);

    (void)state;
    rng_shuffle(order, n, 5, RNG_TEST, 0);
    for (size_t i = 0; i < n; i++) {
        const struct bradley_row *r = &row[order[i]];
        turned[i] = *r;
        turned[i].first = MODELS - 1 - r->first;
        turned[i].second = MODELS - 1 - r->second;
        if (i % 2)
            turned[i] = (struct bradley_row){turned[i].second, turned[i].first, r->losses,
                                             r->wins,          r->ties,         {-r->x[0]}};
    }
    for (size_t k = 0; k < 2 * COUNT(models); k++) {
        const struct bradley_conf conf = {.items = MODELS,
                                          .effects = 1,
                                          .reference = -1,
                                          .model = models[k / 2],
                                          .penalty = k % 2 ? 2 : 0};
        struct bradley a, b;
        assert_ok(bradley_fit(&a, row, n, &conf));
        assert_ok(bradley_fit(&b, turned, n, &conf));
        for (int i = 0; i < MODELS; i++) {
            assert_near(a.strength[i], b.strength[MODELS - 1 - i], 1e-9);
            assert_near(a.strength_se[i], b.strength_se[MODELS - 1 - i], 1e-9);
        }
        assert_near(a.effect[0], b.effect[0], 1e-9);
        if (a.has_tie)
            assert_near(a.tie, b.tie, 1e-9);
        bradley_fini(&a);
        bradley_fini(&b);
    }
}

/* An item that never lost is drawn towards the mean of all, the same on either side of it. */
static void a_penalty_shrinks_to_the_middle(void **state)
{
    const struct bradley_row row[] = {{0, 1, 3, 0, 0, {0}}, {1, 2, 3, 0, 0, {0}}};
    struct bradley got;

    (void)state;
    assert_ok(bradley_fit(&got, row, 2,
                          &(struct bradley_conf){.items = 3, .reference = -1, .penalty = 0.5}));
    assert_near(got.strength[0], -got.strength[2], 1e-10);
    assert_near(got.strength[1], 0, 1e-10);
    /* 3 / (1 + exp(s)) = penalty s: the slope of the penalised likelihood is 0 */
    assert_near(3 / (1 + exp(got.strength[0])), 0.5 * got.strength[0], 1e-10);
    for (int i = 0; i < 3; i++) /* strengths of sum 0: so is what they vary by, prior or not */
        assert_near(got.cov[3 * i] + got.cov[3 * i + 1] + got.cov[3 * i + 2], 0, 1e-12);
    bradley_fini(&got);
}

/* Without a tie its parameter is at the edge, and the rest is Bradley and Terry's. */
static void no_tie_is_no_parameter(void **state)
{
    struct bradley half, davidson, threshold;

    (void)state;
    assert_ok(bradley_fit(&half, citations, 6, &(struct bradley_conf){.items = 4}));
    assert_ok(bradley_fit(&davidson, citations, 6,
                          &(struct bradley_conf){.items = 4, .model = PAIRED_DAVIDSON}));
    assert_ok(bradley_fit(&threshold, citations, 6,
                          &(struct bradley_conf){.items = 4, .model = PAIRED_RAO_KUPPER}));
    assert_near(davidson.tie, 0, 0);
    assert_near(threshold.tie, 1, 0);
    assert_true(isnan(davidson.tie_se) && !davidson.has_tie);
    for (int i = 0; i < 4; i++) {
        assert_near(half.strength[i], davidson.strength[i], 0);
        assert_near(half.strength_se[i], threshold.strength_se[i], 0);
    }
    bradley_fini(&half);
    bradley_fini(&davidson);
    bradley_fini(&threshold);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(strengths_are_choixs),
                                       cmocka_unit_test(fits_and_sandwiches_are_statsmodels),
                                       cmocka_unit_test(thresholds_are_rao_and_kuppers),
                                       cmocka_unit_test(puddings_tie_as_rao_and_kupper_say),
                                       cmocka_unit_test(puddings_ranked_are_davidsons),
                                       cmocka_unit_test(citations_are_thurstones),
                                       cmocka_unit_test(rankings_are_choixs),
                                       cmocka_unit_test(choices_are_choixs),
                                       cmocka_unit_test(shared_places_are_summed_over),
                                       cmocka_unit_test(what_no_ranking_says_is_refused),
                                       cmocka_unit_test(ratings_are_arenas),
                                       cmocka_unit_test(ratings_move_as_elo_says),
                                       cmocka_unit_test(nobody_comes_first),
                                       cmocka_unit_test(a_penalty_shrinks_to_the_middle),
                                       cmocka_unit_test(no_tie_is_no_parameter)};
    return cmocka_run_group_tests_name("rank", tests, NULL, NULL);
}
