/* Chat templates against Jinja2 (golden/template.py), and what bounds them. */

#include "tests/support/test.h"

#include "base/mem.h"
#include "lm/text/template/jinja.h"
#include "tests/lm/golden.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

/* The clock of golden/template.py. */
static const struct tm now = {.tm_year = 124,
                              .tm_mon = 6,
                              .tm_mday = 26,
                              .tm_hour = 13,
                              .tm_min = 5,
                              .tm_sec = 9,
                              .tm_wday = 5,
                              .tm_yday = 207};

static enum err run(const char *source, size_t n, const json_t *variables,
                    struct jinja_text *text)
{
    struct jinja *jinja;
    enum err err = jinja_open(&jinja, source, n);

    memset(text, 0, sizeof *text);
    if (!err)
        err = jinja_run(jinja, variables, &now, text);
    jinja_free(jinja);
    return err;
}

static bool alike(const json_t *item, enum err err, const struct jinja_text *text)
{
    const json_t *want = json_object_get(item, "text"), *spans = json_object_get(item, "spans");

    if (!want || err)
        return !want && err == ERR_PARSE;
    if (text->n != json_string_length(want) ||
        memcmp(text->text, json_string_value(want), text->n) != 0 ||
        2 * text->spans != json_array_size(spans))
        return false;
    for (size_t i = 0; i < 2 * text->spans; i++)
        if ((json_int_t)text->span[i] != json_integer_value(json_array_get(spans, i)))
            return false;
    return true;
}

static void templates_write_what_jinja2_writes(void **state)
{
    size_t n, i, unlike = 0;
    char *file = golden_text("template.z", &n);
    json_t *root = json_loadb(file, n, JSON_ALLOW_NUL, NULL), *item;

    (void)state;
    json_array_foreach(json_object_get(root, "cases"), i, item)
    {
        const json_t *template = json_object_get(item, "template");
        struct jinja_text text;
        const enum err err = run(json_string_value(template), json_string_length(template),
                                 json_object_get(root, "variables"), &text);

        if (!alike(item, err, &text)) {
            print_error("%s\n  gives %s\n  not %s%s\n", json_string_value(template),
                        err ? err_text() : text.text,
                        json_object_get(item, "text") ? "" : "an error: ",
                        json_string_value(json_object_get(
                            item, json_object_get(item, "text") ? "text" : "raises")));
            unlike++;
        }
        jinja_text_free(&text);
    }
    assert_true(i > 400);
    assert_int_equal(unlike, 0);
    json_decref(root);
    free(file);
}

/* A text of `head`, `n` times `part`, and `tail`. */
static char *repeated(const char *head, const char *part, size_t n, const char *tail)
{
    const size_t size = strlen(part);
    char *text = mem_new(strlen(head) + n * size + strlen(tail) + 1, 1), *at = text;

    at = stpcpy(at, head);
    for (size_t i = 0; i < n; i++)
        at = stpcpy(at, part);
    stpcpy(at, tail);
    return text;
}

static const struct {
    const char *head, *part;
    size_t n;
    const char *tail, *words;
} bounded[] = {
    {"{{ ", "(", 100, "", "deeper than 64"},
    {"{{ ", "[", 100, "", "deeper than 64"},
    {"{{ ", "not ", 100, "x }}", "deeper than 64"},
    {"{{ ", "-", 100, "1 }}", "deeper than 64"},
    {"", "{% if x %}", 100, "", "deeper than 64"},
    {"{{ 1", " + 1", 5000, " }}", "deeper than 1000"},
    {"{% for a in range(99999) %}", "{% for b in range(99999) %}", 1,
     "{% endfor %}{% endfor %}", "more than"},
    {"{% macro m(x) %}{{ m(x) }}{% endmacro %}", "", 0, "{{ m(1) }}", "macros call"},
    {"{% for x in [[1]] recursive %}{{ loop([[1]]) }}{% endfor %}", "", 0, "", "deeper"},
    {"{% set n = namespace(s='x') %}{% for i in range(99) %}{% set n.s = n.s + n.s %}"
     "{% endfor %}",
     "", 0, "", "MiB"},
    {"{{ 'x' * 99999999999 }}", "", 0, "", "MiB"},
    {"{% set n = namespace(l=[1]) %}{% for i in range(99) %}{% set n.l = n.l + n.l %}"
     "{% endfor %}",
     "", 0, "", "MiB"},
    {"{{ ('x' * 60000000)|tojson ~ 'x' * 60000000 }}", "", 0, "", "MiB"},
    {"{% set s = 'ab' * 9999999 %}{% for i in range(99999) %}{{ 'ba' * 99 in s }}"
     "{% endfor %}{{ s.rfind('bb') }}",
     "", 0, "", "of text"},
    {"{% set n = namespace(t=()) %}{% for i in range(9999) %}{% set n.t = (n.t,) %}"
     "{% endfor %}{{ n.t }}",
     "", 0, "", "deeper than 1000"},
    {"{% set n = namespace(t=()) %}{% for i in range(9999) %}{% set n.t = (n.t,) %}"
     "{% endfor %}{{ {n.t: 1} }}",
     "", 0, "", "deeper than 1000"},
    {"{% set n = namespace() %}{% set n.n = n %}{{ n }}", "", 0, "", "deeper than 1000"},
    {"{{ 9223372036854775807 + 1 }}", "", 0, "", "64 bits"},
    {"{{ 99999999999999999999 }}", "", 0, "", "64 bits"},
    {"{{ 2 ** 99 }}", "", 0, "", "64 bits"},
    {"{{ '%999999999d' % 1 }}", "", 0, "", "more than"},
    /* What takes neither steps nor memory: each ran for hours while it was not counted. */
    {"{% set n = namespace(t=()) %}{% for i in range(40) %}{% set n.t = (n.t, n.t) %}"
     "{% endfor %}{{ {n.t: 1}|length }}",
     "", 0, "", "too much work"},
    {"{% set n = namespace(t={}, u={}) %}{% for i in range(40) %}"
     "{% set n.t = {1: n.t.items(), 2: n.t.items()} %}"
     "{% set n.u = {1: n.u.items(), 2: n.u.items()} %}{% endfor %}"
     "{{ n.t.items() == n.u.items() }}",
     "", 0, "", "too much work"},
    {"{% set s = 'a' * 9999999 %}{% for i in range(99999) %}{{ s.startswith(s) }}"
     "{% endfor %}",
     "", 0, "", "too much work"},
    {"{% set l = range(99999) %}{% for i in range(99999) %}{{ l|sum }}{% endfor %}", "", 0, "",
     "too much work"},
    {"{% macro m(", "a,", 3000,
     "b) %}{{ kwargs }}{% endmacro %}{% set d = dict(range(3000)|map('string')|batch(2)) %}"
     "{% for i in range(99999) %}{{ m(**d) }}{% endfor %}",
     "too much work"},
    {"{{ ('9' * 999)|float }}", "", 0, "", "digits"},
    {"{{ '\u0663'|int }}", "", 0, "", "beyond ASCII"},
    /* What Python answers by where things lie in memory. */
    {"{{ s is sameas 'abc' }}", "", 0, "", "sameas of two equal values"},
    {"{{ {1: 2}.keys() - [1] }}", "", 0, "", "a set ('dict_keys' less 'list')"},
    {"{{ [1] - {1: 2}.items() }}", "", 0, "", "a set ('list' less 'dict_items')"},
    {"{{ (1).bit_length() }}", "", 0, "", "bit_length of 'int'"},
    {"{{ {}.keys().mapping }}", "", 0, "", "mapping of 'dict_keys'"},
    {"{% block x %}{% endblock %}", "", 0, "", "block"},
    {"{{ messages|urlize }}", "", 0, "", "urlize"},
    {"{{ s|map('upper') }}", "", 0, "", "list?"},
};

static void what_a_template_may_take_is_bounded(void **state)
{
    json_t *variables = json_pack("{s:s}", "s", "abc");

    (void)state;
    for (size_t i = 0; i < sizeof bounded / sizeof *bounded; i++) {
        char *source =
            repeated(bounded[i].head, bounded[i].part, bounded[i].n, bounded[i].tail);
        struct jinja_text text;

        assert_err(ERR_RANGE, run(source, strlen(source), variables, &text));
        if (!strstr(err_text(), bounded[i].words))
            fail_msg("case %zu: %s", i, err_text());
        assert_null(text.text);
        free(source);
    }
    json_decref(variables);
}

static void errors_say_the_line(void **state)
{
    static const struct {
        const char *source, *words;
    } cases[] = {
        {"a\n{{ b }}\n{{ c.d }}", "line 3: 'c' is undefined"},
        {"\n{% if %}", "line 2"},
        {"{{ 'a\nb' }}\n\n{{ 1 / 0 }}", "line 4: division by zero"},
        {"{{ raise_exception('no ' ~ 1) }}", "line 1: it says: no 1"},
        {"{% macro m() %}\n{{ x.y }}{% endmacro %}\n{{ m() }}", "line 2"},
        {"{% for a in b %}", "endfor"},
        {"{# never", "comment"},
        {"{{ 'never }}", "without an end"},
        {"{% do x %}", "unknown tag \"do\""},
        {"\n{{ x|nope }}", "line 2: no filter named 'nope'"},
    };
    json_t *variables = json_object();

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct jinja_text text;

        assert_err(ERR_PARSE, run(cases[i].source, strlen(cases[i].source), variables, &text));
        if (!strstr(err_text(), cases[i].words))
            fail_msg("case %zu: %s", i, err_text());
    }
    json_decref(variables);
}

static void what_is_no_text_is_refused(void **state)
{
    json_t *variables = json_object(), *list = json_array();
    char *large = mem_new(JINJA_SOURCE_MAX + 2, 1);
    struct jinja_text text;
    struct jinja *jinja;

    (void)state;
    assert_err(ERR_PARSE, run("\xff", 1, variables, &text));
    assert_err(ERR_PARSE, run("a", 1, list, &text));
    memset(large, 'a', JINJA_SOURCE_MAX + 1);
    assert_err(ERR_RANGE, run(large, JINJA_SOURCE_MAX + 1, variables, &text));
    assert_ok(jinja_open(&jinja, "{{ strftime_now('%d') }}{{ a['b'] }}", 36));
    assert_true(jinja_mentions(jinja, "strftime_now") && jinja_mentions(jinja, "b"));
    assert_false(jinja_mentions(jinja, "c") || jinja_marks(jinja));
    assert_err(ERR_RANGE, jinja_run(jinja, variables, NULL, &text));
    jinja_free(jinja);
    jinja_free(NULL);
    free(large);
    json_decref(variables);
    json_decref(list);
}

static void a_message_that_is_left_out_is_told(void **state)
{
    static const struct {
        const char *source;
        long unread;
    } cases[] = {
        {"{{ messages[0].content }}", 1},
        {"{{ messages[1]['content'] }}", 0},
        {"{% for m in messages %}{{ m.get('content') }}{% endfor %}", -1},
        {"{{ messages }}", -1},
        {"{{ messages|tojson }}", -1},
        {"{% for m in messages %}{% for k, v in m.items() %}{{ v }}{% endfor %}{% endfor %}",
         -1},
        {"{% for m in messages %}{{ m.role }}{% endfor %}", 0}};
    json_t *variables = json_pack("{s:[{s:s,s:s},{s:s,s:s},{s:s}]}", "messages", "role", "a",
                                  "content", "x", "role", "b", "content", "y", "role", "c");

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct jinja_text text;

        assert_ok(run(cases[i].source, strlen(cases[i].source), variables, &text));
        if (text.unread != cases[i].unread)
            fail_msg("%s: %ld", cases[i].source, text.unread);
        jinja_text_free(&text);
    }
    json_decref(variables);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(templates_write_what_jinja2_writes),
        cmocka_unit_test(what_a_template_may_take_is_bounded),
        cmocka_unit_test(errors_say_the_line),
        cmocka_unit_test(what_is_no_text_is_refused),
        cmocka_unit_test(a_message_that_is_left_out_is_told),
    };

    return cmocka_run_group_tests_name("template", tests, NULL, NULL);
}
