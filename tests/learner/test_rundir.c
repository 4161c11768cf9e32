/* rundir: one writer a folder, also when its lock was taken away. */

#include "tests/support/test.h"

#include "base/fs.h"
#include "learner/run/rundir.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char folder[] = "/tmp/test_rundir_XXXXXX";
static char path[256];

static const char *at(const char *name)
{
    snprintf(path, sizeof path, "%s/run/%s", folder, name);
    return path;
}

static int make(void **state)
{
    (void)state;
    return !mkdtemp(folder);
}

static int clear(void **state)
{
    (void)state;
    return fs_remove(folder) != OK;
}

static void journal_is(const char *want)
{
    char *text;
    size_t n;

    assert_ok(fs_read(&text, &n, at("journal"), 100));
    assert_string_equal(text, want);
    free(text);
}

static void the_folder_belongs_to_whom_its_lock_names(void **state)
{
    struct rundir *first, *second, *third;
    int writer;

    (void)state;
    assert_ok(rundir_open(&first, at("")));
    assert_ok(rundir_owned(first));
    assert_ok(fs_write(at("journal"), "one", 3));
    writer = open(at("journal"), O_WRONLY | O_APPEND);
    assert_true(writer >= 0);

    assert_ok(fs_remove(at(".lock")));
    assert_err(ERR_STATE, rundir_owned(first)); /* also before anybody takes it over */
    assert_non_null(strstr(err_text(), "another process's now"));
    assert_ok(rundir_open(&second, at("")));
    assert_ok(rundir_owned(second));
    assert_err(ERR_STATE, rundir_owned(first));

    assert_int_equal(write(writer, " two", 4), 4); /* what was under way goes nowhere */
    journal_is("one");
    close(writer);

    /* with its lock in place the journal stays the file that it is */
    rundir_close(second);
    writer = open(at("journal"), O_WRONLY | O_APPEND);
    assert_ok(rundir_open(&third, at("")));
    assert_int_equal(write(writer, " two", 4), 4);
    journal_is("one two");
    close(writer);
    rundir_close(third);
    rundir_close(first);
}

static void a_folder_is_of_one_method(void **state)
{
    static const char run[] = "{\"method\": \"ppo\"}";

    (void)state;
    assert_ok(rundir_method(at("none"), "dpo"));
    assert_ok(fs_mkdir(at("other")));
    assert_ok(fs_write(at("other/run.json"), run, sizeof run - 1));
    assert_ok(rundir_method(at("other"), "ppo"));
    assert_err(ERR_STATE, rundir_method(at("other"), "dpo"));
    assert_non_null(strstr(err_text(), "holds a run of ppo, this is dpo"));
    assert_ok(fs_write(at("other/run.json"), "{}", 2));
    assert_ok(rundir_method(at("other"), "dpo"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_folder_is_of_one_method),
        cmocka_unit_test(the_folder_belongs_to_whom_its_lock_names),
    };

    return cmocka_run_group_tests_name("learner/rundir", tests, make, clear);
}
