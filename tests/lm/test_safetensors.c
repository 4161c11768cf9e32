#include "lm/file/safetensors.h"

#include "base/fs.h"
#include "base/mem.h"
#include "base/rng.h"
#include "lm/file/half.h"
#include "lm/file/source.h"

#include "tests/support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FILE_OF(name) GOLDEN "/model/" name

static enum err parse(struct safetensors **out, const void *bytes, size_t n)
{
    struct source *source;

    source_memory(&source, bytes, n, "evil.safetensors");
    return safetensors_take(out, source);
}

/* A file of this header and `data` bytes of zeros; length 0: the header's own. */
static enum err parse_header(const char *header, uint64_t length, size_t data)
{
    const size_t n = strlen(header);
    uint8_t *bytes = mem_new(8 + n + data, 1);
    struct safetensors *file = NULL;
    enum err err;

    if (!length)
        length = n;
    for (int i = 0; i < 8; i++)
        bytes[i] = (uint8_t)(length >> (8 * i));
    memcpy(bytes + 8, header, n);
    err = parse(&file, bytes, 8 + n + data);
    assert_true((file == NULL) == (err != OK));
    safetensors_close(file);
    free(bytes);
    return err;
}

static void what_was_written_is_read(void **state)
{
    const float a[6] = {1, -2, 3.5f, 0.001f, 1e30f, -0.0f}, b[3] = {7, 8, 9};
    struct safetensors_put put[] = {{.name = "z.weight", .rows = 2, .cols = 3, .data = a},
                                    {.name = "a.bias", .cols = 3, .data = b}};
    char path[] = "/tmp/drover-safetensors-XXXXXX";
    const int fd = mkstemp(path);

    (void)state;
    assert_true(fd >= 0);
    close(fd);
    for (int bf16 = 0; bf16 < 3; bf16++) { /* neither, both, one */
        struct safetensors *file;
        const struct safetensors_tensor *t;
        float got[6];
        put[0].bf16 = bf16 > 0;
        put[1].bf16 = bf16 == 1;
        assert_ok(safetensors_write(path, put, 2, NULL));
        assert_ok(safetensors_open(&file, path));
        assert_int_equal(safetensors_count(file), 2);
        t = safetensors_find(file, "z.weight");
        assert_non_null(t);
        assert_int_equal(t->dims, 2);
        assert_int_equal(t->dim[0] * 10 + t->dim[1], 23);
        assert_string_equal(safetensors_at(file, 0)->name, "a.bias"); /* in name order */
        assert_int_equal(safetensors_at(file, 0)->at % 8, 0);
        assert_ok(safetensors_read(file, t, got));
        for (int i = 0; i < 6; i++)
            assert_true(got[i] == (bf16 ? half_bf16(half_to_bf16(a[i])) : a[i]));
        t = safetensors_find(file, "a.bias");
        assert_int_equal(t->dims, 1);
        assert_ok(safetensors_read(file, t, got));
        assert_memory_equal(got, b, sizeof b);
        assert_null(safetensors_find(file, "b"));
        safetensors_close(file);
    }
    unlink(path);
}

static void the_reference_implementations_files_open(void **state)
{
    struct safetensors *file;

    (void)state;
    assert_ok(safetensors_open(&file, FILE_OF("llama5/model.safetensors")));
    assert_int_equal(safetensors_count(file), 2 + 2 * 9);
    safetensors_close(file);
    assert_ok(safetensors_open(&file, FILE_OF("mistral4/model-00001-of-00002.safetensors")));
    assert_string_equal(safetensors_at(file, 0)->dtype, "BF16");
    safetensors_close(file);
}

#define F32_AT(name, shape, from, to) \
    "\"" name "\":{\"dtype\":\"F32\",\"shape\":[" shape "],\"data_offsets\":[" #from "," #to \
    "]}"

static void legal_oddities_are_read(void **state)
{
    (void)state;
    assert_ok(parse_header("{}", 0, 0));
    assert_ok(parse_header("{\"__metadata__\":{\"format\":\"pt\"}}      ", 0, 0));
    assert_ok(parse_header("{" F32_AT("scalar", "", 0, 4) "}", 0, 4));
    assert_ok(
        parse_header("{" F32_AT("empty", "0,7", 0, 0) "," F32_AT("x", "1", 0, 4) "}", 0, 4));
    assert_ok(parse_header("{" F32_AT("b", "1", 4, 8) "," F32_AT("a", "1", 0, 4) "}", 0, 8));
}

static void evil_headers_are_refused_with_file_offset_and_reason(void **state)
{
    static const struct {
        const char *header;
        uint64_t length;
        size_t data;
        const char *why;
    } evil[] = {
        {"{" F32_AT("a", "1", 0, 4) "," F32_AT("b", "1", 0, 4) "}", 0, 4, "overlaps"},
        {"{" F32_AT("a", "2", 0, 8) "," F32_AT("b", "1", 4, 8) "}", 0, 8, "overlaps"},
        {"{" F32_AT("a", "1", 0, 4) "," F32_AT("b", "1", 8, 12) "}", 0, 12, "hole"},
        {"{" F32_AT("a", "1", 4, 8) "}", 0, 8, "hole"},
        {"{" F32_AT("a", "1", 0, 4) "}", 0, 5, "belong to no tensor"},
        {"{" F32_AT("a", "2", 0, 8) "}", 0, 4, "beyond the end"},
        {"{" F32_AT("a", "2", 0, 4) "}", 0, 4, "do not fit"},
        {"{" F32_AT("a", "1", 4, 0) "}", 0, 4, "[begin, end]"},
        {"{" F32_AT("a", "-1", 0, 4) "}", 0, 4, "whole number"},
        {"{" F32_AT("a", "1.0", 0, 4) "}", 0, 4, "whole number"},
        {"{" F32_AT("a", "4294967296,4294967296", 0, 0) "}", 0, 0, "overflows"},
        {"{" F32_AT("a", "9223372036854775807", 0, 4) "}", 0, 4, "overflows"},
        {"{" F32_AT("a", "1152921504606846976", 0, 0) "}", 0, 0, "overflows"},
        {"{" F32_AT("a", "99999999999999999999", 0, 4) "}", 0, 4, "too big"},
        {"{" F32_AT("a", "1,1,1,1,1,1,1,1,1", 0, 4) "}", 0, 4, "8 dimensions"},
        {"{" F32_AT("a", "1", 0, 4) "," F32_AT("a", "1", 4, 8) "}", 0, 8, "duplicate"},
        {"{" F32_AT("a\\u0000", "1", 0, 4) "}", 0, 4, "byte"},
        {"{" F32_AT("a\\u001b[2J", "1", 0, 4) "}", 0, 4, "control character"},
        {"{\"a\":{\"dtype\":\"F31\",\"shape\":[1],\"data_offsets\":[0,4]}}", 0, 4,
         "unknown dtype"},
        {"{\"a\":{\"dtype\":\"F4\",\"shape\":[3],\"data_offsets\":[0,1]}}", 0, 1, "do not fit"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1]}}", 0, 4, "dtype, shape and data_offsets"},
        {"{\"a\":7}", 0, 4, "dtype, shape and data_offsets"},
        {"{\"__metadata__\":{\"format\":1}}", 0, 0, "not a text"},
        {"{\"__metadata__\":7}", 0, 0, "not an object"},
        {"[]", 0, 0, "does not start with {"},
        {" {}", 0, 0, "does not start with {"},
        {"{} {}", 0, 0, "byte 1"},
        {"{\"a\"", 0, 0, "byte 12"},
        {"{}", 99, 0, "header of 99 bytes"},
        {"{}", UINT64_MAX, 0, "header of 18446744073709551615 bytes"},
        {"{}", 1, 0, "header of 1 bytes"},
        {"{}", (uint64_t)1 << 40, 0, "header of"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof evil / sizeof *evil; i++) {
        const enum err err = parse_header(evil[i].header, evil[i].length, evil[i].data);
        if (err != ERR_PARSE || !strstr(err_text(), evil[i].why) ||
            strncmp(err_text(), "evil.safetensors: byte ", 23) != 0)
            fail_msg("%s: error %d: %s", evil[i].header, err, err_text());
    }
}

static void a_deep_header_is_no_stack_overflow(void **state)
{
    const size_t n = 1 << 20;
    char *header = mem_new(n + 1, 1);

    (void)state;
    memset(header, '[', n);
    memcpy(header, "{\"a\":", 5);
    assert_err(ERR_PARSE, parse_header(header, 0, 0));
    free(header);
}

static void pickles_are_named(void **state)
{
    static const char *const pickle[] = {"\x80\x02}q\x00X\x04\x00\x00\x00",
                                         "PK\x03\x04zip archive"};
    struct safetensors *file;

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        assert_err(ERR_PARSE, parse(&file, pickle[i], 10));
        assert_non_null(strstr(err_text(), "pickle"));
    }
}

/* Opens and reads everything that opens: within limits whatever the bytes are. */
static enum err use(const void *bytes, size_t n)
{
    struct safetensors *file;
    enum err err = parse(&file, bytes, n);

    for (size_t i = 0; !err && i < safetensors_count(file); i++) {
        const struct safetensors_tensor *t = safetensors_at(file, i);
        float *to = mem_new(t->values, sizeof *to);
        const enum err read = safetensors_read(file, t, to);
        assert_true(!read || strstr(err_text(), "is not read"));
        free(to);
    }
    if (!err)
        safetensors_close(file);
    return err;
}

static void every_truncation_is_refused(void **state)
{
    static const char header[] = "{\"__metadata__\":{\"format\":\"pt\"}," F32_AT(
        "a", "2,2", 0, 16) "," F32_AT("b.bias", "3", 16, 28) "}";
    const size_t n = 8 + sizeof header - 1 + 28;
    uint8_t bytes[512] = {0};

    (void)state;
    bytes[0] = (uint8_t)(sizeof header - 1);
    memcpy(bytes + 8, header, sizeof header - 1);
    assert_ok(use(bytes, n));
    for (size_t cut = 0; cut < n; cut++) {
        uint8_t *exact = mem_new(cut, 1); /* so that a byte too far is seen */
        memcpy(exact, bytes, cut);
        assert_err(ERR_PARSE, use(exact, cut));
        free(exact);
    }
}

static void flipped_bytes_never_crash(void **state)
{
    char *bytes, *copy;
    size_t n;
    int opened = 0;

    (void)state;
    assert_ok(
        fs_read(&bytes, &n, FILE_OF("mistral4/model-00002-of-00002.safetensors"), 1 << 20));
    copy = mem_new(n, 1);
    for (uint32_t i = 0; i < 20000; i++) {
        uint32_t w[4];
        memcpy(copy, bytes, n);
        rng_words(w, 11, RNG_TEST, i, 0, 0);
        for (uint32_t k = 0; k <= w[0] % 3; k++)
            copy[w[1 + k] % (k == 2 ? n : 1800)] ^= (char)(1 << (w[1 + k] >> 29));
        opened += !use(copy, n);
    }
    assert_true(opened > 0 && opened < 20000);
    free(copy);
    free(bytes);
}

static void a_missing_file_says_so(void **state)
{
    struct safetensors *file;

    (void)state;
    assert_err(ERR_IO, safetensors_open(&file, "/nowhere/model.safetensors"));
    assert_non_null(strstr(err_text(), "/nowhere/model.safetensors"));
    assert_err(ERR_IO, safetensors_open(&file, "/tmp"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_written_is_read),
        cmocka_unit_test(the_reference_implementations_files_open),
        cmocka_unit_test(legal_oddities_are_read),
        cmocka_unit_test(evil_headers_are_refused_with_file_offset_and_reason),
        cmocka_unit_test(a_deep_header_is_no_stack_overflow),
        cmocka_unit_test(pickles_are_named),
        cmocka_unit_test(every_truncation_is_refused),
        cmocka_unit_test(flipped_bytes_never_crash),
        cmocka_unit_test(a_missing_file_says_so),
    };

    return cmocka_run_group_tests_name("safetensors", tests, NULL, NULL);
}
