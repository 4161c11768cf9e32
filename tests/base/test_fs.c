#include "tests/support/test.h"

#include "base/fs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char folder[64];

static int make(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/drover-fs-XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static int unmake(void **state)
{
    (void)state;
    return fs_remove(folder) ? -1 : 0;
}

static const char *inside(const char *name)
{
    static char path[128];

    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static void what_is_written_is_read(void **state)
{
    char *text;
    size_t n;

    (void)state;
    assert_ok(fs_mkdir(inside("a/b/c")));
    assert_ok(fs_write(inside("a/b/c/f"), "hello", 5));
    assert_ok(fs_read(&text, &n, inside("a/b/c/f"), 100));
    assert_int_equal(n, 5);
    assert_string_equal(text, "hello");
    free(text);
    assert_err(ERR_RANGE, fs_read(&text, &n, inside("a/b/c/f"), 4));
    assert_err(ERR_IO, fs_read(&text, &n, inside("nothing"), 4));
    assert_non_null(strstr(err_text(), "nothing: cannot open: No such file"));
}

static void an_aborted_write_leaves_the_old_file(void **state)
{
    struct fs_file *file;
    char *text;
    size_t n;

    (void)state;
    assert_ok(fs_write(inside("f"), "old", 3));
    assert_ok(fs_begin(&file, inside("f")));
    assert_ok(fs_put(file, "new and longer", 14));
    fs_abort(file);
    assert_ok(fs_read(&text, &n, inside("f"), 100));
    assert_string_equal(text, "old");
    free(text);
    assert_false(fs_exists(inside("f.tmp")));
}

static void a_full_disk_is_one_clear_error(void **state)
{
    struct fs_file *file;

    (void)state;
    if (access("/dev/full", W_OK))
        skip();
    assert_int_equal(symlink("/dev/full", inside("g.tmp")), 0);
    assert_ok(fs_begin(&file, inside("g")));
    assert_err(ERR_IO, fs_put(file, "x", 1));
    assert_non_null(strstr(err_text(), "No space left"));
    fs_abort(file);
    assert_false(fs_exists(inside("g")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(an_aborted_write_leaves_the_old_file),
        cmocka_unit_test(a_full_disk_is_one_clear_error),
    };
    return cmocka_run_group_tests_name("fs", tests, make, unmake);
}
