/* The file of --health-file: its word, when it is written, and what happens where it cannot be. */
#include "tests/support/test.h"

#include "base/fs.h"
#include "member/health.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char folder[] = "/tmp/drover-health-XXXXXX", file[64];

static int begin(void **state)
{
    (void)state;
    snprintf(file, sizeof file, "%s/health", mkdtemp(folder));
    return 0;
}

static int end(void **state)
{
    (void)state;
    return fs_remove(folder) != OK;
}

static bool says(const char *word)
{
    char *text = NULL;
    size_t n;
    const bool same = !fs_read(&text, &n, file, 64) && !strcmp(text, word);

    free(text);
    return same;
}

static void written_each_second_with_what_is_so(void **state)
{
    struct health h = {.file = file};

    (void)state;
    health_tick(&h, false, 5000);
    assert_true(says("waiting\n"));
    health_tick(&h, true, 5000 + HEALTH_MS - 1);
    assert_true(says("waiting\n"));
    health_tick(&h, true, 5000 + HEALTH_MS);
    assert_true(says("ready\n"));
    assert_int_equal(0, unlink(file)); /* a loop that turns writes it again */
    health_tick(&h, true, 5000 + 2 * HEALTH_MS);
    assert_true(says("ready\n"));
    health_end(&h);
    assert_false(fs_exists(file));
}

static void what_cannot_be_written_is_said_once_and_tried_again(void **state)
{
    char there[80];
    struct health h = {.file = file};

    (void)state;
    snprintf(there, sizeof there, "%s/there", folder);
    assert_int_equal(0, symlink(there, file));
    health_tick(&h, true, 0);
    assert_true(h.failed);
    assert_false(fs_exists(there)); /* a link that another user laid there leads nowhere */
    assert_int_equal(0, unlink(file));
    health_tick(&h, true, HEALTH_MS);
    assert_false(h.failed);
    assert_true(says("ready\n"));
}

static void without_a_file_nothing_happens(void **state)
{
    struct health none = {.file = ""}, unset = {.file = NULL};

    (void)state;
    health_tick(&none, true, 0);
    health_tick(&unset, true, 0);
    assert_int_equal(0, none.next_ms + unset.next_ms);
    health_end(&none);
    health_end(&unset);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(written_each_second_with_what_is_so),
        cmocka_unit_test(what_cannot_be_written_is_said_once_and_tried_again),
        cmocka_unit_test(without_a_file_nothing_happens),
    };

    return cmocka_run_group_tests(tests, begin, end);
}
