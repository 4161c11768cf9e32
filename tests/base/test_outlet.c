/* outlet: a full disk behind standard output, a reader that left, a descriptor that is closed.
 */

#include "tests/support/scratch.h"
#include "tests/support/test.h"

#include "base/fs.h"
#include "base/outlet.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* What `act` gives as its exit status, in a process of its own: `out` and `err` are its
 * standard output and error. */
static int in_a_process(int (*act)(void), int out, int err)
{
    const pid_t pid = fork();
    int status = 0;

    if (!pid) {
        if (out >= 0)
            dup2(out, 1);
        else
            close(1);
        dup2(err, 2);
        setvbuf(stdout, NULL, _IOFBF,
                4096); /* as its own program's, that nothing was said to */
        outlet_open("test");
        _exit(act());
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static int speak(void)
{
    printf("words\n");
    return outlet_end(0);
}

static int be_silent(void)
{
    return outlet_end(0);
}

static int speak_and_fail(void)
{
    printf("words\n");
    return outlet_end(2);
}

static int open_one(void)
{
    return open("/dev/null", O_RDONLY) > 2 ? 0 : 1;
}

static void what_cannot_be_said_is_a_failure(void **state)
{
    const int full = open("/dev/full", O_WRONLY), null = open("/dev/null", O_WRONLY);
    const int err = open(scratch_at("err"), O_RDWR | O_CREAT | O_TRUNC, 0644);
    char *text = NULL;
    size_t n;

    (void)state;
    if (full < 0)
        skip();
    assert_int_equal(in_a_process(speak, null, err), 0);
    assert_int_equal(in_a_process(be_silent, full, err), 0);
    assert_int_equal(in_a_process(be_silent, -1, err), 0);
    assert_ok(fs_read(&text, &n, scratch_at("err"), 1000));
    assert_int_equal(n, 0);
    free(text);
    assert_int_equal(in_a_process(speak, full, err), 1);
    assert_ok(fs_read(&text, &n, scratch_at("err"), 1000));
    assert_string_equal(text, "test: standard output: No space left on device\n");
    free(text);
    assert_int_equal(in_a_process(speak_and_fail, full, err), 2); /* it has said why */
    assert_int_equal(in_a_process(speak, -1, err), 1);
    assert_int_equal(in_a_process(open_one, -1, err), 0); /* nothing gets the number 1 */
    close(full);
    close(null);
    close(err);
}

static int go_on(void)
{
    outlet_outlive();
    outlet_keep(scratch_at("kept"));
    for (int i = 0; i < 3; i++) {
        outlet_look();
        fprintf(stderr, "line %d\n", i);
    }
    return outlet_end(0);
}

static void who_leaves_does_not_end_a_run(void **state)
{
    char *text = NULL;
    int fd[2];
    size_t n;

    (void)state;
    assert_int_equal(pipe(fd), 0);
    close(fd[0]); /* `| head` has gone */
    assert_int_equal(in_a_process(go_on, fd[1], fd[1]), 0);
    assert_ok(fs_read(&text, &n, scratch_at("kept"), 1000));
    assert_string_equal(text,
                        "test: whoever read this run's lines has left; the run goes on, its "
                        "lines go here\nline 0\nline 1\nline 2\n");
    free(text);
    close(fd[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_cannot_be_said_is_a_failure),
        cmocka_unit_test(who_leaves_does_not_end_a_run),
    };

    return cmocka_run_group_tests_name("outlet", tests, scratch_open, scratch_close);
}
