#include "hfhub/listing.h"

#include "hfhub/meter.h"
#include "tests/support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COMMIT "0123456789abcdef0123456789abcdef01234567"

static enum err read_text(struct repo *o, const char *text)
{
    *o = (struct repo){.kind = REPO_MODEL};
    snprintf(o->name, sizeof o->name, "a/b");
    return listing_read(o, text, strlen(text), "http://hub");
}

static void sizes_and_hashes_are_taken(void **state)
{
    struct repo o;

    (void)state;
    assert_ok(read_text(
        &o, "{\"sha\":\"" COMMIT "\",\"siblings\":["
            "{\"rfilename\":\"z.json\",\"size\":3,\"blobId\":\"" COMMIT "\"},"
            "{\"rfilename\":\"a/w.safetensors\",\"size\":1,\"blobId\":\"" COMMIT
            "\",\"lfs\":{\"sha256\":\"" COMMIT "0123456789abcdef01234567\",\"size\":99}},"
            "{\"rfilename\":\"m\"},{\"rfilename\":\"n\",\"size\":-1,\"blobId\":\"../x\"}]}"));
    assert_int_equal(o.n, 4);
    assert_string_equal(o.commit, COMMIT);
    assert_string_equal(o.file[0].path, "a/w.safetensors");
    assert_int_equal(o.file[0].size, 99);
    assert_int_equal(strlen(o.file[0].blob), 64);
    assert_string_equal(o.file[1].path, "m");
    assert_int_equal(o.file[1].size, -1);
    assert_string_equal(o.file[2].blob, ""); /* no hash: it is asked for */
    assert_string_equal(o.file[3].blob, COMMIT);
    listing_free(&o);
}

static void what_is_no_listing_is_refused(void **state)
{
    static const char *const bad[] = {
        "",
        "[]",
        "{}",
        "{\"sha\":\"main\",\"siblings\":[]}",
        "{\"sha\":\"../../" COMMIT "\",\"siblings\":[]}",
        "{\"sha\":\"" COMMIT "\"}",
        "{\"sha\":\"" COMMIT "\",\"siblings\":{}}",
        "{\"sha\":\"" COMMIT "\",\"siblings\":[{\"rfilename\":\"a\"},{\"rfilename\":\"a\"}]}"};
    struct repo o;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_err(ERR_PARSE, read_text(&o, bad[i]));
        assert_null(o.file);
    }
}

static void paths_stay_inside(void **state)
{
    static const char *const good[] = {"a",   "a/b.c", ".gitattributes", "a b/\xc3\xa9",
                                       "...", "a/..b"};
    static const char *const odd[] = {"",    "/a",   "a/",     "a//b", ".",    "..",   "../a",
                                      "a/.", "a/..", "a/../b", "a\\b", "a\nb", "\x7f", "./a"};
    char longest[600];

    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_true(listing_is_path(good[i]));
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++)
        assert_false(listing_is_path(odd[i]));
    memset(longest, 'a', sizeof longest);
    longest[256] = 0;
    assert_false(listing_is_path(longest));
    longest[255] = 0;
    assert_true(listing_is_path(longest));
    for (size_t i = 0; i < 66; i++)
        longest[i] = i % 2 ? '/' : 'a';
    longest[65] = 0;
    assert_false(listing_is_path(longest)); /* 33 parts */
    longest[63] = 0;
    assert_true(listing_is_path(longest));
}

static void a_bar_says_how_far(void **state)
{
    char out[METER_TEXT];

    (void)state;
    assert_string_equal(meter_text(out, 495000000, 988000000, 420000000, 20000),
                        "[##########..........] 495.0 of 988.0 MB, 21.0 MB/s, 00:23 left");
    assert_string_equal(meter_text(out, 7000000, 0, 7000000, 1000), "7.0 MB, 7.0 MB/s");
    assert_string_equal(meter_text(out, 9, 3, 0, 0),
                        "[####################] 0.0 of 0.0 MB, 0.0 MB/s, 00:00 left");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes_and_hashes_are_taken),
        cmocka_unit_test(what_is_no_listing_is_refused),
        cmocka_unit_test(paths_stay_inside),
        cmocka_unit_test(a_bar_says_how_far),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
