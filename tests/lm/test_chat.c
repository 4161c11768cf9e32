#include "tests/support/test.h"

#include "lm/text/chat.h"
#include "lm/text/chat_known.h"
#include "tests/lm/chats.h"
#include "tests/lm/golden.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* One conversation of chat.z: what transformers wrote, and where TRL's training templates mark. */
static void check_case(const struct chat *chat, const json_t *item)
{
    const json_t *want = json_object_get(item, "text"), *ends = json_object_get(item, "spans");
    const json_t *messages = json_object_get(item, "messages");
    const json_t *tools = json_object_get(item, "tools"), *date = json_object_get(item, "date");
    json_t *kwargs = json_is_string(date) ? json_pack("{s:O}", "date_string", date) : NULL;
    size_t n, *span, spans;
    char *text;

    assert_ok(chat_render(chat, messages, tools, kwargs,
                          json_is_true(json_object_get(item, "generation")), &text, &n));
    assert_string_equal(text, json_string_value(want));
    assert_int_equal(n, json_string_length(want));
    assert_ok(chat_spans(chat, messages, tools, kwargs, &span, &spans));
    assert_int_equal(2 * spans, json_array_size(ends));
    for (size_t i = 0; i < 2 * spans; i++)
        assert_int_equal(span[i], json_integer_value(json_array_get(ends, i)));
    free(text);
    free(span);
    json_decref(kwargs);
}

/* Our own text and the published one of a family, where chat.z holds that. */
static void check_family(const char *name, const json_t *family)
{
    static const char *const which[] = {"ours", "theirs"};
    json_t *tokens = json_pack("{s:s}", "bos_token", "<|begin_of_text|>"), *item;
    const char *sum;
    size_t i;

    for (size_t k = 0; k < 2; k++) {
        const char *text = json_string_value(json_object_get(family, which[k]));
        struct chat *chat;

        if (!text)
            continue;
        assert_ok(chat_open(&chat, text, tokens));
        assert_string_equal(chat_name(chat), name);
        json_array_foreach(json_object_get(family, "cases"), i, item) check_case(chat, item);
        assert_int_equal(i, 30);
        chat_free(chat);
    }
    json_object_foreach(json_object_get(family, "known"), sum, item)
    {
        struct hash hash;

        assert_ok(hash_parse(&hash, sum));
        assert_string_equal(chat_known(&hash), name);
    }
    json_decref(tokens);
}

static void texts_are_those_of_transformers(void **state)
{
    size_t n, families = 0;
    char *file = golden_text("chat.z", &n);
    json_t *root = json_loadb(file, n, JSON_ALLOW_NUL, NULL), *family;
    const char *name;

    (void)state;
    json_object_foreach(root, name, family)
    {
        struct chat *chat = chats_named(name);

        assert_string_equal(chat_source(chat),
                            json_string_value(json_object_get(family, "ours")));
        chat_free(chat);
        check_family(name, family);
        families++;
    }
    assert_int_equal(families, 7);
    json_decref(root);
    free(file);
}

#define TURN "<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>"
#define OPEN "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
#define EACH(words) "{% for message in messages %}{{'" words "'}}{% endfor %}"
#define ASKED \
    "[{\"role\":\"user\",\"content\":\"x\"},{\"role\":\"assistant\",\"content\":\"y\"}]"

static enum err render(const struct chat *chat, const char *messages, const char *tools,
                       char **text)
{
    json_t *list = json_loads(messages, JSON_DECODE_ANY, NULL);
    json_t *given = tools ? json_loads(tools, JSON_DECODE_ANY, NULL) : NULL;
    size_t n;
    const enum err err = chat_render(chat, list, given, NULL, false, text, &n);

    json_decref(list);
    json_decref(given);
    return err;
}

/* Templates that differ in a character from known ones say something else. */
static void a_template_says_what_it_says(void **state)
{
    static const struct {
        const char *template, *text, *end, *tail;
    } cases[] = {
        {EACH(TURN) OPEN, "<|im_start|>user\nx<|im_end|><|im_start|>assistant\ny<|im_end|>",
         "<|im_end|>", ""},
        {EACH(TURN " \n") OPEN,
         "<|im_start|>user\nx<|im_end|> \n<|im_start|>assistant\ny<|im_end|> \n", "<|im_end|>",
         " \n"},
        {"{% for message in messages[1:] %}{{'" TURN "\n'}}{% endfor %}" OPEN,
         "<|im_start|>assistant\ny<|im_end|>\n", "<|im_end|>", "\n"},
        {"{% for message in messages %}{% if message['role'] == 'user' %}{{'human: ' + "
         "message['content'] + ' '}}{% else %}{{'gpt: ' + message['content'] + '</s>'}}"
         "{% endif %}{% endfor %}",
         "human: x gpt: y</s>", "</s>", ""},
    };
    struct chat *chat;
    char *text;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_ok(chat_open(&chat, cases[i].template, NULL));
        /* a message that is never looked at is an error: the third leaves the first one out */
        if (i == 2) {
            assert_err(ERR_RANGE, render(chat, ASKED, NULL, &text));
            assert_non_null(strstr(err_text(), "leaves out"));
        } else {
            assert_ok(render(chat, ASKED, NULL, &text));
            assert_string_equal(text, cases[i].text);
            free(text);
        }
        assert_string_equal(chat_name(chat), "template");
        assert_string_equal(chat_end(chat), cases[i].end);
        assert_string_equal(chat_tail(chat), cases[i].tail);
        chat_free(chat);
    }
}

static void what_is_no_template_is_refused_with_its_line(void **state)
{
    struct chat *chat;

    (void)state;
    assert_err(ERR_PARSE, chat_open(&chat, "{{ messages }}\n{{ magic }", NULL));
    assert_non_null(strstr(err_text(), "line 2"));
    assert_null(chat);
    assert_ok(chat_open(&chat, NULL, NULL));
    assert_null(chat);
    assert_ok(chat_open(&chat, "", NULL));
    assert_null(chat);
    assert_err(ERR_RANGE, chat_named(&chat, "none", NULL));
    assert_non_null(strstr(err_text(), "smollm2"));
    assert_null(chat_source(NULL));
    assert_null(chat_end(NULL));
    assert_string_equal(chat_tail(NULL), "");
    chat = chats_named("llama3");
    assert_string_equal(chat_end(chat), "<|eot_id|>");
    assert_string_equal(chat_tail(chat), "");
    chat_free(chat);
}

static void a_day_is_written_as_python_writes_it(void **state)
{
    char text[CHAT_DATE_ROOM], *out;
    struct chat *chat;
    json_t *list = json_loads(ASKED, 0, NULL), *kwargs;
    size_t n;

    (void)state;
    setenv("TZ", "UTC", 1);
    tzset();
    assert_string_equal(chat_date(text, 0), "01 Jan 1970");
    assert_string_equal(chat_date(text, 1722000000000), "26 Jul 2024");
    assert_string_equal(chat_date(text, 1796083199999), "30 Nov 2026");
    chat = chats_named("llama3.1");
    assert_false(chat_dated(chat));
    chat_free(chat);
    assert_ok(chat_open(&chat,
                        "{{ strftime_now('%A %-d. %B %Y, %j') }}{{ messages[0].content }}"
                        "{{ messages[1].content }}",
                        NULL));
    assert_true(chat_dated(chat));
    kwargs = json_pack("{s:s}", "date_string", "05 Mar 2024");
    assert_ok(chat_render(chat, list, NULL, kwargs, false, &out, &n));
    assert_string_equal(out, "Tuesday 5. March 2024, 065xy");
    free(out);
    json_decref(kwargs);
    kwargs = json_pack("{s:s}", "date_string", "soon");
    assert_err(ERR_RANGE, chat_render(chat, list, NULL, kwargs, false, &out, &n));
    assert_non_null(strstr(err_text(), "no day"));
    json_decref(kwargs);
    json_decref(list);
    chat_free(chat);
}

#define CALL(arguments) \
    "[{\"role\":\"user\",\"content\":\"x\"},{\"role\":\"assistant\",\"content\":null," \
    "\"tool_calls\":[{\"function\":{\"name\":\"f\",\"arguments\":" arguments "}}]}]"

static void what_a_template_would_drop_is_refused(void **state)
{
    static const struct {
        const char *name, *messages, *tools;
        enum err err;
    } cases[] = {
        {NULL, "[{\"role\":\"user\",\"content\":\"x\"}]", NULL, ERR_STATE},
        {"chatml", "[]", NULL, ERR_PARSE},
        {"chatml", "{}", NULL, ERR_PARSE},
        {"chatml", "[1]", NULL, ERR_PARSE},
        {"chatml", "[{\"content\":\"x\"}]", NULL, ERR_PARSE},
        {"chatml", "[{\"role\":\"user\"}]", NULL, ERR_PARSE},
        {"chatml", "[{\"role\":\"user\",\"content\":[]}]", NULL, ERR_PARSE},
        {"smollm2", "[{\"role\":\"user\",\"content\":\"x\"}]", "[{}]", ERR_RANGE},
        {"smollm2", "[{\"role\":\"user\",\"content\":\"x\"}]", "{}", ERR_PARSE},
        {"smollm2", CALL("{}"), NULL, ERR_RANGE},
        {"llama3", CALL("{}"), NULL, ERR_RANGE},
        {"qwen2.5", CALL("\"{\""), NULL, ERR_PARSE},
        {"qwen2.5", "[{\"role\":\"critic\",\"content\":\"x\"}]", NULL, ERR_RANGE},
        {"llama3.1", "[{\"role\":\"system\",\"content\":\"x\"}]", "[{}]", ERR_PARSE},
    };
    char *text;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct chat *chat = cases[i].name ? chats_named(cases[i].name) : NULL;
        const enum err err = render(chat, cases[i].messages, cases[i].tools, &text);

        if (err != cases[i].err)
            fail_msg("case %zu: %d, not %d", i, err, cases[i].err);
        assert_null(text);
        chat_free(chat);
    }
}

static void arguments_given_as_text_are_not_encoded_twice(void **state)
{
    struct chat *chat = chats_named("qwen2.5");
    char *object, *string;

    (void)state;
    assert_ok(render(chat, CALL("{\"a\": [1, 2.5]}"), NULL, &object));
    assert_ok(render(chat, CALL("\"{\\\"a\\\":[1,2.5]}\""), NULL, &string));
    assert_string_equal(object, string);
    assert_non_null(strstr(object, "{\"name\": \"f\", \"arguments\": {\"a\": [1, 2.5]}}"));
    free(object);
    free(string);
    chat_free(chat);
}

static void reasoning_goes_by_all_of_its_names(void **state)
{
    struct chat *chat;
    char *text;

    (void)state;
    assert_ok(chat_open(&chat,
                        "{% for m in messages %}{{ m.content }}{{ m|list }}{{ m.thinking "
                        "}}{{ m.reasoning_content }}{% endfor %}",
                        NULL));
    assert_ok(render(chat,
                     "[{\"role\":\"assistant\",\"content\":\"c\",\"reasoning\":\"r\","
                     "\"name\":null}]",
                     NULL, &text));
    assert_string_equal(text,
                        "c['thinking', 'role', 'content', 'reasoning', 'reasoning_content']rr");
    free(text);
    chat_free(chat);
}

/* What a turn is, by rendering the conversation up to it, or by the template's marks. */
static void a_turn_is_what_it_adds(void **state)
{
    static const char early[] = "{% for m in messages %}{{ m.content if loop.last else '-' }}"
                                "{% endfor %}";
    static const char marked[] =
        "{% for m in messages %}{% if m.role == 'user' %}U{{ m.content }}"
        "{% else %}A{% generation %}{{ m.content }}.{% endgeneration %}"
        "{% endif %}{% endfor %}";
    json_t *list = json_loads("[{\"role\":\"assistant\",\"content\":\"hé\"},{\"role\":\"user\","
                              "\"content\":\"q\"},{\"role\":\"assistant\",\"content\":\"a\"}]",
                              0, NULL);
    struct chat *chat = chats_named("smollm2");
    size_t *span, spans;
    char *text;
    size_t n;

    (void)state;
    assert_ok(chat_render(chat, list, NULL, NULL, false, &text, &n));
    assert_ok(chat_spans(chat, list, NULL, NULL, &span, &spans));
    assert_int_equal(spans, 2);
    assert_memory_equal(text + span[0], "h\xc3\xa9<|im_end|>\n", span[1] - span[0]);
    assert_memory_equal(text + span[2], "a<|im_end|>\n", span[3] - span[2]);
    assert_int_equal(span[3], n);
    free(text);
    free(span);
    chat_free(chat);
    assert_ok(chat_open(&chat, early, NULL));
    assert_err(ERR_RANGE, chat_spans(chat, list, NULL, NULL, &span, &spans));
    assert_null(span);
    chat_free(chat);
    assert_ok(chat_open(&chat, marked, NULL));
    assert_ok(chat_spans(chat, list, NULL, NULL, &span, &spans));
    assert_int_equal(spans, 2); /* A[hé.]UqA[a.] */
    assert_int_equal(span[0], 1);
    assert_int_equal(span[1], 5);
    assert_int_equal(span[2], 8);
    assert_int_equal(span[3], 10);
    free(span);
    chat_free(chat);
    json_decref(list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_are_those_of_transformers),
        cmocka_unit_test(a_template_says_what_it_says),
        cmocka_unit_test(what_is_no_template_is_refused_with_its_line),
        cmocka_unit_test(a_day_is_written_as_python_writes_it),
        cmocka_unit_test(what_a_template_would_drop_is_refused),
        cmocka_unit_test(arguments_given_as_text_are_not_encoded_twice),
        cmocka_unit_test(reasoning_goes_by_all_of_its_names),
        cmocka_unit_test(a_turn_is_what_it_adds),
    };

    return cmocka_run_group_tests_name("chat", tests, NULL, NULL);
}
