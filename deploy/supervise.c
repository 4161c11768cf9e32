/* How it works: one loop; a table of replicas, each a process that should be there; orders
 * come over the broker, as from any peer. prepare takes the folder and the ports, start_all
 * starts the broker first (it listens already: the sockets are ours) and then who joins it,
 * and from then on everything happens in four callbacks: tick, ended, on_admin, on_signal.
 *
 * The end is a state, not a moment: each tick looks who still lives and tells the next ones
 * to go: learner, workers, broker. What must hold: nothing is started once `ending` is set. */
#include "deploy/supervise.h"

#include "base/clock.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/outlet.h"
#include "deploy/endpoint.h"
#include "deploy/local.h"
#include "deploy/ports.h"
#include "deploy/replica.h"
#include "deploy/run_folder.h"
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
    const struct plan *plan;
    struct loop *loop;
    struct endpoint fleet;
    struct peer *peer;
    void *context;
    struct replicas replicas;
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

/* Ports first: a port in use is found while nothing has to be taken back. */
static enum err prepare(struct supervisor *s)
{
    char *logs = mem_print("%s/logs", s->plan->output_dir);
    char *lines = mem_print("%s/run.log", s->plan->output_dir);
    enum err err = ports_open(&s->ports, s->plan->host, s->plan->port);

    if (!err)
        err = fs_mkdir(logs);
    if (!err)
        err = run_folder_lock(&s->lock, s->plan->output_dir);
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

/* Workers of the user's get a pipe of their own: our programs make theirs non-blocking, and
 * that would hold for all who share it. */
static enum err start(struct replica *p, int64_t now_ms)
{
    struct supervisor *s = p->owner;
    const struct local local = {
        .spec = {.role = p->role,
                 .number = p->number,
                 .plan = s->plan,
                 .fleet = &s->fleet,
                 .again = p->restarts > 0},
        .ports = &s->ports,
        .parent_fd = p->role == PLAN_WORKER ? s->quiet[0] : s->pipe[0],
    };
    char *log = local_log(s->plan, p->role, p->number);

    replica_begin(p, log, now_ms);
    free(log);
    return local_start(&p->child, s->loop, &local, ended, p);
}

/* A system that has no process to give now is asked again. */
static void start_again(struct replica *p, int64_t now_ms)
{
    if (!start(p, now_ms))
        return;
    log_warn("start", "role=%s number=%d reason=\"%s\"", plan_roles[p->role], p->number,
             err_text());
    p->again_ms = now_ms + REPLICA_FAILED_MS;
}

/* ---- the end */

/* Workers first, the broker last, so that they can say BYE. */
static void end_step(struct supervisor *s, int64_t now_ms)
{
    static const enum plan_role workers[] = {PLAN_ACTOR, PLAN_REWARDER, PLAN_WORKER};
    bool left = false;

    if (replica_living(&s->replicas, PLAN_LEARNER))
        return;
    if (!s->killed_ms) {
        s->killed_ms = now_ms + (s->asked > 1 ? 0 : GRACE_MS);
        s->told_ms = now_ms;
        for (int i = 0; i < 3; i++)
            replica_stop(&s->replicas, workers[i], SIGTERM);
    }
    /* Nobody settles what they hold: it is made again, with the same bits. */
    if (now_ms - s->told_ms >= PATIENCE_MS && !s->told_again) {
        s->told_again = true;
        for (int i = 0; i < 3; i++)
            replica_stop(&s->replicas, workers[i], SIGTERM);
    }
    if (now_ms >= s->killed_ms) {
        for (int i = 0; i < 3; i++)
            replica_stop(&s->replicas, workers[i], SIGKILL);
        replica_stop(&s->replicas, PLAN_BROKER, SIGKILL);
    }
    for (int i = 0; i < 3; i++)
        left = left || replica_living(&s->replicas, workers[i]);
    if (left)
        return;
    if (replica_living(&s->replicas, PLAN_BROKER))
        replica_stop(&s->replicas, PLAN_BROKER, SIGTERM);
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

/* A learner that ended by itself has decided: its status is the run's. All others, and a
 * learner that a signal killed, come again, unless the end has begun or they are not wanted any
 * more. */
static enum err ended(void *self, struct child *child, int status, int signal, int64_t now_ms)
{
    struct replica *p = self;
    struct supervisor *s = p->owner;
    char *log;

    (void)child;
    p->child = NULL;
    if (p->role == PLAN_LEARNER && !signal) { /* its own decision */
        s->refused = status != EXIT_SUCCESS;
        finish(s, status);
        return OK;
    }
    if (s->ending && p->role == PLAN_LEARNER &&
        signal != SIGTERM)       /* it has not saved; by TERM */
        finish(s, EXIT_FAILURE); /* it ends only before there is anything to save */
    if (s->ending || !p->wanted)
        return OK;
    log = local_log(s->plan, p->role, p->number);
    if (!replica_died(p, log, status, signal, now_ms)) {
        replica_stop(&s->replicas, PLAN_LEARNER, SIGTERM);
        finish(s, EXIT_FAILURE);
    } else if (p->again_ms == now_ms) {
        start_again(p, now_ms);
    }
    free(log);
    return OK;
}

/* ---- orders */

/* There shall be places 1 .. n of the role, and no others. n is at most PLAN_MAX. */
static enum err scale(struct supervisor *s, enum plan_role role, int n, int64_t now_ms)
{
    enum err err = OK;

    for (int number = 1; number <= n && !err; number++) {
        struct replica *p = replica_find(&s->replicas, role, number);
        if (!p)
            p = replica_add(&s->replicas, s, role, number);
        p->wanted = true;
        if (!p->child)
            err = start(p, now_ms);
        if (err)
            p->wanted = false; /* not there, and not counted */
    }
    for (int i = 0; i < s->replicas.n; i++)
        if (s->replicas.replica[i]->role == role && s->replicas.replica[i]->number > n &&
            s->replicas.replica[i]->wanted) {
            s->replicas.replica[i]->wanted = false;
            if (s->replicas.replica[i]->child)
                child_signal(s->replicas.replica[i]->child, SIGTERM);
        }
    return err;
}

/* The numbers come from a peer: the limits of the configuration hold for them, too. */
static enum err obey_scale(struct supervisor *s, const struct msg_admin *order, char words[128],
                           int64_t now_ms)
{
    const enum plan_role role = order->role == ROLE_ACTOR ? PLAN_ACTOR : PLAN_REWARDER;
    const char *key = role == PLAN_ACTOR ? "actors" : "rewarders";
    json_t *more = json_loads(order->arguments, 0, NULL);
    const bool force = json_is_true(json_object_get(more, "force"));
    const int before = replica_count(&s->replicas, role);
    enum err err;

    json_decref(more);
    if (order->role != ROLE_ACTOR && order->role != ROLE_REWARDER)
        return err_set(ERR_RANGE, "only actors and rewarders are scaled");
    if (s->ending)
        return err_set(ERR_STATE, "the fleet ends");
    /* never more than a limit, though fewer of too many are always welcome */
    err = plan_check(key, order->count,
                     force || (before > 0 && order->count <= (uint32_t)before));
    if (err)
        return err;
    err = scale(s, role, (int)order->count, now_ms);
    snprintf(words, 128, "%s: %d -> %d", plan_roles[role], before,
             replica_count(&s->replicas, role));
    return err;
}

/* The orders there are; words say what was done. */
static enum err obey(struct supervisor *s, const struct msg_admin *order, char words[128],
                     int64_t now_ms)
{
    if (!strcmp(order->order, "status")) {
        snprintf(words, 128, "%d actors, %d rewarders", replica_count(&s->replicas, PLAN_ACTOR),
                 replica_count(&s->replicas, PLAN_REWARDER));
        return OK;
    }
    if (!strcmp(order->order, "down")) {
        snprintf(words, 128, "the learner saves a checkpoint, then the fleet ends");
        finish(s, EXIT_SUCCESS);
        replica_stop(&s->replicas, PLAN_LEARNER, SIGTERM);
        return OK;
    }
    if (!strcmp(order->order, "scale"))
        return obey_scale(s, order, words, now_ms);
    return err_set(ERR_RANGE, "order '%s' is not known here: scale, status, down",
                   order->order);
}

/* Every order is answered, refused or not: the asker waits. */
static enum err on_admin(void *self, const struct msg *msg, int64_t now_ms)
{
    struct supervisor *s = self;
    struct msg answer = {.head.type = MSG_ADMIN_OK};
    char words[128] = "";
    const enum err err = obey(s, &msg->admin, words, now_ms);
    char *result = replica_list(&s->replicas);
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

    for (int i = 0; i < s->replicas.n && !err && !s->ending; i++) {
        struct replica *p = s->replicas.replica[i];
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
    replica_stop(&s->replicas, PLAN_LEARNER, s->asked > 2 ? SIGKILL : SIGTERM);
    if (s->asked > 1 && s->killed_ms)
        s->killed_ms = now_ms;
    return OK;
}

/* The terminal's stop is for all, and so is what follows it. */
static enum err on_stop(void *self, int64_t now_ms)
{
    struct supervisor *s = self;
    static const enum plan_role order[] = {PLAN_LEARNER, PLAN_ACTOR, PLAN_REWARDER, PLAN_WORKER,
                                           PLAN_BROKER};

    (void)now_ms;
    for (int i = 0; i < 5; i++)
        replica_stop(&s->replicas, order[i], SIGSTOP);
    raise(SIGSTOP);
    for (int i = 4; i >= 0; i--)
        replica_stop(&s->replicas, order[i], SIGCONT);
    return OK;
}

/* Slots are what the dashboard shows of a peer: here, how many processes there are. */
static void hello(void *self, struct msg_hello *out)
{
    const struct supervisor *s = self;

    out->slots = (uint32_t)s->replicas.n;
    out->host = "localhost";
}

/* The loop, and ourselves as a peer of our own broker. */
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

/* The broker first: it listens already, so the others wait for its words and not for its
 * port. */
static enum err start_all(struct supervisor *s)
{
    const int64_t now = clock_mono_ms();
    enum err err = start(replica_add(&s->replicas, s, PLAN_BROKER, 0), now);

    if (!err)
        err = start(replica_add(&s->replicas, s, PLAN_LEARNER, 0), now);
    if (!err)
        err = scale(s, PLAN_ACTOR, s->plan->actors, now);
    if (!err)
        err = scale(s, PLAN_REWARDER, s->plan->rewarders, now);
    for (int i = 1; i <= s->plan->n_workers && !err; i++)
        err = start(replica_add(&s->replicas, s, PLAN_WORKER, i), now);
    return err;
}

/* After an error of our own as well as at the end: whatever is there is taken down. */
static void close_all(struct supervisor *s)
{
    for (int i = 0; i < s->replicas.n; i++) {
        if (s->replicas.replica[i]->child) /* only after an error of our own */
            child_signal(s->replicas.replica[i]->child, SIGTERM);
        free(s->replicas.replica[i]);
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
        run_folder_clean(s->plan->output_dir, !*s->plan->key);
    if (s->lock > 0)
        close(s->lock);
    curve_wipe(&s->fleet.keys);
}

enum err supervise_run(const struct plan *plan, int *status)
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
