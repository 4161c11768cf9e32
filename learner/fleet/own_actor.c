/* The child is drover-actor beside this program. Standard output and error of it go to a file
 * in the run's folder; that it was started, and why, is a line on the terminal. One that cannot
 * be started or dies is tried again after a pause that doubles. */

#include "learner/fleet/own_actor.h"

#include "base/fs.h"
#include "base/mem.h"
#include "net/child.h"
#include "proto/peer.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { AGAIN_MS = 1000, AGAIN_MAX_MS = 60000 };

struct own_actor {
    struct own_actor_conf conf;
    struct id id;
    struct child *child;
    int pipe; /* its writing end; -1: it was told to go */
    int64_t wanted_ms, again_ms, pause_ms;
    bool told, stopped; /* told: that it is at work was said */
};

void own_actor_new(struct own_actor **out, const struct own_actor_conf *conf)
{
    struct own_actor *own = mem_new(1, sizeof *own);
    uint64_t unused;

    own->conf = *conf;
    own->pipe = -1;
    own->pause_ms = AGAIN_MS;
    peer_random(&own->id, &unused);
    *out = own;
}

const struct id *own_actor_id(const struct own_actor *own)
{
    return &own->id;
}

/* It drains and says BYE. */
static void send_away(struct own_actor *own)
{
    if (own->pipe >= 0)
        close(own->pipe);
    own->pipe = -1;
}

void own_actor_stop(struct own_actor *own)
{
    own->stopped = true;
    send_away(own);
}

void own_actor_free(struct own_actor *own)
{
    if (own)
        send_away(own);
    free(own);
}

static enum err ended(void *self, struct child *child, int status, int number, int64_t now_ms)
{
    struct own_actor *own = self;
    const bool asked = own->pipe < 0; /* told to go: its end is no failure */

    (void)child;
    own->child = NULL;
    send_away(own);
    if (own->stopped || (asked && !status))
        return OK;
    progress_line(own->conf.progress,
                  "the learner's own actor ended with %s %d: see %s/logs/own-actor.log",
                  number ? "signal" : "status", number ? number : status, own->conf.output_dir);
    own->again_ms = now_ms + own->pause_ms;
    own->pause_ms = 2 * own->pause_ms < AGAIN_MAX_MS ? 2 * own->pause_ms : AGAIN_MAX_MS;
    return OK;
}

/* The program that was built with this one, wherever both were put. */
static char *program(void)
{
    char self[4096];
    const ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);

    self[n < 0 ? 0 : n] = 0;
    return mem_print("%.*s/drover-actor",
                     (int)(strrchr(self, '/') ? strrchr(self, '/') - self : 0), self);
}

/* Told in the environment, which only its own user can read, not on the command line. */
static char *secret(const struct id *id)
{
    char hex[2 * ID_BYTES + 1];

    for (int i = 0; i < ID_BYTES; i++)
        snprintf(hex + 2 * i, 3, "%02x", id->byte[i]);
    return mem_print("%s=%s", PEER_ID, hex);
}

/* -1 if it cannot be made: no reason not to start it. */
static int log_file(const struct own_actor *own)
{
    char *folder = mem_print("%s/logs", own->conf.output_dir);
    char *path = mem_print("%s/own-actor.log", folder);
    const int fd =
        fs_mkdir(folder) ? -1 : open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);

    free(path);
    free(folder);
    return fd;
}

static enum err launch(struct own_actor *own, struct loop *loop, int parent)
{
    const bool keyed = own->conf.key && *own->conf.key;
    char *path = program(), *env = secret(&own->id), *key = NULL;
    char *broker = mem_print("--broker=%s", own->conf.broker);
    const int log = log_file(own);
    const char *argv[] = {path, broker, "--parent-fd=3", "--name=learner's own", "--nice=10",
                          NULL, NULL};
    const char *const envs[] = {env, "OMP_WAIT_POLICY=passive", NULL};
    struct child_conf conf = {.argv = argv,
                              .env = envs,
                              .out = log,
                              .err = log,
                              .session = true, /* Ctrl-C is for the learner, which tells it */
                              .fd = {parent},
                              .fds = 1,
                              .ended = ended,
                              .self = own};
    enum err err;

    if (keyed)
        argv[5] = key = mem_print("--key=%s", own->conf.key);
    err = child_start(&own->child, loop, &conf);
    if (log >= 0)
        close(log);
    free(key);
    free(broker);
    free(env);
    free(path);
    return err;
}

static enum err start(struct own_actor *own, struct loop *loop)
{
    int ends[2];
    enum err err;

    if (pipe(ends))
        return err_set(ERR_IO, "cannot make a pipe");
    /* the child gets its end as descriptor 3; no other child may hold either end open */
    fcntl(ends[0], F_SETFD, FD_CLOEXEC);
    fcntl(ends[1], F_SETFD, FD_CLOEXEC);
    own->pipe = ends[1];
    err = launch(own, loop, ends[0]);
    close(ends[0]);
    if (err)
        send_away(own);
    return err;
}

/* A machine without room for it today may have some tomorrow: it is tried again, ever more rarely. */
static void try_start(struct own_actor *own, struct loop *loop, const char *why, int64_t now_ms)
{
    const enum err err = start(own, loop);

    if (err) {
        progress_line(own->conf.progress, "the learner's own actor cannot start: %s",
                      err_text());
        own->again_ms = now_ms + own->pause_ms;
        own->pause_ms = 2 * own->pause_ms < AGAIN_MAX_MS ? 2 * own->pause_ms : AGAIN_MAX_MS;
    } else {
        progress_line(own->conf.progress,
                      "no other worker may do it: the learner starts an actor of its own (%s)",
                      why);
    }
}

/* Every heartbeat says whether it is wanted: one that is not for long enough goes. */
void own_actor_hear(struct own_actor *own, struct loop *loop, const char *why, int64_t now_ms)
{
    if (*why)
        own->wanted_ms = now_ms;
    if (*why && !own->child && !own->stopped && now_ms >= own->again_ms)
        try_start(own, loop, why, now_ms);
    if (own->child && now_ms - own->wanted_ms >= OWN_ACTOR_IDLE_MS)
        send_away(own);
    if (own->child && own->pipe >= 0 && !*why)
        own->pause_ms = AGAIN_MS; /* it did its work */
}
