/* A log that somebody appends to for ever: it begins anew, the newest lines are kept, and who writes
 * goes on at its new end. */

#include "tests/support/scratch.h"
#include "tests/support/test.h"

#include "base/fs.h"
#include "deploy/log_bound.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *log_path(char out[4096])
{
    snprintf(out, 4096, "%s", scratch_at("actor-1.log"));
    return out;
}

static void say(int fd, const char *line)
{
    assert_int_equal(write(fd, line, strlen(line)), (ssize_t)strlen(line));
}

static void the_newest_lines_are_kept(void **state)
{
    char path[4096], older[4200], *text;
    struct stat st;
    off_t lost;
    size_t n;
    int fd;

    (void)state;
    fd = open(log_path(path), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    say(fd, "the first line\n");
    assert_false(log_bound(path, &lost));
    assert_int_equal(ftruncate(fd, LOG_BOUND_MAX),
                     0); /* zeros: a line that is too long to keep */
    say(fd, "\nthe last line but one\nthe last line\n");
    assert_true(log_bound(path, &lost));
    say(fd, "the next line\n");
    assert_int_equal(lost, LOG_BOUND_MAX + 1);
    assert_ok(fs_read(&text, &n, path, 4096));
    assert_string_equal(text, "the next line\n");
    free(text);
    snprintf(older, sizeof older, "%s.1", path);
    assert_ok(fs_read(&text, &n, older, 4096));
    assert_string_equal(text, "the last line but one\nthe last line\n");
    free(text);
    assert_int_equal(ftruncate(fd, LOG_BOUND_MAX + 1), 0); /* one line: nothing of it is kept */
    assert_true(log_bound(path, &lost));
    assert_int_equal(fstat(fd, &st), 0);
    assert_int_equal(st.st_size, 0);
    close(fd);
}

/* What a link of that name leads to is nobody's log. */
static void a_link_is_not_followed(void **state)
{
    char path[4096], other[4096];
    struct stat st;
    off_t lost;
    int fd;

    (void)state;
    snprintf(other, sizeof other, "%s", scratch_at("other"));
    fd = open(other, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_int_equal(ftruncate(fd, LOG_BOUND_MAX + 1), 0);
    unlink(log_path(path));
    assert_int_equal(symlink(other, path), 0);
    assert_false(log_bound(path, &lost));
    assert_int_equal(fstat(fd, &st), 0);
    assert_int_equal(st.st_size, LOG_BOUND_MAX + 1);
    close(fd);
    assert_false(log_bound(scratch_at("nothing"), &lost));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_newest_lines_are_kept),
        cmocka_unit_test(a_link_is_not_followed),
    };

    return cmocka_run_group_tests(tests, scratch_open, scratch_close);
}
