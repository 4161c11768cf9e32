#include "base/fs.h"
#include "tests/support/scratch.h"
#include "tests/support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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
    assert_int_equal(symlink("/dev/full", scratch_at("g.tmp")), 0);
    assert_ok(fs_begin(&file, scratch_at("g")));
    assert_err(ERR_IO, fs_put(file, "x", 1));
    assert_non_null(strstr(err_text(), "No space left"));
    fs_abort(file);
    assert_false(fs_exists(scratch_at("g")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(an_aborted_write_leaves_the_old_file),
        cmocka_unit_test(a_full_disk_is_one_clear_error),
    };
    return cmocka_run_group_tests_name("fs", tests, scratch_open, scratch_close);
}
