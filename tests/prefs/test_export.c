/* Export: labels and their weights, parts by prompt, a store in place of a data set. */
#include "annotate/exchange/export.h"

#include "annotate/exchange/store_rows.h"
#include "base/mem.h"
#include "data/dataset.h"
#include "data/rows.h"
#include "tests/prefs/study.h"
#include "tests/prefs/trade.h"
#include "tests/support/scratch.h"
#include "tests/support/test.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Three people on one pair: weights, a majority, a tie of people, both bad. */
static void judge_all(struct prefs *prefs, const char *choices)
{
    static unsigned ids;

    for (int person = 1; choices[person - 1]; person++) {
        const struct prefs_assignment it = study_next(prefs, person, STUDY_START);
        char id[32];
        struct prefs_judgement said = {.id = id,
                                       .assignment = it.id,
                                       .annotator = person,
                                       .verdict = choices[person - 1] == 't'   ? PREFS_TIE
                                                  : choices[person - 1] == 'x' ? PREFS_BOTH_BAD
                                                                               : PREFS_CHOSEN,
                                       .choice = choices[person - 1] - '0'};
        snprintf(id, sizeof id, "exchange-%u", ++ids);
        assert_ok(prefs_judge(prefs, &said, STUDY_START, NULL));
    }
}

static struct prefs *three(const char *name, int items)
{
    const struct prefs_settings settings = study_settings(3, 3);

    study_make(scratch_at(name), &settings, items, 1, 3);
    return study_open(scratch_at(name));
}

static void test_labels(void **state)
{
    struct export_rule rule = {.format = EXPORT_PREFERENCE};
    struct export_count count;
    struct prefs *const prefs = three("labels.db", 3);
    char *text;

    (void)state;
    judge_all(prefs, "100"); /* item 1: 0 by two of three */
    judge_all(prefs, "1tx"); /* item 2: nobody agrees */
    judge_all(prefs, "xx1"); /* item 3: both bad */
    text = trade_exported(prefs, &rule, &count);
    assert_int_equal(count.rows, 9);
    assert_int_equal(count.items, 3);
    assert_int_equal(count.ties, 1);
    assert_int_equal(count.both_bad, 3);
    assert_non_null(strstr(text, "\"weight\":0.33333333333333331"));
    assert_null(strstr(text, "g1")); /* gold is in no set to train on */
    free(text);
    rule.how = LABELS_MAJORITY;
    text = trade_exported(prefs, &rule, &count);
    assert_int_equal(count.undecided, 1);
    trade_assert_rows(
        text,
        "{\"prompt\": [{\"role\": \"user\", \"content\": \"p1\"}], \"chosen\": [{\"role\": "
        "\"assistant\", \"content\": \"a\"}], \"rejected\": [{\"role\": \"assistant\", "
        "\"content\": \"b\"}]}\n"
        "{\"prompt\": [{\"role\": \"user\", \"content\": \"p3\"}], \"chosen\": [{\"role\": "
        "\"assistant\", \"content\": \"a\"}], \"rejected\": [{\"role\": \"assistant\", "
        "\"content\": \"b\"}], \"tie\": true, \"both_bad\": true}\n");
    free(text);
    rule.drop_ties = true;
    text = trade_exported(prefs, &rule, &count);
    assert_int_equal(count.rows, 1);
    free(text);
    prefs_close(prefs);
}

/* dataset_name=prefs.db: rows with weights; what is held out is whole prompts. */
static void test_dataset(void **state)
{
    struct dataset *train, *test;
    struct dataset_conf conf = {
        .train = "train", .test = "test", .test_size = 0.3, .strict = true};
    struct prefs *prefs = three("dataset.db", 20);
    char *path = mem_text(scratch_at("dataset.db"));
    int both = 0;

    (void)state;
    for (int i = 0; i < 20; i++)
        judge_all(prefs, "101");
    assert_ok(prefs_commit(prefs));
    conf.name = path;
    rows_serve(NULL);
    assert_err(ERR_PARSE, dataset_load(&train, &test, &conf)); /* nobody can open one */
    store_rows_serve();
    assert_err(ERR_STATE, dataset_load(&train, &test, &conf)); /* we have it open */
    prefs_close(prefs);
    assert_ok(dataset_load(&train, &test, &conf));
    assert_int_equal(train->n + test->n, 60);
    assert_int_equal(test->n % 3, 0);
    assert_true(test->n > 0);
    for (size_t i = 0; i < test->n; i++) {
        json_t *row, *other;
        assert_ok(dataset_record(&row, test, i));
        assert_true(fabs(json_number_value(json_object_get(row, "weight")) - 1.0 / 3) < 1e-15);
        for (size_t k = 0; k < train->n; k++) {
            assert_ok(dataset_record(&other, train, k));
            both +=
                json_equal(json_object_get(row, "prompt"), json_object_get(other, "prompt"));
            json_decref(other);
        }
        json_decref(row);
    }
    assert_int_equal(both, 0);
    dataset_free(train);
    dataset_free(test);
    conf.labels = "majority";
    conf.test_size = NAN;
    assert_ok(dataset_load(&train, &test, &conf));
    assert_int_equal(train->n, 20);
    dataset_free(train);
    conf.labels = "loudest";
    assert_err(ERR_RANGE, dataset_load(&train, &test, &conf));
    free(path);
}

/* The parts of an export are divided by prompt, and the same each time. */
static void test_parts(void **state)
{
    struct export_rule rule = {.format = EXPORT_PREFERENCE, .test_size = 0.4, .seed = 42};
    struct prefs *const prefs = three("parts.db", 30);
    struct export_count whole, train, test;
    char *a, *b;

    (void)state;
    for (int i = 0; i < 30; i++)
        judge_all(prefs, "110");
    free(trade_exported(prefs, &rule, &whole));
    rule.part = EXPORT_TRAIN;
    a = trade_exported(prefs, &rule, &train);
    rule.part = EXPORT_TEST;
    b = trade_exported(prefs, &rule, &test);
    assert_int_equal(train.rows + test.rows, whole.rows);
    assert_int_equal(train.rows % 3 + test.rows % 3, 0);
    assert_in_range(test.rows, 12, 60);
    free(a);
    a = trade_exported(prefs, &rule, &test);
    assert_string_equal(a, b);
    free(a);
    free(b);
    prefs_close(prefs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_labels),

        cmocka_unit_test(test_dataset),
        cmocka_unit_test(test_parts),
    };

    return cmocka_run_group_tests(tests, scratch_open, scratch_close);
}
