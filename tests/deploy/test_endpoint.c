/* How a fleet is found by its folder: also while its supervisor, which has the folder already, still
 * makes its keys, beside what the one before it left there. */

#include "tests/support/scratch.h"
#include "tests/support/test.h"

#include "base/fs.h"
#include "base/mem.h"
#include "deploy/endpoint.h"
#include "deploy/ports.h"
#include "deploy/run_folder.h"

#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { LATE_MS = 400 };

static const struct ports ports = {.control = "tcp://127.0.0.1:1",
                                   .dashboard = "tcp://127.0.0.1:6"};

static int folder_setup(void **state)
{
    (void)state;
    assert_ok(fs_mkdir(scratch_at("run")));
    return 0;
}

static void nobody_works_there(void)
{
    struct endpoint fleet;

    assert_err(ERR_STATE, endpoint_living(&fleet, scratch_at("run"), 0));
    assert_non_null(strstr(err_text(), "this run does not run"));
}

/* A supervisor: it has the folder, then it has keys, then it says where it listens. */
static pid_t begin(void)
{
    const pid_t child = fork();
    struct endpoint fleet;
    int fd;

    if (child)
        return child;
    if (run_folder_lock(&fd, scratch_at("run")))
        _exit(1);
    poll(NULL, 0, LATE_MS);
    if (endpoint_make(&fleet, scratch_at("run"), "", &ports))
        _exit(1);
    for (;;)
        pause();
}

/* It is gone before anybody has asked how it ended, too: under a parent that never does, as the first
 * process of a container, it would be taken for there for ever. */
static void end(pid_t child)
{
    siginfo_t info;
    int status;

    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT), 0);
    nobody_works_there();
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
}

/* Twice: at first nothing is there, then what the killed one left. */
static void one_that_begins_is_waited_for(void **state)
{
    struct endpoint fleet;

    (void)state;
    for (int i = 0; i < 2; i++) {
        const pid_t child = begin();

        while (!run_folder_holder(scratch_at("run")))
            poll(NULL, 0, 1);
        assert_ok(endpoint_living(&fleet, scratch_at("run"), 0));
        assert_int_equal(fleet.pid, child);
        assert_string_equal(fleet.control, ports.control);
        assert_true(fleet.secure);
        end(child);
        nobody_works_there();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(one_that_begins_is_waited_for, folder_setup, NULL),
    };

    return cmocka_run_group_tests(tests, scratch_open, scratch_close);
}
