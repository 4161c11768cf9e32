#include "learner/journal/rewards.h"

#include "base/config_tree.h"
#include "tests/support/test.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
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

static void the_list_becomes_scorers(void **state)
{
    static const char yaml[] =
        "rewards:\n"
        "- {name: rm, model: runs/rm, weight: 2, normalize: true}\n"
        "- {rule: number, column: answer, weight: 0.5}\n"
        "- {name: mine, worker: my_reward, weight: 1e-1, timeout: 20s}\n";
    const struct hash card[REWARDS_MAX] = {{{1}}}, image[REWARDS_MAX] = {{{2}}};
    const char *column[REWARDS_MAX];
    struct rewards r, again;
    (void)state;

    assert_ok(read(&r, yaml, NULL));
    assert_int_equal(r.n, 3);
    assert_true(r.text && r.normalize);
    assert_int_equal(rewards_columns(&r, column), 1);
    assert_string_equal(column[0], "answer");
    assert_string_equal(r.reward[1].name, "number");
    assert_true(r.reward[2].weight == 0.1);
    r.reference = true;
    rewards_table(&r, card, image, &card[0], &image[0]);
    assert_int_equal(r.scorers, 4);
    assert_int_equal(r.table[0].kind, SCORER_REWARD_MODEL);
    assert_true(r.table[0].pure && !r.table[0].needs_text && !r.table[0].per_token);
    assert_true(hash_same(&r.table[0].card, &card[0]));
    assert_int_equal(r.table[1].kind, SCORER_RULE);
    assert_string_equal(r.table[1].spec, "{\"column\":\"answer\",\"rule\":\"number\"}");
    assert_int_equal(r.table[2].kind, SCORER_WORKER);
    assert_string_equal(r.table[2].name, "my_reward");
    assert_true(!r.table[2].pure && r.table[2].needs_text);
    assert_int_equal(r.table[2].timeout_ms, 20000);
    assert_int_equal(r.table[3].kind, SCORER_REFERENCE);
    assert_true(r.table[3].per_token);
    assert_ok(read(&again, yaml, NULL));
    rewards_table(&again, card, image, NULL, NULL);
    for (int i = 0; i < 3; i++)
        assert_true(hash_same(&again.table[i].hash, &r.table[i].hash));
    assert_false(hash_same(&r.table[1].hash, &r.table[2].hash));
    rewards_fini(&r);
    rewards_fini(&again);
}

/* {run: ...} is the supervisor's affair; what registers, and so the scorer, is a name. */
static void a_worker_may_have_a_command(void **state)
{
    static const char *const same[] = {"rewards: [{name: mine, worker: mine}]",
                                       "rewards: [{name: mine, worker: {run: python3 w.py}}]",
                                       "rewards: [{name: mine, worker: {run: x, name: mine}}]"};
    static const char *const bad[] = {
        "rewards: [{worker: {name: x}}]", "rewards: [{worker: {run: ''}}]",
        "rewards: [{worker: {run: x, ruin: y}}]", "rewards: [{worker: [x]}]",
        "rewards: [{worker: {run: x}, rule: exact}]"};
    const struct hash none[REWARDS_MAX] = {{{0}}};
    struct hash first = {{0}};
    struct rewards r;
    (void)state;

    for (int i = 0; i < 3; i++) {
        assert_ok(read(&r, same[i], NULL));
        rewards_table(&r, none, none, NULL, NULL);
        assert_string_equal(r.table[0].name, "mine");
        if (!i)
            first = r.table[0].hash;
        assert_true(hash_same(&first, &r.table[0].hash));
        rewards_fini(&r);
    }
    assert_ok(read(&r, "rewards: [{worker: {run: x}}]", NULL));
    assert_string_equal(r.reward[0].name, "worker");
    rewards_fini(&r);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_err(ERR_PARSE, read(&r, bad[i], NULL));
}

static void a_judge_travels_with_its_template(void **state)
{
    static const char yaml[] =
        "rewards:\n"
        "- {name: ai, judge: runs/judge, template_text: \"{a} {b}\\n[verdicts]\\nA B\"}\n"
        "- {judge: m, mode: pointwise, template_text: \"{a}\\n[verdicts]\\n1 5\"}\n";
    static const char *const bad[] = {"rewards: [{judge: m}]",
                                      "rewards: [{judge: m, template: /nowhere/at/all}]",
                                      "rewards: [{judge: m, template_text: '{x}'}]",
                                      "rewards: [{judge: m, rule: exact, template_text: x}]",
                                      "rewards: [{judge: m, template_text: x, mode: both}]"};
    const struct hash card[REWARDS_MAX] = {{{1}}}, image[REWARDS_MAX] = {{{2}}};
    struct rewards r;
    (void)state;

    assert_ok(read(&r, yaml, NULL));
    assert_true(r.judge && r.text);
    rewards_table(&r, card, image, NULL, NULL);
    assert_int_equal(r.table[0].kind, SCORER_JUDGE);
    assert_int_equal(r.table[0].unit, UNIT_GROUP);
    assert_true(r.table[0].pure && r.table[0].needs_text);
    assert_non_null(strstr(r.table[0].spec, "\"name\":\"ai\""));
    assert_non_null(strstr(r.table[0].spec, "\"template_text\":\"{a} {b}"));
    assert_string_equal(r.reward[0].model, "runs/judge");
    assert_string_equal(r.reward[1].name, "judge");
    assert_int_equal(r.table[1].unit, UNIT_ROLLOUT);
    rewards_fini(&r);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_true(read(&r, bad[i], NULL) != OK);
}

static void a_path_is_short_for_the_first(void **state)
{
    struct rewards r;
    (void)state;

    assert_ok(read(&r, "a: b", "runs/rm"));
    assert_int_equal(r.n, 1);
    assert_string_equal(r.reward[0].name, "rm");
    assert_string_equal(r.reward[0].model, "runs/rm");
    assert_false(r.text);
    rewards_fini(&r);
}

static void mistakes_are_named(void **state)
{
    static const struct {
        const char *yaml, *word;
    } rows[] = {
        {"a: b", "reward_model_path"},
        {"rewards: {model: x}", "list"},
        {"rewards: [{name: x}]", "exactly one"},
        {"rewards: [{model: x, worker: y}]", "exactly one"},
        {"rewards: [{model: x, wieght: 2}]", "wieght"},
        {"rewards: [{model: x, weight: two}]", "weight"},
        {"rewards: [{rule: nope}]", "nope"},
        {"rewards: [{rule: regex}]", "pattern"},
        {"rewards: [{rule: exact}]", "column"},
        {"rewards: [{rule: length}]", "target"},
        {"rewards: [{rule: length, max: many}]", "max"},
        {"rewards: [{rule: length, min: 9, max: 4}]", "min: 9"},
        {"rewards: [{rule: length, max: 4, unit: inches}]", "inches"},
        {"rewards: [{rule: regex, pattern: '(a'}]", "rewards[0]: pattern '(a': "},
        {"rewards: [{rule: number, column: answer, tolerance: some}]", "tolerance"},
        {"rewards: [{rule: calls, column: answer, credit: half}]", "credit 'half'"},
        {"rewards: [{rule: exact, column: answer, pattern: x}]", "pattern: is not for"},
        {"rewards: [{model: x, pattern: y}]", "pattern: goes with a rule"},
        {"rewards: [{worker: x, template: y}]", "template: goes with a judge"},
        {"rewards: [{worker: x, steps: min}]", "steps: goes with a model"},
        {"rewards: [{model: x}, {model: y}]", "called 'rm'"},
        {"rewards: [{model: x, normalize: perhaps}]", "normalize"},
    };
    struct rewards r;
    (void)state;

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_true(read(&r, rows[i].yaml, NULL) != OK);
        if (!strstr(err_text(), rows[i].word))
            fail_msg("%s: '%s' does not name %s", rows[i].yaml, err_text(), rows[i].word);
    }
}

static struct record_sample sample_of(const struct rewards *r, struct record_score score[3],
                                      float *value)
{
    const struct record_sample s = {.task = 1, .n_token = 2, .n_score = 3, .score = score};

    for (uint32_t i = 0; i < 3; i++)
        score[i] = (struct record_score){
            .scorer = r->table[i].hash, .n_value = i == 2 ? 2 : 1, .value = value + i};
    return s;
}

static void scores_add_up(void **state)
{
    static const double before[2][3] = {{1, 2, 3}, {5, 5, 5}};
    const struct hash none[REWARDS_MAX] = {{{0}}};
    float value[4] = {4, 7, -1, -2};
    struct record_score score[3];
    const struct hash *scorer;
    struct record_sample s;
    struct rewards r;
    (void)state;

    assert_ok(
        read(&r,
             "rewards: [{name: a, model: x, weight: 2, normalize: true}, {name: b, model: "
             "y, weight: -1, normalize: true}]",
             NULL));
    r.reference = true;
    rewards_table(&r, none, none, NULL, NULL);
    s = sample_of(&r, score, value);
    assert_ok(rewards_check(&r, &s, &scorer));
    assert_true(rewards_score(&r, &s) == 2 * 4.0 - 7);
    assert_true(rewards_reference(&r, &s)[1] == -2);
    rewards_measure(&r, &before[0][0], 3);
    assert_true(r.reward[0].mean == 2 && r.reward[0].std == 1);
    assert_true(r.reward[1].mean == 5 && r.reward[1].std == 1); /* no spread: its scale stays */
    assert_true(rewards_score(&r, &s) == 2 * (4.0 - 2) - (7 - 5));
    score[2].n_value = 1;
    assert_err(ERR_RANGE, rewards_check(&r, &s, &scorer));
    assert_ptr_equal(scorer, &r.table[2].hash);
    value[1] = NAN;
    assert_err(ERR_RANGE, rewards_check(&r, &s, &scorer));
    assert_ptr_equal(scorer, &r.table[1].hash);
    value[1] = 7;
    score[2].n_value = 2;
    s.n_score = 1;
    assert_err(ERR_RANGE, rewards_check(&r, &s, &scorer));
    rewards_fini(&r);
}

static void score_with(struct rewards *r, const char *how, struct record_score score[2])
{
    static float steps[] = {-1, .9f, -1, .5f, -1, .8f}, whole[] = {3};
    const struct hash card[REWARDS_MAX] = {{{1}}}, image[REWARDS_MAX] = {{{2}}};
    char yaml[160];

    snprintf(
        yaml, sizeof yaml,
        "rewards:\n- {name: p, model: prm, weight: 2, steps: %s}\n- {name: rm, model: x}\n",
        how);
    assert_ok(read(r, yaml, NULL));
    rewards_table(r, card, image, NULL, NULL);
    assert_true(r->table[0].per_token && !r->table[1].per_token);
    score[0] = (struct record_score){.scorer = r->table[0].hash, .n_value = 6, .value = steps};
    score[1] = (struct record_score){.scorer = r->table[1].hash, .n_value = 1, .value = whole};
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
        struct record_score score[2];
        const struct record_sample s = {.task = 1, .n_token = 6, .n_score = 2, .score = score};
        struct rewards r;
        float dense[6];
        double rest;
        score_with(&r, rows[i].how, score);
        assert_ok(rewards_check(&r, &s, &scorer));
        assert_true(fabs(rewards_value(&r, 0, &s) - rows[i].sum) < 1e-6);
        rest = rewards_score(&r, &s);
        assert_true(fabs(rest - (2 * rows[i].sum + 3)) < 1e-6);
        assert_int_equal(rewards_steps_dense(&r, &s, dense), i >= 4);
        for (int t = 0; t < 6; t++) {
            const bool ends = rows[i].dense[t] < NO;
            assert_true(ends ? fabsf(dense[t] - rows[i].dense[t]) < 1e-6f : isnan(dense[t]));
            rest -= ends ? (double)dense[t] : 0;
        }
        assert_true(rewards_steps_share(&r) == (i >= 4 ? 2 : 0));
        /* what is left for the end: the plain reward, and all of an aggregate */
        assert_true(fabs(rest - (i >= 4 ? 3 : 2 * rows[i].sum + 3)) < 1e-6);
        rewards_fini(&r);
    }
}

static void length_is_punished_before_the_end(void **state)
{
    (void)state;
    assert_true(rewards_overlong(10, 20, 0) == 0 && rewards_overlong(99, 20, 0) == 0);
    assert_true(rewards_overlong(16, 20, 4) == 0);
    assert_true(fabs(rewards_overlong(17, 20, 4) + .25) < 1e-12);
    assert_true(fabs(rewards_overlong(20, 20, 4) + 1) < 1e-12);
    assert_true(rewards_overlong(21, 20, 4) == -1);
}

/* Equal scores, but one answer is long enough to be punished: not a group to be left out. */
static void answers_punished_differently_are_not_flat(void **state)
{
    const struct hash none[REWARDS_MAX] = {{{0}}};
    float value = 1;
    struct record_score score = {.n_value = 1, .value = &value};
    struct record_sample a = {.n_token = 2, .n_score = 1, .score = &score}, b = a;
    const struct record_sample *const both[] = {&a, &b};
    struct rewards r;
    (void)state;

    assert_ok(read(&r, "rewards: [{rule: length, max: 9}]", NULL));
    rewards_table(&r, none, none, NULL, NULL);
    score.scorer = r.table[0].hash;
    b.n_token = 4;
    assert_true(rewards_flat(&r, both, 2));
    r.soft_max = 4;
    r.soft_cache = 2;
    assert_false(rewards_flat(&r, both, 2));
    b.end = ROLLOUT_LENGTH;
    r.soft_cache = 0;
    assert_false(rewards_flat(&r, both, 2));
    rewards_fini(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(length_is_punished_before_the_end),
        cmocka_unit_test(answers_punished_differently_are_not_flat),
        cmocka_unit_test(the_list_becomes_scorers),
        cmocka_unit_test(a_worker_may_have_a_command),
        cmocka_unit_test(a_judge_travels_with_its_template),
        cmocka_unit_test(a_path_is_short_for_the_first),
        cmocka_unit_test(mistakes_are_named),
        cmocka_unit_test(scores_add_up),
        cmocka_unit_test(steps_are_credited_where_they_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
