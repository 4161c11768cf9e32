#include "cli/supervise.h"

#include "base/clock.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"
#include "cli/command.h"
#include "cli/fleet.h"
#include "cli/launch.h"
#include "net/child.h"
#include "net/loop.h"
#include "proto/peer.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <zmq.h>

enum {
    WORKERS_MAX = 1024,
    QUICK_MS = 10000,
    QUICK_DEATHS = 5,
    GRACE_MS = 10000,
    PORTS = LAUNCH_PORTS
};

struct supervisor;

struct place { /* a process that should be there, and the child that is */
    struct supervisor *owner;
    enum kind kind;
    int number;
    struct child *child;
    bool wanted;
    int64_t started_ms, again_ms; /* again_ms: when to start it next, 0: now */
    int quick;                    /* deaths in a row soon after the start */
    long restarts;
};

struct supervisor {
    const struct supervise_plan *plan;
    struct loop *loop;
    struct fleet fleet;
    struct peer *peer;
    void *context;
    struct place *place[WORKERS_MAX];
    int places;
    int listener[PORTS], pipe[2], lock;
    bool ending;  /* the learner has ended, or was told to */
    bool refused; /* the learner's own words ended it */
    int status;
    int64_t killed_ms; /* when what is left is killed */
};

/* ---- before anything runs */

static enum err listen_any(int *fd, int *port)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof at;

    *fd = socket(AF_INET, SOCK_STREAM, 0);
    if (*fd < 0 || fcntl(*fd, F_SETFD, FD_CLOEXEC) ||
        bind(*fd, (struct sockaddr *)&at, sizeof at) || listen(*fd, 128) ||
        getsockname(*fd, (struct sockaddr *)&at, &n))
        return err_set(ERR_IO, "cannot listen on 127.0.0.1: %s", strerror(errno));
    *port = ntohs(at.sin_port);
    return OK;
}

static enum err prepare(struct supervisor *s)
{
    int port[PORTS];
    char *logs = mem_print("%s/logs", s->plan->output_dir);
    enum err err = fs_mkdir(logs);

    free(logs);
    if (!err)
        err = fleet_lock(&s->lock, s->plan->output_dir);
    for (int i = 0; i < PORTS && !err; i++)
        err = listen_any(&s->listener[i], &port[i]);
    if (err)
        return err;
    if (pipe(s->pipe) || fcntl(s->pipe[0], F_SETFD, FD_CLOEXEC) ||
        fcntl(s->pipe[1], F_SETFD, FD_CLOEXEC))
        return err_set(ERR_IO, "cannot make a pipe: %s", strerror(errno));
    snprintf(s->fleet.run, sizeof s->fleet.run, "%s", s->plan->output_dir);
    snprintf(s->fleet.control, sizeof s->fleet.control, "tcp://127.0.0.1:%d", port[0]);
    snprintf(s->fleet.dashboard, sizeof s->fleet.dashboard, "tcp://127.0.0.1:%d", port[2]);
    snprintf(s->fleet.key_path, sizeof s->fleet.key_path, "%.4000s/fleet.key",
             s->plan->output_dir);
    s->fleet.pid = (long)getpid();
    s->fleet.secure = true;
    err = fs_remove(s->fleet.key_path); /* throwaway: each start makes its own */
    if (!err)
        err = curve_new(&s->fleet.keys);
    if (!err)
        err = curve_save(s->fleet.key_path, &s->fleet.keys);
    return err ? err : fleet_write(&s->fleet);
}

/* ---- children */

static enum err ended(void *self, struct child *child, int status, int signal, int64_t now_ms);

static enum err start(struct place *p, int64_t now_ms)
{
    struct supervisor *s = p->owner;
    const struct launch launch = {.kind = p->kind,
                                  .number = p->number,
                                  .plan = s->plan,
                                  .fleet = &s->fleet,
                                  .listener = s->listener,
                                  .again = p->restarts > 0,
                                  .parent_fd = s->pipe[0]};

    p->started_ms = now_ms;
    return launch_child(&p->child, s->loop, &launch, ended, p);
}

static struct place *place_add(struct supervisor *s, enum kind kind, int number)
{
    struct place *p = mem_new(1, sizeof *p);

    p->owner = s;
    p->kind = kind;
    p->number = number;
    p->wanted = true;
    s->place[s->places++] = p;
    return p;
}

/* ---- the end */

static void stop_kind(struct supervisor *s, enum kind kind, int signal)
{
    for (int i = 0; i < s->places; i++)
        if (s->place[i]->kind == kind && s->place[i]->child)
            child_signal(s->place[i]->child, signal);
}

static bool living(const struct supervisor *s, enum kind kind)
{
    for (int i = 0; i < s->places; i++)
        if (s->place[i]->kind == kind && s->place[i]->child)
            return true;
    return false;
}

/* Workers first, the broker last, so that they can say BYE. */
static void end_step(struct supervisor *s, int64_t now_ms)
{
    const bool kill_all = s->killed_ms && now_ms >= s->killed_ms;

    if (living(s, KIND_LEARNER))
        return;
    if (!s->killed_ms) {
        s->killed_ms = now_ms + GRACE_MS;
        stop_kind(s, KIND_ACTOR, SIGTERM);
        stop_kind(s, KIND_REWARDER, SIGTERM);
    }
    if (kill_all) {
        stop_kind(s, KIND_ACTOR, SIGKILL);
        stop_kind(s, KIND_REWARDER, SIGKILL);
        stop_kind(s, KIND_BROKER, SIGKILL);
    }
    if (living(s, KIND_ACTOR) || living(s, KIND_REWARDER))
        return;
    if (living(s, KIND_BROKER))
        stop_kind(s, KIND_BROKER, SIGTERM);
    else
        loop_stop(s->loop);
}

static void finish(struct supervisor *s, int status)
{
    s->ending = true;
    if (status > s->status)
        s->status = status;
}

static void tell_death(const struct place *p, int status, int signal)
{
    if (signal)
        log_warn("died", "role=%s number=%d signal=%d%s", launch_names[p->kind], p->number,
                 signal,
                 signal == SIGKILL ? " reason=\"killed, perhaps for lack of memory\"" : "");
    else
        log_warn("died", "role=%s number=%d status=%d log=%s/logs", launch_names[p->kind],
                 p->number, status, p->owner->plan->output_dir);
}

static enum err ended(void *self, struct child *child, int status, int signal, int64_t now_ms)
{
    struct place *p = self;
    struct supervisor *s = p->owner;

    (void)child;
    p->child = NULL;
    if (p->kind == KIND_LEARNER && !signal) { /* its own decision */
        s->refused = status != EXIT_SUCCESS;
        finish(s, status);
        return OK;
    }
    if (s->ending || !p->wanted)
        return OK;
    tell_death(p, status, signal);
    p->quick = now_ms - p->started_ms < QUICK_MS ? p->quick + 1 : 0;
    p->restarts++;
    if (p->quick >= QUICK_DEATHS && !signal) {
        log_error("giving-up",
                  "role=%s number=%d reason=\"ended %d times within seconds; see %s/logs\"",
                  launch_names[p->kind], p->number, p->quick, s->plan->output_dir);
        stop_kind(s, KIND_LEARNER, SIGTERM);
        finish(s, EXIT_FAILURE);
        return OK;
    }
    p->again_ms = now_ms + (signal || !p->quick ? 0 : 200L << p->quick);
    return p->again_ms == now_ms ? start(p, now_ms) : OK;
}

/* ---- orders */

static int count(const struct supervisor *s, enum kind kind)
{
    int n = 0;

    for (int i = 0; i < s->places; i++)
        n += s->place[i]->kind == kind && s->place[i]->wanted;
    return n;
}

static struct place *numbered(struct supervisor *s, enum kind kind, int number)
{
    for (int i = 0; i < s->places; i++)
        if (s->place[i]->kind == kind && s->place[i]->number == number)
            return s->place[i];
    return NULL;
}

/* There shall be places 1 .. n of the kind, and no others. */
static enum err scale(struct supervisor *s, enum kind kind, int n, int64_t now_ms)
{
    enum err err = OK;

    if (s->places + n > WORKERS_MAX)
        return err_set(ERR_RANGE, "at most %d processes", WORKERS_MAX);
    for (int number = 1; number <= n && !err; number++) {
        struct place *p = numbered(s, kind, number);
        if (!p)
            p = place_add(s, kind, number);
        p->wanted = true;
        if (!p->child)
            err = start(p, now_ms);
    }
    for (int i = 0; i < s->places; i++)
        if (s->place[i]->kind == kind && s->place[i]->number > n && s->place[i]->wanted) {
            s->place[i]->wanted = false;
            if (s->place[i]->child)
                child_signal(s->place[i]->child, SIGTERM);
        }
    return err;
}

static char *status_text(const struct supervisor *s)
{
    json_t *list = json_array();
    char *text;

    for (int i = 0; i < s->places; i++) {
        const struct place *p = s->place[i];
        json_array_append_new(list,
                              json_pack("{s:s,s:i,s:b,s:i,s:I}", "role", launch_names[p->kind],
                                        "number", p->number, "wanted", p->wanted, "pid",
                                        p->child ? child_pid(p->child) : 0, "restarts",
                                        (json_int_t)p->restarts));
    }
    text = json_dumps(list, JSON_COMPACT);
    json_decref(list);
    return text;
}

static enum err obey(struct supervisor *s, const struct msg_admin *order, char words[128],
                     int64_t now_ms)
{
    const enum kind kind = order->role == ROLE_ACTOR ? KIND_ACTOR : KIND_REWARDER;

    if (!strcmp(order->order, "status")) {
        snprintf(words, 128, "%d actors, %d rewarders", count(s, KIND_ACTOR),
                 count(s, KIND_REWARDER));
        return OK;
    }
    if (!strcmp(order->order, "down")) {
        snprintf(words, 128, "the learner saves a checkpoint, then the fleet ends");
        s->ending = true;
        stop_kind(s, KIND_LEARNER, SIGTERM);
        return OK;
    }
    if (strcmp(order->order, "scale") ||
        (order->role != ROLE_ACTOR && order->role != ROLE_REWARDER))
        return err_set(ERR_RANGE, "order '%s' is not known here: scale, status, down",
                       order->order);
    snprintf(words, 128, "%s: %d -> %u", launch_names[kind], count(s, kind), order->count);
    return scale(s, kind, (int)order->count, now_ms);
}

static enum err on_admin(void *self, const struct msg *msg, int64_t now_ms)
{
    struct supervisor *s = self;
    struct msg answer = {.head.type = MSG_ADMIN_OK};
    char words[128] = "", *result = status_text(s);
    const enum err err = obey(s, &msg->admin, words, now_ms);

    answer.admin_ok = (struct msg_admin_ok){.request = msg->admin.request,
                                            .asker = msg->admin.asker,
                                            .ok = !err,
                                            .words = err ? err_text() : words,
                                            .result = result};
    if (peer_send(s->peer, &answer))
        log_warn("answer", "reason=\"%s\"", err_text());
    free(result);
    return OK;
}

/* ---- the loop */

static enum err tick(void *self, int64_t now_ms)
{
    struct supervisor *s = self;
    enum err err = peer_tick(s->peer, now_ms);

    for (int i = 0; i < s->places && !err && !s->ending; i++) {
        struct place *p = s->place[i];
        if (p->wanted && !p->child && p->again_ms && now_ms >= p->again_ms) {
            p->again_ms = 0;
            err = start(p, now_ms);
        }
    }
    if (s->ending)
        end_step(s, now_ms);
    return err;
}

static enum err on_signal(void *self, int64_t now_ms)
{
    struct supervisor *s = self;

    (void)now_ms;
    s->ending = true;
    stop_kind(s, KIND_LEARNER, SIGTERM); /* it saves a checkpoint and ends */
    return OK;
}

static void hello(void *self, struct msg_hello *out)
{
    const struct supervisor *s = self;

    out->slots = (uint32_t)s->places;
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
    return err;
}

static enum err start_all(struct supervisor *s)
{
    const int64_t now = clock_mono_ms();
    enum err err = start(place_add(s, KIND_BROKER, 0), now);

    if (!err)
        err = start(place_add(s, KIND_LEARNER, 0), now);
    if (!err)
        err = scale(s, KIND_ACTOR, s->plan->actors, now);
    if (!err)
        err = scale(s, KIND_REWARDER, s->plan->rewarders, now);
    return err;
}

static void close_all(struct supervisor *s)
{
    for (int i = 0; i < s->places; i++) {
        if (s->place[i]->child) /* only after an error of our own */
            child_signal(s->place[i]->child, SIGTERM);
        free(s->place[i]);
    }
    if (s->peer)
        loop_unsocket(s->loop, peer_socket(s->peer));
    peer_close(s->peer);
    loop_free(s->loop);
    if (s->context)
        zmq_ctx_term(s->context);
    for (int i = 0; i < PORTS; i++)
        if (s->listener[i] > 0)
            close(s->listener[i]);
    for (int i = 0; i < 2; i++)
        if (s->pipe[i] > 0)
            close(s->pipe[i]);
    if (s->refused)
        fleet_clean(s->plan->output_dir);
    if (s->lock > 0)
        close(s->lock);
    curve_wipe(&s->fleet.keys);
}

enum err supervise_run(const struct supervise_plan *plan, int *status)
{
    struct supervisor *s = mem_new(1, sizeof *s);
    enum err err;

    s->plan = plan;
    err = prepare(s);
    if (!err)
        err = open_all(s);
    if (!err)
        err = start_all(s);
    if (!err)
        err = loop_run(s->loop);
    *status = s->status;
    close_all(s);
    free(s);
    return err;
}
