/* How it works: spec.c says what the process is told; here come the program's path on this
 * machine and the descriptors from 3 on that it inherits: for the broker its listening
 * sockets, which outlive it, and for all the supervisor's pipe. A worker of the user's is a
 * shell command beside a watcher: the watcher reads the supervisor's pipe, and at its end
 * takes the command's whole group away, for the command itself knows nothing of pipes. */
#include "deploy/local.h"

#include "base/cpu_limit.h"
#include "base/mem.h"
#include "deploy/ports.h"
#include "deploy/program.h"
#include "net/child.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

/* $0 is the command, $1 how nice it is. TERM for all first, for those who listen; then KILL. */
static const char watched[] =
    "{ trap '' TERM; read -r gone; kill 0; sleep 3; kill -9 0; } <&3 >/dev/null 2>&1 & "
    "exec nice -n \"$1\" sh -c \"$0\" 3<&-";

char *local_log(const struct plan *plan, enum plan_role role, int number)
{
    char name[PLAN_NAME];

    if (role == PLAN_LEARNER)
        return NULL;
    plan_name(name, plan, role, number);
    return mem_print("%s/logs/%s.log", plan->output_dir, name);
}

/* A log that cannot be opened is no reason not to start: the child then speaks to our own. */
static int open_log(const struct spec *spec)
{
    char *path = local_log(spec->plan, spec->role, spec->number);
    const int fd = path ? open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644) : -1;

    free(path);
    return fd;
}

/* sh -c COMMAND becomes sh -c WATCHED COMMAND. */
static void watch(struct spec_told *told, int nice)
{
    char *command = told->word[2];

    free(told->word[0]);
    told->word[0] = mem_text("/bin/sh");
    told->word[2] = mem_text(watched);
    spec_add(told, command);
    spec_add(told, mem_print("%d", nice));
}

/* The program's path, and the numbers that its descriptors will have. */
static enum err complete(struct spec_told *told, enum plan_role role, int nice)
{
    char *path = NULL;
    enum err err = OK;

    if (role == PLAN_WORKER) {
        watch(told, nice);
        return OK;
    }
    err = program_path(&path, told->word[0]);
    if (err)
        return err;
    free(told->word[0]);
    told->word[0] = path;
    if (role == PLAN_BROKER)
        spec_add(told, mem_text("--listen-fd=3,4,5"));
    spec_add(told, mem_text(role == PLAN_BROKER    ? "--parent-fd=6"
                            : role == PLAN_LEARNER ? "parent_fd=3"
                                                   : "--parent-fd=3"));
    return OK;
}

enum err local_start(struct child **out, struct loop *loop, const struct local *local,
                     enum err (*ended)(void *self, struct child *child, int status, int signal,
                                       int64_t now_ms),
                     void *self)
{
    struct child_conf conf = {
        .out = -1, .err = -1, .session = true, .ended = ended, .self = self};
    struct spec spec = local->spec;
    struct spec_told told;
    struct cpu_limit cpu;
    const int log = open_log(&spec);
    enum err err;

    cpu_limit_look(&cpu);
    spec.cores = cpu.cores;
    spec_make(&told, &spec);
    err = complete(&told, spec.role, spec.plan->nice);
    conf.argv = (const char *const *)told.word;
    conf.env = (const char *const *)told.env;
    if (log >= 0)
        conf.out = conf.err = log;
    for (int i = 0; i < PORTS && spec.role == PLAN_BROKER; i++)
        conf.fd[conf.fds++] = local->ports->fd[i];
    conf.fd[conf.fds++] = local->parent_fd;
    if (!err)
        err = child_start(out, loop, &conf);
    if (log >= 0)
        close(log);
    spec_free(&told);
    return err;
}
