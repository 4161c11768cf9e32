/* child: other programs, started and waited for by a loop. */

#ifndef NET_CHILD_H
#define NET_CHILD_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

struct loop;
struct child; /* void also once its loop is freed */

enum { CHILD_FDS = 8 };

struct child_conf {
    const char *const *argv; /* NULL-ended; argv[0] a path or a name to look up in PATH */
    const char *const *env;  /* "NAME=value" put over ours, NULL-ended; may be NULL */
    int in;                  /* descriptor for its stdin; 0: /dev/null */
    int out, err;            /* for its stdout and stderr; -1: ours */
    bool session; /* a session and process group of its own: the terminal's signals do not reach
                   * it, and child_signal reaches all that it started */
    int fd[CHILD_FDS], fds; /* handed on as its descriptors 3, 4, ...; still ours as well */
    /* It has ended and was waited for; `child` is void afterwards. status: exit status, or -1
     * with `signal` set. */
    enum err (*ended)(void *self, struct child *child, int status, int signal, int64_t now_ms);
    void *self;
};

/* Errors: ERR_IO names the program and the reason. */
enum err child_start(struct child **out, struct loop *loop,
                     const struct child_conf *conf) MUST_CHECK;
int child_pid(const struct child *child);
void child_signal(struct child *child, int signal); /* a child that ended meanwhile is fine */
/* Its owner goes: `ended` is not called any more, and `child` is void. It lives on if it does. */
void child_forget(struct child *child);

#endif
