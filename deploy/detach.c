/* How it works: the same program once more, with its input closed and its output a file, which is
 * told by a variable of the environment that it is meant to stay; it makes a session of its own,
 * so that no terminal's end and no ssh's end reaches it. */
#include "deploy/detach.h"

#include "base/clock.h"
#include "base/mem.h"
#include "deploy/program.h"
#include "deploy/replica.h"
#include "deploy/run_folder.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define DETACHED "DROVER_DETACHED"

extern char **environ;

enum { BEGIN_MS = 15000, LOOK_MS = 20 };

static enum err spawn(pid_t *child, char *const *words, const char *log)
{
    posix_spawn_file_actions_t actions;
    char *program = NULL;
    int code = 0;
    enum err err = program_path(&program, "drover");

    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, 1, log, O_WRONLY | O_CREAT | O_APPEND, 0600);
    posix_spawn_file_actions_adddup2(&actions, 1, 2);
    setenv(DETACHED, "1", 1);
    if (!err && (code = posix_spawn(child, program, &actions, NULL, words, environ)))
        err = err_set(ERR_IO, "%s: cannot start: %s", program, strerror(code));
    unsetenv(DETACHED);
    posix_spawn_file_actions_destroy(&actions);
    free(program);
    return err;
}

enum err detach_start(long *pid, char *const *words, const char *folder, const char *log)
{
    const int64_t until = clock_mono_ms() + BEGIN_MS;
    char last[REPLICA_WORDS];
    struct stat st;
    const off_t from = stat(log, &st) ? 0 : st.st_size;
    pid_t child = 0;
    int status;
    enum err err = spawn(&child, words, log);

    while (!err && run_folder_holder(folder) != child) {
        const bool gone = waitpid(child, &status, WNOHANG) == child;

        if (gone || clock_mono_ms() >= until) {
            if (!gone)
                kill(child, SIGTERM);
            replica_words(last, log, from);
            err = err_set(ERR_IO, "it does not start: %s", *last ? last : log);
        }
        poll(NULL, 0, LOOK_MS);
    }
    *pid = child;
    return err;
}

void detach_now(void)
{
    if (!getenv(DETACHED))
        return;
    unsetenv(DETACHED); /* for what it starts in turn */
    (void)setsid();     /* it leads no group: it was just spawned */
}
