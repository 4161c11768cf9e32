#include "data/jsonl.h"

#include "tests/support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

static char path[] = "/tmp/drover-jsonl-XXXXXX";

static void put(const char *bytes, size_t n)
{
    FILE *file = fopen(path, "wb");

    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, n, file), n);
    fclose(file);
}

static struct jsonl *open_text(const char *text)
{
    struct jsonl *file;

    put(text, strlen(text));
    assert_ok(jsonl_open(&file, path));
    return file;
}

static long number(json_t *object, const char *key)
{
    const long n = (long)json_integer_value(json_object_get(object, key));

    json_decref(object);
    return n;
}

static void lines_become_objects(void **state)
{
    struct jsonl *file = open_text("\xEF\xBB\xBF{\"a\":1}\r\n\n   \n{\"a\":2}");
    json_t *object;
    (void)state;

    assert_ok(jsonl_next(file, &object));
    assert_int_equal(number(object, "a"), 1);
    assert_ok(jsonl_next(file, &object));
    assert_int_equal(jsonl_line(file), 4);
    assert_int_equal(number(object, "a"), 2);
    assert_ok(jsonl_next(file, &object));
    assert_null(object);
    jsonl_close(file);
}

static void a_bad_line_is_named_and_the_next_one_read(void **state)
{
    struct jsonl *file = open_text("{\"a\":1}\n{\"a\":\n[1]\n{\"a\":1,\"a\":2}\n{\"a\":4}\n");
    json_t *object;
    (void)state;

    assert_ok(jsonl_next(file, &object));
    json_decref(object);
    assert_err(ERR_PARSE, jsonl_next(file, &object));
    assert_non_null(strstr(err_text(), ":2: not JSON"));
    assert_err(ERR_PARSE, jsonl_next(file, &object));
    assert_non_null(strstr(err_text(), ":3: expected an object"));
    assert_err(ERR_PARSE, jsonl_next(file, &object));
    assert_non_null(strstr(err_text(), "duplicate"));
    assert_ok(jsonl_next(file, &object));
    assert_int_equal(number(object, "a"), 4);
    jsonl_close(file);
}

/* What JSON allows and drover does not hold is not called "not JSON". */
static void what_is_json_is_not_called_otherwise(void **state)
{
    static const struct {
        const char *line, *words;
    } rows[] = {{"{\"id\":12345678901234567890}\n", ":1: column 26: a number that 64 bits"},
                {"{\"x\":1e999}\n", "a number that 64 bits do not hold"},
                {"{\"a\":\"b\\u0000c\"}\n", "holds the character U+0000"},
                {"{\"a\\u0000\":1}\n", "holds the character U+0000"}};

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct jsonl *file = open_text(rows[i].line);
        json_t *object;

        assert_err(ERR_PARSE, jsonl_next(file, &object));
        if (!strstr(err_text(), rows[i].words) || strstr(err_text(), "not JSON"))
            fail_msg("'%s' does not say '%s'", err_text(), rows[i].words);
        jsonl_close(file);
    }
}

static void bytes_that_are_no_text_are_refused(void **state)
{
    static const char zero[] = "{\"a\":1}\n{\"a\"\0:2}\n{\"a\":3}\n";
    struct jsonl *file;
    json_t *object;
    (void)state;

    put(zero, sizeof(zero) - 1);
    assert_ok(jsonl_open(&file, path));
    assert_ok(jsonl_next(file, &object));
    json_decref(object);
    assert_err(ERR_IO, jsonl_next(file, &object));
    assert_non_null(strstr(err_text(), "zero byte"));
    jsonl_close(file);
    file = open_text("{\"a\":\"\xff\"}\n");
    assert_err(ERR_PARSE, jsonl_next(file, &object));
    jsonl_close(file);
}

static void a_line_without_end_is_refused(void **state)
{
    const size_t n = (size_t)JSONL_LINE_MAX + (1 << 20);
    char *big = malloc(n);
    gzFile gz = gzopen(path, "wb1");
    struct jsonl *file;
    json_t *object;
    (void)state;

    assert_non_null(big);
    memset(big, ' ', n);
    big[0] = '{';
    assert_int_equal(gzwrite(gz, big, (unsigned)n), n);
    gzclose(gz);
    free(big);
    assert_ok(jsonl_open(&file, path));
    assert_err(ERR_RANGE, jsonl_next(file, &object));
    jsonl_close(file);
}

/* Every truncation of a .gz ends in an error, never in fewer records as if all were well. */
static void gzip_is_read_and_its_truncation_seen(void **state)
{
    char packed[512];
    size_t n;
    gzFile gz = gzopen(path, "wb");
    FILE *raw;
    (void)state;

    gzputs(gz, "{\"a\":1}\n{\"a\":2,\"text\":\"some more words so that it has a body\"}\n");
    gzclose(gz);
    raw = fopen(path, "rb");
    n = fread(packed, 1, sizeof(packed), raw);
    fclose(raw);
    for (size_t keep = 3; keep <= n; keep++) {
        struct jsonl *file;
        json_t *object = NULL;
        int got = 0;
        enum err err;
        put(packed, keep);
        assert_ok(jsonl_open(&file, path));
        while (!(err = jsonl_next(file, &object)) && object) {
            json_decref(object);
            got++;
        }
        if (keep == n)
            assert_true(!err && got == 2);
        else
            assert_true(err == ERR_IO || err == ERR_PARSE);
        jsonl_close(file);
    }
}

static void what_is_no_file_of_lines_is_named(void **state)
{
    struct jsonl *file;
    (void)state;

    assert_err(ERR_IO, jsonl_open(&file, "/nowhere/x.jsonl"));
    assert_non_null(strstr(err_text(), "/nowhere/x.jsonl: No such file"));
    file = open_text("[{\"a\":1}]\n");
    json_t *object;
    assert_err(ERR_PARSE, jsonl_next(file, &object));
    assert_non_null(strstr(err_text(), "one object a line"));
    jsonl_close(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_become_objects),
        cmocka_unit_test(a_bad_line_is_named_and_the_next_one_read),
        cmocka_unit_test(what_is_json_is_not_called_otherwise),
        cmocka_unit_test(bytes_that_are_no_text_are_refused),
        cmocka_unit_test(a_line_without_end_is_refused),
        cmocka_unit_test(gzip_is_read_and_its_truncation_seen),
        cmocka_unit_test(what_is_no_file_of_lines_is_named),
    };
    int status;

    close(mkstemp(path));
    status = cmocka_run_group_tests_name("jsonl", tests, NULL, NULL);
    unlink(path);
    return status;
}
