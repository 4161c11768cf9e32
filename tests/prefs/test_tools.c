/* What other tools export, written by their own code (tests/golden/annotation_tools.py), and what drover's
 * own commands make of pairs. */
#include "prefs/copy.h"
#include "prefs/people.h"
#include "tests/prefs/study.h"
#include "tests/prefs/trade.h"
#include "tests/support/scratch.h"
#include "tests/support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char at[] = GOLDEN "/tools/";

static void import_golden(struct prefs *prefs, const char *name, const struct import_rule *how,
                          struct import_count *count)
{
    struct import_rule rule = *how;
    char path[512];

    rule.verdicts = true;
    snprintf(path, sizeof path, "%s%s", at, name);
    assert_ok(import_file(prefs, path, &rule, STUDY_START, count));
    assert_ok(prefs_commit(prefs));
    assert_ok(prefs_check(prefs));
}

static void assert_exported(struct prefs *prefs, const char *wanted)
{
    const struct export_rule rule = {.format = EXPORT_PREFERENCE};
    struct export_count count;
    char *const text = trade_exported(prefs, &rule, &count);

    trade_assert_rows(text, wanted);
    free(text);
}

/* A table of what a store holds, imported into another one, is the same table. */
static void assert_round(struct prefs *prefs)
{
    const struct export_rule rule = {.format = EXPORT_CSV};
    struct prefs *const other = trade_fresh();
    struct import_count in;
    struct export_count out;
    char *const text = trade_exported(prefs, &rule, &out), *again;

    trade_import_ok(other, "round.csv", text, &in);
    assert_int_equal(in.bad, 0);
    again = trade_exported(other, &rule, &out);
    assert_string_equal(again, text);
    free(again);
    free(text);
    prefs_close(other);
}

#define TWO(better, worse) \
    "{\"prompt\": \"Best?\", \"chosen\": \"" better "\", \"rejected\": \"" worse \
    "\", \"weight\": 0.5}\n"

/* The long form, the short one and the table say the same, people aside; a remark beside a choice of
 * two is none, and a mail address is in no name. */
static void test_label_studio(void **state)
{
    static const char wanted[] =
        TWO("two", "one") TWO("one", "two") "{\"prompt\": \"Which?\", \"chosen\": \"yes\", "
                                            "\"rejected\": \"no\", \"tie\": true,"
                                            " \"weight\": 0.5}\n"
                                            "{\"prompt\": \"Which?\", \"chosen\": \"no\", "
                                            "\"rejected\": \"yes\", \"weight\": 0.5}\n";
    static const char *const file[] = {"label_studio.json", "label_studio_min.json"};
    const struct import_rule usual = {.format = NULL},
                             table = {.question = "better", .candidates = "answer1,answer2"};
    struct import_count count;

    (void)state;
    for (int i = 0; i < 2; i++) {
        struct prefs *const prefs = trade_fresh();
        int64_t id;
        import_golden(prefs, file[i], &usual, &count);
        assert_int_equal(count.judgements, 4);
        assert_exported(prefs, wanted);
        assert_round(prefs);
        assert_ok(prefs_person_find(prefs, "label-studio-4", &id));
        for (id = 1; id <= 2; id++) {
            struct prefs_person person;
            assert_ok(prefs_person_read(prefs, id, &person));
            assert_null(strchr(person.name, '@'));
        }
        import_golden(prefs, file[i], &usual, &count);
        assert_int_equal(count.items + count.judgements, 0);
        prefs_close(prefs);
    }
    {
        struct prefs *const prefs = trade_fresh();
        import_golden(prefs, "label_studio_min.csv", &table, &count);
        assert_int_equal(count.judgements, 2);
        assert_int_equal(count.unjudged, 2);
        assert_exported(prefs, TWO("two", "one") TWO("one", "two"));
        prefs_close(prefs);
    }
}

/* What is not certain is asked for. */
static void test_asked(void **state)
{
    const struct import_rule rule = {.verdicts = true};
    struct prefs *const prefs = trade_fresh();
    struct import_count count;

    (void)state;
    assert_err(ERR_PARSE,
               import_file(prefs, GOLDEN "/tools/label_studio_min.csv", &rule, 1, &count));
    assert_non_null(strstr(err_text(), "question="));
    prefs_abandon(prefs);
    assert_err(ERR_PARSE,
               import_file(prefs, GOLDEN "/tools/argilla_1_rows.jsonl", &rule, 1, &count));
    assert_non_null(strstr(err_text(), "question="));
    prefs_abandon(prefs);
    assert_err(
        ERR_PARSE,
        import_file(
            prefs,
            trade_put("two.json",
                      "{\"p\": 1, \"prompt\": \"p\", \"x\": \"1\", \"y\": \"2\", \"id\": 1,"
                      " \"q\": \"left\", \"r\": \"right\", \"annotator\": 1,"
                      " \"annotation_id\": 1}\n"),
            &rule, 1, &count));
    assert_non_null(strstr(err_text(), "question="));
    prefs_close(prefs);
}

/* Rows, their Parquet file and the records say the same; a ranking's order is its ranks. */
static void test_argilla(void **state)
{
    static const char *const file[] = {"argilla_1_rows.jsonl", "argilla_1_rows.parquet",
                                       "argilla_1_records.jsonl"};
    const struct import_rule better = {.question = "better"}, order = {.question = "order"};
    struct import_count count;

    (void)state;
    for (int i = 0; i < 3; i++) {
        struct prefs *prefs = trade_fresh();
        int64_t id;
        import_golden(prefs, file[i], &better, &count);
        assert_int_equal(count.items, 4);
        assert_int_equal(count.judgements, 3);
        assert_int_equal(count.unjudged, i == 2 ? 2 : 1); /* rows lack what was discarded */
        assert_ok(prefs_item_find(prefs, "e1", &id));
        assert_exported(
            prefs,
            TWO("two",
                "one") "{\"prompt\": \"Best?\", \"chosen\": \"one\", \"rejected\": \"two\","
                       " \"tie\": true, \"weight\": 0.5}\n"
                       "{\"prompt\": \"Second?\", \"chosen\": \"one\", \"rejected\": "
                       "\"two\"}\n");
        assert_round(prefs);
        import_golden(prefs, file[i], &better, &count);
        assert_int_equal(count.items + count.judgements, 0);
        prefs_close(prefs);
        prefs = trade_fresh();
        import_golden(prefs, file[i], &order, &count);
        assert_int_equal(count.judgements, 2);
        assert_exported(prefs,
                        "{\"prompt\": \"Best?\", \"chosen\": \"two\", \"rejected\": \"one\"}\n"
                        "{\"prompt\": \"Second?\", \"chosen\": \"one\", \"rejected\": \"two\","
                        " \"tie\": true}\n");
        prefs_close(prefs);
    }
}

/* As older data sets of it have them: a column of lists in place of a list of rows. */
static void test_argilla_columns(void **state)
{
    static const char text[] =
        "{\"prompt\": \"p\", \"a1\": \"x\", \"a2\": \"y\", \"better\": {\"user_id\": [\"u\", "
        "\"v\"],"
        " \"value\": [\"a2\", \"a1\"], \"status\": [\"submitted\", \"discarded\"]},"
        " \"external_id\": null, \"metadata\": \"{}\"}\n";
    struct prefs *const prefs = trade_fresh();
    struct import_count count;

    (void)state;
    trade_import_ok(prefs, "columns.jsonl", text, &count);
    assert_int_equal(count.judgements, 1);
    assert_int_equal(count.unjudged, 1);
    assert_exported(prefs, "{\"prompt\": \"p\", \"chosen\": \"y\", \"rejected\": \"x\"}\n");
    prefs_close(prefs);
}

/* Before and after they were judged, by whomever, they are the same items. */
static void test_pairs(void **state)
{
    static const char
        made[] = "{\"prompt\": \"p\", \"a\": \"x\", \"b\": \"y\"}\n"
                 "{\"prompt\": \"q\", \"a\": \"x\", \"b\": \"z\"}\n"
                 "{\"prompt\": [{\"role\": \"user\", \"content\": \"r\"}], \"a\": \"x\","
                 " \"b\": \"y\"}\n",
        judged[] = "{\"verdict\": \"b\", \"p_a\": 0.2, \"swapped\": false, \"tie\": false,"
                   " \"failures\": 0, \"prompt\": \"p\", \"a\": \"x\", \"b\": \"y\"}\n"
                   "{\"verdict\": \"tie\", \"p_a\": 0.5, \"swapped\": true, \"tie\": true,"
                   " \"failures\": 0, \"prompt\": \"q\", \"a\": \"x\", \"b\": \"z\"}\n"
                   "{\"verdict\": null, \"p_a\": null, \"swapped\": false, \"tie\": false,"
                   " \"failures\": 2, \"prompt\": [{\"role\": \"user\", \"content\": \"r\"}],"
                   " \"a\": \"x\", \"b\": \"y\"}\n",
        other[] = "{\"verdict\": \"a\", \"judge\": \"j2\", \"prompt\": \"p\", \"a\": \"x\","
                  " \"b\": \"y\"}\n";
    struct prefs *const prefs = trade_fresh();
    struct import_count count;

    (void)state;
    trade_import_ok(prefs, "made.jsonl", made, &count);
    assert_int_equal(count.items, 3);
    assert_int_equal(count.judgements + count.unjudged, 0);
    trade_import_ok(prefs, "judged.jsonl", judged, &count);
    assert_int_equal(count.items, 0);
    assert_int_equal(count.judgements, 2);
    assert_int_equal(count.unjudged, 1);
    trade_import_ok(prefs, "other.jsonl", other, &count);
    assert_int_equal(count.judgements, 1);
    assert_exported(
        prefs, "{\"prompt\": \"p\", \"chosen\": \"y\", \"rejected\": \"x\", \"weight\": 0.5}\n"
               "{\"prompt\": \"p\", \"chosen\": \"x\", \"rejected\": \"y\", \"weight\": 0.5}\n"
               "{\"prompt\": \"q\", \"chosen\": \"x\", \"rejected\": \"z\", \"tie\": true}\n");
    assert_round(prefs);
    prefs_close(prefs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_label_studio), cmocka_unit_test(test_asked),
        cmocka_unit_test(test_argilla),      cmocka_unit_test(test_argilla_columns),
        cmocka_unit_test(test_pairs),
    };

    return cmocka_run_group_tests(tests, scratch_open, scratch_close);
}
