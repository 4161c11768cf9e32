/* A child is a uv_process of the loop: when it ends its owner hears how, once, and the handle is
 * freed when libuv has closed it, whichever comes last; of one that lives when its loop is freed,
 * there (loop.c). Children are ended by their pid alone, never by name. */

#include "net/child.h"

#include "base/clock.h"
#include "base/mem.h"
#include "net/loop.h"

#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

extern char **environ;

struct child {
    uv_process_t uv;
    struct loop *loop;
    struct child_conf conf;
    bool ended;
};

static void closed(uv_handle_t *handle)
{
    free(handle->data);
}

static void ended(uv_process_t *uv, int64_t status, int number)
{
    struct child *const child = uv->data;

    child->ended = true;
    if (child->conf.session) /* what it started and left behind goes with it */
        kill(-uv_process_get_pid(uv), SIGKILL);
    if (child->conf.ended)
        loop_judge(child->loop,
                   child->conf.ended(child->conf.self, child, number ? -1 : (int)status, number,
                                     clock_mono_ms()));
    uv_close((uv_handle_t *)uv, closed);
}

static bool overridden(const char *old, const char *const *env)
{
    const size_t n = strcspn(old, "=");

    for (; env && *env; env++)
        if (!strncmp(*env, old, n) && (*env)[n] == '=')
            return true;
    return false;
}

/* Our environment with `env` put over it; the strings are borrowed. */
static char **merged(const char *const *env)
{
    size_t n = 1, at = 0;
    char **out;

    for (char **old = environ; *old; old++)
        n++;
    for (const char *const *new = env; new &&*new; new ++)
        n++;
    out = mem_new(n, sizeof *out);
    for (char **old = environ; *old; old++)
        if (!overridden(*old, env))
            out[at++] = *old;
    for (; env && *env; env++)
        memcpy(&out[at++], env, sizeof *out); /* uv_spawn changes none of them */
    return out;
}

enum err child_start(struct child **out, struct loop *loop, const struct child_conf *conf)
{
    struct child *const child = mem_new(1, sizeof *child);
    uv_stdio_container_t stdio[3 + CHILD_FDS] = {{.flags = UV_IGNORE}};
    uv_process_options_t options = {.exit_cb = ended, .file = conf->argv[0], .stdio = stdio};
    int code;

    *out = NULL;
    if (conf->fds > CHILD_FDS) {
        free(child);
        return err_set(ERR_RANGE, "%d descriptors, at most %d", conf->fds, CHILD_FDS);
    }
    child->loop = loop;
    child->conf = *conf;
    options.flags = conf->session ? UV_PROCESS_DETACHED : 0;
    options.stdio_count = 3 + conf->fds;
    if (conf->in > 0)
        stdio[0] = (uv_stdio_container_t){.flags = UV_INHERIT_FD, .data.fd = conf->in};
    for (int i = 1; i < options.stdio_count; i++) {
        const int given = i == 1 ? conf->out : i == 2 ? conf->err : conf->fd[i - 3];
        stdio[i].flags = UV_INHERIT_FD;
        /* A standard stream that is not given is our own; the input is none. */
        stdio[i].data.fd = i < 3 && given < 0 ? i : given;
    }
    memcpy(&options.args, &conf->argv, sizeof options.args); /* const in all but its type */
    options.env = merged(conf->env);
    code = uv_spawn(loop_uv(loop), &child->uv, &options);
    free(options.env);
    child->uv.data = child;
    /* Also where nothing was spawned: uv_spawn has set up the handle by then. */
    if (code) {
        uv_close((uv_handle_t *)&child->uv, closed);
        return err_set(ERR_IO, "%s: %s", conf->argv[0], uv_strerror(code));
    }
    *out = child;
    return OK;
}

int child_pid(const struct child *child)
{
    return uv_process_get_pid(&child->uv);
}

/* After its end the pid may be another process's. */
void child_signal(struct child *child, int number)
{
    if (child->ended)
        return;
    if (child->conf.session)
        kill(-uv_process_get_pid(&child->uv), number);
    else
        uv_process_kill(&child->uv, number);
}

/* Its handle stays the loop's, which waits for the process as long as it runs itself. */
void child_forget(struct child *child)
{
    child->conf.ended = NULL;
}
