#include "data/calls.h"

#include "data/pycall.h"
#include "tests/support/test.h"

#include <stdlib.h>
#include <string.h>

static json_t *of(const char *text)
{
    json_t *value = json_loads(text, 0, NULL);

    assert_non_null(value);
    return value;
}

static void is(json_t *value, const char *wanted)
{
    char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);

    assert_string_equal(text, wanted);
    free(text);
    json_decref(value);
}

static void the_compact_form_becomes_messages_and_back(void **state)
{
    json_t *compact = of("[{\"tool\":\"f\",\"args\":{\"x\":1},\"result\":{\"y\":2}},"
                         "{\"tool\":\"g\",\"thought\":\"so\"}]");
    json_t *messages;

    (void)state;
    assert_true(calls_compact(compact));
    assert_ok(calls_expand(&messages, compact));
    is(calls_made(messages),
       "[{\"tool\":\"f\",\"args\":{\"x\":1}},{\"tool\":\"g\",\"args\":{}}]");
    is(messages,
       "[{\"role\":\"assistant\",\"content\":\"\",\"tool_calls\":[{\"type\":\"function\","
       "\"function\":{\"name\":\"f\",\"arguments\":{\"x\":1}}}]},"
       "{\"role\":\"tool\",\"content\":\"{\\\"y\\\":2}\"},"
       "{\"role\":\"assistant\",\"content\":\"so\",\"tool_calls\":[{\"type\":\"function\","
       "\"function\":{\"name\":\"g\",\"arguments\":{}}}]}]");
    json_decref(compact);
    compact = of("[{\"tool\":\"f\",\"args\":[1]}]");
    assert_err(ERR_PARSE, calls_expand(&messages, compact));
    assert_non_null(strstr(err_text(), "[0]: 'args'"));
    json_decref(compact);
}

static void bad_calls_are_named(void **state)
{
    static const char *const rows[][2] = {
        {"{\"tool_calls\":[{\"function\":{\"name\":\"f\",\"arguments\":\"{\\\"x\\\": }\"}}]}",
         "m[4]: tool_calls[0] (f): arguments: not JSON: "},
        {"{\"tool_calls\":[{\"function\":{\"name\":\"f\",\"arguments\":\"[1]\"}}]}",
         "not an object"},
        {"{\"tool_calls\":[{\"function\":{\"name\":\"f\",\"arguments\":3}}]}", "not an object"},
        {"{\"tool_calls\":[{\"function\":{}}]}", "no name"},
        {"{\"tool_calls\":{}}", "not a list"},
    };
    json_t *good = of("{\"tool_calls\":[{\"name\":\"f\",\"arguments\":\"{}\"}]}");

    (void)state;
    assert_ok(calls_check(good, "m", 0));
    json_decref(good);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        json_t *message = of(rows[i][0]);
        assert_err(ERR_PARSE, calls_check(message, "m", 4));
        assert_non_null(strstr(err_text(), rows[i][1]));
        json_decref(message);
    }
}

static void gold_calls_decide_names_arguments_and_order(void **state)
{
    static const struct {
        const char *made, *gold;
        bool same;
    } rows[] = {
        {"[{\"tool\":\"f\",\"args\":{\"x\":1}}]", "[{\"tool\":\"f\",\"args\":{\"x\":1.0}}]",
         true},
        {"[{\"tool\":\"f\",\"args\":{\"x\":1}}]", "[{\"tool\":\"g\",\"args\":{\"x\":1}}]",
         false},
        {"[{\"tool\":\"f\",\"args\":{}}]", "[{\"tool\":\"f\",\"args\":{\"x\":1}}]", false},
        {"[{\"tool\":\"f\",\"args\":{\"x\":1,\"y\":2}}]",
         "[{\"tool\":\"f\",\"args\":{\"x\":1}}]", false},
        {"[{\"tool\":\"f\",\"args\":{\"x\":2}}]",
         "[{\"tool\":\"f\",\"any\":{\"x\":[1,2],\"y\":[\"\",5]}}]", true},
        {"[{\"tool\":\"f\",\"args\":{\"x\":3}}]", "[{\"tool\":\"f\",\"any\":{\"x\":[1,2]}}]",
         false},
        {"[{\"tool\":\"f\",\"args\":{\"x\":1,\"y\":6}}]",
         "[{\"tool\":\"f\",\"any\":{\"x\":[1],\"y\":[\"\",5]}}]", false},
        {"[{\"tool\":\"f\",\"args\":{\"d\":{\"a\":1}}}]",
         "[{\"tool\":\"f\",\"any\":{\"d\":[{\"a\":[1],\"b\":[\"\"]}]}}]", true},
        {"[{\"tool\":\"f\",\"args\":{}},{\"tool\":\"g\",\"args\":{}}]",
         "[{\"tool\":\"g\",\"args\":{}},{\"tool\":\"f\",\"args\":{}}]", false},
        {"[]", "[]", true},
        {"[{\"tool\":\"f\",\"args\":{}}]", "[]", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        json_t *made = of(rows[i].made), *gold = of(rows[i].gold);
        assert_int_equal(calls_same(made, gold), rows[i].same);
        json_decref(made);
        json_decref(gold);
    }
}

static void pythons_literals_are_read(void **state)
{
    json_t *names = of("{\"file\":{},\"n\":{}}"), *call;

    (void)state;
    assert_ok(
        pycall_read(&call, "a.b(x='it\\'s', y=[1, -2.5, True], z={'k': None}, w=())", NULL));
    is(call,
       "{\"tool\":\"a.b\",\"args\":{\"x\":\"it's\",\"y\":[1,-2.5,true],\"z\":{\"k\":null},"
       "\"w\":[]}}");
    assert_ok(pycall_read(&call, "sort( \"a\\nb\" , 3 )", names));
    is(call, "{\"tool\":\"sort\",\"args\":{\"file\":\"a\\nb\",\"n\":3}}");
    assert_ok(pycall_read(&call, "f(7)", NULL));
    is(call, "{\"tool\":\"f\",\"args\":{\"0\":7}}");
    json_decref(names);
}

/* No beginning of a call is one, and nothing reads past the end. */
static void every_truncation_is_refused(void **state)
{
    static const char whole[] = "f(x='a', y=[1, {'k': True}], z=-1.5e3)";
    json_t *call;

    (void)state;
    for (size_t n = 0; n + 1 < sizeof(whole) - 1; n++) {
        char *part = strndup(whole, n);
        assert_int_not_equal(pycall_read(&call, part, NULL), OK);
        assert_null(call);
        free(part);
    }
    assert_err(ERR_RANGE, pycall_read(&call, "f(((((((((((((((((((((((((((((((", NULL));
    assert_err(ERR_PARSE, pycall_read(&call, "f(x=__import__('os'))", NULL));
    assert_err(ERR_PARSE, pycall_read(&call, "f(1) or g(2)", NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_compact_form_becomes_messages_and_back),
        cmocka_unit_test(bad_calls_are_named),
        cmocka_unit_test(gold_calls_decide_names_arguments_and_order),
        cmocka_unit_test(pythons_literals_are_read),
        cmocka_unit_test(every_truncation_is_refused),
    };
    return cmocka_run_group_tests_name("calls", tests, NULL, NULL);
}
