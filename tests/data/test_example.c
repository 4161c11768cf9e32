#include "data/example.h"

#include "data/jsonl.h"
#include "tests/support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static enum err read_text(struct example *e, const char *text, enum record_want want, bool hh)
{
    const struct example_rule rule = {.want = want, .text_field = "text", .hh = hh};
    json_t *row = json_loads(text, 0, NULL);
    enum err err;

    assert_non_null(row);
    err = example_read(e, row, &rule);
    json_decref(row);
    return err;
}

static enum record_kind kind_of(const char *text)
{
    json_t *row = json_loads(text, 0, NULL);
    enum record_kind kind = KINDS;

    assert_ok(record_kind_of(&kind, row));
    json_decref(row);
    return kind;
}

static void the_columns_say_the_kind(void **state)
{
    static const struct {
        const char *text;
        enum record_want want;
        enum record_kind kind;
        bool chat;
    } rows[] = {
        {"{\"text\":\"a\"}", RECORD_FOR_SFT, KIND_TEXT, false},
        {"{\"messages\":[{\"role\":\"user\",\"content\":\"a\"}]}", RECORD_FOR_SFT,
         KIND_MESSAGES, true},
        {"{\"conversations\":[{\"from\":\"user\",\"value\":\"a\"}]}", RECORD_FOR_SFT,
         KIND_MESSAGES, true},
        {"{\"prompt\":\"a\",\"completion\":\"b\"}", RECORD_FOR_SFT, KIND_COMPLETION, false},
        {"{\"input_ids\":[1,2,3]}", RECORD_FOR_SFT, KIND_TOKENS, false},
        {"{\"chosen\":\"a\",\"rejected\":\"b\"}", RECORD_FOR_PAIRS, KIND_IMPLICIT, false},
        {"{\"prompt\":\"p\",\"chosen\":[{\"role\":\"user\",\"content\":\"a\"}],"
         "\"rejected\":[{\"role\":\"user\",\"content\":\"b\"}]}",
         RECORD_FOR_PAIRS, KIND_IMPLICIT, true},
        {"{\"prompt\":\"p\",\"chosen\":\"a\",\"rejected\":\"b\"}", RECORD_FOR_PAIRS,
         KIND_PREFERENCE, false},
        {"{\"prompt\":\"p\",\"completion\":\"a\",\"label\":true}", RECORD_FOR_LABELS,
         KIND_UNPAIRED, false},
        {"{\"prompt\":\"p\",\"answer\":7}", RECORD_FOR_PROMPTS, KIND_PROMPT, false},
        {"{\"input_ids\":[7]}", RECORD_FOR_PROMPTS, KIND_TOKENS, false},
    };
    (void)state;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct example e;
        assert_ok(read_text(&e, rows[i].text, rows[i].want, false));
        assert_int_equal(e.kind, rows[i].kind);
        assert_int_equal(kind_of(rows[i].text),
                         rows[i].kind); /* lint and convert see the same */
        assert_int_equal(e.chat, rows[i].chat);
        example_free(&e);
    }
}

static void other_columns_are_kept(void **state)
{
    struct example e;
    (void)state;

    assert_ok(read_text(&e, "{\"prompt\":\"p\",\"answer\":7,\"tools\":\"[]\"}",
                        RECORD_FOR_PROMPTS, false));
    assert_int_equal(json_object_size(e.meta), 1);
    assert_int_equal(json_integer_value(json_object_get(e.meta, "answer")), 7);
    assert_true(json_is_array(e.tools));
    example_free(&e);
    assert_ok(read_text(&e, "{\"chosen\":\"a\",\"rejected\":\"b\",\"margin\":0.5}",
                        RECORD_FOR_PAIRS, false));
    assert_true(e.has_margin && e.margin == 0.5);
    example_free(&e);
}

static void what_is_missing_is_named(void **state)
{
    static const struct {
        const char *text;
        enum record_want want;
        bool hh;
        const char *words;
    } rows[] = {
        {"{\"rejected\":\"b\"}", RECORD_FOR_PAIRS, false, "'chosen' is missing"},
        {"{\"chosen\":\"b\",\"rejected\":[]}", RECORD_FOR_PAIRS, false, "one is a string"},
        {"{\"chosen\":3,\"rejected\":\"b\"}", RECORD_FOR_PAIRS, false, "'chosen' is neither"},
        {"{\"prompt\":\"b\"}", RECORD_FOR_SFT, false, "'completion' is missing"},
        {"{\"txt\":\"b\",\"n\":1}", RECORD_FOR_SFT, false, "its columns are: txt, n"},
        {"{\"text\":5}", RECORD_FOR_SFT, false, "'text' is not a string"},
        {"{\"messages\":[{\"role\":\"user\"}]}", RECORD_FOR_SFT, false,
         "messages[0]: 'content' is missing"},
        {"{\"messages\":[]}", RECORD_FOR_SFT, false, "not a list of messages"},
        {"{\"input_ids\":[1,\"x\"]}", RECORD_FOR_SFT, false, "'input_ids'[1]"},
        {"{\"input_ids\":[1],\"completion_mask\":[0,1]}", RECORD_FOR_SFT, false,
         "completion_mask"},
        {"{\"chosen\":\"a\",\"rejected\":\"b\"}", RECORD_FOR_PAIRS, true, "'chosen': no \""},
        {"{\"chosen\":\"a\",\"rejected\":\"b\",\"margin\":\"x\"}", RECORD_FOR_PAIRS, false,
         "'margin' is not a number"},
        {"{\"system\":\"s\",\"question\":\"q\",\"chosen\":\"a\",\"rejected\":\"b\"}",
         RECORD_FOR_PAIRS, false, "needs 'prompt' beside 'chosen' and 'rejected'"},
        {"{\"system\":\"s\",\"question\":\"q\",\"chosen\":\"a\",\"rejected\":\"b\"}",
         RECORD_FOR_LABELS, false, "say format=orca"},
        {"{\"query\":\"q\",\"chosen\":\"a\",\"rejected\":\"b\"}", RECORD_FOR_PAIRS, false,
         "rename: {query: prompt}"},
        {"{\"instruction\":\"q\",\"chosen_response\":\"a\",\"rejected_response\":\"b\"}",
         RECORD_FOR_PAIRS, false, "say format=argilla"},
        {"{\"prompt\":[{\"role\":\"user\",\"content\":\"q\"}],\"chosen\":\"a\","
         "\"rejected\":\"b\"}",
         RECORD_FOR_PAIRS, false, "'prompt' is a list of messages"},
        {"{\"prompt\":\"a\",\"tools\":\"{\"}", RECORD_FOR_PROMPTS, false, "'tools'"},
        {"{\"chosen\":[{\"tool\":\"f\",\"args\":1}],\"rejected\":[]}", RECORD_FOR_PAIRS, false,
         "'chosen': [0]: 'args'"},
        {"{\"messages\":[{\"role\":\"assistant\",\"tool_calls\":[{\"name\":\"f\","
         "\"arguments\":\"{x\"}]}]}",
         RECORD_FOR_SFT, false, "messages[0]: tool_calls[0] (f): arguments: not JSON"},
    };
    (void)state;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct example e;
        assert_err(ERR_PARSE, read_text(&e, rows[i].text, rows[i].want, rows[i].hh));
        if (!strstr(err_text(), rows[i].words))
            fail_msg("'%s' does not say '%s'", err_text(), rows[i].words);
    }
}

#define TRAJECTORY "[{\"tool\":\"f\",\"args\":{\"x\":1}},{\"tool\":\"g\"}]"
#define SAID "[{\"role\":\"assistant\",\"content\":\"b\"}]"
#define WHOLE \
    "[{\"role\":\"user\",\"content\":\"p\"},{\"role\":\"assistant\",\"content\":\"b\"}]"
#define OTHER \
    "[{\"role\":\"user\",\"content\":\"p\"},{\"role\":\"assistant\",\"content\":\"c\"}]"

/* The prompt of an agent's trajectories is what the user says: it was dropped as a note. */
static void a_prompt_before_messages_is_what_the_user_says(void **state)
{
    static const char *const rows[] = {
        "{\"prompt\":\"p\",\"chosen\":" TRAJECTORY ",\"rejected\":[{\"tool\":\"h\"}]}",
        "{\"prompt\":\"p\",\"chosen\":" SAID ",\"rejected\":[{\"tool\":\"h\"}]}"};
    struct example e;

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_ok(read_text(&e, rows[i], RECORD_FOR_PAIRS, false));
        assert_int_equal(json_array_size(e.prompt), 1);
        assert_string_equal(
            json_string_value(json_object_get(json_array_get(e.prompt, 0), "content")), "p");
        assert_ok(example_check_settle(&e));
        example_free(&e);
    }
    assert_ok(read_text(&e, "{\"prompt\":\"p\",\"completion\":" TRAJECTORY "}", RECORD_FOR_SFT,
                        false));
    assert_true(e.chat && json_array_size(e.prompt) == 1 && json_array_size(e.completion) == 2);
    example_free(&e);
    assert_ok(read_text(&e, "{\"prompt\":\"p\",\"chosen\":" WHOLE ",\"rejected\":" OTHER "}",
                        RECORD_FOR_PAIRS, false));
    assert_null(e.prompt); /* a note: the dialogues hold it */
    assert_ok(example_check_settle(&e));
    assert_int_equal(json_array_size(e.prompt), 1);
    example_free(&e);
}

/* Columns that the record does not hold are named; notes that say nothing new are not. */
static void what_is_not_read_is_counted(void **state)
{
    static const struct {
        const char *row;
        enum record_want want;
        const char *unused;
    } rows[] = {
        {"{\"prompt\":\"p\",\"completion\":\"c\",\"answer\":7}", RECORD_FOR_SFT, "answer"},
        {"{\"prompt\":\"p\",\"completion\":\"c\",\"label\":true}", RECORD_FOR_LABELS, NULL},
        {"{\"prompt\":\"p\",\"completion\":\"c\",\"label\":true}", RECORD_FOR_SFT, "label"},
        {"{\"prompt\":\"p\",\"chosen\":" WHOLE ",\"rejected\":" OTHER "}", RECORD_FOR_PAIRS,
         NULL},
        {"{\"prompt\":\"q\",\"chosen\":" WHOLE ",\"rejected\":" OTHER "}", RECORD_FOR_PAIRS,
         "prompt"},
        {"{\"prompt\":\"p\",\"prompt_id\":\"x\",\"messages\":" WHOLE "}", RECORD_FOR_SFT,
         "prompt_id"},
        {"{\"text\":\"a\",\"meta\":null}", RECORD_FOR_SFT, NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        json_t *row = json_loads(rows[i].row, 0, NULL), *unused = json_object();
        const struct example_rule rule = {rows[i].want, "text", false, unused};
        struct example e;

        assert_ok(example_read(&e, row, &rule));
        if (json_object_size(unused) != (rows[i].unused != NULL) ||
            (rows[i].unused && !json_object_get(unused, rows[i].unused)))
            fail_msg("row %zu: %zu columns", i, json_object_size(unused));
        example_free(&e);
        json_decref(row);
        json_decref(unused);
    }
}

static void hh_gives_prompt_and_both_answers(void **state)
{
    const char *text = "{\"chosen\":\"\\n\\nHuman: q\\n\\nAssistant: yes\",\"rejected\":"
                       "\"\\n\\nHuman: q\\n\\nAssistant: yellow\"}";
    struct example e;
    (void)state;

    assert_ok(read_text(&e, text, RECORD_FOR_PAIRS, true));
    assert_int_equal(json_array_size(e.prompt), 1);
    assert_int_equal(json_array_size(e.rejected), 1);
    example_free(&e);
    assert_ok(read_text(&e, text, RECORD_FOR_SFT, true));
    assert_int_equal(e.kind, KIND_COMPLETION);
    assert_string_equal(
        json_string_value(json_object_get(json_array_get(e.completion, 0), "content")), "yes");
    example_free(&e);
}

static void hh_with_two_different_dialogues_keeps_both_whole(void **state)
{
    struct example e;
    (void)state;

    assert_ok(read_text(&e,
                        "{\"chosen\":\"\\n\\nHuman: q\\n\\nAssistant: a\\n\\nHuman: r\\n\\n"
                        "Assistant: b\",\"rejected\":\"\\n\\nHuman: q\\n\\nAssistant: c\"}",
                        RECORD_FOR_PAIRS, true));
    assert_null(e.prompt);
    assert_int_equal(json_array_size(e.chosen), 4);
    assert_int_equal(json_array_size(e.rejected), 2);
    example_free(&e);
}

/* All 1,800 pairs of the HH sample read; 2 have different dialogues (counted in Python). */
static void the_hh_sample_reads(void **state)
{
    const char *data = getenv("DROVER_TEST_DATA");
    const struct example_rule rule = {.want = RECORD_FOR_PAIRS, .hh = true};
    char path[512];
    struct jsonl *file = NULL;
    json_t *row;
    int n = 0, two = 0;
    (void)state;

    snprintf(path, sizeof(path), "%s/hh-rlhf/harmless-1800.jsonl", data ? data : "");
    if (!data || jsonl_open(&file, path)) {
        print_message("skipped: no %s\n", path);
        skip();
    }
    while (!jsonl_next(file, &row) && row) {
        struct example e;
        assert_ok(example_read(&e, row, &rule));
        two += !e.prompt;
        n++;
        example_free(&e);
        json_decref(row);
    }
    jsonl_close(file);
    assert_int_equal(n, 1800);
    assert_int_equal(two, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_columns_say_the_kind),
        cmocka_unit_test(other_columns_are_kept),
        cmocka_unit_test(what_is_missing_is_named),
        cmocka_unit_test(a_prompt_before_messages_is_what_the_user_says),
        cmocka_unit_test(what_is_not_read_is_counted),
        cmocka_unit_test(hh_gives_prompt_and_both_answers),
        cmocka_unit_test(hh_with_two_different_dialogues_keeps_both_whole),
        cmocka_unit_test(the_hh_sample_reads),
    };

    return cmocka_run_group_tests_name("example", tests, NULL, NULL);
}
