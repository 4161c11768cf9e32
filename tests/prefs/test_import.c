/* Import: each format's round trip is equal to its row; what others' tools write is read; what is hostile
 * or wrong is refused by name, and nothing of it stays. */
#include "annotate/exchange/import.h"

#include "annotate/exchange/import_fields.h"
#include "base/mem.h"
#include "tests/prefs/study.h"
#include "tests/prefs/trade.h"
#include "tests/support/scratch.h"
#include "tests/support/test.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A file, imported and exported, is the same rows. */
static const struct {
    enum export_format format;
    const char *text;
} files[] = {
    {EXPORT_PREFERENCE,
     "{\"prompt\": \"2+2?\", \"chosen\": \"4\", \"rejected\": \"5\", \"score_chosen\": "
     "0.5}\n"
     "{\"prompt\": \"2+2?\", \"chosen\": \"4\", \"rejected\": \"5\", \"score_chosen\": "
     "0.5}\n"
     "{\"prompt\": [{\"role\": \"user\", \"content\": \"hi\"}], \"chosen\": [{\"role\": "
     "\"assistant\", \"content\": \"<b>hello</b>\"}], \"rejected\": [{\"role\": "
     "\"assistant\", "
     "\"content\": \"\\u202e\"}], \"weight\": 0.25}\n"
     "{\"chosen\": \"a whole text\", \"rejected\": \"another one\"}\n"
     "{\"prompt\": \"p\", \"chosen\": \"a\", \"rejected\": \"b\", \"tie\": true}\n"
     "{\"prompt\": \"p\", \"chosen\": \"c\", \"rejected\": \"d\", \"tie\": true, "
     "\"both_bad\": "
     "true}\n"},
    {EXPORT_STEPWISE,
     "{\"prompt\": \"p\", \"completions\": [\"one\", \"two\", \"three\"], \"labels\": "
     "[true, "
     "true, true]}\n"
     "{\"prompt\": \"p\", \"completions\": [\"one\", \"two\"], \"labels\": [true, false]}\n"
     "{\"prompt\": \"p\", \"completions\": [\"one\", \"two\", \"three\"], \"labels\": "
     "[false, "
     "true, false]}\n"},
    {EXPORT_TRAJECTORY,
     "{\"prompt\": [{\"role\": \"user\", \"content\": \"weather?\"}], \"chosen\": "
     "[{\"role\": "
     "\"assistant\", \"content\": \"\", \"tool_calls\": [{\"function\": {\"name\": \"w\", "
     "\"arguments\": {\"city\": \"Oslo\"}}, \"type\": \"function\"}]}, {\"role\": "
     "\"tool\", "
     "\"content\": \"cold\"}, {\"role\": \"assistant\", \"content\": \"Cold.\"}], "
     "\"rejected\": "
     "[{\"role\": \"assistant\", \"content\": \"No idea.\"}]}\n"},
    {EXPORT_SFT, "{\"prompt\": \"p\", \"completion\": \"written anew\"}\n"},
    {EXPORT_UNPAIRED, "{\"prompt\": \"p\", \"completion\": \"good\", \"label\": true}\n"
                      "{\"prompt\": \"p\", \"completion\": \"bad\", \"label\": false}\n"
                      "{\"prompt\": \"q\", \"completion\": \"awful\", \"label\": false}\n"
                      "{\"prompt\": \"q\", \"completion\": \"terrible\", \"label\": false}\n"},
};

static void test_round_trip(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        const struct export_rule rule = {.format = files[i].format};
        struct import_count count;
        struct export_count out;
        struct prefs *const prefs = trade_fresh();
        size_t judgements;
        char *text;
        trade_import_ok(prefs, "in.jsonl", files[i].text, &count);
        judgements = count.judgements;
        text = trade_exported(prefs, &rule, &out);
        trade_assert_rows(text, files[i].text);
        free(text);
        trade_import_ok(prefs, "in.jsonl", files[i].text, &count); /* again: adds nothing */
        assert_int_equal(count.items + count.judgements, 0);
        assert_int_equal(count.again, 2 * judgements);
        prefs_close(prefs);
    }
}

/* Tables and logs come back as they were, texts that look like formulas, numbers or JSON as
 * well. */
static const char *const hard[] = {
    "=HYPERLINK(\"http://x\")", "007",      "NA", "'=1",    "true", "-1+2", "[1]", "{\"a\": 1}",
    "two\nlines, \"quoted\"",   "@SUM(A1)", "",   " blank", "+1",   "1e5",  "null"};

/* Each of them is an answer, a prompt, a reason. */
static struct prefs *hard_store(void)
{
    struct prefs *const prefs = trade_fresh();

    for (size_t i = 1; i < sizeof hard / sizeof *hard; i++) {
        struct prefs_item item = {.mode = PREFS_PAIR, .n = 2};
        int64_t id;
        char key[16];
        snprintf(key, sizeof key, "hard%zu", i);
        item.key = mem_text(key);
        item.prompt = json_pack("[{s:s, s:s}]", "role", "user", "content", hard[i - 1]);
        item.candidate[0].content = json_string(hard[i]);
        item.candidate[1].content = json_string(hard[i - 1]);
        item.candidate[0].model = mem_text("m1");
        item.candidate[1].model = mem_text("m2");
        assert_ok(prefs_item_add(prefs, &id, &item, STUDY_START));
        prefs_item_free(&item);
    }
    {
        int64_t id;
        assert_ok(prefs_person_add(prefs, &id, "=cmd()", PREFS_ANNOTATOR, STUDY_START));
    }
    for (size_t i = 1; i < sizeof hard / sizeof *hard; i++) {
        const struct prefs_assignment it = study_next(prefs, 1, STUDY_START);
        char id[32];
        const struct prefs_judgement said = {.id = id,
                                             .assignment = it.id,
                                             .annotator = 1,
                                             .verdict = i % 3 ? PREFS_CHOSEN : PREFS_TIE,
                                             .choice = (int)i % 2,
                                             .strength = 2,
                                             .reason = hard[i],
                                             .shown_ms = 1500};
        snprintf(id, sizeof id, "tables-%zu", i);
        assert_ok(prefs_judge(prefs, &said, STUDY_START + (int64_t)i, NULL));
    }
    assert_ok(prefs_commit(prefs));
    return prefs;
}

static void test_tables(void **state)
{
    static const enum export_format formats[] = {EXPORT_CSV, EXPORT_ARENA};
    struct prefs *const prefs = hard_store();
    struct import_count count;
    struct export_count out;

    (void)state;
    for (size_t f = 0; f < 2; f++) {
        const struct export_rule rule = {.format = formats[f]};
        struct prefs *const other = trade_fresh();
        char *const text = trade_exported(prefs, &rule, &out), *again;
        assert_int_equal(out.rows, sizeof hard / sizeof *hard - 1);
        assert_null(strstr(text, "\n=")); /* no cell that a spreadsheet would run */
        assert_null(strstr(text, ",\"="));
        assert_null(strstr(text, ",="));
        trade_import_ok(other, f ? "log.jsonl" : "table.csv", text, &count);
        again = trade_exported(other, &rule, &out);
        assert_string_equal(again, text);
        free(again);
        free(text);
        prefs_close(other);
    }
    prefs_close(prefs);
}

/* What Label Studio and Argilla write, by their own code's shape. */
static const char label_studio[] =
    "[{\"id\": 7, \"data\": {\"prompt\": \"Best?\", \"answer1\": \"one\", \"answer2\": "
    "\"two\"}, "
    "\"annotations\": [{\"id\": 1, \"completed_by\": 3, \"result\": [{\"from_name\": \"pw\", "
    "\"to_name\": \"answer1,answer2\", \"type\": \"pairwise\", \"value\": {\"selected\": "
    "\"right\"}}], \"was_cancelled\": false, \"ground_truth\": false, \"created_at\": "
    "\"2021-03-09T22:16:08.728353Z\", \"lead_time\": 4.288}, {\"id\": 2, \"completed_by\": "
    "{\"id\": "
    "4, \"email\": \"someone@example.org\"}, \"result\": [], \"was_cancelled\": true}], "
    "\"predictions\": []},\n"
    " {\"id\": 8, \"data\": {\"prompt\": \"Gold?\", \"answer1\": \"yes\", \"answer2\": "
    "\"no\"}, "
    "\"annotations\": [{\"completed_by\": 3, \"result\": [{\"from_name\": \"which\", \"type\": "
    "\"choices\", \"value\": {\"choices\": [\"answer1\"]}}], \"ground_truth\": true}]}]";
static const char argilla_nested[] =
    "[{\"id\": \"r1\", \"fields\": {\"instruction\": \"Best?\", \"response_1\": \"one\", "
    "\"response_2\": \"two\"}, \"metadata\": {}, \"suggestions\": {}, \"responses\": "
    "{\"better\": "
    "[{\"value\": \"response_2\", \"user_id\": \"u1\"}, {\"value\": \"tie\", \"user_id\": "
    "\"u2\"}, "
    "{\"value\": \"response_1\", \"user_id\": \"u3\", \"status\": \"draft\"}]}, \"vectors\": "
    "{}, "
    "\"status\": \"completed\", \"_server_id\": null},\n"
    " {\"id\": \"r2\", \"fields\": {\"instruction\": \"Rank?\", \"response_1\": \"x\", "
    "\"response_2\": "
    "\"y\"}, \"responses\": {\"better\": [{\"value\": [\"response_2\", \"response_1\"], "
    "\"user_id\": "
    "\"u1\"}]}, \"status\": \"completed\"}]";
static const char argilla_flat[] =
    "{\"id\": \"r1\", \"status\": \"completed\", \"_server_id\": \"s\", \"instruction\": "
    "\"Best?\", "
    "\"response_1\": \"one\", \"response_2\": \"two\", \"better.responses\": [\"response_1\"], "
    "\"better.responses.users\": [\"u9\"], \"better.responses.status\": [\"submitted\"]}\n";

static void test_tools(void **state)
{
    const struct export_rule rule = {.format = EXPORT_PREFERENCE};
    struct prefs *prefs = trade_fresh();
    struct import_count count;
    struct export_count out;
    struct prefs_progress progress;
    int64_t id;
    char *text;

    (void)state;
    trade_import_ok(prefs, "studio.json", label_studio, &count);
    assert_int_equal(count.items, 2);
    assert_int_equal(count.judgements, 1);
    assert_int_equal(count.unjudged, 1);
    assert_ok(prefs_person_find(prefs, "label-studio-3", &id));
    assert_ok(prefs_progress(prefs, &progress));
    assert_int_equal(progress.gold, 1);
    text = trade_exported(prefs, &rule, &out);
    trade_assert_rows(text,
                      "{\"prompt\": \"Best?\", \"chosen\": \"two\", \"rejected\": \"one\"}\n");
    free(text);
    prefs_close(prefs);
    assert_int_equal(import_fields_time("2021-03-09T22:16:08.728353Z"), 1615328168728);
    assert_int_equal(import_fields_time("2021-03-10T00:16:08.5+02:00"), 1615328168500);
    assert_int_equal(import_fields_time("yesterday"), 0);

    prefs = trade_fresh();
    trade_import_ok(prefs, "nested.json", argilla_nested, &count);
    assert_int_equal(count.judgements, 3);
    assert_int_equal(count.unjudged, 1);
    text = trade_exported(prefs, &rule, &out);
    trade_assert_rows(
        text,
        "{\"prompt\": \"Best?\", \"chosen\": \"two\", \"rejected\": \"one\", \"weight\": 0.5}\n"
        "{\"prompt\": \"Best?\", \"chosen\": \"one\", \"rejected\": \"two\", \"tie\": true, "
        "\"weight\": 0.5}\n"
        "{\"prompt\": \"Rank?\", \"chosen\": \"y\", \"rejected\": \"x\"}\n");
    free(text);
    prefs_close(prefs);

    prefs = trade_fresh();
    trade_import_ok(prefs, "flat.jsonl", argilla_flat, &count);
    text = trade_exported(prefs, &rule, &out);
    trade_assert_rows(text,
                      "{\"prompt\": \"Best?\", \"chosen\": \"one\", \"rejected\": \"two\"}\n");
    free(text);
    prefs_close(prefs);
}

/* Refused by name, and the store is as it was. */
static void test_refused(void **state)
{
    static const char *const bad[] = {
        "{\"prompt\": \"p\"}\n",
        "{\"prompt\": \"p\", \"chosen\": \"a\", \"rejected\": 7}\n",
        "{\"prompt\": \"p\", \"completions\": [\"a\", \"b\"], \"labels\": [true]}\n",
        "{\"data\": {\"prompt\": \"p\", \"x\": \"1\"}, \"annotations\": []}\n",
        "{\"data\": {\"prompt\": \"p\", \"x\": \"1\", \"y\": \"2\", \"z\": \"3\"}, "
        "\"annotations\": []}\n",
        "{\"data\": {\"prompt\": \"p\", \"x\": \"1\", \"y\": \"2\"}, \"annotations\": "
        "[{\"result\": "
        "[{\"type\": \"choices\", \"value\": {\"choices\": [\"maybe\"]}}]}]}\n",
        "{\"model_a\": \"a\", \"model_b\": \"b\", \"winner\": \"model_c\", \"conversation_a\": "
        "[{\"role\": "
        "\"assistant\", \"content\": \"x\"}], \"conversation_b\": [{\"role\": \"assistant\", "
        "\"content\": "
        "\"y\"}]}\n",
        "{\"model_a\": \"a\", \"model_b\": \"b\", \"winner\": \"tie\", \"conversation_a\": [], "
        "\"conversation_b\": []}\n",
        "{\"fields\": {\"prompt\": \"p\", \"x\": \"1\", \"y\": \"2\"}, \"responses\": {\"q\": "
        "[{\"value\": "
        "[\"x\", \"x\"]}]}}\n",
        "{\"fields\": {\"prompt\": \"p\", \"x\": \"1\", \"y\": \"2\"}, \"responses\": {\"q\": "
        "[{\"value\": "
        "\"x\"}], \"r\": [{\"value\": \"y\"}]}}\n",
        "{\"item\": \"1\", \"mode\": \"pair\", \"verdict\": \"chosen\", \"choice\": 2, "
        "\"answer_0\": \"a\", "
        "\"answer_1\": \"b\"}\n",
        "{\"item\": \"1\", \"mode\": \"sideways\", \"verdict\": \"chosen\"}\n",
        "not JSON\n",
    };
    const struct import_rule rule = {.verdicts = true};
    struct prefs *const prefs = trade_fresh();
    struct import_count count;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        const enum err err =
            import_file(prefs, trade_put("bad.jsonl", bad[i]), &rule, 1, &count);
        if (err != ERR_PARSE && err != ERR_RANGE)
            fail_msg("%d, %s: taken: %s", err, err_text(), bad[i]);
        if (!strstr(err_text(), "bad.jsonl:1"))
            fail_msg("without its place: %s", err_text());
        prefs_abandon(prefs);
    }
    {
        struct prefs_progress progress;
        assert_ok(prefs_progress(prefs, &progress));
        assert_int_equal(progress.items, 0);
    }
    prefs_close(prefs);
}

/* strict=false: bad rows are counted, and nothing of them is in. */
static void test_lenient(void **state)
{
    const struct import_rule rule = {.verdicts = true, .lenient = true};
    struct prefs *const prefs = trade_fresh();
    struct import_count count;

    (void)state;
    assert_ok(
        import_file(prefs,
                    trade_put("mixed.jsonl", "not JSON\n{\"prompt\": \"p\", \"chosen\": \"a\", "
                                             "\"rejected\": \"b\"}\n{\"prompt\": \"p\"}\n"),
                    &rule, 1, &count));
    assert_int_equal(count.bad, 2);
    assert_int_equal(count.items, 1);
    /* Of a row whose verdict is wrong not even the item is in. */
    assert_ok(
        import_file(prefs,
                    trade_put("half.jsonl", "{\"item\": \"half\", \"mode\": \"pair\", "
                                            "\"verdict\": \"chosen\", \"choice\": 2, "
                                            "\"answer_0\": \"a\", \"answer_1\": \"b\"}\n"),
                    &rule, 1, &count));
    assert_int_equal(count.bad, 1);
    assert_int_equal(count.items, 0);
    {
        int64_t id;
        assert_err(ERR_RANGE, prefs_item_find(prefs, "half", &id));
    }
    prefs_close(prefs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip), cmocka_unit_test(test_tables),
        cmocka_unit_test(test_tools),      cmocka_unit_test(test_refused),
        cmocka_unit_test(test_lenient),
    };

    return cmocka_run_group_tests(tests, scratch_open, scratch_close);
}
