#include "data/plain.h"

#include "tests/support/test.h"

#include <stdlib.h>
#include <string.h>

static void becomes(const char *row, const char *wanted)
{
    json_t *object = json_loads(row, 0, NULL), *plain;
    char *text;

    assert_non_null(object);
    assert_ok(plain_record(&plain, object));
    text = json_dumps(plain, JSON_COMPACT);
    assert_string_equal(text, wanted);
    free(text);
    json_decref(plain);
    json_decref(object);
}

static void calls_and_tools_become_words(void **state)
{
    (void)state;
    becomes("{\"prompt\":[{\"role\":\"user\",\"content\":\"q\"}],\"tools\":[{\"n\":1}],"
            "\"chosen\":[{\"role\":\"assistant\",\"content\":\"hm\",\"tool_calls\":[{"
            "\"function\":{\"name\":\"f\",\"arguments\":\"{\\\"x\\\":1}\"}}]},"
            "{\"role\":\"tool\",\"content\":\"r\"}],"
            "\"rejected\":[{\"tool\":\"g\"}]}",
            "{\"prompt\":[{\"role\":\"system\",\"content\":\"You may call functions: write a "
            "JSON list [{\\\"tool\\\": name, \\\"args\\\": {...}}]. The functions "
            "are:\\n{\\\"n\\\":1}\"},{\"role\":\"user\",\"content\":\"q\"}],"
            "\"chosen\":[{\"role\":\"assistant\",\"content\":\"hm\\n[{\\\"tool\\\": \\\"f\\\", "
            "\\\"args\\\": {\\\"x\\\": 1}}]\"},{\"role\":\"tool\",\"content\":\"r\"}],"
            "\"rejected\":[{\"role\":\"assistant\",\"content\":\"[{\\\"tool\\\": \\\"g\\\", "
            "\\\"args\\\": {}}]\"}]}");
    becomes("{\"prompt\":\"p\",\"completion\":\"c\"}",
            "{\"prompt\":\"p\",\"completion\":\"c\"}");
}

static void a_bad_call_is_named(void **state)
{
    json_t *row = json_loads("{\"messages\":[{\"role\":\"assistant\",\"tool_calls\":[{\"name\":"
                             "\"f\",\"arguments\":\"{\"}]}]}",
                             0, NULL);
    json_t *plain;

    (void)state;
    assert_err(ERR_PARSE, plain_record(&plain, row));
    assert_non_null(strstr(err_text(), "messages[0]: tool_calls[0] (f): arguments: not JSON"));
    json_decref(row);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(calls_and_tools_become_words),
        cmocka_unit_test(a_bad_call_is_named),
    };
    return cmocka_run_group_tests_name("plain", tests, NULL, NULL);
}
