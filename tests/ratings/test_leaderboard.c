/* Leaderboards: no order has a part in them, groups count once, what does not connect is named. */
#include "base/mem.h"
#include "base/rng.h"
#include "ratings/leaderboard.h"
#include "tests/golden/rank.inc"
#include "tests/stats/golden.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MODELS = 7, VOTES = (sizeof rank_votes - 1) / 3, EACH = 4 };
static const struct leaderboard_conf usual = {.level = 0.95, .draws = 60, .seed = 1, .k = 4};

static void add(struct votes *votes, const char *a, const char *b, enum votes_winner winner,
                long prompt, const double *x)
{
    json_t *p = prompt < 0 ? NULL : json_integer(prompt);

    assert_ok(votes_add(votes, &(struct votes_said){a, b, winner, p, NULL, 1, x}));
    json_decref(p);
}

/* The golden votes as a file of them would bring them, models called by `name`; shuffled and
 * turned when `order` is not NULL. Of every tie one in two is both bad: the same to a fit. */
static struct votes *golden(const char *const *name, const uint32_t *order, int copies, bool x)
{
    static const enum votes_winner winners[] = {WINNER_A, WINNER_B, WINNER_TIE};
    static const enum votes_winner turned[] = {WINNER_B, WINNER_A, WINNER_BOTH_BAD};
    struct votes *votes = votes_new();

    if (x)
        votes->covariate[votes->covariates++] = mem_text("tone");
    for (uint32_t k = 0; k < VOTES; k++) {
        const uint32_t i = order ? order[k] : k;
        const char *v = rank_votes + (size_t)(3 * i);
        const bool turn = order && k % 2;
        const double tone = turn ? -rank_x[i] : rank_x[i];
        for (int c = 0; c < copies; c++)
            add(votes, name[v[turn] - '0'], name[v[!turn] - '0'],
                turn ? turned[v[2] - '0'] : winners[v[2] - '0'], i / EACH, &tone);
    }
    assert_ok(votes_end(votes));
    return votes;
}

static const char *const names[] = {"m0", "m1", "m2", "m3", "m4", "m5", "m6"};
static const char *const others[] = {"kiwi", "ash", "pear", "oak", "fig", "elm", "yew"};

static const struct leaderboard_row *row_of(const struct leaderboard *b, const char *name)
{
    for (int i = 0; i < b->votes->models; i++)
        if (!strcmp(b->votes->model[b->row[i].model], name))
            return &b->row[i];
    fail();
    return NULL;
}

/* Rows shuffled, candidates turned, models renamed: every figure stays, of every model and error,
 * draws of the bootstrap too. */
static void no_order_has_a_part(void **state)
{
    uint32_t order[VOTES];

    (void)state;
    rng_shuffle(order, VOTES, 9, RNG_TEST, 0);
    for (int k = 0; k < FITTED_ELO * 3; k++) {
        struct leaderboard_conf conf = usual;
        const bool x = k / 3 != FITTED_PLACKETT_LUCE;
        struct votes *votes = golden(names, NULL, 1, x), *mixed = golden(others, order, 1, x);
        struct leaderboard a, b;
        conf.model = (enum fitted_model)(k / 3);
        conf.se = (enum fitted_se)(k % 3);
        conf.penalty = k % 2 ? 0 : 0.5;
        assert_ok(leaderboard_run(&a, votes, &conf));
        assert_ok(leaderboard_run(&b, mixed, &conf));
        for (int i = 0; i < MODELS; i++) {
            const struct leaderboard_row *p = row_of(&a, names[i]), *q = row_of(&b, others[i]);
            assert_near(p->strength, q->strength, 1e-9);
            assert_near(p->se, q->se, 1e-9);
            assert_near(p->rating_low, q->rating_low, 1e-6);
            assert_int_equal(p->rank_low, q->rank_low);
            assert_int_equal(p->rank_high, q->rank_high);
            assert_int_equal(p->games, q->games);
            assert_int_equal(p->ties, q->ties);
        }
        for (size_t i = 0; i < a.pairs; i++) {
            assert_near(a.pair[i].se, b.pair[i].se, 1e-9);
            assert_near(a.pair[i].p_holm, b.pair[i].p_holm, 1e-9);
        }
        assert_near(a.effect[0].se, b.effect[0].se, 1e-9);
        assert_near(a.tie_se[2], b.tie_se[2], 1e-9);
        leaderboard_fini(&a);
        leaderboard_fini(&b);
        votes_free(votes);
        votes_free(mixed);
    }
}

/* A difference's error is that of a fit in which one of the two is the yardstick: not the root of
 * both squares. Ranks go by all pairs at once: the smallest p counts as often as there are pairs. */
static void differences_have_their_own_errors(void **state)
{
    struct votes *votes = golden(names, NULL, 1, false);
    struct leaderboard_conf conf = usual;
    struct bradley_row row[VOTES];
    struct leaderboard b;
    double least = 1, holm = 1;
    int surely[MODELS] = {0};

    (void)state;
    conf.se = SE_INFORMATION;
    for (size_t i = 0; i < VOTES; i++) {
        const char *v = rank_votes + 3 * i;
        row[i] = (struct bradley_row){v[0] - '0',  v[1] - '0',  v[2] == '0',
                                      v[2] == '1', v[2] == '2', {0}};
    }
    assert_ok(leaderboard_run(&b, votes, &conf));
    for (size_t k = 0; k < b.pairs; k++) {
        const struct leaderboard_pair *p = &b.pair[k];
        const int first = b.row[p->better].model, second = b.row[p->worse].model;
        struct bradley fit;
        assert_ok(bradley_fit(&fit, row, VOTES,
                              &(struct bradley_conf){.items = MODELS, .reference = second}));
        assert_near(p->difference, fit.strength[first], 1e-9);
        assert_near(p->se, fit.strength_se[first], 1e-9);
        assert_near(p->high - p->low, 2 * 1.959963984540054 * p->se, 1e-9);
        assert_true(p->p_holm >= p->p);
        least = fmin(least, p->p);
        holm = fmin(holm, p->p_holm);
        surely[p->worse] += p->p_holm < 0.05;
        bradley_fini(&fit);
    }
    assert_near(holm, least * (double)b.pairs, 1e-12);
    for (int i = 0; i < MODELS; i++)
        assert_int_equal(b.row[i].rank_low, 1 + surely[i]);
    leaderboard_fini(&b);
    votes_free(votes);
}

/* "1(24)0 " as a ranking of names. */
static const char *add_ranking(struct votes *votes, const char *at)
{
    json_t *ranking = json_array(), *shared = NULL;

    for (; *at != ' '; at++) {
        if (*at == '(')
            json_array_append_new(ranking, shared = json_array());
        else if (*at == ')')
            shared = NULL;
        else
            json_array_append_new(shared ? shared : ranking, json_string(names[*at - '0']));
    }
    assert_ok(votes_add_ranking(votes, ranking, NULL, NULL, 1));
    json_decref(ranking);
    return at + 1;
}

static void rankings_share_places(void **state)
{
    struct votes *votes = votes_new(), *tied = votes_new();
    struct leaderboard_conf conf = usual;
    struct leaderboard b;

    (void)state;
    for (const char *at = rank_tied; *at;)
        at = add_ranking(votes, at);
    assert_ok(votes_end(votes));
    conf.model = FITTED_PLACKETT_LUCE;
    conf.se = SE_INFORMATION;
    assert_ok(leaderboard_run(&b, votes, &conf));
    for (int i = 0; i < MODELS; i++) {
        assert_near(row_of(&b, names[i])->strength, rank_davidson_luce[i], 1e-7);
        assert_near(row_of(&b, names[i])->se, rank_davidson_luce_se[i], 1e-6);
    }
    assert_near(b.tie[3], rank_davidson_luce[MODELS + 1], 1e-7);
    leaderboard_fini(&b);
    /* who shares a place has beaten the other as much as lost to him */
    assert_string_equal(add_ranking(tied, "0(12) "), "");
    assert_ok(votes_end(tied));
    assert_ok(leaderboard_run(&b, tied, &conf));
    assert_int_equal(b.components, 2);
    leaderboard_fini(&b);
    votes_free(votes);
    votes_free(tied);
}

/* Elo is about the order: shuffled games move it, and nothing else. */
static void elo_goes_by_the_order(void **state)
{
    struct leaderboard_conf conf = usual;
    uint32_t order[VOTES];
    struct votes *votes = golden(names, NULL, 1, false), *mixed;
    struct leaderboard a, b;
    double moved = 0, sum = 0;

    (void)state;
    rng_shuffle(order, VOTES, 9, RNG_TEST, 0);
    mixed = golden(names, order, 1, false);
    conf.model = FITTED_ELO;
    assert_ok(leaderboard_run(&a, votes, &conf));
    assert_ok(leaderboard_run(&b, mixed, &conf));
    for (int i = 0; i < MODELS; i++) {
        moved = fmax(moved, fabs(row_of(&a, names[i])->rating - row_of(&b, names[i])->rating));
        sum += a.row[i].rating;
        assert_true(isnan(a.row[i].se) && a.row[i].rank_low == 0);
        assert_true(!i || a.row[i - 1].rating >= a.row[i].rating);
    }
    assert_true(moved > 0.1);
    assert_near(sum, 1000 * MODELS, 1e-9);
    leaderboard_fini(&a);
    leaderboard_fini(&b);
    votes_free(votes);
    votes_free(mixed);
}

/* Each vote given three times on its prompt says nothing new: a sandwich by prompt knows, one by
 * row believes it and is narrower by the square root of 3. */
static void a_prompt_counts_once(void **state)
{
    struct votes *once = golden(names, NULL, 1, false), *thrice = golden(names, NULL, 3, false);
    struct leaderboard_conf conf = usual, by_row = usual;
    struct leaderboard a, b, c, d;

    (void)state;
    by_row.cluster = CLUSTER_ROW;
    assert_ok(leaderboard_run(&a, once, &conf));
    assert_ok(leaderboard_run(&b, thrice, &conf));
    assert_ok(leaderboard_run(&c, once, &by_row));
    assert_ok(leaderboard_run(&d, thrice, &by_row));
    for (int i = 0; i < MODELS; i++) {
        assert_near(a.row[i].se, b.row[i].se, 1e-9);
        assert_near(c.row[i].se / d.row[i].se, sqrt(3), 2e-3);
    }
    assert_int_equal(a.group, GROUP_PROMPT);
    assert_near(a.fit.groups, VOTES / EACH, 0);
    leaderboard_fini(&a);
    leaderboard_fini(&b);
    leaderboard_fini(&c);
    leaderboard_fini(&d);
    votes_free(once);
    votes_free(thrice);
}

/* Three ways to the same errors, where the model is true enough. */
static void draws_agree_with_the_sandwich(void **state)
{
    struct votes *votes = golden(names, NULL, 1, false);
    static const enum fitted_model models[] = {FITTED_BRADLEY_TERRY, FITTED_PLACKETT_LUCE};

    (void)state;
    for (int k = 0; k < 4; k++) {
        struct leaderboard_conf conf = usual;
        struct leaderboard by_draw, by_slope;
        double ratio = 0;
        conf.model = models[k % 2];
        conf.cluster = k < 2 ? CLUSTER_PROMPT : CLUSTER_ROW;
        conf.draws = 400;
        assert_ok(leaderboard_run(&by_slope, votes, &conf));
        conf.se = SE_BOOTSTRAP;
        assert_ok(leaderboard_run(&by_draw, votes, &conf));
        for (int i = 0; i < MODELS; i++)
            ratio += by_draw.row[i].se / by_slope.row[i].se / MODELS;
        assert_near(ratio, 1.02, 0.06);
        leaderboard_fini(&by_draw);
        leaderboard_fini(&by_slope);
    }
    votes_free(votes);
}

static void arena_has_its_conventions(void **state)
{
    struct votes *votes = golden(names, NULL, 1, false);
    struct leaderboard_conf conf = usual;
    struct leaderboard b;

    (void)state;
    conf.arena = true;
    assert_ok(leaderboard_run(&b, votes, &conf));
    for (int i = 0; i < MODELS; i++) {
        const struct leaderboard_row *r = row_of(&b, names[i]);
        assert_near(r->rating, rank_arena[i], 1e-3);
        assert_near(r->rating_low, rank_arena[MODELS + i], 1e-3);
        assert_near(r->rating_high, rank_arena[2 * MODELS + i], 1e-3);
    }
    leaderboard_fini(&b);
    conf.penalty = 1;
    assert_err(ERR_RANGE, leaderboard_run(&b, votes, &conf));
    votes_free(votes);
}

/* a and b beat each other and both beat c, d and e; d and e beat each other and c; nobody met f. */
static void groups_that_do_not_connect_are_named(void **state)
{
    static const char *const won[][2] = {{"a", "b"}, {"b", "a"}, {"a", "c"}, {"b", "d"},
                                         {"d", "e"}, {"e", "d"}, {"d", "c"}, {"f", "f"}};
    struct votes *votes = votes_new();
    struct leaderboard_conf conf = usual;
    struct leaderboard b;
    json_t *all;

    (void)state;
    for (size_t i = 0; i < COUNT(won); i++)
        add(votes, won[i][0], won[i][1], WINNER_A, -1, NULL);
    assert_ok(votes_end(votes));
    assert_ok(leaderboard_run(&b, votes, &conf));
    assert_non_null(b.why);
    assert_non_null(strstr(b.why, "4 groups"));
    assert_non_null(strstr(b.why, "{a, b} (lost to no other)"));
    assert_non_null(strstr(b.why, "{d, e} (in between)"));
    assert_non_null(strstr(b.why, "{c} (won against no other)"));
    assert_non_null(strstr(b.why, "{f} (met no other)"));
    all = leaderboard_json(&b);
    assert_int_equal(json_array_size(json_object_get(all, "components")), 4);
    assert_true(json_is_null(json_object_get(all, "ranking")));
    json_decref(all);
    leaderboard_fini(&b);
    conf.penalty = 0.1;
    conf.se = SE_INFORMATION;
    assert_ok(leaderboard_run(&b, votes, &conf));
    assert_null(b.why);
    assert_true(row_of(&b, "a")->strength > row_of(&b, "d")->strength);
    assert_true(row_of(&b, "d")->strength > row_of(&b, "c")->strength);
    assert_near(row_of(&b, "f")->strength, 0, 1e-9); /* the prior's mean is all there is */
    assert_int_equal(row_of(&b, "f")->games, 0);
    leaderboard_fini(&b);
    votes_free(votes);
}

/* One group says nothing of errors: infinite, which JSON tells as null. */
static void one_group_has_no_error(void **state)
{
    struct votes *votes = votes_new();
    struct leaderboard b;
    json_t *all, *first;
    char *svg;

    (void)state;
    add(votes, "a", "b", WINNER_A, 1, NULL);
    add(votes, "a", "b", WINNER_TIE, 1, NULL);
    assert_ok(votes_end(votes));
    assert_ok(leaderboard_run(&b, votes, &usual));
    all = leaderboard_json(&b);
    first = json_array_get(json_object_get(all, "ranking"), 0);
    assert_string_equal(json_string_value(json_object_get(first, "name")), "a");
    assert_true(json_is_null(json_object_get(first, "low")));
    assert_int_equal(json_integer_value(json_object_get(first, "rank_high")), 2);
    svg = leaderboard_svg(&b);
    assert_null(strstr(svg, "nan"));
    assert_null(strstr(svg, "inf"));
    free(svg);
    json_decref(all);
    leaderboard_fini(&b);
    votes_free(votes);
}

/* Names are others': a picture holds them as text, and nothing of them acts. */
static void a_picture_holds_names_as_text(void **state)
{
    static const char *const name = "<script>alert(\"1\")</script>&\x1b[2J";
    struct votes *votes = votes_new();
    struct leaderboard b;
    char *svg;

    (void)state;
    for (int i = 0; i < 4; i++)
        add(votes, name, "b", i % 2 ? WINNER_A : WINNER_B, i, NULL);
    assert_ok(votes_end(votes));
    assert_ok(leaderboard_run(&b, votes, &usual));
    svg = leaderboard_svg(&b);
    assert_null(strstr(svg, "<script"));
    assert_null(strchr(svg, '\x1b'));
    assert_non_null(strstr(svg, "&lt;script&gt;alert(&quot;1&quot;)&lt;/script"));
    free(svg);
    leaderboard_fini(&b);
    votes_free(votes);
}

/* What a model cannot read is refused by name. */
static void models_say_what_they_cannot_read(void **state)
{
    struct votes *votes = golden(names, NULL, 1, true), *ranked = votes_new();
    json_t *ranking = json_pack("[s,[s,s]]", "a", "b", "c");
    struct leaderboard_conf conf = usual;
    struct leaderboard b;

    (void)state;
    conf.model = FITTED_PLACKETT_LUCE;
    assert_err(ERR_RANGE, leaderboard_run(&b, votes, &conf));
    conf.model = FITTED_BRADLEY_TERRY;
    conf.cluster = CLUSTER_JUDGE;
    assert_err(ERR_RANGE, leaderboard_run(&b, votes, &conf));
    conf.cluster = CLUSTER_AUTO;
    assert_ok(votes_add_ranking(ranked, ranking, NULL, NULL, 1));
    assert_ok(votes_end(ranked));
    assert_err(ERR_RANGE, leaderboard_run(&b, ranked, &conf));
    assert_non_null(strstr(err_text(), "plackett-luce"));
    json_decref(ranking);
    votes_free(votes);
    votes_free(ranked);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(no_order_has_a_part),
                                       cmocka_unit_test(differences_have_their_own_errors),
                                       cmocka_unit_test(rankings_share_places),
                                       cmocka_unit_test(elo_goes_by_the_order),
                                       cmocka_unit_test(a_prompt_counts_once),
                                       cmocka_unit_test(draws_agree_with_the_sandwich),
                                       cmocka_unit_test(arena_has_its_conventions),
                                       cmocka_unit_test(groups_that_do_not_connect_are_named),
                                       cmocka_unit_test(one_group_has_no_error),
                                       cmocka_unit_test(a_picture_holds_names_as_text),
                                       cmocka_unit_test(models_say_what_they_cannot_read)};
    return cmocka_run_group_tests_name("leaderboard", tests, NULL, NULL);
}
