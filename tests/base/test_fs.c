#define _DEFAULT_SOURCE /* mknod */

#include "base/fs.h"
#include "tests/support/scratch.h"
#include "tests/support/test.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

static void what_is_written_is_read(void **state)
{
    char *text;
    size_t n;

    (void)state;
    assert_ok(fs_mkdir(scratch_at("a/b/c")));
    assert_ok(fs_write(scratch_at("a/b/c/f"), "hello", 5));
    assert_ok(fs_read(&text, &n, scratch_at("a/b/c/f"), 100));
    assert_int_equal(n, 5);
    assert_string_equal(text, "hello");
    free(text);
    assert_err(ERR_RANGE, fs_read(&text, &n, scratch_at("a/b/c/f"), 4));
    assert_err(ERR_IO, fs_read(&text, &n, scratch_at("nothing"), 4));
    assert_non_null(strstr(err_text(), "nothing: cannot open: No such file"));
}

static void an_aborted_write_leaves_the_old_file(void **state)
{
    struct fs_file *file;
    char *text;
    size_t n;

    (void)state;
    assert_ok(fs_write(scratch_at("f"), "old", 3));
    assert_ok(fs_begin(&file, scratch_at("f")));
    assert_ok(fs_put(file, "new and longer", 14));
    fs_abort(file);
    assert_ok(fs_read(&text, &n, scratch_at("f"), 100));
    assert_string_equal(text, "old");
    free(text);
    assert_false(fs_exists(scratch_at("f.tmp")));
}

static void a_full_disk_is_one_clear_error(void **state)
{
    struct fs_file *file;

    (void)state;
    if (access("/dev/full", W_OK))
        skip();
    assert_int_equal(symlink("/dev/full", scratch_at("g")), 0);
    assert_ok(fs_begin(&file, scratch_at("g")));
    assert_err(ERR_IO, fs_put(file, "x", 1));
    assert_non_null(strstr(err_text(), "No space left"));
    fs_abort(file);
    assert_false(fs_exists(scratch_at("g.tmp")));
}

static void holds(const char *path, const char *want)
{
    char *text;
    size_t n;

    assert_ok(fs_read(&text, &n, path, 1 << 20));
    assert_string_equal(text, want);
    free(text);
}

static mode_t mode_of(const char *path)
{
    struct stat st;

    assert_int_equal(lstat(path, &st), 0);
    return st.st_mode;
}

/* A FIFO's reader gets the bytes, and the FIFO stays. */
static void a_fifo_is_written_into(void **state)
{
    char got[8] = "";
    int fd;

    (void)state;
    assert_int_equal(mkfifo(scratch_at("pipe"), 0600), 0);
    fd = open(scratch_at("pipe"), O_RDONLY | O_NONBLOCK);
    assert_true(fd >= 0);
    assert_ok(fs_write(scratch_at("pipe"), "bytes", 5));
    assert_int_equal(read(fd, got, sizeof got), 5);
    assert_string_equal(got, "bytes");
    close(fd);
    assert_true(S_ISFIFO(mode_of(scratch_at("pipe"))));
    assert_false(fs_exists(scratch_at("pipe.tmp")));
}

/* The null device as a node of our own: only root makes one, and some containers forbid it. */
static void a_device_stays_a_device(void **state)
{
    int fd;

    (void)state;
    if (mknod(scratch_at("null"), S_IFCHR | 0600, makedev(1, 3)))
        skip();
    fd = open(scratch_at("null"), O_WRONLY);
    if (fd < 0)
        skip();
    close(fd);
    assert_ok(fs_write(scratch_at("null"), "bytes", 5));
    assert_true(S_ISCHR(mode_of(scratch_at("null"))));
}

static void a_link_stays_a_link(void **state)
{
    (void)state;
    assert_ok(fs_mkdir(scratch_at("far/away")));
    assert_ok(fs_write(scratch_at("far/away/file"), "old", 3));
    assert_int_equal(symlink("far/away/file", scratch_at("link")), 0);
    assert_int_equal(symlink("link", scratch_at("link2")), 0);
    assert_ok(fs_write(scratch_at("link2"), "new", 3));
    assert_true(S_ISLNK(mode_of(scratch_at("link2"))));
    assert_true(S_ISLNK(mode_of(scratch_at("link"))));
    holds(scratch_at("far/away/file"), "new");
    assert_int_equal(symlink("far/later", scratch_at("dangling")), 0);
    assert_ok(fs_write(scratch_at("dangling"), "made", 4));
    assert_true(S_ISLNK(mode_of(scratch_at("dangling"))));
    holds(scratch_at("far/later"), "made");
    assert_int_equal(symlink("round", scratch_at("round")), 0);
    assert_err(ERR_IO, fs_write(scratch_at("round"), "x", 1));
}

/* Whoever can write beside the target puts a link there: what it leads to is left alone. */
static void a_link_beside_the_target_is_not_followed(void **state)
{
    (void)state;
    assert_ok(fs_write(scratch_at("victim"), "precious", 8));
    assert_int_equal(symlink(scratch_at("victim"), scratch_at("t.tmp")), 0);
    assert_ok(fs_write(scratch_at("t"), "mine", 4));
    holds(scratch_at("victim"), "precious");
    holds(scratch_at("t"), "mine");
    assert_true(S_ISREG(mode_of(scratch_at("t"))));
}

static void mode_and_owner_stay(void **state)
{
    struct stat st;

    (void)state;
    assert_ok(fs_write(scratch_at("secret"), "a", 1));
    assert_int_equal(chmod(scratch_at("secret"), 0600), 0);
    if (!geteuid())
        assert_int_equal(chown(scratch_at("secret"), 65534, 65534), 0);
    assert_ok(fs_write(scratch_at("secret"), "b", 1));
    assert_int_equal(mode_of(scratch_at("secret")) & 07777, 0600);
    assert_int_equal(stat(scratch_at("secret"), &st), 0);
    assert_int_equal(st.st_uid, geteuid() ? geteuid() : 65534);
    holds(scratch_at("secret"), "b");
}

static void a_folder_is_refused_before_anything_is_written(void **state)
{
    struct fs_file *file;

    (void)state;
    assert_ok(fs_mkdir(scratch_at("dir")));
    assert_err(ERR_IO, fs_begin(&file, scratch_at("dir")));
    assert_non_null(strstr(err_text(), "Is a directory"));
}

/* Root may write anywhere, so another user tries. */
static void a_folder_one_may_not_write_is_one_clear_error(void **state)
{
    enum err err;

    (void)state;
    assert_ok(fs_mkdir(scratch_at("ro")));
    assert_ok(fs_write(scratch_at("ro/f"), "old", 3));
    assert_int_equal(chmod(scratch_at("ro/f"), 0666) | chmod(scratch_at("ro"), 0555) |
                         chmod(scratch_at("."), 0755),
                     0);
    if (!geteuid())
        assert_int_equal(seteuid(65534), 0);
    err = fs_write(scratch_at("ro/f"), "new", 3);
    if (!getuid())
        assert_int_equal(seteuid(0), 0);
    assert_int_equal(err, ERR_IO);
    assert_non_null(strstr(err_text(), "cannot write a new one beside it: Permission denied"));
    holds(scratch_at("ro/f"), "old");
}

/* What a killed writer left does not matter; a living one's work is not taken away. */
static void two_writers_do_not_mix(void **state)
{
    struct fs_file *one, *two;
    FILE *left = fopen(scratch_at("w.tmp"), "w");

    (void)state;
    assert_non_null(left);
    fputs("half of an old one that was much longer", left);
    fclose(left);
    assert_ok(fs_begin(&one, scratch_at("w")));
    assert_err(ERR_STATE, fs_begin(&two, scratch_at("w")));
    assert_non_null(strstr(err_text(), "another process is writing it"));
    assert_ok(fs_put(one, "whole", 5));
    assert_ok(fs_commit(one));
    holds(scratch_at("w"), "whole");
}

/* /dev/stdout leads to no file that could be replaced. */
static void standard_output_by_name_gets_the_bytes(void **state)
{
    char got[8] = "", name[32];
    int fd[2];

    (void)state;
    assert_int_equal(pipe(fd), 0);
    snprintf(name, sizeof name, "/dev/fd/%d", fd[1]);
    assert_ok(fs_write(name, "bytes", 5));
    assert_int_equal(read(fd[0], got, sizeof got), 5);
    assert_string_equal(got, "bytes");
    close(fd[0]);
    close(fd[1]);
    fd[1] = open(scratch_at("stdout"), O_RDWR | O_CREAT | O_APPEND, 0600);
    snprintf(name, sizeof name, "/dev/fd/%d", fd[1]);
    assert_int_equal(write(fd[1], "a", 1), 1);
    assert_ok(fs_write(name, "b", 1));
    assert_int_equal(write(fd[1], "c", 1), 1);
    close(fd[1]);
    holds(scratch_at("stdout"), "abc");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(an_aborted_write_leaves_the_old_file),
        cmocka_unit_test(a_full_disk_is_one_clear_error),
        cmocka_unit_test(a_fifo_is_written_into),
        cmocka_unit_test(a_device_stays_a_device),
        cmocka_unit_test(a_link_stays_a_link),
        cmocka_unit_test(a_link_beside_the_target_is_not_followed),
        cmocka_unit_test(mode_and_owner_stay),
        cmocka_unit_test(a_folder_is_refused_before_anything_is_written),
        cmocka_unit_test(a_folder_one_may_not_write_is_one_clear_error),
        cmocka_unit_test(two_writers_do_not_mix),
        cmocka_unit_test(standard_output_by_name_gets_the_bytes),
    };
    return cmocka_run_group_tests_name("fs", tests, scratch_open, scratch_close);
}
