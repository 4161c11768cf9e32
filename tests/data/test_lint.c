#include "data/lint.h"

#include "data/stream.h"
#include "tests/support/test.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char folder[] = "/tmp/drover-lint-XXXXXX";

static int make_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    char command[128];

    (void)state;
    snprintf(command, sizeof(command), "rm -r %s", folder);
    return system(command);
}

static const char *file(const char *name, const char *text)
{
    static char path[4][256];
    static int next;
    char *to = path[next++ % 4];
    FILE *f;

    snprintf(to, sizeof(path[0]), "%s/%s", folder, name);
    f = fopen(to, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
    return to;
}

/* How often `code` was found; *first its first words. */
static long long found(const json_t *report, const char *code, const char **first)
{
    size_t i;
    json_t *item;

    *first = "";
    json_array_foreach(json_object_get(report, "problems"), i, item)
    {
        if (strcmp(json_string_value(json_object_get(item, "code")), code) != 0)
            continue;
        *first = json_string_value(json_array_get(json_object_get(item, "first"), 0));
        return (long long)json_integer_value(json_object_get(item, "count"));
    }
    return 0;
}

static void each_flaw_is_named_with_its_place(void **state)
{
    static const struct {
        const char *line, *code, *words;
    } rows[] = {
        {"{\"prompt\":\"p\",\"chosen\":\"a\",\"rejected\":\"a\"}", "equal",
         ":1: 'chosen' and 'rejected' are the same"},
        {"{\"prompt\":\"p\",\"chosen\":\"a\",\"rejected\":\" \"}", "empty",
         "'rejected' is empty"},
        {"{\"prompt\":\"p\",\"completion\":\"\"}", "empty", "'completion' is empty"},
        {"{\"prompt\":\"p\",\"completions\":[\"a\",\"b\"],\"labels\":[true]}", "labels",
         "'labels': 1 of them for 2 steps"},
        {"{\"prompt\":\"p\",\"completions\":[\"a\"],\"labels\":[\"yes\"]}", "labels",
         "'labels'[0]: expected"},
        {"{\"prompt\":\"p\",\"completions\":[\"a\",\"\"],\"labels\":[true,0.5]}", "empty",
         "'completions'[1] is empty"},
        {"{\"prompt\":\"p\",\"completion\":\"a\",\"label\":2}", "labels", "'label' is not"},
        {"{\"messages\":[{\"role\":\"user\",\"content\":\"a\"},{\"role\":\"assistant\","
         "\"content\":\"\",\"tool_calls\":[{\"name\":\"f\",\"arguments\":\"{\"}]}]}",
         "tool_call", "messages[1]: tool_calls[0] (f): arguments: not JSON"},
        {"{\"messages\":[{\"content\":\"a\"}]}", "message", "messages[0]: no role"},
        {"{\"prompt\":\"p\",\"chosen\":[{\"tool\":\"f\",\"args\":3}],\"rejected\":"
         "[{\"tool\":\"g\"}]}",
         "tool_call", "chosen[0]: 'args' is not an object"},
        {"{\"x\":1}", "kind", "columns of no known kind: x"},
        {"{\"x\":", "json", "not JSON"},
    };
    const struct format_rule rule = format_usual();

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct lint *lint = lint_new(&(struct lint_rule){.format = rule});
        const char *words;
        json_t *report;
        assert_ok(lint_file(lint, file("a.jsonl", rows[i].line), "train"));
        report = lint_report(lint);
        assert_int_equal(found(report, rows[i].code, &words), 1);
        if (!strstr(words, rows[i].words))
            fail_msg("row %zu: '%s' does not say '%s'", i, words, rows[i].words);
        assert_int_equal(json_integer_value(json_object_get(report, "errors")), 1);
        json_decref(report);
        lint_free(lint);
    }
}

/* lint says what training would say: of the method, or of the one that the kind is for. */
static void a_trainers_reader_reads(void **state)
{
    static const struct {
        const char *line, *method, *code, *words;
    } rows[] = {
        {"{\"prompt\":\"p\",\"prompt_id\":\"x\"}", "sft", "read", "'completion' is missing"},
        {"{\"prompt\":\"p\",\"completion\":\"c\"}", "dpo", "read",
         "needs 'chosen' and 'rejected'"},
        {"{\"prompt\":\"p\",\"completion\":\"c\"}", "kto", "read", "'label' is missing"},
        {"{\"chosen\":\"a\",\"rejected\":\"b\"}", "dpo", "read", "no prompt"},
        {"{\"chosen\":\"a\",\"rejected\":\"b\"}", "reward", NULL, NULL},
        {"{\"chosen\":\"a\",\"rejected\":\"b\"}", NULL, "no_prompt", "no prompt"},
        {"{\"chosen\":\"a\",\"rejected\":\"b\",\"query\":\"q\"}", NULL, "read",
         "rename: {query: prompt}"},
        {"{\"prompt\":\"p\",\"completion\":\"c\"}", "prm", "read", "'completions' is missing"},
        {"{\"x\":\"p\"}", "prm", "read", "'completions' is missing"},
        {"{\"prompt\":\"p\",\"completions\":[\"c\"],\"labels\":[true]}", "prm", NULL, NULL},
        {"{\"prompt\":\"p\",\"completions\":[\"c\"],\"labels\":[true]}", "sft", "read",
         "'completion' is missing"},
        {"{\"text\":\"a\"}", "grpo", "read", "needs 'prompt'"},
        {"{\"question\":\"q\",\"chosen\":\"a\",\"rejected\":\"b\"}", NULL, NULL, NULL},
        {"{\"question\":\"q\",\"chosen\":\"a\",\"rejected\":\"b\"}", "dpo", "read",
         "say format=orca"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct lint_rule rule = {.format = format_usual()};
        const char *words;
        struct lint *lint;
        json_t *report;

        rule.format.format = rows[i].method ? FORMAT_TRL : FORMAT_AUTO;
        if (rows[i].method)
            assert_ok(lint_rule_method(&rule, rows[i].method));
        lint = lint_new(&rule);
        assert_ok(lint_file(lint, file("r.jsonl", rows[i].line), "train"));
        report = lint_report(lint);
        if (!rows[i].code && json_array_size(json_object_get(report, "problems")))
            fail_msg("row %zu: a problem", i);
        if (rows[i].code &&
            (found(report, rows[i].code, &words) != 1 || !strstr(words, rows[i].words)))
            fail_msg("row %zu: '%s' does not say '%s'", i, words, rows[i].words);
        json_decref(report);
        lint_free(lint);
    }
    assert_err(ERR_RANGE, lint_rule_method(&(struct lint_rule){.max_length = 0}, "dop"));
}

static void duplicates_reversals_and_leaks_are_found(void **state)
{
    static const char train[] =
        "{\"prompt\":\"What  is it?\",\"chosen\":\"a\",\"rejected\":\"b\"}\n"
        "{\"prompt\":\"what is it?\",\"chosen\":\"b\",\"rejected\":\"a\"}\n"
        "{\"prompt\":\"Other\",\"chosen\":\"a\",\"rejected\":\"b\"}\n"
        "{\"prompt\":\"other \",\"chosen\":\"A\",\"rejected\":\"b\"}\n";
    static const char test[] =
        "{\"prompt\":\"WHAT is\\nit?\",\"chosen\":\"c\",\"rejected\":\"d\"}\n"
        "{\"prompt\":\"new\",\"chosen\":\"c\",\"rejected\":\"d\"}\n";
    const struct format_rule rule = format_usual();
    struct lint *lint = lint_new(&(struct lint_rule){.format = rule});
    const char *words;
    json_t *report, *leak;

    (void)state;
    assert_ok(lint_file(lint, file("train.jsonl", train), "train"));
    assert_ok(lint_file(lint, file("test.jsonl", test), "test"));
    report = lint_report(lint);
    assert_int_equal(found(report, "duplicate", &words), 0); /* "other " differs from "other" */
    assert_int_equal(found(report, "reversed", &words), 1);
    assert_int_equal(found(report, "leakage", &words), 1);
    assert_non_null(strstr(words, "test.jsonl:1: the same prompt as"));
    leak = json_array_get(json_object_get(report, "leakage"), 0);
    assert_int_equal(json_integer_value(json_object_get(leak, "prompts")), 1);
    assert_int_equal(
        json_integer_value(json_object_get(json_object_get(report, "prompts"), "distinct")), 3);
    assert_int_equal(json_integer_value(json_object_get(report, "errors")), 0);
    json_decref(report);
    lint_free(lint);
}

struct taken {
    char text[2048];
    int n;
};

static enum err take(void *self, const json_t *row)
{
    struct taken *taken = self;
    char *text = json_dumps(row, JSON_COMPACT);

    snprintf(taken->text + strlen(taken->text), sizeof(taken->text) - strlen(taken->text),
             "%s\n", text);
    taken->n++;
    free(text);
    return OK;
}

static void converts(enum record_kind to, const char *rows, const char *wanted)
{
    const struct stream_rule rule = {.format = format_usual(),
                                     .convert = true,
                                     .to = {.to = to, .separator = "\n", .pairs = 10},
                                     .strict = true};
    const char *path = file("in.jsonl", rows);
    struct taken taken = {{0}, 0};
    struct stream_count count;

    assert_ok(stream_run(&path, 1, &rule, take, &taken, &count));
    assert_string_equal(taken.text, wanted);
}

static void kinds_turn_into_one_another(void **state)
{
    (void)state;
    converts(KIND_UNPAIRED, "{\"prompt\":\"p\",\"chosen\":\"a\",\"rejected\":\"b\",\"k\":1}",
             "{\"prompt\":\"p\",\"completion\":\"a\",\"label\":true,\"k\":1}\n"
             "{\"prompt\":\"p\",\"completion\":\"b\",\"label\":false,\"k\":1}\n");
    converts(KIND_PREFERENCE, "{\"chosen\":\"hi you\",\"rejected\":\"hi me\"}",
             "{\"prompt\":\"hi\",\"chosen\":\" you\",\"rejected\":\" me\"}\n");
    converts(KIND_IMPLICIT, "{\"prompt\":\"p \",\"chosen\":\"a\",\"rejected\":\"b\"}",
             "{\"chosen\":\"p a\",\"rejected\":\"p b\"}\n");
    converts(KIND_PREFERENCE,
             "{\"prompt\":\"p\",\"completion\":\"x\",\"label\":false}\n"
             "{\"prompt\":\"q\",\"completion\":\"z\",\"label\":true}\n"
             "{\"prompt\":\"p\",\"completion\":\"y\",\"label\":true}\n"
             "{\"prompt\":\"p\",\"completion\":\"w\",\"label\":false}\n",
             "{\"prompt\":\"p\",\"chosen\":\"y\",\"rejected\":\"x\"}\n"
             "{\"prompt\":\"p\",\"chosen\":\"y\",\"rejected\":\"w\"}\n");
    converts(KIND_UNPAIRED,
             "{\"prompt\":\"p\",\"completions\":[\"a\",\"b\"],\"labels\":[true,true]}\n"
             "{\"prompt\":\"p\",\"completions\":[\"c\",\"d\"],\"labels\":[true,false]}\n"
             "{\"prompt\":\"p\",\"completions\":[\"e\",\"f\"],\"labels\":[true,null]}\n",
             "{\"prompt\":\"p\",\"completion\":\"a\\nb\",\"label\":true}\n"
             "{\"prompt\":\"p\",\"completion\":\"c\\nd\",\"label\":false}\n");
    converts(KIND_COMPLETION,
             "{\"messages\":[{\"role\":\"user\",\"content\":\"a\"},{\"role\":\"assistant\","
             "\"content\":\"b\"}]}",
             "{\"prompt\":[{\"role\":\"user\",\"content\":\"a\"}],\"completion\":[{\"role\":"
             "\"assistant\",\"content\":\"b\"}]}\n");
    /* an agent's record: the prompt is the user's turn, calls become messages */
    converts(
        KIND_IMPLICIT,
        "{\"prompt\":\"p\",\"chosen\":[{\"tool\":\"f\",\"args\":{\"x\":1}}],"
        "\"rejected\":[{\"tool\":\"g\"}]}",
        "{\"chosen\":[{\"role\":\"user\",\"content\":\"p\"},{\"role\":\"assistant\","
        "\"content\":\"\",\"tool_calls\":[{\"type\":\"function\",\"function\":{\"name\":\"f\","
        "\"arguments\":{\"x\":1}}}]}],\"rejected\":[{\"role\":\"user\",\"content\":\"p\"},"
        "{\"role\":\"assistant\",\"content\":\"\",\"tool_calls\":[{\"type\":\"function\","
        "\"function\":{\"name\":\"g\",\"arguments\":{}}}]}]}\n");
    converts(KIND_PROMPT, "{\"prompt\":\"p\",\"completion\":[{\"tool\":\"f\"}]}",
             "{\"prompt\":[{\"role\":\"user\",\"content\":\"p\"}]}\n");
}

static void bad_records_stop_or_are_counted(void **state)
{
    static const char rows[] = "{\"prompt\":\"p\",\"chosen\":\"a\",\"rejected\":\"b\"}\n"
                               "{\"prompt\":\"p\",\"chosen\":\"a\",\"rejected\":\"a\"}\n"
                               "{\"prompt\":\n"
                               "{\"prompt\":\"p\",\"completion\":\"\"}\n"
                               "{\"prompt\":\"p\",\"chosen\":\"a\",\"rejected\":\"b\"}\n";
    struct stream_rule rule = {.format = format_usual(), .strict = true, .distinct = true};
    const char *path = file("bad.jsonl", rows);
    struct taken taken = {{0}, 0};
    struct stream_count count;

    (void)state;
    assert_err(ERR_PARSE, stream_run(&path, 1, &rule, take, &taken, &count));
    assert_non_null(strstr(err_text(), "bad.jsonl:2: equal: 'chosen' and 'rejected'"));
    taken.n = 0;
    rule.strict = false;
    assert_ok(stream_run(&path, 1, &rule, take, &taken, &count));
    assert_int_equal(taken.n, 1);
    assert_int_equal(count.bad, 3);
    assert_int_equal(count.repeated, 1);
    assert_int_equal(count.rows, 5);
    assert_non_null(strstr(count.first, "bad.jsonl:2"));
}

/* The same prompt goes to the same part, whatever stands around it; shares come out right. */
static void a_prompt_keeps_its_part(void **state)
{
    int below = 0;

    (void)state;
    for (int i = 0; i < 4000; i++) {
        json_t *a =
            json_pack("{s:o,s:s}", "prompt", json_sprintf("Question %d", i), "completion", "x");
        json_t *b = json_pack("{s:o,s:s,s:b}", "prompt", json_sprintf(" question  %d\n", i),
                              "completion", "y", "label", 1);
        double u, v, w;
        assert_ok(stream_share(&u, a, 7, false));
        assert_ok(stream_share(&v, b, 7, false));
        assert_ok(stream_share(&w, a, 8, false));
        assert_true(u >= 0 && u < 1 && !(u < v) && !(v < u));
        assert_true(u < w || w < u);
        assert_ok(stream_share(&v, b, 7, true));
        assert_true(u < v || v < u);
        below += u < .2;
        json_decref(a);
        json_decref(b);
    }
    assert_in_range(below, 700, 900); /* 800 +- 25 */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_flaw_is_named_with_its_place),
        cmocka_unit_test(a_trainers_reader_reads),
        cmocka_unit_test(duplicates_reversals_and_leaks_are_found),
        cmocka_unit_test(kinds_turn_into_one_another),
        cmocka_unit_test(bad_records_stop_or_are_counted),
        cmocka_unit_test(a_prompt_keeps_its_part),
    };
    return cmocka_run_group_tests_name("lint", tests, make_folder, remove_folder);
}
