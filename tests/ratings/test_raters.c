#include "ratings/alternative.h"
#include "ratings/matrix.h"
#include "ratings/raters.h"
#include "ratings/reasons.h"
#include "tests/ratings/said.h"
#include "tests/stats/agreement_golden.h"

static const struct agreement_conf conf = {.resamples = 200, .seed = 1};

static void add(struct judgements *all, const char *item, const char *who, const char *value,
                const char *why, const char *gold, enum judgements_side side, double seconds)
{
    struct judgements_said said = said_nothing;

    said.item = item;
    said.annotator = who;
    said.value = value;
    said.why = why;
    said.gold = gold;
    said.side = side;
    said.seconds = seconds;
    assert_ok(judgements_add(all, &said));
}

/* lea takes the left answer nine times of ten, ray as it comes; golds, repeats and ties are no
 * part of that. */
static struct judgements *lea_and_ray(void)
{
    struct judgements *all = judgements_new(JUDGEMENTS_PAIRS);

    for (int i = 0; i < 60; i++) {
        char item[16];
        snprintf(item, sizeof item, "%d", i);
        add(all, item, "lea", i % 2 ? "a" : "b", NULL, NULL, i % 10 ? SIDE_LEFT : SIDE_RIGHT,
            i);
        add(all, item, "ray", i % 3 ? "a" : "b", NULL, NULL, i % 2 ? SIDE_LEFT : SIDE_RIGHT,
            NAN);
        if (i >= 20)
            continue;
        add(all, item, "lea", i % 4 == 1 ? "a" : "b", "repeat", NULL, SIDE_RIGHT, NAN);
        snprintf(item, sizeof item, "g%d", i);
        add(all, item, "ray", i < 15 ? "a" : "b", "gold", "a", SIDE_RIGHT, NAN);
        snprintf(item, sizeof item, "t%d", i);
        add(all, item, "ray", "tie", NULL, NULL, SIDE_LEFT, NAN);
    }
    add(all, "open", "ray", NULL, NULL, NULL, SIDE_NONE, NAN);
    add(all, "open", "lea", "skip", NULL, NULL, SIDE_NONE, NAN);
    assert_ok(judgements_end(all));
    return all;
}

static void share_is(const struct raters_share *share, size_t right, size_t n)
{
    assert_int_equal(share->right, right);
    assert_int_equal(share->n, n);
    if (n)
        assert_true(share->low < share->value && share->value < share->high);
    else
        assert_true(isnan(share->value));
}

static void each_one_is_seen(void **state)
{
    struct judgements *all = lea_and_ray();
    struct raters got;
    const struct raters_one *lea, *ray;

    (void)state;
    assert_ok(raters_run(&got, all, &conf));
    lea = &got.one[0];
    ray = &got.one[1];
    assert_int_equal(lea->judgements, 60);
    assert_int_equal(ray->judgements, 80);
    assert_int_equal(lea->skipped, 1);
    assert_int_equal(ray->open, 1);
    share_is(&lea->left.share, 54, 60);
    share_is(&ray->left.share, 30, 60);
    share_is(&ray->gold, 15, 20);
    share_is(&lea->gold, 0, 0);
    share_is(&lea->self, 15, 20);
    assert_true(lea->left.p_holm < 1e-8 && lea->left.p_holm == 2 * lea->left.p);
    assert_near(ray->left.p_holm, 1, 0);
    assert_near(lea->seconds, 29.5, 1e-12);
    assert_true(isnan(ray->seconds));
    assert_near(lea->others.value, ray->others.value, 1e-12);
    assert_non_null(got.no_consensus); /* two an item */
    raters_fini(&got);
    judgements_free(all);
}

/* Three of each item; w3 of said.h judges by length. */
static void tastes_and_reliabilities_show(void **state)
{
    const struct said_how how = {.turned = true};
    struct judgements *all = said_simulate(&how);
    struct raters got;

    (void)state;
    assert_ok(raters_run(&got, all, &conf));
    assert_null(got.no_consensus);
    assert_true(got.one[3].longer.p_holm < .05 && got.one[3].longer.share.value > .7);
    for (size_t i = 0; i < got.n; i++)
        assert_true(i == 3 || got.one[i].longer.p_holm > .05);
    assert_int_equal(got.values, CHOICES);
    for (size_t i = 0; i < all->item.n; i++) {
        double sum = 0;
        for (size_t v = 0; v < CHOICES; v++)
            sum += got.consensus[i * CHOICES + v];
        assert_near(sum, 1, 1e-9);
    }
    /* In the item's way round: where all three chose b, b is what is true. */
    for (size_t i = 0; i + 2 < all->n; i += 3)
        if (all->row[i].value == CHOICE_B && all->row[i + 1].value == CHOICE_B &&
            all->row[i + 2].value == CHOICE_B)
            assert_true(got.consensus[all->row[i].item * CHOICES + CHOICE_B] > .5);
    raters_fini(&got);
    judgements_free(all);
}

/* Who judges by length differs from others where lengths differ, and that is said; without such a
 * one nothing is. */
static void reasons_are_found_where_there_are_some(void **state)
{
    (void)state;
    for (int by_length = 0; by_length < 2; by_length++) {
        struct judgements *all = judgements_new(JUDGEMENTS_PAIRS);
        struct reasons got;
        size_t found = 0;
        for (uint32_t i = 0; i < 500; i++)
            for (uint32_t j = 0; j < 3; j++) {
                static const char *const who[] = {"ann", "bob", "cyd"};
                const double length = rng_normal(8, RNG_TEST, i, 0, 0);
                double u = rng_normal(8, RNG_TEST, i, 1, 0) +
                           .5 * rng_normal(8, RNG_TEST, i, 2 + j, 0);
                struct judgements_said said = said_nothing;
                char item[16];
                u += by_length && j == 2 ? 3 * length : 0;
                snprintf(item, sizeof item, "%u", i);
                said.item = item;
                said.annotator = who[j];
                said.value = u > 0 ? "a" : "b";
                said.length_a = exp(6 + length) - 1;
                said.length_b = exp(6) - 1;
                assert_ok(judgements_add(all, &said));
            }
        assert_ok(judgements_end(all));
        reasons_run(&got, all, &conf);
        assert_null(got.why);
        assert_int_equal(got.n, 6); /* three pairs, two questions */
        for (size_t i = 0; i < got.n; i++) {
            const struct reason *r = &got.one[i];
            if (!(r->p_holm < .05))
                continue;
            found++;
            assert_true(r->b == 2);
            assert_true(r->kind == REASONS_SIZE ? r->effect > 1.2 : r->effect < .3);
        }
        assert_int_equal(found, by_length ? 4 : 0);
        reasons_fini(&got);
        judgements_free(all);
    }
}

/* 60 items, four people and a judge: as scipy and statsmodels have it. */
static void the_judge_is_tested_as_the_paper_says(void **state)
{
    static const char *const value[] = {"0", "1", "2"};
    struct judgements *all = judgements_new(JUDGEMENTS_NOMINAL);
    struct alternative got;
    json_t *told;

    (void)state;
    for (uint32_t i = 0; i < 60; i++)
        for (uint32_t j = 0; j < 5; j++) {
            const uint32_t as = j == 4 && i % 4 == 1 ? 0 : i % 2 ? j : 0;
            char item[16], who[24];
            snprintf(item, sizeof item, "%u", i);
            snprintf(who, sizeof who, "%s%u", j == 4 ? "judge" : "h", j);
            add(all, item, who, value[formula_token(5 * i + as, 14, 3)], NULL, NULL, SIDE_NONE,
                NAN);
        }
    assert_ok(judgements_end(all));
    assert_ok(alternative_run(&got, all, "judge4", .2, .05));
    assert_true(got.people == 4 && got.items == 60 && !got.weak);
    for (int j = 0; j < 4; j++) {
        assert_near(got.person[j].judge_wins, alternative_golden[j], 1e-12);
        assert_near(got.person[j].p, alternative_golden[4 + j], 1e-9);
        assert_near(got.person[j].p_adjusted, alternative_golden[8 + j], 1e-9);
    }
    assert_near(got.advantage, alternative_golden[12], 1e-12);
    assert_near(got.omega, 1, 0);
    assert_int_equal(got.verdict, ALTERNATIVE_YES);
    told = alternative_json(&got, all);
    assert_string_equal(json_string_value(json_object_get(told, "may_replace")), "yes");
    json_decref(told);
    alternative_fini(&got);
    assert_int_equal(alternative_run(&got, all, "nobody", .2, .05), ERR_RANGE);
    judgements_free(all);
}

/* Few items: it cannot tell; two people: weak; one who answers at random does not pass. */
static void a_judge_does_not_pass_for_nothing(void **state)
{
    (void)state;
    for (int items = 20; items <= 200; items += 180) {
        struct judgements *all = judgements_new(JUDGEMENTS_NOMINAL);
        struct alternative got;
        for (uint32_t i = 0; i < (uint32_t)items; i++) {
            char item[16];
            snprintf(item, sizeof item, "%u", i);
            add(all, item, "x", formula(i, 1) > 0 ? "1" : "2", NULL, NULL, SIDE_NONE, NAN);
            add(all, item, "y", formula(i, 1) > -.2F ? "1" : "2", NULL, NULL, SIDE_NONE, NAN);
            add(all, item, "judge", formula(i, 2) > 0 ? "1" : "2", NULL, NULL, SIDE_NONE, NAN);
        }
        assert_ok(judgements_end(all));
        assert_ok(alternative_run(&got, all, "judge", .1, .05));
        assert_int_equal(got.verdict, items < 30 ? ALTERNATIVE_CANNOT_TELL : ALTERNATIVE_NO);
        assert_true(got.weak && got.omega == 0);
        alternative_fini(&got);
        judgements_set_aside(all, 0);
        judgements_free(all);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_one_is_seen),
        cmocka_unit_test(tastes_and_reliabilities_show),
        cmocka_unit_test(reasons_are_found_where_there_are_some),
        cmocka_unit_test(the_judge_is_tested_as_the_paper_says),
        cmocka_unit_test(a_judge_does_not_pass_for_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
