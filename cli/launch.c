#include "cli/launch.h"

#include "base/mem.h"
#include "cli/command.h"
#include "net/child.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char *const launch_names[] = {"broker", "learner", "actor", "rewarder"};

struct words { /* an argument list */
    char *word[64];
    int n;
};

static void say(struct words *w, char *word)
{
    if (w->n < 63)
        w->word[w->n++] = word;
}

static void arguments(const struct launch *l, struct words *w)
{
    if (l->kind == KIND_BROKER) {
        say(w, mem_text("--listen-fd=3,4,5"));
        say(w, mem_text("--parent-fd=6"));
        say(w, mem_print("--key=%s", l->fleet->key_path));
        return;
    }
    if (l->kind == KIND_LEARNER) {
        say(w, mem_text(l->plan->method));
        for (char *const *a = l->plan->learner; *a; a++)
            say(w, mem_text(*a));
        if (l->again)
            say(w, mem_text("overwrite_output_dir=false"));
    }
    say(w, mem_print("%sbroker=%s", l->kind == KIND_LEARNER ? "" : "--", l->fleet->control));
    say(w, mem_print("%s=%s", l->kind == KIND_LEARNER ? "broker_key" : "--key",
                     l->fleet->key_path));
    say(w, mem_print("%s=3", l->kind == KIND_LEARNER ? "parent_fd" : "--parent-fd"));
    if (l->kind == KIND_ACTOR || l->kind == KIND_REWARDER)
        say(w, mem_print("--name=%s-%d", launch_names[l->kind], l->number));
    if (l->kind == KIND_ACTOR && l->plan->slots)
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
static void environment(const struct launch *l, char *env[4])
{
    const struct supervise_plan *plan = l->plan;
    const long cores = sysconf(_SC_NPROCESSORS_ONLN);
    const long share = plan->actor_threads                            ? plan->actor_threads
                       : plan->actors > 0 && cores / plan->actors > 0 ? cores / plan->actors
                                                                      : 1;
    int n = 0;

    env[n++] = mem_text("OMP_WAIT_POLICY=passive");
    if (l->kind == KIND_ACTOR) {
        char *isa = isa_of(plan, l->number);
        env[n++] = mem_print("OMP_NUM_THREADS=%ld", share);
        if (isa)
            env[n++] = isa;
    }
    env[n] = NULL;
}

static int log_file(const struct launch *l)
{
    char *path = l->number
                     ? mem_print("%s/logs/%s-%d.log", l->plan->output_dir,
                                 launch_names[l->kind], l->number)
                     : mem_print("%s/logs/%s.log", l->plan->output_dir, launch_names[l->kind]);
    const int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);

    free(path);
    return fd;
}

enum err launch_child(struct child **out, struct loop *loop, const struct launch *l,
                      enum err (*ended)(void *self, struct child *child, int status, int signal,
                                        int64_t now_ms),
                      void *self)
{
    struct words w = {.n = 0};
    struct child_conf conf = {.out = -1, .err = -1, .ended = ended, .self = self};
    char *env[4], *name = mem_print("drover-%s", launch_names[l->kind]), *path = NULL;
    int log = -1;
    enum err err = command_program(&path, name);

    free(name);
    if (err)
        return err;
    say(&w, path);
    arguments(l, &w);
    w.word[w.n] = NULL;
    environment(l, env);
    conf.argv = (const char *const *)w.word;
    conf.env = (const char *const *)env;
    if (l->kind != KIND_LEARNER)
        conf.out = conf.err = log = log_file(l);
    for (int i = 0; i < LAUNCH_PORTS && l->kind == KIND_BROKER; i++)
        conf.fd[conf.fds++] = l->listener[i];
    conf.fd[conf.fds++] = l->parent_fd;
    err = child_start(out, loop, &conf);
    if (log >= 0)
        close(log);
    for (int i = 0; i < w.n; i++)
        free(w.word[i]);
    for (int i = 0; env[i]; i++)
        free(env[i]);
    return err;
}
