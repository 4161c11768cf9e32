/* How it works: a child's command line is put together from the plan, its environment over
 * ours, and its descriptors from 3 on are what it inherits. A worker of the user's is a shell
 * command beside a watcher: the watcher reads the supervisor's pipe, and at its end takes the
 * command's whole group away, for the command itself knows nothing of pipes. */
#include "deploy/launch.h"

#include "base/mem.h"
#include "deploy/ports.h"
#include "deploy/program.h"
#include "net/child.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char *const launch_names[] = {"broker", "learner", "actor", "rewarder", "worker"};

enum { ENVIRONMENT = 6 };

/* $0 is the command. TERM for all first, for those who listen; then KILL. */
static const char watched[] =
    "{ trap '' TERM; read -r gone; kill 0; sleep 3; kill -9 0; } <&3 >/dev/null 2>&1 & "
    "exec sh -c \"$0\" 3<&-";

struct words { /* an argument list, NULL-ended */
    char **word;
    size_t n;
};

static void say(struct words *w, char *word)
{
    w->word = mem_grow(w->word, w->n + 2, sizeof *w->word);
    w->word[w->n++] = word;
    w->word[w->n] = NULL;
}

static void arguments(const struct launch *l, struct words *w)
{
    if (l->kind == LAUNCH_BROKER) {
        say(w, mem_text("--listen-fd=3,4,5"));
        say(w, mem_text("--parent-fd=6"));
        say(w, mem_print("--key=%s", l->fleet->key_path));
        return;
    }
    if (l->kind == LAUNCH_LEARNER) {
        say(w, mem_text(l->plan->method));
        for (char *const *a = l->plan->learner; *a; a++)
            say(w, mem_text(*a));
        if (l->again)
            say(w, mem_text("overwrite_output_dir=false"));
    }
    say(w, mem_print("%sbroker=%s", l->kind == LAUNCH_LEARNER ? "" : "--", l->fleet->control));
    say(w, mem_print("%s=%s", l->kind == LAUNCH_LEARNER ? "broker_key" : "--key",
                     l->fleet->key_path));
    say(w, mem_print("%s=3", l->kind == LAUNCH_LEARNER ? "parent_fd" : "--parent-fd"));
    if (l->kind == LAUNCH_ACTOR || l->kind == LAUNCH_REWARDER)
        say(w, mem_print("--name=%s-%d", launch_names[l->kind], l->number));
    if (l->kind == LAUNCH_ACTOR && l->plan->slots)
        say(w, mem_print("--slots=%d", l->plan->slots));
}

/* The DROVER_ISA of actor `number` out of "avx2,avx512,...", or NULL. */
static char *isa_of(const struct supervise_plan *plan, int number)
{
    const char *list = plan->actor_isa;
    int n = 1;

    if (!list || !*list)
        return NULL;
    for (const char *p = list; *p; p++)
        n += *p == ',';
    for (int skip = (number - 1) % n; skip; skip--)
        list = strchr(list, ',') + 1;
    return mem_print("DROVER_ISA=%.*s", (int)strcspn(list, ","), list);
}

/* Threads: actors share the cores, whoever works alone may use them all; waiting threads sleep,
 * because processes times threads is more than cores. */
static void environment(const struct launch *l, char *env[ENVIRONMENT])
{
    const struct supervise_plan *plan = l->plan;
    const long cores = sysconf(_SC_NPROCESSORS_ONLN);
    const long share = plan->actor_threads                            ? plan->actor_threads
                       : plan->actors > 0 && cores / plan->actors > 0 ? cores / plan->actors
                                                                      : 1;
    int n = 0;

    if (l->kind == LAUNCH_WORKER) {
        env[n++] = mem_print("DROVER_BROKER=%s", l->fleet->control);
        env[n++] = mem_print("DROVER_KEY=%s", l->fleet->key_path);
        env[n++] = mem_print("DROVER_WORKER=%s", plan->worker[l->number - 1].name);
        env[n] = NULL;
        return;
    }
    env[n++] = mem_text("OMP_WAIT_POLICY=passive");
    if (l->kind == LAUNCH_LEARNER)
        env[n++] = mem_text("DROVER_TYPED=drover");
    if (l->kind == LAUNCH_ACTOR) {
        char *isa = isa_of(plan, l->number);
        env[n++] = mem_print("OMP_NUM_THREADS=%ld", share);
        if (isa)
            env[n++] = isa;
    }
    env[n] = NULL;
}

char *launch_log(const struct supervise_plan *plan, enum launch_kind kind, int number)
{
    if (kind == LAUNCH_LEARNER)
        return NULL;
    return number ? mem_print("%s/logs/%s-%d.log", plan->output_dir, launch_names[kind], number)
                  : mem_print("%s/logs/%s.log", plan->output_dir, launch_names[kind]);
}

static int log_file(const struct launch *l)
{
    char *path = launch_log(l->plan, l->kind, l->number);
    const int fd = path ? open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644) : -1;

    free(path);
    return fd;
}

/* The program and all that it is told. */
static enum err command_line(const struct launch *l, struct words *w)
{
    char *name, *path = NULL;
    enum err err = OK;

    if (l->kind == LAUNCH_WORKER) {
        say(w, mem_text("/bin/sh"));
        say(w, mem_text("-c"));
        say(w, mem_text(watched));
        say(w, mem_text(l->plan->worker[l->number - 1].run));
        return OK;
    }
    name = mem_print("drover-%s", launch_names[l->kind]);
    err = program_path(&path, name);
    free(name);
    if (err)
        return err;
    say(w, path);
    arguments(l, w);
    return OK;
}

enum err launch_child(struct child **out, struct loop *loop, const struct launch *l,
                      enum err (*ended)(void *self, struct child *child, int status, int signal,
                                        int64_t now_ms),
                      void *self)
{
    struct words w = {NULL, 0};
    struct child_conf conf = {
        .out = -1, .err = -1, .session = true, .ended = ended, .self = self};
    char *env[ENVIRONMENT];
    const int log = log_file(l);
    enum err err = command_line(l, &w);

    if (err) {
        if (log >= 0)
            close(log);
        return err;
    }
    environment(l, env);
    conf.argv = (const char *const *)w.word;
    conf.env = (const char *const *)env;
    if (log >= 0)
        conf.out = conf.err = log;
    for (int i = 0; i < PORTS && l->kind == LAUNCH_BROKER; i++)
        conf.fd[conf.fds++] = l->ports->fd[i];
    conf.fd[conf.fds++] = l->parent_fd;
    err = child_start(out, loop, &conf);
    if (log >= 0)
        close(log);
    for (size_t i = 0; i < w.n; i++)
        free(w.word[i]);
    free(w.word);
    for (int i = 0; env[i]; i++)
        free(env[i]);
    return err;
}
