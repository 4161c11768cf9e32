#include "tests/support/test.h"

#include "lm/text/chat.h"
#include "lm/text/chat_known.h"
#include "lm/text/pyjson.h"
#include "tests/lm/golden.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static void check_case(enum chat chat, const json_t *item)
{
    const json_t *want = json_object_get(item, "text"), *ends = json_object_get(item, "spans");
    const char *date = json_string_value(json_object_get(item, "date"));
    size_t n, *span, spans;
    char *text;

    assert_ok(chat_render(
        chat, json_object_get(item, "messages"), json_object_get(item, "tools"), date,
        json_is_true(json_object_get(item, "generation")), &text, &n, &span, &spans));
    assert_string_equal(text, json_string_value(want));
    assert_int_equal(n, json_string_length(want));
    assert_int_equal(2 * spans, json_array_size(ends));
    for (size_t i = 0; i < 2 * spans; i++)
        assert_int_equal(span[i], json_integer_value(json_array_get(ends, i)));
    free(text);
    free(span);
}

static void texts_are_those_of_transformers(void **state)
{
    size_t n, i, families = 0;
    char *file = golden_text("chat.z", &n);
    json_t *root = json_loadb(file, n, JSON_ALLOW_NUL, NULL), *family, *item;
    const char *name, *sum;

    (void)state;
    json_object_foreach(root, name, family)
    {
        const char *ours = json_string_value(json_object_get(family, "ours"));
        const char *theirs = json_string_value(json_object_get(family, "theirs"));
        enum chat chat, named;

        assert_ok(chat_named(&named, name));
        assert_ok(chat_detect(&chat, theirs ? theirs : ours));
        assert_int_equal(chat, named);
        json_object_foreach(json_object_get(family, "known"), sum, item)
        {
            struct hash hash;
            assert_ok(hash_parse(&hash, sum));
            assert_true(chat_known(&chat, &hash));
            assert_int_equal(chat, named);
        }
        assert_string_equal(chat_name(chat), name);
        assert_string_equal(chat_template(chat), ours);
        assert_ok(chat_detect(&chat, ours));
        assert_int_equal(chat, named);
        json_array_foreach(json_object_get(family, "cases"), i, item) check_case(chat, item);
        assert_int_equal(i, 30);
        families++;
    }
    assert_int_equal(families, CHATS - 1);
    json_decref(root);
    free(file);
}

#define TURN "<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>"
#define OPEN "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
#define EACH(words) "{% for message in messages %}{{'" words "'}}{% endfor %}"

static void a_template_is_known_or_refused(void **state)
{
    /* Each was rendered as plain ChatML in silence, and is something else in transformers. */
    static const char *const unknown[] = {
        "{{ messages }}",
        EACH(TURN) OPEN,                                   /* no newline between */
        EACH(TURN "\n") "{{ '<|im_start|>assistant\n' }}", /* always opened */
        "{{ '<|im_start|>' + 'system\nBe brief.<|im_end|>\n' }}" EACH(TURN "\n") OPEN,
        "{% for message in messages %}{% if message['role'] == 'user' %}{{'<|im_start|>human\n'"
        " + message['content'] + '<|im_end|>\n'}}{% else %}{{'<|im_start|>gpt\n' + "
        "message['content'] + '<|im_end|>\n'}}{% endif %}{% endfor %}",
        EACH(TURN " \n") OPEN, /* a blank */
        EACH(TURN "\n") "{% if add_generation_prompt %}{{ '<|im_start|>bot\n' }}{% endif %}",
        "{% for message in messages[1:] %}{{'" TURN "\n'}}{% endfor %}" OPEN,
        "{% for message in messages %}{{'<|im_start|>' + message['role'] | upper + '\n' + "
        "message['content'] + '<|im_end|>\n'}}{% endfor %}" OPEN,
        EACH(TURN "\n") OPEN " "};
    char text[600];
    enum chat chat;

    (void)state;
    for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++) {
        assert_err(ERR_RANGE, chat_detect(&chat, unknown[i]));
        assert_non_null(strstr(err_text(), "smollm2"));
        assert_non_null(strstr(err_text(), "chat_template_path"));
        assert_int_equal(chat, CHAT_NONE);
    }
    snprintf(text, sizeof text, "%s", EACH(TURN "' + '\n") OPEN);
    assert_ok(chat_detect(&chat, text));
    assert_int_equal(chat, CHAT_CHATML);
    strncat(text, "\n", 2); /* which Jinja drops */
    assert_ok(chat_detect(&chat, text));
    assert_int_equal(chat, CHAT_CHATML);
    strncat(text, "\n", 2);
    assert_err(ERR_RANGE, chat_detect(&chat, text));
    assert_ok(chat_detect(&chat, NULL));
    assert_int_equal(chat, CHAT_NONE);
    assert_ok(chat_detect(&chat, ""));
    assert_int_equal(chat, CHAT_NONE);
    assert_err(ERR_RANGE, chat_named(&chat, "none"));
    assert_null(chat_template(CHAT_NONE));
    assert_null(chat_end(CHAT_NONE));
    assert_string_equal(chat_end(CHAT_LLAMA3), "<|eot_id|>");
    assert_string_equal(chat_tail(CHAT_LLAMA3), "");
    assert_string_equal(chat_tail(CHAT_SMOLLM2), "\n");
}

static void a_day_is_written_as_python_writes_it(void **state)
{
    char text[CHAT_DATE_ROOM];

    (void)state;
    setenv("TZ", "UTC", 1);
    tzset();
    assert_string_equal(chat_date(text, 0), "01 Jan 1970");
    assert_string_equal(chat_date(text, 1722000000000), "26 Jul 2024");
    assert_string_equal(chat_date(text, 1796083199999), "30 Nov 2026");
    assert_true(chat_dated(CHAT_LLAMA32));
    assert_false(chat_dated(CHAT_LLAMA31));
}

static enum err render(enum chat chat, const char *messages, const char *tools, char **text)
{
    json_t *list = json_loads(messages, JSON_DECODE_ANY, NULL);
    json_t *given = tools ? json_loads(tools, JSON_DECODE_ANY, NULL) : NULL;
    size_t n;
    const enum err err = chat_render(chat, list, given, NULL, false, text, &n, NULL, NULL);

    json_decref(list);
    json_decref(given);
    return err;
}

#define CALL(arguments) \
    "[{\"role\":\"user\",\"content\":\"x\"},{\"role\":\"assistant\",\"content\":null," \
    "\"tool_calls\":[{\"function\":{\"name\":\"f\",\"arguments\":" arguments "}}]}]"

static void what_a_template_would_drop_is_refused(void **state)
{
    static const struct {
        enum chat chat;
        const char *messages, *tools;
        enum err err;
    } cases[] = {
        {CHAT_NONE, "[{\"role\":\"user\",\"content\":\"x\"}]", NULL, ERR_STATE},
        {CHAT_CHATML, "[]", NULL, ERR_PARSE},
        {CHAT_CHATML, "{}", NULL, ERR_PARSE},
        {CHAT_CHATML, "[1]", NULL, ERR_PARSE},
        {CHAT_CHATML, "[{\"content\":\"x\"}]", NULL, ERR_PARSE},
        {CHAT_CHATML, "[{\"role\":\"user\"}]", NULL, ERR_PARSE},
        {CHAT_CHATML, "[{\"role\":\"user\",\"content\":[]}]", NULL, ERR_PARSE},
        {CHAT_SMOLLM2, "[{\"role\":\"user\",\"content\":\"x\"}]", "[{}]", ERR_RANGE},
        {CHAT_SMOLLM2, "[{\"role\":\"user\",\"content\":\"x\"}]", "{}", ERR_PARSE},
        {CHAT_SMOLLM2, CALL("{}"), NULL, ERR_PARSE},
        {CHAT_LLAMA3, CALL("{}"), NULL, ERR_RANGE},
        {CHAT_QWEN25, CALL("\"{\""), NULL, ERR_PARSE},
        {CHAT_QWEN25, "[{\"role\":\"critic\",\"content\":\"x\"}]", NULL, ERR_RANGE},
        {CHAT_LLAMA31, "[{\"role\":\"system\",\"content\":\"x\"}]", "[{}]", ERR_PARSE},
    };
    char *text;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const enum err err = render(cases[i].chat, cases[i].messages, cases[i].tools, &text);

        if (err != cases[i].err)
            fail_msg("case %zu: %d, not %d", i, err, cases[i].err);
        assert_null(text);
    }
}

static void arguments_given_as_text_are_not_encoded_twice(void **state)
{
    char *object, *string;

    (void)state;
    assert_ok(render(CHAT_QWEN25, CALL("{\"a\": [1, 2.5]}"), NULL, &object));
    assert_ok(render(CHAT_QWEN25, CALL("\"{\\\"a\\\":[1,2.5]}\""), NULL, &string));
    assert_string_equal(object, string);
    assert_non_null(strstr(object, "{\"name\": \"f\", \"arguments\": {\"a\": [1, 2.5]}}"));
    free(object);
    free(string);
}

static void calls_follow_one_another_on_lines_of_their_own(void **state)
{
    char *text;

    (void)state; /* as transformers renders Qwen2.5's template */
    assert_ok(render(CHAT_QWEN25,
                     "[{\"role\":\"assistant\",\"content\":\"\",\"tool_calls\":["
                     "{\"name\":\"f\",\"arguments\":{}},{\"name\":\"g\",\"arguments\":{}}]}]",
                     NULL, &text));
    assert_non_null(strstr(text, "<|im_start|>assistant\n<tool_call>\n{\"name\": \"f\", "
                                 "\"arguments\": {}}\n</tool_call>\n<tool_call>\n{\"name\": "
                                 "\"g\", \"arguments\": {}}\n</tool_call><|im_end|>\n"));
    free(text);
}

static void numbers_are_written_as_python_writes_them(void **state)
{
    /* repr() of CPython 3.11 */
    static const struct {
        double value;
        const char *text;
    } cases[] = {{0.1, "0.1"},
                 {1.0, "1.0"},
                 {-0.0, "-0.0"},
                 {1e15, "1000000000000000.0"},
                 {1e16, "1e+16"},
                 {123456789012345678.0, "1.2345678901234568e+17"},
                 {1e-4, "0.0001"},
                 {1e-5, "1e-05"},
                 {-1.5e-7, "-1.5e-07"},
                 {1.0 / 3, "0.3333333333333333"},
                 {5e-324, "5e-324"},
                 {1.7976931348623157e308, "1.7976931348623157e+308"},
                 {9007199254740993.0, "9007199254740992.0"},
                 {-123.456, "-123.456"}};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        json_t *value = json_real(cases[i].value);
        char *text;
        size_t n;

        assert_ok(pyjson_write(value, 0, &text, &n));
        assert_string_equal(text, cases[i].text);
        free(text);
        json_decref(value);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_are_those_of_transformers),
        cmocka_unit_test(a_template_is_known_or_refused),
        cmocka_unit_test(a_day_is_written_as_python_writes_it),
        cmocka_unit_test(what_a_template_would_drop_is_refused),
        cmocka_unit_test(arguments_given_as_text_are_not_encoded_twice),
        cmocka_unit_test(calls_follow_one_another_on_lines_of_their_own),
        cmocka_unit_test(numbers_are_written_as_python_writes_them),
    };

    return cmocka_run_group_tests_name("chat", tests, NULL, NULL);
}
