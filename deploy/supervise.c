/* How it works: one loop; a table of places, each a process that should be there (cli/place.h);
 * orders come over the broker, as from any peer. The end is a state, not a moment: each tick
 * looks who still lives and tells the next ones to go. */
#include "deploy/supervise.h"

#include "base/clock.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/outlet.h"
#include "deploy/endpoint.h"
#include "deploy/launch.h"
#include "deploy/ports.h"
#include "deploy/process.h"
#include "net/child.h"
#include "net/loop.h"
#include "proto/peer.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zmq.h>

enum { GRACE_MS = 10000, PATIENCE_MS = 2000 };

struct supervisor {
    const struct supervise_plan *plan;
    struct loop *loop;
    struct endpoint fleet;
    struct peer *peer;
    void *context;
    struct processes at;
    struct ports ports;
    int pipe[2];  /* whose end tells our programs that we are gone */
    int quiet[2]; /* the same for shells: ours make theirs non-blocking, for all who share it */
    int lock;
    bool ending;  /* the learner has ended, or was told to */
    int asked;    /* how often a signal asked for the end */
    bool refused; /* the learner's own words ended it */
    int status;
    int64_t told_ms;   /* when the workers were told to end, */
    bool told_again;   /* and told not to wait for their answers, */
    int64_t killed_ms; /* and when what is left is killed */
};

/* ---- before anything runs */

static enum err open_pipe(int fd[2])
{
    if (pipe(fd) || fcntl(fd[0], F_SETFD, FD_CLOEXEC) || fcntl(fd[1], F_SETFD, FD_CLOEXEC))
        return err_set(ERR_IO, "cannot make a pipe: %s", strerror(errno));
    return OK;
}

static enum err prepare(struct supervisor *s)
{
    char *logs = mem_print("%s/logs", s->plan->output_dir);
    char *lines = mem_print("%s/run.log", s->plan->output_dir);
    enum err err = ports_open(&s->ports, s->plan->host, s->plan->port);

    if (!err)
        err = fs_mkdir(logs);
    if (!err)
        err = endpoint_lock(&s->lock, s->plan->output_dir);
    if (!err)
        outlet_keep(lines);
    free(logs);
    free(lines);
    if (err)
        return err;
    err = open_pipe(s->pipe);
    if (!err)
        err = open_pipe(s->quiet);
    if (err)
        return err;
    s->refused = true; /* until something runs, what we leave in the folder is of no use */
    err = endpoint_make(&s->fleet, s->plan->output_dir, s->plan->key, &s->ports);
    s->refused = err != OK;
    return err;
}

/* ---- children */

static enum err ended(void *self, struct child *child, int status, int signal, int64_t now_ms);

static enum err start(struct process *p, int64_t now_ms)
{
    struct supervisor *s = p->owner;
    const struct launch launch = {.kind = p->kind,
                                  .number = p->number,
                                  .plan = s->plan,
                                  .fleet = &s->fleet,
                                  .ports = &s->ports,
                                  .again = p->restarts > 0,
                                  .parent_fd =
                                      p->kind == LAUNCH_WORKER ? s->quiet[0] : s->pipe[0]};
    char *log = launch_log(s->plan, p->kind, p->number);

    process_begin(p, log, now_ms);
    free(log);
    return launch_child(&p->child, s->loop, &launch, ended, p);
}

/* A system that has no process to give now is asked again. */
static void start_again(struct process *p, int64_t now_ms)
{
    if (!start(p, now_ms))
        return;
    log_warn("start", "role=%s number=%d reason=\"%s\"", launch_names[p->kind], p->number,
             err_text());
    p->again_ms = now_ms + PROCESS_FAILED_MS;
}

/* ---- the end */

/* Workers first, the broker last, so that they can say BYE. */
static void end_step(struct supervisor *s, int64_t now_ms)
{
    static const enum launch_kind workers[] = {LAUNCH_ACTOR, LAUNCH_REWARDER, LAUNCH_WORKER};
    bool left = false;

    if (process_living(&s->at, LAUNCH_LEARNER))
        return;
    if (!s->killed_ms) {
        s->killed_ms = now_ms + (s->asked > 1 ? 0 : GRACE_MS);
        s->told_ms = now_ms;
        for (int i = 0; i < 3; i++)
            process_stop(&s->at, workers[i], SIGTERM);
    }
    /* Nobody settles what they hold: it is made again, with the same bits. */
    if (now_ms - s->told_ms >= PATIENCE_MS && !s->told_again) {
        s->told_again = true;
        for (int i = 0; i < 3; i++)
            process_stop(&s->at, workers[i], SIGTERM);
    }
    if (now_ms >= s->killed_ms) {
        for (int i = 0; i < 3; i++)
            process_stop(&s->at, workers[i], SIGKILL);
        process_stop(&s->at, LAUNCH_BROKER, SIGKILL);
    }
    for (int i = 0; i < 3; i++)
        left = left || process_living(&s->at, workers[i]);
    if (left)
        return;
    if (process_living(&s->at, LAUNCH_BROKER))
        process_stop(&s->at, LAUNCH_BROKER, SIGTERM);
    else
        loop_stop(s->loop);
}

/* From here on nothing is started any more. */
static void finish(struct supervisor *s, int status)
{
    s->ending = true;
    peer_leave(s->peer);
    if (status > s->status)
        s->status = status;
}

static enum err ended(void *self, struct child *child, int status, int signal, int64_t now_ms)
{
    struct process *p = self;
    struct supervisor *s = p->owner;
    char *log;

    (void)child;
    p->child = NULL;
    if (p->kind == LAUNCH_LEARNER && !signal) { /* its own decision */
        s->refused = status != EXIT_SUCCESS;
        finish(s, status);
        return OK;
    }
    if (s->ending && p->kind == LAUNCH_LEARNER &&
        signal != SIGTERM)       /* it has not saved; by TERM */
        finish(s, EXIT_FAILURE); /* it ends only before there is anything to save */
    if (s->ending || !p->wanted)
        return OK;
    log = launch_log(s->plan, p->kind, p->number);
    if (!process_died(p, log, status, signal, now_ms)) {
        process_stop(&s->at, LAUNCH_LEARNER, SIGTERM);
        finish(s, EXIT_FAILURE);
    } else if (p->again_ms == now_ms) {
        start_again(p, now_ms);
    }
    free(log);
    return OK;
}

/* ---- orders */

/* There shall be places 1 .. n of the kind, and no others. n is at most PROCESS_MAX. */
static enum err scale(struct supervisor *s, enum launch_kind kind, int n, int64_t now_ms)
{
    enum err err = OK;

    for (int number = 1; number <= n && !err; number++) {
        struct process *p = process_find(&s->at, kind, number);
        if (!p)
            p = process_add(&s->at, s, kind, number);
        p->wanted = true;
        if (!p->child)
            err = start(p, now_ms);
        if (err)
            p->wanted = false; /* not there, and not counted */
    }
    for (int i = 0; i < s->at.n; i++)
        if (s->at.process[i]->kind == kind && s->at.process[i]->number > n &&
            s->at.process[i]->wanted) {
            s->at.process[i]->wanted = false;
            if (s->at.process[i]->child)
                child_signal(s->at.process[i]->child, SIGTERM);
        }
    return err;
}

static enum err obey_scale(struct supervisor *s, const struct msg_admin *order, char words[128],
                           int64_t now_ms)
{
    const enum launch_kind kind = order->role == ROLE_ACTOR ? LAUNCH_ACTOR : LAUNCH_REWARDER;
    const char *key = kind == LAUNCH_ACTOR ? "actors" : "rewarders";
    json_t *more = json_loads(order->arguments, 0, NULL);
    const bool force = json_is_true(json_object_get(more, "force"));
    const int before = process_count(&s->at, kind);
    enum err err;

    json_decref(more);
    if (order->role != ROLE_ACTOR && order->role != ROLE_REWARDER)
        return err_set(ERR_RANGE, "only actors and rewarders are scaled");
    if (s->ending)
        return err_set(ERR_STATE, "the fleet ends");
    /* never more than a limit, though fewer of too many are always welcome */
    err = process_check(key, order->count,
                        force || (before > 0 && order->count <= (uint32_t)before));
    if (err)
        return err;
    err = scale(s, kind, (int)order->count, now_ms);
    snprintf(words, 128, "%s: %d -> %d", launch_names[kind], before,
             process_count(&s->at, kind));
    return err;
}

static enum err obey(struct supervisor *s, const struct msg_admin *order, char words[128],
                     int64_t now_ms)
{
    if (!strcmp(order->order, "status")) {
        snprintf(words, 128, "%d actors, %d rewarders", process_count(&s->at, LAUNCH_ACTOR),
                 process_count(&s->at, LAUNCH_REWARDER));
        return OK;
    }
    if (!strcmp(order->order, "down")) {
        snprintf(words, 128, "the learner saves a checkpoint, then the fleet ends");
        finish(s, EXIT_SUCCESS);
        process_stop(&s->at, LAUNCH_LEARNER, SIGTERM);
        return OK;
    }
    if (!strcmp(order->order, "scale"))
        return obey_scale(s, order, words, now_ms);
    return err_set(ERR_RANGE, "order '%s' is not known here: scale, status, down",
                   order->order);
}

static enum err on_admin(void *self, const struct msg *msg, int64_t now_ms)
{
    struct supervisor *s = self;
    struct msg answer = {.head.type = MSG_ADMIN_OK};
    char words[128] = "";
    const enum err err = obey(s, &msg->admin, words, now_ms);
    char *result = process_list(&s->at);
    enum err send;

    answer.admin_ok = (struct msg_admin_ok){.request = msg->admin.request,
                                            .asker = msg->admin.asker,
                                            .ok = !err,
                                            .words = err ? err_text() : words,
                                            .result = result};
    send = peer_send(s->peer, &answer);
    if (send == ERR_RANGE) { /* too large: the words alone are an answer, too */
        answer.admin_ok.result = "";
        send = peer_send(s->peer, &answer);
    }
    if (send)
        log_warn("answer", "reason=\"%s\"", err_text());
    free(result);
    return OK;
}

/* ---- the loop */

static enum err tick(void *self, int64_t now_ms)
{
    struct supervisor *s = self;
    enum err err = peer_tick(s->peer, now_ms);

    for (int i = 0; i < s->at.n && !err && !s->ending; i++) {
        struct process *p = s->at.process[i];
        if (p->wanted && !p->child && p->again_ms && now_ms >= p->again_ms)
            start_again(p, now_ms);
    }
    if (s->ending)
        end_step(s, now_ms);
    return err;
}

/* Once: the learner saves and ends. Twice: it leaves the iteration it is at. Thrice: all is
 * killed; the journal has what was settled. */
static enum err on_signal(void *self, int64_t now_ms)
{
    struct supervisor *s = self;

    (void)now_ms;
    finish(s, EXIT_SUCCESS);
    if (++s->asked == 1)
        log_info("ending", "next=\"the learner saves, then the fleet ends; a second signal "
                           "hurries it, a third one kills\"");
    process_stop(&s->at, LAUNCH_LEARNER, s->asked > 2 ? SIGKILL : SIGTERM);
    if (s->asked > 1 && s->killed_ms)
        s->killed_ms = now_ms;
    return OK;
}

/* The terminal's stop is for all, and so is what follows it. */
static enum err on_stop(void *self, int64_t now_ms)
{
    struct supervisor *s = self;
    static const enum launch_kind order[] = {LAUNCH_LEARNER, LAUNCH_ACTOR, LAUNCH_REWARDER,
                                             LAUNCH_WORKER, LAUNCH_BROKER};

    (void)now_ms;
    for (int i = 0; i < 5; i++)
        process_stop(&s->at, order[i], SIGSTOP);
    raise(SIGSTOP);
    for (int i = 4; i >= 0; i--)
        process_stop(&s->at, order[i], SIGCONT);
    return OK;
}

static void hello(void *self, struct msg_hello *out)
{
    const struct supervisor *s = self;

    out->slots = (uint32_t)s->at.n;
    out->host = "localhost";
}

static enum err open_all(struct supervisor *s)
{
    struct peer_conf conf = {.role = ROLE_SUPERVISOR,
                             .broker = s->fleet.control,
                             .keys = &s->fleet.keys,
                             .name = "supervisor",
                             .hello = hello,
                             .self = s};
    static const int signals[] = {SIGTERM, SIGINT, SIGHUP};
    enum err err = loop_new(&s->loop);

    if (err)
        return err;
    s->context = zmq_ctx_new();
    peer_random(&conf.id, &conf.incarnation);
    err = peer_open(&s->peer, s->context, &conf, clock_mono_ms());
    if (err)
        return err;
    peer_on(s->peer, MSG_ADMIN, on_admin, s);
    err = loop_socket(s->loop, peer_socket(s->peer), peer_readable, s->peer);
    if (!err)
        err = loop_every(s->loop, PEER_TICK_MS, tick, s);
    for (int i = 0; i < 3 && !err; i++)
        err = loop_signal(s->loop, signals[i], on_signal, s);
    return err ? err : loop_signal(s->loop, SIGTSTP, on_stop, s);
}

static enum err start_all(struct supervisor *s)
{
    const int64_t now = clock_mono_ms();
    enum err err = start(process_add(&s->at, s, LAUNCH_BROKER, 0), now);

    if (!err)
        err = start(process_add(&s->at, s, LAUNCH_LEARNER, 0), now);
    if (!err)
        err = scale(s, LAUNCH_ACTOR, s->plan->actors, now);
    if (!err)
        err = scale(s, LAUNCH_REWARDER, s->plan->rewarders, now);
    for (int i = 1; i <= s->plan->workers && !err; i++)
        err = start(process_add(&s->at, s, LAUNCH_WORKER, i), now);
    return err;
}

static void close_all(struct supervisor *s)
{
    for (int i = 0; i < s->at.n; i++) {
        if (s->at.process[i]->child) /* only after an error of our own */
            child_signal(s->at.process[i]->child, SIGTERM);
        free(s->at.process[i]);
    }
    if (s->peer)
        loop_unsocket(s->loop, peer_socket(s->peer));
    peer_close(s->peer);
    loop_free(s->loop);
    if (s->context)
        zmq_ctx_term(s->context);
    ports_close(&s->ports);
    for (int i = 0; i < 2; i++) {
        if (s->pipe[i] > 0)
            close(s->pipe[i]);
        if (s->quiet[i] > 0)
            close(s->quiet[i]);
    }
    if (s->refused)
        endpoint_clean(s->plan->output_dir, !s->plan->key);
    if (s->lock > 0)
        close(s->lock);
    curve_wipe(&s->fleet.keys);
}

enum err supervise_run(const struct supervise_plan *plan, int *status)
{
    struct supervisor *s = mem_new(1, sizeof *s);
    enum err err;

    s->plan = plan;
    outlet_outlive();
    err = prepare(s);
    if (!err)
        err = open_all(s);
    if (!err)
        err = start_all(s);
    if (!err && (plan->port || strcmp(plan->host, "127.0.0.1")))
        endpoint_tell(&s->fleet, plan->host, s->ports.port);
    if (!err)
        err = loop_run(s->loop);
    *status = s->status;
    close_all(s);
    free(s);
    return err;
}
