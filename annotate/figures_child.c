/* Figures are computed by the program itself in another process: nothing is shared with the one
 * that takes judgements but rows, which lie in a file in memory. What comes back is another such
 * file, read when the child has ended, so that nobody waits for a pipe. It is nicer than we are,
 * and one that does not end is ended. All our descriptors are closed to it (O_CLOEXEC), the
 * store's lock above all. */

#define _GNU_SOURCE /* memfd_create, environ */
#include "annotate/figures_child.h"

#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

enum { RESAMPLES = 500, LONGEST_MS = 600 * 1000, NICER = 5, TOLD_BYTES = 64 << 20 };

enum err figures_child_file(FILE **out)
{
    const int fd = memfd_create("figures", MFD_CLOEXEC);

    *out = fd < 0 ? NULL : fdopen(fd, "w+");
    if (*out)
        return OK;
    if (fd >= 0)
        close(fd);
    return err_set(ERR_IO, "a file in memory: %s", strerror(errno));
}

/* What a child is given has its end behind the last row, and is read from the first. */
static enum err wind_back(FILE *rows)
{
    if (fflush(rows) || ferror(rows) || fseek(rows, 0, SEEK_SET))
        return err_set(ERR_IO, "a file in memory: no room");
    return OK;
}

static enum err spawn(struct figures_child *child, const char *program, FILE *rows, int overlap)
{
    char k[32], draws[32];
    char *const words[] = {(char *)(uintptr_t)program,
                           "agreement",
                           "/dev/stdin",
                           "level=pairs",
                           k,
                           draws,
                           "json=-",
                           NULL};
    posix_spawn_file_actions_t files;
    int failed;

    snprintf(k, sizeof k, "overlap=%d", overlap);
    snprintf(draws, sizeof draws, "resamples=%d", RESAMPLES);
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_adddup2(&files, fileno(rows), STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&files, fileno(child->told), STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&files, fileno(child->words), STDERR_FILENO);
    failed = posix_spawn(&child->pid, program, &files, NULL, words, environ);
    posix_spawn_file_actions_destroy(&files);
    if (!failed)
        return OK;
    child->pid = 0;
    return err_set(ERR_IO, "%s: cannot start: %s", program, strerror(failed));
}

enum err figures_child_start(struct figures_child *child, const char *program, FILE *rows,
                             int overlap, int64_t mono_ms)
{
    enum err err = wind_back(rows);

    child->until_ms = mono_ms + LONGEST_MS;
    if (!err)
        err = figures_child_file(&child->told);
    if (!err)
        err = figures_child_file(&child->words);
    if (!err)
        err = spawn(child, program, rows, overlap);
    if (err)
        figures_child_end(child);
    else
        (void)setpriority(PRIO_PROCESS, (id_t)child->pid, NICER);
    return err;
}

/* The last line says why, behind the name of who says it. */
static enum err complaint(FILE *words)
{
    char line[ERR_WORDS] = "it gave no reason", last[ERR_WORDS];

    rewind(words);
    while (fgets(last, sizeof last, words))
        if (*last != '\n')
            memcpy(line, last, sizeof line);
    line[strcspn(line, "\n")] = 0;
    return err_set(ERR_STATE, "agreement was not computed: %s", line);
}

static enum err read_told(json_t **told, FILE *file)
{
    struct stat about;

    rewind(file);
    if (!fstat(fileno(file), &about) && about.st_size <= TOLD_BYTES)
        *told = json_loadf(file, 0, NULL);
    return *told ? OK : err_set(ERR_STATE, "agreement was not computed: no figures came back");
}

enum err figures_child_look(struct figures_child *child, json_t **told, int64_t mono_ms)
{
    int status = 0;
    pid_t ended;
    enum err err;

    *told = NULL;
    ended = waitpid(child->pid, &status, WNOHANG);
    if (!ended && mono_ms < child->until_ms)
        return OK;
    if (!ended) {
        figures_child_end(child);
        return err_set(ERR_STATE, "agreement was not computed: it took longer than %d s",
                       LONGEST_MS / 1000);
    }
    child->pid = 0;
    /* Where SIGCHLD is ignored nobody is told how it ended: only what it said. */
    err = ended < 0 || (WIFEXITED(status) && !WEXITSTATUS(status))
              ? read_told(told, child->told)
              : complaint(child->words);
    figures_child_end(child);
    return err;
}

void figures_child_end(struct figures_child *child)
{
    if (child->pid) {
        kill(child->pid, SIGKILL);
        (void)waitpid(child->pid, NULL, 0);
    }
    if (child->told)
        fclose(child->told);
    if (child->words)
        fclose(child->words);
    *child = (struct figures_child){.pid = 0};
}
