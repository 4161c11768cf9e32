/* How it works: one loop; the processes of this machine are a crew (crew.h), other machines are
 * links (link.h), and what is asked of a supervisor comes over the broker, as from any peer
 * (orders.h). prepare takes the folder and the ports, which outlive every broker; from then on
 * everything happens in tick, on_signal and what crew and links report.
 *
 * The end is a state: `finish` begins it once, whoever wants it (the learner's own exit, an order,
 * a signal); then the learner saves, the workers here and the other machines end at the same time,
 * and last the broker, after we have said BYE to it, which tells supervisors that came by
 * themselves. */
#include "deploy/supervise.h"

#include "base/clock.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/outlet.h"
#include "deploy/crew.h"
#include "deploy/endpoint.h"
#include "deploy/links.h"
#include "deploy/orders.h"
#include "deploy/ports.h"
#include "deploy/run_folder.h"
#include "deploy/standing.h"
#include "net/loop.h"
#include "proto/peer.h"
#include "proto/registrar.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zmq.h>

enum { BYE_MS = 1000, KILL_MS = 10000 };

struct supervisor {
    const struct plan *plan;
    const struct standing *standing; /* NULL: a run */
    struct loop *loop;
    struct endpoint fleet;
    struct peer *peer;
    void *context;
    struct crew crew;
    struct orders orders;
    struct registrar *keys; /* who is let in while we run */
    struct links *links;
    struct ports ports;
    char host[PLAN_NAME];
    char *metrics; /* as the last heartbeat had it */
    char note[CREW_WORDS];
    int lock;
    int asked;       /* how often a signal asked for the end */
    bool refused;    /* the learner's own words ended it */
    bool stopping;   /* all workers have ended, BYE is out; */
    int64_t stop_ms; /* until then its answer may come */
    int status;
};

/* ---- before anything runs */

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
    s->refused = true; /* until something runs, what we leave in the folder is of no use */
    err = endpoint_make(&s->fleet, s->plan->output_dir, s->plan->keys, &s->ports);
    s->refused = err != OK;
    plan_host_name(s->host, s->plan);
    setenv("DROVER_HOST", s->host, 1); /* our workers are on the same machine */
    return err;
}

/* ---- the end */

/* From here on nothing is started any more. */
static void finish(struct supervisor *s, int status)
{
    crew_end(&s->crew);
    peer_leave(s->peer);
    if (status > s->status)
        s->status = status;
}

/* A run that never began (status other than 0) leaves nothing behind in its folder. */
static void decided(void *self, int status, int64_t now_ms)
{
    struct supervisor *s = self;

    (void)now_ms;
    s->refused = status != EXIT_SUCCESS;
    finish(s, status);
}

static void gave_up(void *self, int64_t now_ms)
{
    struct supervisor *s = self;

    (void)now_ms;
    crew_signal(&s->crew, PLAN_LEARNER, SIGTERM);
    finish(s, EXIT_FAILURE);
}

static enum err key(void *self, enum plan_role role, const char *name, char path[4096])
{
    const struct supervisor *s = self;

    return endpoint_key(&s->fleet, role, name, path);
}

static enum err down(void *self, int64_t now_ms)
{
    struct supervisor *s = self;

    (void)now_ms;
    finish(s, EXIT_SUCCESS);
    crew_signal(&s->crew, PLAN_LEARNER, SIGTERM);
    return OK;
}

/* BYE before the broker goes: supervisors that we did not start end with it. */
static void end_step(struct supervisor *s, int64_t now_ms)
{
    struct msg bye = {.head.type = MSG_BYE, .bye.reason = "the fleet ends"};

    if (replica_living(&s->crew.replicas, PLAN_LEARNER))
        return;
    links_end(s->links);
    if (!links_ended(s->links) || crew_working(&s->crew))
        return;
    if (!s->stopping) {
        s->stopping = true;
        s->stop_ms = now_ms + BYE_MS;
        if (peer_send(s->peer, &bye))
            s->stop_ms = now_ms; /* no broker to tell */
    }
    if (now_ms >= s->stop_ms)
        crew_signal(&s->crew, PLAN_BROKER,
                    now_ms >= s->stop_ms + KILL_MS || s->asked > 2 ? SIGKILL : SIGTERM);
    if (crew_ended(&s->crew))
        loop_stop(s->loop);
}

static enum err on_bye_ok(void *self, const struct msg *msg, int64_t now_ms)
{
    (void)msg;
    ((struct supervisor *)self)->stop_ms = now_ms;
    return OK;
}

/* ---- the loop */

static enum err tick(void *self, int64_t now_ms)
{
    struct supervisor *s = self;
    enum err err = peer_tick(s->peer, now_ms);

    crew_tick(&s->crew, now_ms, hours_minute(clock_wall_ms()));
    links_tick(s->links, now_ms);
    if (s->crew.ending)
        end_step(s, now_ms);
    return err;
}

/* Once: the learner saves and ends. Twice: it leaves the iteration it is at. Thrice: all is
 * killed; the journal has what was settled. */
static enum err on_signal(void *self, int64_t now_ms)
{
    struct supervisor *s = self;

    finish(s, EXIT_SUCCESS);
    if (++s->asked == 1)
        log_info("ending",
                 "next=\"%s, then the fleet ends; a second signal hurries it, a third "
                 "one kills\"",
                 s->plan->method ? "the learner saves" : "workers hand over what they have");
    crew_signal(&s->crew, PLAN_LEARNER, s->asked > 2 ? SIGKILL : SIGTERM);
    crew_hurry(&s->crew, now_ms);
    if (s->asked > 2)
        links_leave(s->links);
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
        crew_signal(&s->crew, order[i], SIGSTOP);
    raise(SIGSTOP);
    for (int i = 4; i >= 0; i--)
        crew_signal(&s->crew, order[i], SIGCONT);
    return OK;
}

/* Slots are what the dashboard shows of a peer: here, how many processes there are. */
static void hello(void *self, struct msg_hello *out)
{
    const struct supervisor *s = self;

    out->slots = (uint32_t)s->crew.replicas.n;
    out->host = s->host;
    out->head = true;
}

static void hb(void *self, struct msg_hb *out)
{
    struct supervisor *s = self;

    free(s->metrics);
    s->metrics = crew_metrics(&s->crew, clock_mono_ms());
    out->metrics = s->metrics ? s->metrics : "";
    crew_note(s->note, &s->crew, clock_mono_ms());
    out->note = *s->note ? s->note : links_note(s->links);
}

/* Nothing is read from the order itself but whether it is in earnest. */
static enum err apply(void *self, bool plan, char words[ORDERS_WORDS], int64_t now_ms)
{
    struct supervisor *s = self;

    return standing_apply(s->standing, &s->crew, s->links, plan, words, ORDERS_WORDS, now_ms);
}

/* Ourselves as a peer of our own broker. */
static enum err join(struct supervisor *s)
{
    struct peer_conf conf = {.role = ROLE_SUPERVISOR,
                             .broker = s->fleet.control,
                             .keys = &s->fleet.keys,
                             .name = "supervisor",
                             .hello = hello,
                             .hb = hb,
                             .self = s};
    enum err err;

    s->context = zmq_ctx_new();
    peer_random(&conf.id, &conf.incarnation);
    err = peer_open(&s->peer, s->context, &conf, clock_mono_ms());
    if (err)
        return err;
    registrar_admit_new(&s->keys, s->fleet.folder);
    s->orders = (struct orders){.crew = &s->crew,
                                .loop = s->loop,
                                .peer = s->peer,
                                .host = s->host,
                                .keys = s->keys,
                                .control = s->fleet.control,
                                .self = s,
                                .down = down,
                                .apply = s->standing ? apply : NULL};
    peer_on(s->peer, MSG_ADMIN, orders_on_admin, &s->orders);
    peer_on(s->peer, MSG_WELCOME, orders_on_welcome, &s->orders);
    peer_on(s->peer, MSG_BYE_OK, on_bye_ok, s);
    return loop_socket(s->loop, peer_socket(s->peer), peer_readable, s->peer);
}

static enum err open_all(struct supervisor *s)
{
    static const int signals[] = {SIGTERM, SIGINT, SIGHUP};
    enum err err = loop_new(&s->loop);

    if (!err) /* first: to pack the programs takes seconds, when it has to be done */
        err = links_open(&s->links, &(struct links_conf){.plan = s->plan,
                                                         .fleet = &s->fleet,
                                                         .port = s->ports.port,
                                                         .loop = s->loop});
    if (!err)
        err = join(s);
    s->crew = (struct crew){.plan = s->plan,
                            .fleet = &s->fleet,
                            .ports = &s->ports,
                            .loop = s->loop,
                            .patient = !s->plan->method,
                            .owner = {decided, gave_up, key, s}};
    if (!err)
        err = crew_open(&s->crew);
    if (!err)
        err = loop_every(s->loop, PEER_TICK_MS, tick, s);
    for (int i = 0; i < 3 && !err; i++)
        err = loop_signal(s->loop, signals[i], on_signal, s);
    return err ? err : loop_signal(s->loop, SIGTSTP, on_stop, s);
}

/* After an error of our own as well as at the end: whatever is there is taken down. */
static void close_all(struct supervisor *s)
{
    links_close(s->links);
    crew_close(&s->crew);
    if (s->peer)
        loop_unsocket(s->loop, peer_socket(s->peer));
    peer_close(s->peer);
    s->orders.peer = NULL; /* loop_free waits for what is in the pool */
    loop_free(s->loop);
    if (s->context)
        zmq_ctx_term(s->context);
    registrar_admit_free(s->keys);
    ports_close(&s->ports);
    if (s->refused)
        run_folder_clean(s->plan->output_dir, !*s->plan->keys);
    if (s->lock > 0)
        close(s->lock);
    free(s->metrics);
    curve_wipe(&s->fleet.keys);
}

enum err supervise_run(const struct plan *plan, const struct standing *standing, int *status)
{
    struct supervisor *s = mem_new(1, sizeof *s);
    enum err err;

    s->plan = plan;
    s->standing = standing;
    outlet_outlive();
    err = prepare(s);
    if (!err)
        err = open_all(s);
    if (!err)
        err = crew_start(&s->crew, clock_mono_ms());
    if (!err && (plan->port || strcmp(plan->host, "127.0.0.1")))
        endpoint_tell(&s->fleet, plan->host, s->ports.port);
    if (!err)
        err = loop_run(s->loop);
    *status = s->status;
    close_all(s);
    free(s);
    return err;
}
