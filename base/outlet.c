/* How it works: a closed standard descriptor is filled with /dev/null, opened such that writing
 * fails. Whether the reader of standard error is gone is asked of poll, which says POLLERR of a
 * pipe without one and POLLHUP of a terminal that was closed; then descriptor 2 becomes the
 * run's file. outlet_end flushes what stdio still holds; an error that an earlier write met is
 * remembered by stdio, and its reason is asked for by flushing again. */
#include "base/outlet.h"

#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *name = "drover";
static char *kept;

/* Standard input is filled with a descriptor that cannot be read, the others with one that
 * cannot be written: the use of a closed one fails as it would have, but nobody else's file
 * stands there. */
void outlet_open(const char *program)
{
    name = program;
    for (int fd = 0; fd < 3; fd++)
        if (fcntl(fd, F_GETFD) < 0) { /* the lowest that is free is the one we get */
            const int taken = open("/dev/null", fd ? O_RDONLY : O_WRONLY);
            if (taken >= 0 && taken != fd)
                close(taken);
        }
}

void outlet_outlive(void)
{
    struct sigaction action;

    memset(&action, 0, sizeof action);
    action.sa_handler = SIG_IGN;
    sigemptyset(&action.sa_mask);
    sigaction(SIGPIPE, &action, NULL);
}

void outlet_keep(const char *path)
{
    free(kept);
    kept = mem_text(path);
}

void outlet_look(void)
{
    struct pollfd at = {.fd = STDERR_FILENO};
    int fd;

    if (!kept || poll(&at, 1, 0) != 1 || !(at.revents & (POLLERR | POLLHUP)))
        return;
    fd = open(kept, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (fd >= 0 && dup2(fd, STDERR_FILENO) >= 0) {
        clearerr(stderr);
        fprintf(stderr,
                "%s: whoever read this run's lines has left; the run goes on, its lines "
                "go here\n",
                name);
    }
    if (fd >= 0)
        close(fd);
    free(kept);
    kept = NULL;
}

/* Both questions, in this order: ferror knows of earlier writes, fflush of those still held. Why an
 * earlier one failed is past: one byte more says it, where it still does. */
int outlet_end(int status)
{
    const int failed = ferror(stdout);
    int flushed = fflush(stdout);

    if (failed && !flushed && write(STDOUT_FILENO, "\n", 1) < 0)
        flushed = EOF;

    free(kept);
    kept = NULL;
    if ((!failed && !flushed) || status)
        return status;
    fprintf(stderr, "%s: standard output: %s\n", name,
            flushed ? strerror(errno) : "not all of it could be written");
    return EXIT_FAILURE;
}
