/* How it works: a table of replicas, each a process that should be there. crew_start starts the
 * broker first (it listens already: the sockets are the owner's), then who joins it; from then on
 * everything happens in crew_tick, crew_scale and the end of a child (`ended`).
 *
 * The end is a state, not a moment: each tick looks who still lives and tells the next ones to
 * go: once the learner is gone, the workers. What must hold: nothing is started once `ending` is set. */
#include "deploy/crew.h"

#include "base/log.h"
#include "base/mem.h"
#include "deploy/endpoint.h"
#include "deploy/local.h"
#include "deploy/log_bound.h"
#include "net/child.h"
#include "net/loop.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    GRACE_MS = 10000,
    PATIENCE_MS = 2000,
    LOOK_MS = 1000,
    NEWS_MS = 60000,
    METRICS = 14 << 10
};

static const enum plan_role workers[] = {PLAN_ACTOR, PLAN_REWARDER, PLAN_WORKER};
enum { WORKERS = sizeof workers / sizeof *workers };

/* Closed on exec: only the end that is handed on by number reaches a child. */
static enum err open_pipe(int fd[2])
{
    if (pipe(fd) || fcntl(fd[0], F_SETFD, FD_CLOEXEC) || fcntl(fd[1], F_SETFD, FD_CLOEXEC))
        return err_set(ERR_IO, "cannot make a pipe: %s", strerror(errno));
    return OK;
}

/* Both pipes before anything is started: a child without one would outlive us. */
enum err crew_open(struct crew *c)
{
    enum err err = hours_read(&c->hours, c->plan->hours);

    if (!err)
        err = open_pipe(c->pipe);
    if (!err)
        err = open_pipe(c->quiet);
    c->want[PLAN_ACTOR] = c->plan->actors;
    c->want[PLAN_REWARDER] = c->plan->rewarders;
    for (int i = 0; i < c->plan->n_workers; i++)
        c->want[PLAN_WORKER + i] = c->plan->worker[i].count;
    machine_look(&c->machine, c->plan->output_dir);
    return err;
}

/* ---- children */

static enum err ended(void *self, struct child *child, int status, int signal, int64_t now_ms);

/* Workers of the user's get a pipe of their own: our programs make theirs non-blocking, and
 * that would hold for all who share it. */
static enum err start(struct replica *p, int64_t now_ms)
{
    struct crew *c = p->owner;
    char key[4096] = "", name[PLAN_NAME];
    const struct local local = {
        .spec = {.role = p->role,
                 .number = p->number,
                 .plan = c->plan,
                 .fleet = c->fleet,
                 .key = key,
                 .again = p->restarts > 0},
        .ports = c->ports,
        .parent_fd = p->role == PLAN_WORKER ? c->quiet[0] : c->pipe[0],
    };
    char *log;
    enum err err;

    plan_name(name, c->plan, p->role, p->number);
    err = c->owner.key(c->owner.self, p->role, name, key);
    if (err)
        return err;
    log = local_log(c->plan, p->role, p->number);
    replica_begin(p, log, now_ms);
    free(log);
    return local_start(&p->child, c->loop, &local, ended, p);
}

/* A system that has no process to give now is asked again. */
static void start_again(struct replica *p, int64_t now_ms)
{
    if (!start(p, now_ms)) {
        if (!p->restarts)
            p->cause[0] = 0; /* it only waited */
        return;
    }
    if (strncmp(p->cause, err_text(), sizeof p->cause - 1)) /* said once, not at each try */
        log_warn("start", "role=%s number=%d reason=\"%s\"", plan_roles[p->role], p->number,
                 err_text());
    snprintf(p->cause, sizeof p->cause, "%s", err_text());
    p->died_ms = now_ms;
    p->again_ms = now_ms + REPLICA_FAILED_MS;
}

/* Did the kernel run out of memory since the last look? What it says now is the next one's. */
static bool memory_ran_out(struct crew *c)
{
    const uint64_t before = c->machine.oom_kills;

    machine_look(&c->machine, c->plan->output_dir);
    return c->machine.oom_kills > before;
}

/* A learner that ended by itself has decided: its status is the run's. All others, and a
 * learner that a signal killed, come again, unless the end has begun or they are not wanted any
 * more. */
static enum err ended(void *self, struct child *child, int status, int signal, int64_t now_ms)
{
    struct replica *p = self;
    struct crew *c = p->owner;
    char *log;

    (void)child;
    p->child = NULL;
    if (p->role == PLAN_LEARNER && !signal) { /* its own decision */
        c->owner.decided(c->owner.self, status, now_ms);
        return OK;
    }
    if (c->ending && p->role == PLAN_LEARNER && signal != SIGTERM)
        c->owner.decided(c->owner.self, EXIT_FAILURE,
                         now_ms); /* it has not saved; by TERM it */
    if (c->ending || !p->wanted)  /* ends before there is anything */
        return OK;
    log = local_log(c->plan, p->role, p->number);
    if (!replica_died(p, log,
                      &(struct replica_death){.status = status,
                                              .signal = signal,
                                              .memory = signal == SIGKILL && memory_ran_out(c),
                                              .patient = c->patient},
                      now_ms))
        c->owner.gave_up(c->owner.self, now_ms);
    else if (p->again_ms == now_ms)
        start_again(p, now_ms);
    free(log);
    return OK;
}

/* ---- how many */

/* The number of the n-th process of a role (plan.h). */
static int number_of(enum plan_role role, int kind, int n)
{
    return role == PLAN_WORKER ? kind + 1 + PLAN_WORKERS * (n - 1) : n;
}

/* Where its count stands in `want`: roles first, then workers by their place. */
static int place_of(enum plan_role role, int kind)
{
    return (int)role + (role == PLAN_WORKER ? kind : 0);
}

/* Those above n: they end, and do not come again. */
static void retire(struct crew *c, enum plan_role role, int kind, int n)
{
    for (int i = 0; i < c->replicas.n; i++) {
        struct replica *p = c->replicas.replica[i];

        if (p->role != role || !p->wanted || p->number <= number_of(role, kind, n) ||
            (role == PLAN_WORKER && (p->number - 1) % PLAN_WORKERS != kind))
            continue;
        p->wanted = false;
        p->again_ms = 0;
        if (p->child)
            child_signal(p->child, SIGTERM);
    }
}

/* There shall be places 1 .. n of the role, and no others. n is at most PLAN_MAX. */
static enum err place(struct crew *c, enum plan_role role, int kind, int n, int64_t now_ms)
{
    enum err err = OK;

    for (int i = 1; i <= n && !err; i++) {
        struct replica *p = replica_find(&c->replicas, role, number_of(role, kind, i));
        if (!p)
            p = replica_add(&c->replicas, c, role, number_of(role, kind, i));
        p->wanted = true;
        if (p->child || (p->again_ms && c->patient)) /* its pause is for it to keep */
            continue;
        if (c->patient)
            start_again(p, now_ms);
        else
            err = start(p, now_ms);
        if (err)
            p->wanted = false; /* not there, and not counted */
    }
    retire(c, role, kind, n);
    return err;
}

int crew_wanted(const struct crew *c, enum plan_role role, int kind)
{
    return c->want[place_of(role, kind)];
}

/* Never more than a limit, though fewer of too many are always welcome. */
static enum err may(const struct crew *c, const struct crew_count *count)
{
    const int before = crew_wanted(c, count->role, count->kind);

    if (count->role == PLAN_WORKER && count->n > PLAN_WORKER_MAX)
        return err_set(ERR_RANGE, "%s: at most %d of one worker",
                       c->plan->worker[count->kind].name, PLAN_WORKER_MAX);
    return plan_check(count->role == PLAN_ACTOR      ? "actors"
                      : count->role == PLAN_REWARDER ? "rewarders"
                                                     : c->plan->worker[count->kind].name,
                      (uint32_t)count->n, count->force || (before > 0 && count->n <= before));
}

enum err crew_scale(struct crew *c, const struct crew_count *count, int64_t now_ms)
{
    enum err err;

    if (c->ending)
        return err_set(ERR_STATE, "the fleet ends");
    err = may(c, count);
    if (err)
        return err;
    c->want[place_of(count->role, count->kind)] = count->n;
    return c->asleep ? OK : place(c, count->role, count->kind, count->n, now_ms);
}

/* As many as are wanted, or none. */
static enum err place_all(struct crew *c, bool awake, int64_t now_ms)
{
    enum err err = place(c, PLAN_ACTOR, 0, awake ? c->want[PLAN_ACTOR] : 0, now_ms);

    if (!err)
        err = place(c, PLAN_REWARDER, 0, awake ? c->want[PLAN_REWARDER] : 0, now_ms);
    for (int i = 0; i < c->plan->n_workers && !err; i++)
        err = place(c, PLAN_WORKER, i, awake ? c->want[PLAN_WORKER + i] : 0, now_ms);
    return err;
}

/* Keys that are there when the broker starts are known to it from its first moment; one that is
 * made later it learns of within a second, and refuses meanwhile. */
static enum err make_keys(struct crew *c)
{
    const enum plan_role role[] = {PLAN_LEARNER, PLAN_ACTOR, PLAN_REWARDER};
    const int n[] = {c->plan->method != NULL, c->plan->actors, c->plan->rewarders};
    char name[PLAN_NAME], path[4096];
    enum err err = OK;

    for (int i = 0; i < 3; i++)
        for (int k = 1; k <= n[i] && !err; k++) {
            plan_name(name, c->plan, role[i], i ? k : 0);
            err = c->owner.key(c->owner.self, role[i], name, path);
        }
    for (int i = 0; i < c->plan->n_workers; i++)
        for (int k = 1; k <= c->plan->worker[i].count && !err; k++) {
            plan_name(name, c->plan, PLAN_WORKER, number_of(PLAN_WORKER, i, k));
            err = c->owner.key(c->owner.self, PLAN_WORKER, name, path);
        }
    return err;
}

enum err crew_start(struct crew *c, int64_t now_ms)
{
    enum err err = c->plan->broker ? make_keys(c) : OK;

    if (!err && c->plan->broker)
        err = start(replica_add(&c->replicas, c, PLAN_BROKER, 0), now_ms);
    if (!err && c->plan->method)
        err = start(replica_add(&c->replicas, c, PLAN_LEARNER, 0), now_ms);
    return err ? err : place_all(c, !c->asleep, now_ms);
}

/* ---- the end */

void crew_end(struct crew *c)
{
    c->ending = true;
}

void crew_signal(const struct crew *c, enum plan_role role, int signal)
{
    replica_stop(&c->replicas, role, signal);
}

bool crew_working(const struct crew *c)
{
    bool left = false;

    for (int i = 0; i < WORKERS; i++)
        left = left || replica_living(&c->replicas, workers[i]);
    return left;
}

bool crew_ended(const struct crew *c)
{
    return c->ending && !crew_working(c) && !replica_living(&c->replicas, PLAN_LEARNER) &&
           !replica_living(&c->replicas, PLAN_BROKER);
}

static void stop_workers(struct crew *c, int signal)
{
    for (int i = 0; i < WORKERS; i++)
        replica_stop(&c->replicas, workers[i], signal);
}

/* The workers; the broker is the owner's to end, so that they can say BYE. */
static void end_step(struct crew *c, int64_t now_ms)
{
    if (replica_living(&c->replicas, PLAN_LEARNER))
        return;
    if (!c->killed_ms) {
        c->killed_ms = now_ms + (c->hurried > 1 ? 0 : GRACE_MS);
        c->told_ms = now_ms;
        stop_workers(c, SIGTERM);
    }
    /* Nobody settles what they hold: it is made again, with the same bits. */
    if (now_ms - c->told_ms >= PATIENCE_MS && !c->told_again) {
        c->told_again = true;
        stop_workers(c, SIGTERM);
    }
    if (now_ms >= c->killed_ms)
        stop_workers(c, SIGKILL);
}

void crew_hurry(struct crew *c, int64_t now_ms)
{
    if (++c->hurried > 1 && c->killed_ms)
        c->killed_ms = now_ms;
}

/* At its hours' end a machine is left as by an order of none, at their beginning as it was. */
static void keep_hours(struct crew *c, int64_t now_ms, int minute)
{
    const bool asleep = !hours_open(&c->hours, minute);

    if (asleep == c->asleep)
        return;
    c->asleep = asleep;
    log_info("hours", "open=%d hours=%s", !asleep, c->plan->hours);
    if (place_all(c, !asleep, now_ms))
        log_warn("hours", "reason=\"%s\"", err_text());
}

/* A worker that says a line for each of its errors would fill the disk in a week of them. */
static void bound_logs(struct crew *c)
{
    for (int i = 0; i < c->replicas.n; i++) {
        struct replica *p = c->replicas.replica[i];
        char *log = local_log(c->plan, p->role, p->number);
        off_t lost;

        if (log && log_bound(log, &lost)) {
            log_info("log",
                     "file=%s lost=%lld next=\"it begins anew; its newest lines are in %s.1\"",
                     log, (long long)lost, log);
            p->log_from = 0;
        }
        free(log);
    }
}

/* The order matters: what the machine says is looked at first, since deaths are explained by it;
 * once the end has begun hours and pauses count no more. */
void crew_tick(struct crew *c, int64_t now_ms, int minute)
{
    if (now_ms - c->looked_ms >= LOOK_MS) {
        c->looked_ms = now_ms;
        machine_look(&c->machine, c->plan->output_dir);
        bound_logs(c);
    }
    if (c->ending) {
        end_step(c, now_ms);
        return;
    }
    keep_hours(c, now_ms, minute);
    for (int i = 0; i < c->replicas.n; i++) {
        struct replica *p = c->replicas.replica[i];
        if (p->wanted && !p->child && p->again_ms && now_ms >= p->again_ms)
            start_again(p, now_ms);
    }
}

void crew_close(struct crew *c)
{
    for (int i = 0; i < c->replicas.n; i++) {
        struct child *child = c->replicas.replica[i]->child;

        if (child) { /* only after an error of our own */
            child_signal(child, SIGTERM);
            child_forget(child);
        }
        free(c->replicas.replica[i]);
    }
    c->replicas.n = 0;
    for (int i = 0; i < 2; i++) {
        if (c->pipe[i] > 0)
            close(c->pipe[i]);
        if (c->quiet[i] > 0)
            close(c->quiet[i]);
    }
}

/* ---- for people
 *
 * Wanted, not living: a person who has just scaled wants to see that it was heard. */
void crew_words(char out[CREW_WORDS], const struct crew *c)
{
    const int actors = replica_count(&c->replicas, PLAN_ACTOR);
    const int rewarders = replica_count(&c->replicas, PLAN_REWARDER);
    const int others = replica_count(&c->replicas, PLAN_WORKER);
    int n = snprintf(out, CREW_WORDS, "%d actors, %d rewarders", actors, rewarders);

    if (others)
        n += snprintf(out + n, CREW_WORDS - (size_t)n, ", %d workers", others);
    if (c->asleep)
        snprintf(out + n, CREW_WORDS - (size_t)n, "; outside its hours %s", c->plan->hours);
}

/* One line of the dashboard, so the worst first: a machine that is full stops all of its workers,
 * a worker that is down one, one that died a minute ago none any more. */
void crew_note(char out[CREW_WORDS], const struct crew *c, int64_t now_ms)
{
    const struct replica *newest = NULL;
    char name[PLAN_NAME];

    machine_trouble(out, &c->machine); /* as long as a note */
    if (*out)
        return;
    for (int i = 0; i < c->replicas.n; i++) {
        const struct replica *p = c->replicas.replica[i];
        if (p->wanted && *p->cause && (!p->child || now_ms - p->died_ms < NEWS_MS) &&
            (!newest || p->died_ms > newest->died_ms))
            newest = p;
    }
    if (!newest)
        return;
    plan_name(name, c->plan, newest->role, newest->number);
    snprintf(out, CREW_WORDS, "%.40s: %.95s%s", name, newest->cause,
             newest->child ? "; it runs again" : "");
}

/* A child at a time while there is room; how many did not fit is said. */
char *crew_metrics(const struct crew *c, int64_t now_ms)
{
    json_t *tree = machine_json(&c->machine), *list = json_array();
    size_t room = METRICS;
    int left = 0;
    char *text;

    for (int i = 0; i < c->replicas.n; i++) {
        const struct replica *p = c->replicas.replica[i];
        char name[PLAN_NAME];
        json_t *one;
        size_t n;

        if (!p->wanted && !p->child)
            continue;
        plan_name(name, c->plan, p->role, p->number);
        one = replica_json(p, name, now_ms);
        n = json_dumpb(one, NULL, 0, JSON_COMPACT) + 1;
        if (n > room) {
            left++;
            json_decref(one);
            continue;
        }
        room -= n;
        json_array_append_new(list, one);
    }
    json_object_set_new(tree, "children", list);
    if (left)
        json_object_set_new(tree, "left_out", json_integer(left));
    text = json_dumps(tree, JSON_COMPACT);
    json_decref(tree);
    return text;
}
