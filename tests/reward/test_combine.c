#include "reward/combine.h"

#include "base/config_tree.h"
#include "reward/credit.h"
#include "reward/scorers.h"
#include "tests/support/test.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static enum err read(struct rewards *out, const char *yaml, const char *model)
{
    json_t *tree = NULL;
    enum err err = config_tree_yaml(&tree, yaml, strlen(yaml), "test");

    assert_ok(err);
    err = rewards_read(out, json_object_get(tree, "rewards"), model, false);
    json_decref(tree);
    return err;
}

static void scores_add_up(void **state)
{
    static const double before[2][3] = {{1, 2, 3}, {5, 5, 5}};
    const struct hash none[REWARDS_MAX] = {{{0}}};
    float value[4] = {4, 7, -1, -2};
    struct reward_answer s = {.n = 2, .said = {{value, 1}, {value + 1, 1}, {value + 2, 2}}};
    const struct hash *scorer;
    struct rewards r;
    (void)state;

    assert_ok(
        read(&r,
             "rewards: [{name: a, model: x, weight: 2, normalize: true}, {name: b, model: "
             "y, weight: -1, normalize: true}]",
             NULL));
    r.reference = true;
    scorers_table(&r, none, none, NULL, NULL);
    assert_ok(combine_check(&r, &s, &scorer));
    assert_true(combine_score(&r, &s) == 2 * 4.0 - 7);
    assert_true(combine_reference(&r, &s)[1] == -2);
    combine_measure(&r, &before[0][0], 3);
    assert_true(r.reward[0].mean == 2 && r.reward[0].std == 1);
    assert_true(r.reward[1].mean == 5 && r.reward[1].std == 1); /* no spread: its scale stays */
    assert_true(combine_score(&r, &s) == 2 * (4.0 - 2) - (7 - 5));
    s.said[2].n = 1;
    assert_err(ERR_RANGE, combine_check(&r, &s, &scorer));
    assert_ptr_equal(scorer, &r.table[2].hash);
    value[1] = NAN;
    assert_err(ERR_RANGE, combine_check(&r, &s, &scorer));
    assert_ptr_equal(scorer, &r.table[1].hash);
    value[1] = 7;
    s.said[2].n = 2;
    s.said[1].value = NULL;
    s.said[1].n = 0;
    assert_err(ERR_RANGE, combine_check(&r, &s, &scorer));
    rewards_fini(&r);
}

static void score_with(struct rewards *r, const char *how, struct reward_answer *answer)
{
    static float steps[] = {-1, .9f, -1, .5f, -1, .8f}, whole[] = {3};
    const struct hash card[REWARDS_MAX] = {{{1}}}, image[REWARDS_MAX] = {{{2}}};
    char yaml[160];

    snprintf(
        yaml, sizeof yaml,
        "rewards:\n- {name: p, model: prm, weight: 2, steps: %s}\n- {name: rm, model: x}\n",
        how);
    assert_ok(read(r, yaml, NULL));
    scorers_table(r, card, image, NULL, NULL);
    assert_true(r->table[0].per_token && !r->table[1].per_token);
    *answer = (struct reward_answer){.n = 6, .said = {{steps, 6}, {whole, 1}}};
}

/* Steps of P(right) .9, .5, .8 at tokens 1, 3, 5; weight 2; beside them a plain reward of 3. */
enum { NO = 99 }; /* no step ends here */

static void steps_are_credited_where_they_end(void **state)
{
    static const struct {
        const char *how;
        double sum;
        float dense[6];
    } rows[] = {
        {"min", .5, {NO, NO, NO, NO, NO, NO}},
        {"product", .36, {NO, NO, NO, NO, NO, NO}},
        {"last", .8, {NO, NO, NO, NO, NO, NO}},
        {"mean", 2.2 / 3, {NO, NO, NO, NO, NO, NO}},
        {"dense", 2.2, {NO, 1.8f, NO, 1, NO, 1.6f}},
        {"potential", .8, {NO, 1.8f, NO, -.8f, NO, .6f}},
        {"worst", .5, {NO, NO, NO, 1, NO, NO}},
    };
    const struct hash *scorer;
    (void)state;

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct reward_answer s;
        struct rewards r;
        float dense[6];
        double rest;
        score_with(&r, rows[i].how, &s);
        assert_ok(combine_check(&r, &s, &scorer));
        assert_true(fabs(combine_value(&r, 0, &s) - rows[i].sum) < 1e-6);
        rest = combine_score(&r, &s);
        assert_true(fabs(rest - (2 * rows[i].sum + 3)) < 1e-6);
        assert_int_equal(credit_dense(&r, &s, dense), i >= 4);
        for (int t = 0; t < 6; t++) {
            const bool ends = rows[i].dense[t] < NO;
            assert_true(ends ? fabsf(dense[t] - rows[i].dense[t]) < 1e-6f : isnan(dense[t]));
            rest -= ends ? (double)dense[t] : 0;
        }
        assert_true(credit_share(&r) == (i >= 4 ? 2 : 0));
        /* what is left for the end: the plain reward, and all of an aggregate */
        assert_true(fabs(rest - (i >= 4 ? 3 : 2 * rows[i].sum + 3)) < 1e-6);
        if (i >= 4) { /* a normalised reward's steps are scaled as its sum is */
            const float before = i == 4 ? dense[1] : dense[3];
            r.reward[0].std = 2;
            assert_true(credit_dense(&r, &s, dense));
            assert_true(fabsf((i == 4 ? dense[1] : dense[3]) - before / 2) < 1e-6f);
        }
        rewards_fini(&r);
    }
}

static void length_is_punished_before_the_end(void **state)
{
    (void)state;
    assert_true(combine_overlong(10, 20, 0) == 0 && combine_overlong(99, 20, 0) == 0);
    assert_true(combine_overlong(16, 20, 4) == 0);
    assert_true(fabs(combine_overlong(17, 20, 4) + .25) < 1e-12);
    assert_true(fabs(combine_overlong(20, 20, 4) + 1) < 1e-12);
    assert_true(combine_overlong(21, 20, 4) == -1);
}

/* Equal scores, but one answer is long enough to be punished: not a group to be left out. */
static void answers_punished_differently_are_not_alike(void **state)
{
    const struct hash none[REWARDS_MAX] = {{{0}}};
    const float value = 1, other = 2;
    struct reward_answer a = {.n = 2, .said = {{&value, 1}}}, b = a;
    struct rewards r;
    (void)state;

    assert_ok(read(&r, "rewards: [{rule: length, max: 9}]", NULL));
    scorers_table(&r, none, none, NULL, NULL);
    b.n = 4;
    assert_true(combine_alike(&r, &a, &b));
    r.soft_max = 4;
    r.soft_cache = 2;
    assert_false(combine_alike(&r, &a, &b));
    r.soft_cache = 0;
    b.cut = true;
    assert_false(combine_alike(&r, &a, &b));
    b.cut = false;
    b.said[0].value = &other;
    assert_false(combine_alike(&r, &a, &b));
    rewards_fini(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(length_is_punished_before_the_end),
        cmocka_unit_test(answers_punished_differently_are_not_alike),
        cmocka_unit_test(scores_add_up),
        cmocka_unit_test(steps_are_credited_where_they_end),
    };

    return cmocka_run_group_tests_name("combine", tests, NULL, NULL);
}
