/* How it works: a crew (crew.h) and a peer of the role supervisor in one loop, as the head's, but
 * without broker, learner and other machines. Nobody above it must live: who started it may go
 * (a session of its own, its log a file), the broker may be away (the peer dials on, workers wait
 * as they do anywhere), the head may be killed. It ends by `down`, by a signal, or when no broker
 * has been heard for as long as its file says (linger_s). */
#include "deploy/host.h"

#include "base/clock.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/outlet.h"
#include "deploy/crew.h"
#include "deploy/endpoint.h"
#include "deploy/host_file.h"
#include "deploy/host_keys.h"
#include "deploy/orders.h"
#include "deploy/run_folder.h"
#include "net/loop.h"
#include "proto/peer.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zmq.h>

enum { BYE_MS = 1000 };

struct host {
    const char *folder;
    struct host_file file;
    struct plan plan;
    struct endpoint fleet;
    struct loop *loop;
    void *context;
    struct peer *peer;
    struct crew crew;
    struct orders orders;
    struct host_keys keys;
    char name[PLAN_NAME];
    char *metrics;
    char note[CREW_WORDS];
    int lock;
    int64_t begun_ms, stop_ms;
    bool bye; /* it is out */
};

static enum err down(void *self, int64_t now_ms)
{
    struct host *h = self;

    (void)now_ms;
    crew_end(&h->crew);
    peer_leave(h->peer);
    return OK;
}

/* By an order: it was meant, and whoever watches shall not start it again. */
static enum err leave(void *self, int64_t now_ms)
{
    struct host *h = self;

    host_file_remove(h->folder);
    return down(h, now_ms);
}

/* Once it drains, twice it hurries: as at the head. It may be a person's, at a terminal of that
 * machine, or the system's that shuts down. */
static enum err on_signal(void *self, int64_t now_ms)
{
    struct host *h = self;

    log_info("ending", "host=%s next=\"workers hand over what they have\"", h->name);
    crew_hurry(&h->crew, now_ms);
    return down(h, now_ms);
}

/* Said once the workers are gone: what they had is handed over by then. */
static void end_step(struct host *h, int64_t now_ms)
{
    struct msg bye = {.head.type = MSG_BYE, .bye.reason = "this host ends"};

    if (!crew_ended(&h->crew))
        return;
    if (!h->bye) {
        h->bye = true;
        h->stop_ms = peer_send(h->peer, &bye) ? now_ms : now_ms + BYE_MS;
    }
    if (now_ms >= h->stop_ms)
        loop_stop(h->loop);
}

static enum err on_bye_ok(void *self, const struct msg *msg, int64_t now_ms)
{
    (void)msg;
    ((struct host *)self)->stop_ms = now_ms;
    return OK;
}

/* Counted from the last word of any broker: one that was never heard at all counts from the
 * start. Nothing is lost by going: what its workers held is made again elsewhere. */
static void linger(struct host *h, int64_t now_ms)
{
    const int64_t heard = peer_answered(h->peer) ? peer_heard_ms(h->peer) : h->begun_ms;

    if (!h->file.linger_s || h->crew.ending ||
        now_ms - heard < h->file.linger_s * INT64_C(1000))
        return;
    log_warn("ending", "host=%s reason=\"no broker at %s for %d s\"", h->name, h->file.broker,
             h->file.linger_s);
    if (down(h, now_ms))
        err_set(OK, "%s", "");
}

static enum err tick(void *self, int64_t now_ms)
{
    struct host *h = self;
    enum err err = peer_tick(h->peer, now_ms);

    crew_tick(&h->crew, now_ms, hours_minute(clock_wall_ms()));
    linger(h, now_ms);
    if (h->crew.ending)
        end_step(h, now_ms);
    return err;
}

/* Not the head, whatever its file says: only who started the broker may answer for all. */
static void hello(void *self, struct msg_hello *out)
{
    const struct host *h = self;

    out->slots = (uint32_t)h->crew.replicas.n;
    out->host = h->name;
}

static void hb(void *self, struct msg_hb *out)
{
    struct host *h = self;

    free(h->metrics);
    h->metrics = crew_metrics(&h->crew, clock_mono_ms());
    out->metrics = h->metrics ? h->metrics : "";
    crew_note(h->note, &h->crew, clock_mono_ms());
    out->note = h->note;
}

/* What a broker refuses now it may take later. A key that was revoked ends us, and nobody starts
 * us again: our workers, whose keys are others, go with us. */
static enum err on_refuse(void *self, const struct msg *msg, int64_t now_ms)
{
    struct host *h = self;

    log_warn("refused", "reason=\"%s\"", msg->refuse.words);
    if (msg->refuse.code == REFUSE_KEY)
        return leave(h, now_ms);
    return msg->refuse.code == REFUSE_ROLE ? down(h, now_ms) : OK;
}

static enum err key(void *self, enum plan_role role, const char *name, char path[4096])
{
    struct host *h = self;

    return host_keys_path(&h->keys, role, name, path, clock_mono_ms());
}

/* Never: a host's crew is patient, and has no learner. */
static void gave_up(void *self, int64_t now_ms)
{
    (void)down(self, now_ms);
}

static void decided(void *self, int status, int64_t now_ms)
{
    (void)status, (void)down(self, now_ms);
}

/* The folder, our file and our key. */
static enum err prepare(struct host *h)
{
    char *logs = mem_print("%s/logs", h->folder), *ours;
    enum err err = run_folder_lock(&h->lock, h->folder);

    if (!err)
        err = fs_mkdir(logs);
    free(logs);
    if (!err)
        err = host_file_read(&h->file, h->folder);
    if (!err)
        err = plan_read_host(&h->plan, h->file.entry, h->folder);
    if (err)
        return err;
    snprintf(h->name, sizeof h->name, "%s", h->file.host);
    setenv("DROVER_HOST", h->name, 1); /* our workers are on the same machine */
    ours = mem_print("%s/keys/supervisor.key", h->folder);
    err = curve_load(&h->fleet.keys, ours);
    free(ours);
    h->fleet.secure = true;
    snprintf(h->fleet.control, sizeof h->fleet.control, "%s", h->file.broker);
    return err;
}

static enum err join(struct host *h)
{
    struct peer_conf conf = {.role = ROLE_SUPERVISOR,
                             .broker = h->fleet.control,
                             .keys = &h->fleet.keys,
                             .name = h->name,
                             .hello = hello,
                             .hb = hb,
                             .self = h};
    enum err err;

    h->context = zmq_ctx_new();
    peer_random(&conf.id, &conf.incarnation);
    h->begun_ms = clock_mono_ms();
    err = peer_open(&h->peer, h->context, &conf, h->begun_ms);
    if (err)
        return err;
    h->orders = (struct orders){.crew = &h->crew,
                                .loop = h->loop,
                                .peer = h->peer,
                                .host = h->name,
                                .control = h->fleet.control,
                                .self = h,
                                .down = leave};
    h->keys.folder = h->folder;
    h->keys.host = h->name;
    h->keys.peer = h->peer;
    h->keys.own = &h->fleet.keys;
    peer_on(h->peer, MSG_ADMIN, orders_on_admin, &h->orders);
    peer_on(h->peer, MSG_ADMIN_OK, host_keys_on_admin_ok, &h->keys);
    peer_on(h->peer, MSG_WELCOME, orders_on_welcome, &h->orders);
    peer_on(h->peer, MSG_REFUSE, on_refuse, h);
    peer_on(h->peer, MSG_BYE_OK, on_bye_ok, h);
    return loop_socket(h->loop, peer_socket(h->peer), peer_readable, h->peer);
}

static enum err open_all(struct host *h)
{
    static const int signals[] = {SIGTERM, SIGINT, SIGHUP};
    enum err err = loop_new(&h->loop);

    if (!err)
        err = join(h);
    h->crew = (struct crew){.plan = &h->plan,
                            .fleet = &h->fleet,
                            .loop = h->loop,
                            .patient = true,
                            .owner = {decided, gave_up, key, h}};
    if (!err)
        err = crew_open(&h->crew);
    if (!err)
        err = loop_every(h->loop, PEER_TICK_MS, tick, h);
    for (int i = 0; i < 3 && !err; i++)
        err = loop_signal(h->loop, signals[i], on_signal, h);
    return err ? err : crew_start(&h->crew, clock_mono_ms());
}

/* In the order of who uses whom: workers, then the connection, then the loop below both. */
static void close_all(struct host *h)
{
    crew_close(&h->crew);
    if (h->peer)
        loop_unsocket(h->loop, peer_socket(h->peer));
    peer_close(h->peer);
    h->orders.peer = NULL; /* loop_free waits for what is in the pool */
    loop_free(h->loop);
    if (h->context)
        zmq_ctx_term(h->context);
    host_keys_wipe(&h->keys);
    curve_wipe(&h->fleet.keys);
    plan_free(&h->plan);
    host_file_free(&h->file);
    free(h->metrics);
    if (h->lock > 0)
        close(h->lock);
    free(h);
}

enum err host_run(const char *folder, int *status)
{
    struct host *h = mem_new(1, sizeof *h);
    enum err err;

    *status = EXIT_SUCCESS;
    h->folder = folder;
    outlet_outlive();
    err = prepare(h);
    if (!err)
        err = open_all(h);
    if (!err) {
        log_info("ready", "host=%s broker=%s folder=%s", h->name, h->file.broker, folder);
        err = loop_run(h->loop);
    }
    if (!err)
        log_info("ended", "host=%s", h->name);
    close_all(h);
    return err;
}
