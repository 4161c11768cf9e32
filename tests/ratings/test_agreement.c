#include "ratings/agreement.h"
#include "ratings/matrix.h"
#include "ratings/raters.h"
#include "tests/ratings/said.h"

#define assert_near(got, want, tolerance) \
    do { \
        const double got_ = (got), want_ = (want); \
        if (!(fabs(got_ - want_) <= (tolerance)) && !(isnan(got_) && isnan(want_))) \
            fail_msg("%s = %.15g, expected %.15g", #got, got_, want_); \
    } while (0)

static const struct agreement_conf conf = {.resamples = 300, .seed = 1};

static void same_figure(const struct agreement_figure *a, const struct agreement_figure *b)
{
    assert_near(a->value, b->value, 1e-12);
    assert_near(a->low, b->low, 1e-12);
    assert_near(a->high, b->high, 1e-12);
    assert_near(a->low_by_item, b->low_by_item, 1e-12);
    assert_near(a->high_by_item, b->high_by_item, 1e-12);
}

/* Every figure of agreement, of two tellings of the same rows. */
static void same(const struct said_how *a, const struct said_how *b)
{
    const struct said_how *how[2] = {a, b};
    struct agreement got[2];
    struct matrix matrix[2];
    struct raters raters[2];

    for (int k = 0; k < 2; k++) {
        struct judgements *all = said_simulate(how[k]);
        assert_ok(agreement_run(&got[k], all, &conf));
        assert_ok(matrix_run(&matrix[k], all, &conf));
        assert_ok(raters_run(&raters[k], all, &conf));
        judgements_free(all);
    }
    same_figure(&got[0].block->percent, &got[1].block->percent);
    same_figure(&got[0].block->alpha, &got[1].block->alpha);
    same_figure(&got[0].block->fleiss, &got[1].block->fleiss);
    assert_int_equal(got[0].block->judgements, got[1].block->judgements);
    assert_int_equal(matrix[0].n, matrix[1].n);
    assert_near(matrix[0].mean, matrix[1].mean, 1e-12);
    for (size_t i = 0; i < matrix[0].n && a->names == b->names; i++) {
        same_figure(&matrix[0].cell[i].percent, &matrix[1].cell[i].percent);
        same_figure(&matrix[0].cell[i].kappa, &matrix[1].cell[i].kappa);
    }
    for (size_t i = 0; i < 7 && a->names == b->names && a->extra == b->extra; i++) {
        const struct raters_one *x = &raters[0].one[i], *y = &raters[1].one[i];
        same_figure(&x->others, &y->others);
        assert_near(x->longer.p_holm, y->longer.p_holm, 1e-12);
        assert_near(x->reliability, y->reliability, 1e-7);
    }
    for (int k = 0; k < 2; k++) {
        agreement_fini(&got[k]);
        matrix_fini(&matrix[k]);
        raters_fini(&raters[k]);
    }
}

static void order_names_and_candidates_change_nothing(void **state)
{
    const struct said_how plain = {.order = 0}, moved = {.order = 11}, named = {.names = 1},
                          turned = {.turned = true},
                          all = {.order = 5, .names = 1, .turned = true};
    const struct said_how prompts = {.per_prompt = 3},
                          other = {.per_prompt = 3, .order = 4, .turned = true},
                          called = {.per_prompt = 3, .names = 1};

    (void)state;
    same(&plain, &moved);
    same(&plain, &named);
    same(&plain, &turned);
    same(&plain, &all);
    same(&prompts, &other);
    same(&prompts, &called);
}

/* Simulated: counted, it would move alpha by a tenth. */
static void asking_more_where_they_disagree_changes_nothing(void **state)
{
    const struct said_how plain = {.order = 0}, extra = {.extra = true};
    struct judgements *all = said_simulate(&extra);
    struct agreement got;

    (void)state;
    same(&plain, &extra);
    assert_ok(agreement_run(&got, all, &conf));
    assert_int_equal(got.left_out[WHY_DISAGREEMENT], 90);
    agreement_fini(&got);
    judgements_free(all);
}

static void say(struct judgements *all, const char *item, const char *who, const char *value,
                const char *why)
{
    struct judgements_said said = said_nothing;

    said.item = item;
    said.annotator = who;
    said.value = value;
    said.why = why;
    assert_ok(judgements_add(all, &said));
}

/* 0 / 0 is no number and has a reason, in figures and in JSON. */
static void one_value_has_no_agreement_beyond_chance(void **state)
{
    struct judgements *all = judgements_new(JUDGEMENTS_NOMINAL);
    struct agreement got;
    struct matrix matrix;
    json_t *told;

    (void)state;
    for (int i = 0; i < 40; i++) {
        char item[16];
        snprintf(item, sizeof item, "%d", i);
        say(all, item, "x", "good", NULL);
        say(all, item, "y", "good", NULL);
    }
    say(all, "one more", "x", "good", NULL);
    assert_ok(judgements_end(all));
    assert_ok(agreement_run(&got, all, &conf));
    assert_ok(matrix_run(&matrix, all, &conf));
    assert_true(got.block->percent.value == 1 && got.block->percent.low < .95);
    assert_true(isnan(got.block->alpha.value) && isnan(got.block->fleiss.value));
    assert_int_equal(got.block->items, 40);
    assert_int_equal(got.block->unfinished, 1);
    assert_true(isnan(matrix.cell[0].kappa.value));
    told = agreement_tell_json(&got, all);
    assert_true(
        json_is_null(json_object_get(json_object_get(told, "krippendorff_alpha"), "value")));
    assert_non_null(strstr(
        json_string_value(json_object_get(json_object_get(told, "krippendorff_alpha"), "why")),
        "0 / 0"));
    json_decref(told);
    agreement_fini(&got);
    matrix_fini(&matrix);
    judgements_free(all);
}

/* Perfect agreement on few items, of several values: 1, and no certainty anywhere. */
static void no_interval_has_no_width(void **state)
{
    struct judgements *all = judgements_new(JUDGEMENTS_NOMINAL);
    struct agreement got;
    struct matrix matrix;

    (void)state;
    for (int i = 0; i < 40; i++) {
        static const char *const value[] = {"1", "2", "3"};
        char item[16];
        snprintf(item, sizeof item, "%d", i);
        for (int j = 0; j < 3; j++)
            say(all, item, value[j], value[i % 3], NULL);
    }
    assert_ok(judgements_end(all));
    assert_ok(agreement_run(&got, all, &conf));
    assert_ok(matrix_run(&matrix, all, &conf));
    for (int k = 0; k < 4; k++) {
        const struct agreement_figure *f[] = {&got.block->percent, &got.block->alpha,
                                              &got.block->fleiss, &matrix.cell[0].kappa};
        assert_near(f[k]->value, 1, 1e-12);
        if (!(f[k]->low < .97 && f[k]->low > .7 && f[k]->high >= 1 - 1e-12))
            fail_msg("figure %d: %g .. %g", k, f[k]->low, f[k]->high);
    }
    agreement_fini(&got);
    matrix_fini(&matrix);
    judgements_free(all);
}

/* What a strategy chose is apart, and the planned do not see it. */
static void active_items_are_apart(void **state)
{
    struct judgements *all = judgements_new(JUDGEMENTS_PAIRS);
    struct agreement got;

    (void)state;
    for (int i = 0; i < 60; i++) {
        char item[16];
        const char *why = i % 2 ? "active:margin" : NULL;
        snprintf(item, sizeof item, "%d", i);
        say(all, item, "x", "a", why);
        say(all, item, "y", i % 2 ? "b" : "a", why);
    }
    assert_ok(judgements_end(all));
    assert_ok(agreement_run(&got, all, &conf));
    assert_int_equal(got.blocks, 2);
    assert_int_equal(got.block[0].items, 30);
    assert_near(got.block[0].percent.value, 1, 1e-12);
    assert_near(got.block[1].percent.value, 0, 0);
    agreement_fini(&got);
    judgements_free(all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(order_names_and_candidates_change_nothing),
        cmocka_unit_test(asking_more_where_they_disagree_changes_nothing),
        cmocka_unit_test(one_value_has_no_agreement_beyond_chance),
        cmocka_unit_test(no_interval_has_no_width),
        cmocka_unit_test(active_items_are_apart),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
