#include "tests/support/test.h"

#include "lm/text/pretoken.h"
#include "lm/text/utf8.h"
#include "tests/lm/golden.h"

#include <stdlib.h>
#include <string.h>

/* What a case expects next. */
struct expected {
    const json_t *pieces;
    size_t at, number;
};

static char *bytes_of(const json_t *hex, size_t *n)
{
    char *copy = malloc(json_string_length(hex) + 1);

    assert_non_null(copy);
    memcpy(copy, json_string_value(hex), json_string_length(hex) + 1);
    *n = golden_unhex(copy);
    return copy;
}

static enum err on_piece(void *context, const char *piece, size_t n)
{
    struct expected *expected = context;
    size_t m = 0;
    char *want;

    if (expected->at >= json_array_size(expected->pieces))
        fail_msg("case %zu: a piece too many: \"%.*s\"", expected->number, (int)n, piece);
    want = bytes_of(json_array_get(expected->pieces, expected->at++), &m);
    if (n != m || memcmp(want, piece, n))
        fail_msg("case %zu: piece %zu is \"%.*s\", not \"%.*s\"", expected->number,
                 expected->at - 1, (int)n, piece, (int)m, want);
    free(want);
    return OK;
}

static void pieces_are_those_of_hugging_face(void **state)
{
    size_t n, i;
    char *text = golden_text("pretoken.z", &n);
    json_t *cases = json_loadb(text, n, 0, NULL), *item;
    struct regex_work *work;

    (void)state;
    assert_ok(regex_work_new(&work));
    assert_true(json_array_size(cases) > 400);
    json_array_foreach(cases, i, item)
    {
        struct expected expected = {json_object_get(item, "pieces"), 0, i};
        struct pretoken *pretoken;
        char *bytes = bytes_of(json_object_get(item, "text"), &n);

        assert_ok(pretoken_new(&pretoken, json_object_get(item, "pre_tokenizer")));
        assert_ok(pretoken_split(pretoken, work, bytes, n, true, on_piece, &expected));
        assert_int_equal(expected.at, json_array_size(expected.pieces));
        pretoken_free(pretoken);
        free(bytes);
    }
    regex_work_free(work);
    json_decref(cases);
    free(text);
}

static void what_the_dialects_read_differently_is_refused(void **state)
{
    static const char *const patterns[] = {
        "\\w+",         "\\bx",      "\\h",           "\\R",     "\\X",     "\\1",
        "\\G",          "\\K",       "[[:alpha:]]",   "[a[b]]",  "[a&&b]",  "[]a]",
        "[a",           "a{,3}",     "a{2}+",         "a{2,3}+", "a{2}?",   "{",
        "a{",           "(?<n>a)",   "(?P<n>a)",      "(?#c)",   "(?m:a)",  "(?x)",
        "(*UTF)a",      "(*COMMIT)", "(?R)",          "(a",      "a)",      "\\",
        "\\pL",         "\\x41",     "\\p{Nonsense}", "*",       "\\Qa\\E", "(?(1)a)",
        "\\u00e9x\\u12"};
    struct regex *regex;

    (void)state;
    for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++) {
        if (regex_new(&regex, patterns[i], strlen(patterns[i])) != ERR_PARSE)
            fail_msg("%s was accepted", patterns[i]);
        assert_null(regex);
    }
    assert_err(ERR_PARSE, regex_new(&regex, "a\0b", 3));
}

static void a_pattern_that_backtracks_for_ever_gives_up(void **state)
{
    static const char bad[] = "(?:a|aa|aaa)*(?:a|aa)*b";
    char text[4000];
    struct regex_work *work;
    struct regex *regex;
    size_t start, end;
    bool found;

    (void)state;
    memset(text, 'a', sizeof text);
    memcpy(text + sizeof text - 2, "cb", 2); /* so that a `b` is there to look for */
    assert_ok(regex_work_new(&work));
    assert_ok(regex_new(&regex, bad, strlen(bad)));
    assert_err(ERR_RANGE, regex_find(regex, work, text, sizeof text, 0, &start, &end, &found));
    regex_free(regex);
    regex_work_free(work);
}

static void bad_bytes_become_what_rust_makes_of_them(void **state)
{
    /* The examples of the Unicode standard, section 3.9, and of Rust's documentation. */
    static const struct {
        const char *in, *out;
    } cases[] = {{"Hello \xf0\x90\x80World", "Hello \xef\xbf\xbdWorld"},
                 {"\xc0\xaf\xe0\x80\xbf\xf0\x81\x82\x41",
                  "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"
                  "\xef\xbf\xbd\xef\xbf\xbd\x41"},
                 {"\xed\xa0\x80\xed\xbf\xbf\xed\xaf\x41",
                  "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"
                  "\xef\xbf\xbd\xef\xbf\xbd\x41"},
                 {"\xf4\x91\x92\x93\xff\x41\x80\xbf\x42",
                  "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\x41\xef\xbf\xbd"
                  "\xef\xbf\xbd\x42"},
                 {"\xe1\x80\xe2\xf0\x91\x92\xf1\xbf\x41",
                  "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\x41"}};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t n;
        char *out = utf8_lossy(cases[i].in, strlen(cases[i].in), &n);

        assert_string_equal(out, cases[i].out);
        assert_int_equal(n, strlen(cases[i].out));
        assert_false(utf8_valid(cases[i].in, strlen(cases[i].in)));
        assert_true(utf8_valid(out, n));
        free(out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_are_those_of_hugging_face),
        cmocka_unit_test(what_the_dialects_read_differently_is_refused),
        cmocka_unit_test(a_pattern_that_backtracks_for_ever_gives_up),
        cmocka_unit_test(bad_bytes_become_what_rust_makes_of_them),
    };

    return cmocka_run_group_tests_name("pretoken", tests, NULL, NULL);
}
