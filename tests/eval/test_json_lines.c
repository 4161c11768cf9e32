#include "tests/support/test.h"

#include "eval/json_lines.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Answers {"n": N} with {"n": N, "of": lines in this window}; refuses a negative N. */
static enum err count(void *self, json_t *const *in, json_t **out, int n, int *bad)
{
    (void)self;
    for (int i = 0; i < n; i++)
        if (json_integer_value(json_object_get(in[i], "n")) < 0) {
            *bad = i;
            return err_set(ERR_RANGE, "below zero");
        }
    for (int i = 0; i < n; i++)
        out[i] = json_pack("{s:O,s:i}", "n", json_object_get(in[i], "n"), "of", n);
    return OK;
}

static enum err no_number(void *self, json_t *const *in, json_t **out, int n, int *bad)
{
    const float values[] = {1, NAN};

    (void)self, (void)in, (void)n, (void)bad;
    out[0] = json_pack("{s:o}", "x", json_lines_reals(values, 2));
    return OK;
}

static char answered[1 << 16];

static enum err run(enum err (*answer)(void *, json_t *const *, json_t **, int, int *),
                    const char *text, size_t n, int window)
{
    const struct json_lines lines = {answer, NULL, window};
    FILE *from = tmpfile(), *to = tmpfile();
    enum err err;

    assert_int_equal(fwrite(text, 1, n, from), n);
    rewind(from);
    err = json_lines_run(&lines, from, "in", to);
    rewind(to);
    answered[fread(answered, 1, sizeof answered - 1, to)] = 0;
    fclose(from);
    fclose(to);
    return err;
}

static enum err given(const char *text, int window)
{
    return run(count, text, strlen(text), window);
}

static void lines_are_answered_in_order_by_windows(void **state)
{
    (void)state;
    assert_ok(given("{\"n\":1}\n{\"n\":2}\n{\"n\":3}", 2)); /* the last line has no end */
    assert_string_equal(answered,
                        "{\"n\":1,\"of\":2}\n{\"n\":2,\"of\":2}\n{\"n\":3,\"of\":1}\n");
    assert_ok(given("{\"n\":1}\n{\"n\":2}\n", 1));
    assert_string_equal(answered, "{\"n\":1,\"of\":1}\n{\"n\":2,\"of\":1}\n");
    assert_ok(given("", 2));
    assert_string_equal(answered, "");
    assert_ok(given("\n \t\r\n{\"n\":5}\r\n\n", 2));
    assert_string_equal(answered, "{\"n\":5,\"of\":1}\n");
}

static void errors_name_the_line(void **state)
{
    (void)state;
    assert_err(ERR_RANGE, given("{\"n\":1}\n\n{\"n\":2}\n{\"n\":-3}\n{\"n\":4}\n", 3));
    assert_string_equal(err_text(), "in:4: below zero");
    assert_string_equal(answered, "");
    assert_err(ERR_RANGE, given("{\"n\":1}\n\n{\"n\":2}\n{\"n\":-3}\n{\"n\":4}\n", 2));
    assert_string_equal(err_text(), "in:4: below zero");
    assert_string_equal(answered, "{\"n\":1,\"of\":2}\n{\"n\":2,\"of\":2}\n");
    assert_err(ERR_PARSE, given("{\"n\":1}\n{\"n\"\n", 1));
    assert_non_null(strstr(err_text(), "in:2: not JSON"));
    assert_err(ERR_PARSE, given("[1]\n", 1));
    assert_non_null(strstr(err_text(), "in:1: expected an object"));
    assert_err(ERR_PARSE, given("{\"n\":1,\"n\":2}\n", 1));
    assert_err(ERR_PARSE, given("{\"n\":1} {\"n\":2}\n", 1));
    assert_err(ERR_PARSE, given("{\"n\":\"\xff\"}\n", 1));
}

static void a_line_has_a_longest_length(void **state)
{
    const size_t n = JSON_LINES_BYTES_MAX + 2;
    char *text = malloc(n);

    (void)state;
    memset(text, ' ', n);
    text[0] = '{';
    text[n - 1] = '}';
    assert_err(ERR_RANGE, run(count, text, n, 1));
    assert_non_null(strstr(err_text(), "in:1: longer than"));
    free(text);
}

static void a_full_disk_is_said(void **state)
{
    const struct json_lines lines = {count, NULL, 1};
    FILE *from = tmpfile(), *full = fopen("/dev/full", "w");

    (void)state;
    if (!full)
        skip();
    fputs("{\"n\":1}\n", from);
    rewind(from);
    assert_err(ERR_IO, json_lines_run(&lines, from, "in", full));
    assert_non_null(strstr(err_text(), "cannot write the answers: No space left"));
    fclose(from);
    fclose(full);
}

static void what_is_not_a_number_is_an_error(void **state)
{
    const float bad[] = {1, INFINITY};

    (void)state;
    assert_null(json_lines_reals(bad, 2));
    assert_err(ERR_RANGE, run(no_number, "{}\n", 3, 1));
    assert_non_null(strstr(err_text(), "in:1: the model's output is not a number"));
    assert_string_equal(answered, "");
}

static enum err floats(void *self, json_t *const *in, json_t **out, int n, int *bad)
{
    (void)in, (void)n, (void)bad;
    out[0] = json_pack("{s:o}", "x", json_lines_reals(self, 1));
    return OK;
}

/* Nine digits are enough for every float. */
static void a_float_comes_back_with_the_same_bits(void **state)
{
    uint32_t bits = 12345;

    (void)state;
    for (int i = 0; i < 3000; i++) {
        float value, back;
        FILE *from = tmpfile(), *to = tmpfile();
        const struct json_lines lines = {floats, &value, 1};
        bits = bits * 1664525 + 1013904223;
        memcpy(&value, &bits, sizeof value);
        if (!isfinite(value))
            value = -0.0f;
        fputs("{}\n", from);
        rewind(from);
        assert_ok(json_lines_run(&lines, from, "in", to));
        rewind(to);
        answered[fread(answered, 1, sizeof answered - 1, to)] = 0;
        back = strtof(answered + 6, NULL); /* {"x":[ */
        assert_memory_equal(&back, &value, sizeof value);
        fclose(from);
        fclose(to);
    }
}

static void bytes_that_end_inside_a_character_are_a_string(void **state)
{
    json_t *text = json_lines_text("ok \xf0\x9f\x99", 6);

    (void)state;
    assert_string_equal(json_string_value(text), "ok \xef\xbf\xbd");
    json_decref(text);
    text = json_lines_text("a\0b", 3);
    assert_int_equal(json_string_length(text), 3);
    json_decref(text);
}

static void a_missing_field_is_named(void **state)
{
    json_t *line = json_pack("{s:i}", "prompt", 1), *value;

    (void)state;
    assert_ok(json_lines_field(&value, line, "prompt"));
    assert_err(ERR_PARSE, json_lines_field(&value, line, "completion"));
    assert_string_equal(err_text(), "no `completion` in the line");
    json_decref(line);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_are_answered_in_order_by_windows),
        cmocka_unit_test(errors_name_the_line),
        cmocka_unit_test(a_line_has_a_longest_length),
        cmocka_unit_test(a_full_disk_is_said),
        cmocka_unit_test(what_is_not_a_number_is_an_error),
        cmocka_unit_test(a_float_comes_back_with_the_same_bits),
        cmocka_unit_test(bytes_that_end_inside_a_character_are_a_string),
        cmocka_unit_test(a_missing_field_is_named),
    };
    return cmocka_run_group_tests_name("lines", tests, NULL, NULL);
}
