/* How it works: supervisor_open makes the five things in the order in which they need one another
 * (loop, connection, orders, crew, then the timers and signals of the loop), supervisor_close takes
 * them down in the other. What must hold there: whoever may still be called by the loop, while it
 * waits for its pool, lives as long as the loop, or was taken out of it before. A child's end is
 * nobody's once its crew is closed, and an order that is under way is answered to nobody. */
#include "deploy/supervisor.h"

#include "base/clock.h"
#include "deploy/endpoint.h"
#include "proto/peer.h"
#include "proto/text.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

enum { BYE_MS = 1000 };

/* Slots are what the dashboard shows of a peer: here, how many processes there are. Only who
 * started the broker is the head, and answers for all. */
static void hello(void *self, struct msg_hello *out)
{
    const struct supervisor *s = self;

    out->slots = (uint32_t)s->crew.replicas.n;
    out->host = s->conf.host;
    out->head = s->conf.ports != NULL;
}

/* What is wrong on this machine goes before what the owner knows of others. */
static void hb(void *self, struct msg_hb *out)
{
    struct supervisor *s = self;
    const int64_t now_ms = clock_mono_ms();

    free(s->metrics);
    s->metrics = crew_metrics(&s->crew, now_ms);
    out->metrics = s->metrics ? s->metrics : "";
    crew_note(s->note, &s->crew, now_ms);
    machine_trouble(s->trouble, &s->crew.machine);
    if (!*s->trouble && s->conf.trouble) /* copied: note has its words in the same place */
        text_print(s->trouble, sizeof s->trouble, "%s", s->conf.trouble(s->conf.self));
    out->trouble = s->trouble;
    out->note = !*s->note && s->conf.note ? s->conf.note(s->conf.self) : s->note;
}

static enum err on_bye_ok(void *self, const struct msg *msg, int64_t now_ms)
{
    (void)msg;
    ((struct supervisor *)self)->bye_ms = now_ms;
    return OK;
}

static enum err connect_it(struct supervisor *s)
{
    const struct supervisor_conf *c = &s->conf;
    struct peer_conf conf = {.role = ROLE_SUPERVISOR,
                             .broker = c->fleet->control,
                             .keys = c->fleet->secure ? &c->fleet->keys : NULL,
                             .name = c->name,
                             .hello = hello,
                             .hb = hb,
                             .self = s};
    enum err err;

    s->context = zmq_ctx_new();
    peer_random(&conf.id, &conf.incarnation);
    err = peer_open(&s->peer, s->context, &conf, clock_mono_ms());
    if (err)
        return err;
    s->orders = (struct orders){.crew = &s->crew,
                                .loop = s->loop,
                                .peer = s->peer,
                                .host = c->host,
                                .keys = c->keys,
                                .control = c->fleet->control,
                                .self = c->self,
                                .down = c->down,
                                .apply = c->apply};
    peer_on(s->peer, MSG_ADMIN, orders_on_admin, &s->orders);
    peer_on(s->peer, MSG_WELCOME, orders_on_welcome, &s->orders);
    peer_on(s->peer, MSG_BYE_OK, on_bye_ok, s);
    return loop_socket(s->loop, peer_socket(s->peer), peer_readable, s->peer);
}

/* A run has its learner's word on how it goes; where none is, what fails is tried for ever. */
enum err supervisor_open(struct supervisor *s, const struct supervisor_conf *conf)
{
    static const int signals[] = {SIGTERM, SIGINT, SIGHUP};
    enum err err;

    memset(s, 0, sizeof *s);
    s->conf = *conf;
    s->crew = (struct crew){.plan = conf->plan,
                            .fleet = conf->fleet,
                            .ports = conf->ports,
                            .patient = !conf->plan->method,
                            .owner = conf->crew};
    err = loop_new(&s->loop);
    s->crew.loop = s->loop;
    if (!err)
        err = connect_it(s);
    if (!err)
        err = crew_open(&s->crew);
    if (!err)
        err = loop_every(s->loop, PEER_TICK_MS, conf->tick, conf->self);
    for (int i = 0; i < 3 && !err; i++)
        err = loop_signal(s->loop, signals[i], conf->signal, conf->self);
    return err;
}

void supervisor_close(struct supervisor *s)
{
    crew_close(&s->crew);
    if (s->peer)
        loop_unsocket(s->loop, peer_socket(s->peer));
    peer_close(s->peer);
    s->orders.peer = NULL;
    loop_free(s->loop);
    if (s->context)
        zmq_ctx_term(s->context);
    free(s->metrics);
    memset(s, 0, sizeof *s);
}

enum err supervisor_tick(struct supervisor *s, int64_t now_ms)
{
    const enum err err = peer_tick(s->peer, now_ms);

    crew_tick(&s->crew, now_ms, hours_minute(clock_wall_ms()));
    if (peer_learned(s->peer, &s->conf.fleet->keys))
        s->conf.rotated(s->conf.self);
    return err;
}

bool supervisor_leaves(struct supervisor *s, const char *why, int64_t now_ms)
{
    struct msg bye = {.head.type = MSG_BYE, .bye.reason = why};

    if (!s->bye) {
        s->bye = true;
        s->bye_ms = peer_send(s->peer, &bye) ? now_ms : now_ms + BYE_MS; /* nobody to tell */
    }
    return now_ms >= s->bye_ms;
}
