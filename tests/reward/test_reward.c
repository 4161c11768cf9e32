#include "reward/reward.h"

#include "base/config_tree.h"
#include "reward/scorers.h"
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
    struct rewards r, again;
    (void)state;

    assert_ok(read(&r, yaml, NULL));
    assert_int_equal(r.n, 3);
    assert_true(r.text && r.normalize);
    assert_null(r.reward[0].column);
    assert_string_equal(r.reward[1].column, "answer");
    assert_string_equal(r.reward[1].name, "number");
    assert_true(r.reward[2].weight == 0.1);
    r.reference = true;
    scorers_table(&r, card, image, &card[0], &image[0]);
    assert_int_equal(r.n_table, 4);
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
    scorers_table(&again, card, image, NULL, NULL);
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
        scorers_table(&r, none, none, NULL, NULL);
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
    assert_true(r.question && r.text);
    scorers_table(&r, card, image, NULL, NULL);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_list_becomes_scorers),
        cmocka_unit_test(a_worker_may_have_a_command),
        cmocka_unit_test(a_judge_travels_with_its_template),
        cmocka_unit_test(a_path_is_short_for_the_first),
        cmocka_unit_test(mistakes_are_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
