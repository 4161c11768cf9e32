#include "hfhub/gitsha.h"

#include "tests/support/test.h"

#include <stdlib.h>
#include <string.h>

/* Known answers: FIPS 180's examples, and what git itself says of these files. */
static void known_answers(void **state)
{
    char out[GITSHA_TEXT], many[1000];
    struct gitsha sha;

    (void)state;
    gitsha_init(&sha);
    gitsha_add(&sha, "abc", 3);
    assert_string_equal(gitsha_end(out, &sha), "a9993e364706816aba3e25717850c26c9cd0d89d");
    assert_string_equal(gitsha_blob(out, "", 0), "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391");
    assert_string_equal(gitsha_blob(out, "hello\n", 6),
                        "ce013625030ba8dba906f756967f9e9ca394464a");

    /* a million letters, in pieces that meet no block's edge the same way twice */
    memset(many, 'a', sizeof many);
    gitsha_init(&sha);
    for (size_t left = 1000000, n = 1; left; left -= n, n = n * 7 % 997) {
        n = n < left ? n : left;
        gitsha_add(&sha, many, n);
    }
    assert_string_equal(gitsha_end(out, &sha), "34aa973cd4c4daa4f61eeb2bdbad27316534016f");
}

/* Padding: every length around a block's end, in one piece and byte by byte. */
static void every_length_alike(void **state)
{
    char bytes[200], whole[GITSHA_TEXT], parts[GITSHA_TEXT];
    struct gitsha sha;

    (void)state;
    memset(bytes, 'x', sizeof bytes);
    for (size_t n = 0; n <= sizeof bytes; n++) {
        gitsha_init(&sha);
        gitsha_add(&sha, bytes, n);
        gitsha_end(whole, &sha);
        gitsha_init(&sha);
        for (size_t i = 0; i < n; i++)
            gitsha_add(&sha, bytes + i, 1);
        assert_string_equal(gitsha_end(parts, &sha), whole);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(known_answers),
                                       cmocka_unit_test(every_length_alike)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
