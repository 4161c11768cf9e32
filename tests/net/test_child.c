/* child: programs are started, told and waited for. */

#include "tests/support/test.h"

#include "net/child.h"
#include "net/loop.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct loop *loop;

static int open_loop(void **state)
{
    (void)state;
    return loop_new(&loop) != OK;
}

static int close_loop(void **state)
{
    (void)state;
    loop_free(loop);
    return 0;
}

/* So that a hang is a failure with a name. */
static enum err too_late(void *self, int64_t now_ms)
{
    (void)now_ms;
    return err_set(ERR_STATE, "%s", (const char *)self);
}

static enum err heard_end(void *self, int64_t now_ms)
{
    int *const pipe_fd = self;
    char byte;

    (void)now_ms;
    if (read(pipe_fd[0], &byte, 1) == 0) {
        loop_unfd(loop, pipe_fd[0]);
        loop_stop(loop);
    }
    return OK;
}

struct ended {
    int n, status, signal;
};

static enum err ended(void *self, struct child *child, int status, int number, int64_t now_ms)
{
    struct ended *const e = self;

    (void)child;
    (void)now_ms;
    *e = (struct ended){e->n + 1, status, number};
    loop_stop(loop);
    return OK;
}

static void children_are_started_told_and_waited_for(void **state)
{
    static const char *const echoes[] = {"sh", "-c", "echo $WORD >&3; exit 7", NULL};
    static const char *const sleeps[] = {"sleep", "100", NULL};
    static const char *const missing[] = {"/no/such/program", NULL};
    static const char *const env[] = {"WORD=hello", NULL};
    struct ended e = {0, 0, 0};
    struct child_conf conf = {
        .argv = echoes, .env = env, .out = -1, .err = -1, .ended = ended, .self = &e};
    struct child *child;
    char word[16] = "";
    int fd[2];

    (void)state;
    assert_int_equal(pipe(fd), 0);
    conf.fd[0] = fd[1];
    conf.fds = 1;
    assert_ok(loop_after(loop, 20000, too_late, "no child ended"));
    assert_ok(child_start(&child, loop, &conf));
    assert_ok(loop_run(loop));
    assert_int_equal(e.status, 7);
    assert_int_equal(read(fd[0], word, sizeof word), 6);
    assert_string_equal(word, "hello\n");
    conf.argv = sleeps;
    conf.fds = 0;
    assert_ok(child_start(&child, loop, &conf));
    assert_true(child_pid(child) > 0);
    child_signal(child, SIGKILL);
    assert_ok(loop_run(loop));
    assert_int_equal(e.n, 2);
    assert_int_equal(e.status, -1);
    assert_int_equal(e.signal, SIGKILL);
    conf.argv = missing;
    assert_err(ERR_IO, child_start(&child, loop, &conf));
    assert_non_null(strstr(err_text(), "/no/such/program"));
    close(fd[1]); /* the end of a pipe: what tells a child that its supervisor is gone */
    assert_ok(loop_fd(loop, fd[0], heard_end, fd));
    assert_ok(loop_run(loop));
    close(fd[0]);
}

/* It leads a group of its own, and what it leaves behind goes with it. */
static void a_child_with_a_session_is_its_group(void **state)
{
    static const char *const leaves[] = {"sh", "-c", "sleep 100 & echo $! >&3; exec sleep 100",
                                         NULL};
    struct ended e = {0, 0, 0};
    struct child_conf conf = {
        .argv = leaves, .out = -1, .err = -1, .session = true, .ended = ended, .self = &e};
    struct child *child;
    char word[16] = "";
    pid_t left;
    int fd[2];

    (void)state;
    assert_int_equal(pipe(fd), 0);
    conf.fd[0] = fd[1];
    conf.fds = 1;
    assert_ok(loop_after(loop, 20000, too_late, "no child ended"));
    assert_ok(child_start(&child, loop, &conf));
    assert_true(read(fd[0], word, sizeof word - 1) > 0);
    left = (pid_t)strtol(word, NULL, 10);
    assert_int_equal(getpgid(child_pid(child)), child_pid(child));
    assert_int_equal(getpgid(left), child_pid(child));
    assert_int_not_equal(getpgid(0), child_pid(child));
    kill(child_pid(child), SIGTERM); /* it alone */
    assert_ok(loop_run(loop));
    assert_int_equal(e.signal, SIGTERM);
    close(fd[1]);
    assert_int_equal(read(fd[0], word, 1),
                     0); /* the other has gone too: nobody holds the pipe */
    close(fd[0]);
}

#define FACT(name) cmocka_unit_test_setup_teardown(name, open_loop, close_loop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        FACT(children_are_started_told_and_waited_for),
        FACT(a_child_with_a_session_is_its_group),
    };

    return cmocka_run_group_tests_name("net/child", tests, NULL, NULL);
}
