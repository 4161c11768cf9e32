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

/* Journals and tickets name scores by their scorer's hash: another one for the same words, and a
 * run that goes on asks for everything again. */
static void the_same_words_are_the_same_scorers(void **state)
{
    static const char yaml[] =
        "rewards:\n"
        "- {name: rm, model: runs/rm, weight: 2, normalize: true}\n"
        "- {name: prm, model: runs/prm, steps: dense, step_separator: \"\\n\\n\"}\n"
        "- {name: prm2, model: runs/prm, steps: min}\n"
        "- {rule: number, column: answer, weight: 0.5, tolerance: 1e-3}\n"
        "- {rule: calls, column: gold, order: false, credit: exact}\n"
        "- {rule: length, target: 20, unit: words}\n"
        "- {rule: regex, pattern: \"a|b\", name: ab}\n"
        "- {rule: exact, column: answer, timeout: 3s}\n"
        "- {name: ai, judge: runs/judge, template_text: \"{a} {b}\\n[verdicts]\\nA B\", "
        "rubric: be kind}\n"
        "- {name: ai2, judge: runs/judge, template_text: \"{a}\\n[verdicts]\\n1 5\", mode: "
        "pointwise, verdict: text, max_new_tokens: 9}\n"
        "- {name: mine, worker: my_reward, weight: 1e-1, timeout: 20s}\n"
        "- {name: run, worker: {run: python3 x.py}}\n";
    static const struct {
        const char *name, *hash;
    } want[] = {
        {"rm", "7d5266c04d9f62d9"},        {"prm", "746f4e18f5d6ec5e"},
        {"prm2", "1590e46580fb6e3d"},      {"number", "edea70a3d40a808b"},
        {"calls", "6508b3a1f3e21673"},     {"length", "325a0c37563ad4a1"},
        {"ab", "d9d0cd6cc8547c90"},        {"exact", "ca9cb56ac3a9fa96"},
        {"ai", "5bb1d235bcb07ed7"},        {"ai2", "d975b1dc2e550152"},
        {"my_reward", "989db82c3a0b7327"}, {"run", "f9385bd7557fc1b7"},
        {"reference", "4b1e78ad073baa64"},
    };
    struct hash card[REWARDS_MAX] = {{{0}}}, image[REWARDS_MAX] = {{{0}}};
    char text[HASH_TEXT];
    struct rewards r;
    (void)state;

    memset(card[0].byte, 1, sizeof card[0].byte);
    memset(image[0].byte, 2, sizeof image[0].byte);
    assert_ok(read(&r, yaml, NULL));
    r.reference = true;
    scorers_table(&r, card, image, &card[0], &image[0]);
    assert_int_equal(r.n_table, sizeof want / sizeof *want);
    for (int i = 0; i < r.n_table; i++)
        if (strcmp(r.table[i].name, want[i].name) ||
            strncmp(hash_text(text, &r.table[i].hash), want[i].hash, 16))
            fail_msg("%s is %s, was %s", r.table[i].name, text, want[i].hash);
    rewards_fini(&r);
}

/* Of the same entry as a run's, but for what goes with a run. */
static void an_entry_may_stand_alone(void **state)
{
    static const struct {
        const char *yaml, *words; /* NULL: it is one */
    } rows[] = {
        {"{rule: exact, column: a, name: x}", NULL},
        {"{model: rm, steps: last, max_prompt_length: 9}", NULL},
        {"{judge: m, template_text: \"{a} {b}\"}", NULL},
        {"{rule: exact, column: a, weight: 2}", "'weight': no such key of a rule"},
        {"{model: rm, weight: 2}", "'weight': no such key of a model; known are steps"},
        {"{model: rm, steps: dense}", "steps: 'dense': known are"},
        {"{judge: m, mode: pointwise, timeout: 1s}", "'timeout': no such key of a judge"},
        {"{worker: w}", "no kind"},
        {"{model: rm, rule: exact}", "several"},
    };
    (void)state;

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        json_t *entry = NULL;
        struct reward r;
        enum err err;
        assert_ok(config_tree_yaml(&entry, rows[i].yaml, strlen(rows[i].yaml), "test"));
        err = reward_alone(&r, entry);
        if (!err != !rows[i].words || (err && !strstr(err_text(), rows[i].words)))
            fail_msg("%s: %s", rows[i].yaml, err ? err_text() : "ok");
        reward_fini(&r);
        json_decref(entry);
    }
}

/* A record is looked at before anything is scored. */
static void a_column_is_checked_by_its_reward(void **state)
{
    const char *lacks;
    struct rewards r;
    json_t *meta = json_pack("{s:s,s:s,s:[]}", "n", "#### 7", "t", "seven", "l");
    (void)state;

    assert_ok(read(&r,
                   "rewards: [{rule: number, column: n}, {rule: number, column: t, name: t}, "
                   "{rule: number, column: l, name: l}, {rule: calls, column: l}, {model: rm}]",
                   NULL));
    assert_ok(reward_column_check(&r.reward[0], meta, &lacks));
    assert_null(lacks);
    assert_ok(reward_column_check(&r.reward[1], meta, &lacks));
    assert_string_equal(lacks, "no number");
    assert_err(ERR_RANGE, reward_column_check(&r.reward[2], meta, &lacks));
    assert_non_null(strstr(err_text(), "column 'l': missing, or neither text nor a number"));
    assert_ok(reward_column_check(&r.reward[3], meta, &lacks));
    assert_null(lacks);
    assert_ok(reward_column_check(&r.reward[4], NULL, &lacks));
    json_decref(meta);
    rewards_fini(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_list_becomes_scorers),
        cmocka_unit_test(a_worker_may_have_a_command),
        cmocka_unit_test(a_judge_travels_with_its_template),
        cmocka_unit_test(a_path_is_short_for_the_first),
        cmocka_unit_test(mistakes_are_named),
        cmocka_unit_test(the_same_words_are_the_same_scorers),
        cmocka_unit_test(an_entry_may_stand_alone),
        cmocka_unit_test(a_column_is_checked_by_its_reward),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
