/* cursor and text: what a stranger's bytes may be. */

#include "tests/support/test.h"

#include "proto/cursor.h"
#include "proto/text.h"

#include <stdlib.h>
#include <string.h>

/* RFC 3629, straight from its definition: the code point's bits into the pattern of its length.
 */
static size_t encode(char out[4], uint32_t code)
{
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    if (code < 0x800) {
        out[0] = (char)(0xc0 | code >> 6);
        out[1] = (char)(0x80 | (code & 63));
        return 2;
    }
    if (code < 0x10000) {
        out[0] = (char)(0xe0 | code >> 12);
        out[1] = (char)(0x80 | (code >> 6 & 63));
        out[2] = (char)(0x80 | (code & 63));
        return 3;
    }
    out[0] = (char)(0xf0 | code >> 18);
    out[1] = (char)(0x80 | (code >> 12 & 63));
    out[2] = (char)(0x80 | (code >> 6 & 63));
    out[3] = (char)(0x80 | (code & 63));
    return 4;
}

static void every_code_point_is_text_but_surrogates_and_zero(void **state)
{
    char text[4];

    (void)state;
    for (uint32_t code = 0; code < 0x1fffff; code++) {
        const size_t n = encode(text, code);
        const bool want = code && code < 0x110000 && (code < 0xd800 || code > 0xdfff);
        if (text_valid(text, n) != want)
            fail_msg("U+%04X", code);
        for (size_t cut = 1; want && cut < n; cut++)
            assert_false(text_valid(text, cut));
    }
}

static void overlong_forms_are_no_text(void **state)
{
    (void)state;
    assert_false(text_valid("\xc0\x80", 2));
    assert_false(text_valid("\xc1\xbf", 2));
    assert_false(text_valid("\xe0\x9f\xbf", 3));
    assert_false(text_valid("\xf0\x8f\xbf\xbf", 4));
    assert_false(text_valid("a\xffz", 3));
    assert_false(text_valid("\xc3\x28", 2));
    assert_true(text_valid("", 0));
}

static void what_is_no_text_becomes_the_replacement_character(void **state)
{
    char *clean;

    (void)state;
    clean = text_clean("a\xe2\x82\0b\xe2\x82\xac\xff", 9);
    assert_string_equal(clean, "a\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"
                               "b\xe2\x82\xac\xef\xbf\xbd");
    free(clean);
}

static struct cursor over(const char *bytes, size_t n)
{
    return cursor_over(bytes, n);
}
#define OVER(text) over(text, sizeof(text) - 1)

static void whole_numbers_come_in_all_widths(void **state)
{
    struct cursor c = OVER("\x00\x7f\xcc\xff\xcd\xff\xff\xce\xff\xff\xff\xff"
                           "\xcf\xff\xff\xff\xff\xff\xff\xff\xff\xd0\x05\xd3\0\0\0\0\0\0\1\0");

    (void)state;
    assert_int_equal(cursor_uint(&c), 0);
    assert_int_equal(cursor_uint(&c), 127);
    assert_int_equal(cursor_uint(&c), 255);
    assert_int_equal(cursor_uint(&c), 65535);
    assert_int_equal(cursor_uint(&c), 4294967295);
    assert_true(cursor_uint(&c) == UINT64_MAX);
    assert_int_equal(cursor_uint(&c), 5);
    assert_int_equal(cursor_uint(&c), 256);
    assert_null(c.why);
    cursor_uint(&c);
    assert_string_equal(c.why, "ends early");
    c = OVER("\xd0\xff"); /* -1 */
    cursor_uint(&c);
    assert_string_equal(c.why, "not a whole number");
}

static void reals_are_finite(void **state)
{
    struct cursor c = OVER("\xca\x3f\x80\0\0\xcb\xc0\0\0\0\0\0\0\0\x05\xff");

    (void)state;
    assert_true(cursor_real(&c) == 1.0);
    assert_true(cursor_real(&c) == -2.0);
    assert_true(cursor_real(&c) == 5.0);
    assert_true(cursor_real(&c) == -1.0);
    c = OVER("\xca\x7f\x80\0\0");
    cursor_real(&c);
    assert_non_null(c.why);
    c = OVER("\xcb\x7f\xf8\0\0\0\0\0\0");
    cursor_real(&c);
    assert_non_null(c.why);
}

static void counts_never_pass_the_bytes_that_are_left(void **state)
{
    static const char *const bombs[] = {"\xdd\xff\xff\xff\xff", "\xdf\x0f\0\0\0",
                                        "\xdc\xff\xff", "\xc6\xff\xff\xff\xff",
                                        "\xdb\x80\0\0\0"};
    static const size_t size[] = {5, 5, 3, 5, 5};

    (void)state;
    for (size_t i = 0; i < sizeof bombs / sizeof *bombs; i++) {
        struct cursor c = over(bombs[i], size[i]);
        cursor_skip(&c);
        assert_string_equal(c.why, "ends early");
    }
}

static void skipping_has_a_depth(void **state)
{
    char deep[64];
    struct cursor c;

    (void)state;
    memset(deep, 0x91, sizeof deep);
    deep[15] = 1;
    c = over(deep, 16);
    cursor_skip(&c);
    assert_null(c.why);
    assert_ptr_equal(c.at, c.end);
    deep[15] = (char)0x91;
    deep[40] = 1;
    c = over(deep, 41);
    cursor_skip(&c);
    assert_string_equal(c.why, "nested too deep");
    c = OVER("\x82\xa1k\x92\x01\xc0\xa1l\xc4\x02zz\x07");
    cursor_skip(&c);
    assert_int_equal(cursor_uint(&c), 7);
    c = OVER("\xd4\x01\x02"); /* extensions occur in no message */
    cursor_skip(&c);
    assert_non_null(c.why);
    c = OVER("\xc1");
    cursor_skip(&c);
    assert_non_null(c.why);
}

static void a_text_is_cut_between_characters(void **state)
{
    char at[8];

    (void)state;
    assert_int_equal(7, text_print(at, sizeof at, "%s", "1234567"));
    assert_int_equal(7, text_print(at, sizeof at, "%s", "12345678"));
    assert_string_equal(at, "1234567");
    assert_int_equal(6, text_print(at, sizeof at, "%s",
                                   "12\xe2\x82\xac"
                                   "5\xe2\x82\xac"));
    assert_true(text_valid(at, strlen(at)));
    assert_int_equal(4, text_print(at, sizeof at, "1234%s", "\xf0\x9f\x98\x80"));
    assert_string_equal(at, "1234");
    assert_int_equal(7, text_print(at, sizeof at, "123%s5", "\xf0\x9f\x98\x80"));
    assert_true(text_valid(at, 7));
    assert_int_equal(0, text_print(at, 1, "%s", "\xc3\xa4"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_text_is_cut_between_characters),
        cmocka_unit_test(every_code_point_is_text_but_surrogates_and_zero),
        cmocka_unit_test(overlong_forms_are_no_text),
        cmocka_unit_test(what_is_no_text_becomes_the_replacement_character),
        cmocka_unit_test(whole_numbers_come_in_all_widths),
        cmocka_unit_test(reals_are_finite),
        cmocka_unit_test(counts_never_pass_the_bytes_that_are_left),
        cmocka_unit_test(skipping_has_a_depth),
    };

    return cmocka_run_group_tests_name("proto/cursor", tests, NULL, NULL);
}
