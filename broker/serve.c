/* Ports, keys and the loop around the state machine. Here alone the hub and the broker know of
 * each other: what comes in by a row of the table goes to broker_take, what the broker sends
 * leaves by the sink. Time is read once an event and handed on.
 *
 * Order of opening: keys, ports, broker, rows, loop; of closing the loop first, since it
 * watches sockets that are closed next. */

#include "broker/serve.h"

#include "base/amount.h"
#include "base/clock.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"
#include "broker/again.h"
#include "broker/broker.h"
#include "broker/bulk/bulk.h"
#include "broker/dashboard.h"
#include "broker/doors.h"
#include "broker/listen.h"
#include "broker/members.h"
#include "broker/outside.h"
#include "broker/rekey.h"
#include "net/loop.h"
#include "proto/curve.h"
#include "proto/hub.h"
#include "proto/hub_gate.h"
#include "proto/limit.h"
#include "proto/peer.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

enum { TICK_MS = 100 };

const struct conf_key serve_keys[] = {
    CONF_TEXT(serve_options, bind, "tcp://127.0.0.1:5555", "where members dial; port 0: any"),
    CONF_TEXT(serve_options, bulk, "", "port of weights (default: the next port)"),
    CONF_TEXT(serve_options, dashboard, "", "port of STATS (default: five further)"),
    {"listen-fd", CONF_TEXT_, offsetof(struct serve_options, listen_fd), "", 0, 0,
     "three descriptors that listen already: control,bulk,dashboard", NULL, NULL},
    CONF_TEXT(serve_options, advertise, "",
              "HOST or HOST:PORT by which others reach control (default: as they did)"),
    CONF_TEXT(serve_options, cache, "1GiB", "memory for chunks of weights on their way"),
    CONF_TEXT(serve_options, keys, "",
              "keys folder (`drover keys new FOLDER`); none: loopback only"),
    CONF_REFUSED("key", "a broker has a keys folder, in which each worker's key stands: "
                        "--keys=FOLDER (`drover keys new FOLDER` makes one)"),
    {"key-messages", CONF_INT_, offsetof(struct serve_options, key_messages), "20000", 0,
     1 << 24, "messages a second that a key may send; 0: any", NULL, NULL},
    {"key-bytes", CONF_REAL_, offsetof(struct serve_options, key_bytes), "2e9", 0, 1e12,
     "bytes a second that a key may send; 0: any", NULL, NULL},
    {"key-connections", CONF_INT_, offsetof(struct serve_options, key_connections), "256", 0,
     MAX_PEERS, "connections at once that a key may have; 0: any", NULL, NULL},
    {"parent-fd", CONF_INT_, offsetof(struct serve_options, parent_fd), "-1", -1, 1 << 20,
     "a pipe of the supervisor: its end is a signal to drain", NULL, NULL},
    CONF_BOOL(serve_options, restarted, "false",
              "one was here before: for 5 s a run that is under way goes before any other"),
    {"ports-file", CONF_TEXT_, offsetof(struct serve_options, ports_file), "", 0, 0,
     "written with the three addresses once they listen", NULL, NULL},
    {"log-level", CONF_TEXT_, offsetof(struct serve_options, log_level), "info", 0, 0,
     "debug, info, warn or error", NULL, NULL},
    CONF_END,
};

struct broker_process {
    const struct serve_options *options;
    void *context;
    struct doors *doors; /* NULL: no keys, and the loopback only */
    struct loop *loop;
    struct hub *control;
    struct bulk *bulk;
    struct dashboard *board;
    struct broker *broker;
    uint64_t incarnation;
    int64_t now_ms, end_ms; /* end_ms: when draining ends; 0: not draining */
    struct again again;
    struct rekey rekey;
};

/* ---- from the state machine to the sockets */

/* Who hears of a run hears of it with its id and epoch in the head. */
static void name_run(struct broker_process *s)
{
    struct id run;
    uint64_t epoch;

    broker_run(s->broker, &run, &epoch);
    hub_run(s->control, &run, epoch);
    hub_run(bulk_hub(s->bulk), &run, epoch);
    bulk_run(s->bulk, &run);
}

static enum err to_member(void *self, void *link, enum msg_type type, struct frames *frames)
{
    (void)type;
    return hub_forward(((struct broker_process *)self)->control, link, frames);
}

static void to_refuse(void *self, void *link, enum refuse_code code, const char *words)
{
    struct broker_process *s = self;

    name_run(s);
    hub_refuse(s->control, link, code, words, false, s->now_ms);
}

static void to_release(void *self, void *link)
{
    hub_release(((struct broker_process *)self)->control, link,
                ((struct broker_process *)self)->now_ms);
}

/* What the connection knows of a peer; all else in a writer is the peer's own word. */
static void origin(void *self, void *link, struct writer *out)
{
    const struct hub_peer *peer = link;

    (void)self;
    out->key = peer->key;
    out->address = peer->address;
}

static void strike(void *self, void *link, const char *words)
{
    hub_strike(((struct broker_process *)self)->control, link, words,
               ((struct broker_process *)self)->now_ms);
}

static void to_dashboard(void *self, struct msg *msg)
{
    dashboard_publish(((struct broker_process *)self)->board, msg);
}

/* ---- from the sockets to the state machine */

static void gone(void *self, struct hub_peer *peer, const char *why, int64_t now_ms)
{
    struct broker_process *s = self;
    struct broker_member *member = peer->owner;

    peer->owner = NULL;
    /* Nothing is to wait for what it offered. */
    if (member && peer->role == ROLE_LEARNER)
        bulk_left(s->bulk, &peer->id, now_ms);
    if (member) /* leaving is no death: nothing is blamed on it */
        broker_gone(s->broker, members_cause(member, why), strcmp(why, "bye") != 0, now_ms);
}

static void joined(void *self, struct hub_peer *peer, const struct msg_hello *hello,
                   uint32_t *code, const char **words)
{
    const struct broker_process *s = self;

    if (s->doors)
        *code = doors_objects(s->doors, peer, hello, broker_own(s->broker, &peer->id), words);
}

static enum err on_hello(void *self, struct hub_peer *from, const struct msg *msg,
                         int64_t now_ms)
{
    struct broker_process *s = self;
    struct broker_member *member;
    struct msg hello = *msg;

    s->now_ms = now_ms;
    if (s->doors)
        doors_place(s->doors, from, &hello.hello);
    member = broker_hello(s->broker, from->owner, from, &hello, now_ms);
    if (!member) /* `from` is gone */
        return OK;
    name_run(s);
    from->owner = member;
    if (from->role == ROLE_LEARNER)
        bulk_learner(s->bulk, &from->id, &from->key);
    return OK;
}

static void revoked(void *self, const struct hash *key)
{
    bulk_revoked(((struct broker_process *)self)->bulk, key,
                 ((struct broker_process *)self)->now_ms);
}

/* Whoever is not valid any more is cut, at every port; who serves lets it in no more, either. */
static void look(struct broker_process *s, int64_t now_ms)
{
    bool changed = false, rekey = false;

    if (!s->doors)
        return;
    doors_look(s->doors, clock_wall_ms() / 1000, now_ms, &changed, &rekey);
    if (changed) {
        hub_look(s->control, now_ms);
        hub_look(bulk_hub(s->bulk), now_ms);
        dashboard_look(s->board, doors_gate(s->doors));
        doors_invalid(s->doors, revoked, s);
        broker_next_key(s->broker, doors_next(s->doors));
        bulk_next_key(s->bulk, doors_next(s->doors));
    }
    if (!rekey)
        return;
    log_info("rotated", "key=\"%s\"", doors_keys(s->doors)->public_key);
    rekey_begin(&s->rekey, doors_keys(s->doors), now_ms);
}

static enum err on_message(void *self, struct hub_peer *from, const struct msg *msg,
                           int64_t now_ms)
{
    struct broker_process *s = self;
    struct broker_member *member = from->owner;

    s->now_ms = now_ms;
    if (!member)
        return OK;
    /* Whom the supervisor has just let in is to find the door open. */
    if (msg->head.type == MSG_ADMIN_OK)
        look(s, now_ms);
    /* The hub counts strikes; the copy is for STATS. */
    member->strikes = from->strikes;
    if (broker_take(s->broker, member, msg, now_ms))
        hub_strike(s->control, from, err_text(), now_ms);
    return again_soon(&s->again);
}

static void on_bad(void *self, struct hub_peer *from, enum msg_type type, const char *words,
                   int64_t now_ms)
{
    struct broker_process *s = self;

    s->now_ms = now_ms;
    if (from->owner)
        broker_bad(s->broker, from->owner, type, words, now_ms);
}

static void add_rows(struct broker_process *s)
{
    for (enum role role = ROLE_LEARNER; role < ROLES; role++) {
        hub_on(s->control, role, MSG_HELLO, on_hello, s);
        for (enum msg_type type = MSG_HELLO + 1; type < MSG_TYPES; type++)
            if (broker_hears(role, type))
                hub_on(s->control, role, type, on_message, s);
    }
}

/* ---- time and signals */

static struct outside outside_of(const struct broker_process *s)
{
    return (struct outside){s->broker, s->control, s->bulk, s->board, s->doors};
}

static enum err tick(void *self, int64_t now_ms)
{
    struct broker_process *s = self;
    const struct outside outside = outside_of(s);
    enum err err;

    s->now_ms = now_ms;
    look(s, now_ms);
    rekey_tick(&s->rekey, now_ms);
    broker_missing(s->broker, s->rekey.words, s->rekey.since_ms);
    /* First who is silent goes, then the broker's tick gives out work: not to the dead. */
    err = hub_tick(s->control, now_ms);
    if (!err)
        err = bulk_tick(s->bulk, now_ms);
    dashboard_tick(s->board, now_ms);
    outside_tell(&outside, now_ms);
    broker_tick(s->broker, now_ms);
    if (dashboard_asked(s->board))
        outside_stats(&outside, now_ms);
    if (s->end_ms && (now_ms >= s->end_ms || broker_drained(s->broker)))
        loop_stop(s->loop);
    return err ? err : again_soon(&s->again);
}

static enum err stop(void *self, int64_t now_ms)
{
    struct broker_process *s = self;

    (void)now_ms;
    log_info("stop", "reason=signal");
    loop_stop(s->loop);
    return OK;
}

/* The supervisor's pipe is at its end: it is gone, and the fleet with it. */
static enum err orphaned(void *self, int64_t now_ms)
{
    struct broker_process *s = self;

    log_info("drain", "deadline_ms=%d", SERVE_DRAIN_MS);
    /* At its end a pipe is readable for ever. */
    loop_unfd(s->loop, s->options->parent_fd);
    s->end_ms = now_ms + SERVE_DRAIN_MS;
    broker_drain(s->broker, SERVE_DRAIN_MS);
    return OK;
}

/* ---- opening and closing */

static bool given(const char *option) /* "--key=" is none */
{
    return option && *option;
}

static enum err open_doors(struct broker_process *s)
{
    const struct doors_conf conf = {.folder = s->options->keys,
                                    .messages_s = s->options->key_messages,
                                    .connections = s->options->key_connections,
                                    .bytes_s = s->options->key_bytes};

    return doors_open(&s->doors, s->context, &conf, clock_wall_ms() / 1000);
}

static enum err open_ports(struct broker_process *s)
{
    const struct serve_options *o = s->options;
    const struct curve_keys *keys = s->doors ? doors_keys(s->doors) : NULL;
    struct hub_gate *gate = s->doors ? doors_gate(s->doors) : NULL;
    struct listen_at at[LISTENS];
    /* Of the bulk port bulk_open fills in the rest. */
    struct hub_conf control = {.keys = keys,
                               .gate = gate,
                               .joined = joined,
                               .gone = gone,
                               .bad = on_bad,
                               .self = s},
                    bulk = {.keys = keys, .gate = gate};
    size_t cache = 0;
    enum err err = given(o->listen_fd)
                       ? listen_descriptors(at, o->listen_fd)
                       : listen_addresses(at, o->bind ? o->bind : "", o->bulk ? o->bulk : "",
                                          o->dashboard ? o->dashboard : "");

    if (!err)
        err = amount_parse(&cache, o->cache);
    if (err)
        return err;
    control.endpoint = at[LISTEN_CONTROL].endpoint;
    control.listen_fd = at[LISTEN_CONTROL].fd;
    bulk.endpoint = at[LISTEN_BULK].endpoint;
    bulk.listen_fd = at[LISTEN_BULK].fd;
    err = hub_open(&s->control, s->context, &control);
    if (!err)
        err = bulk_open(&s->bulk, s->context, &bulk, s->incarnation, cache);
    if (!err)
        err = dashboard_open(&s->board, s->context, at[LISTEN_DASHBOARD].endpoint,
                             at[LISTEN_DASHBOARD].fd, keys, gate);
    if (err)
        return err;
    rekey_add(&s->rekey, hub_socket(s->control), hub_endpoint(s->control), control.listen_fd);
    rekey_add(&s->rekey, hub_socket(bulk_hub(s->bulk)), hub_endpoint(bulk_hub(s->bulk)),
              bulk.listen_fd);
    rekey_add(&s->rekey, dashboard_socket(s->board), dashboard_endpoint(s->board),
              at[LISTEN_DASHBOARD].fd);
    return OK;
}

static enum err make_broker(struct broker_process *s)
{
    const struct broker_sink sink = {.self = s,
                                     .send = to_member,
                                     .refuse = to_refuse,
                                     .release = to_release,
                                     .origin = origin,
                                     .strike = strike,
                                     .publish = to_dashboard};
    char reached[ADDRESS_TEXT];
    struct broker_birth birth = {.incarnation = s->incarnation,
                                 /* A later broker begins above what this one gives out, unless
                                  * it gives 16 leases a millisecond (of 64 numbers each, while
                                  * few are out: lease.c). */
                                 .first_number = (uint64_t)clock_wall_ms() << 10,
                                 .restarted = s->options->restarted,
                                 .bulk = reached,
                                 .bulk_key = ""};
    const enum err err =
        listen_reach(reached, hub_endpoint(bulk_hub(s->bulk)), s->options->advertise);

    s->now_ms = clock_mono_ms();
    if (!err)
        broker_new(&s->broker, &broker_default, &sink, &birth, s->now_ms);
    s->again = (struct again){s->loop, s->broker, &s->now_ms, false};
    return err;
}

static enum err write_ports(const struct broker_process *s)
{
    char *text = mem_print("control %s\nbulk %s\ndashboard %s\n", hub_endpoint(s->control),
                           hub_endpoint(bulk_hub(s->bulk)), dashboard_endpoint(s->board));
    const enum err err = fs_write(s->options->ports_file, text, strlen(text));

    free(text);
    return err;
}

static enum err paged(void *self, int64_t now_ms)
{
    return bulk_paged(((struct broker_process *)self)->bulk, now_ms);
}

static enum err watch_fd(void *self, int fd)
{
    struct broker_process *s = self;

    return loop_fd(s->loop, fd, paged, s);
}

static void unwatch_fd(void *self, int fd)
{
    struct broker_process *s = self;

    if (s->loop)
        loop_unfd(s->loop, fd);
}

static enum err wire_it(struct broker_process *s)
{
    static const int signals[] = {SIGTERM, SIGINT};
    enum err err = loop_socket(s->loop, hub_socket(s->control), hub_readable, s->control);

    look(s, s->now_ms); /* a rotation may be under way: the first word to anybody tells of it */
    if (!err)
        err = loop_socket(s->loop, hub_socket(bulk_hub(s->bulk)), hub_readable,
                          bulk_hub(s->bulk));
    if (!err)
        err = loop_socket(s->loop, dashboard_socket(s->board), dashboard_readable, s->board);
    if (!err && s->doors)
        err = loop_socket(s->loop, doors_socket(s->doors), doors_readable, s->doors);
    if (!err)
        err = loop_every(s->loop, TICK_MS, tick, s);
    for (int i = 0; i < 2 && !err; i++)
        err = loop_signal(s->loop, signals[i], stop, s);
    if (!err && s->options->parent_fd >= 0)
        err = loop_fd(s->loop, s->options->parent_fd, orphaned, s);
    return err;
}

static enum err open_all(struct broker_process *s)
{
    struct id unused;
    enum err err = loop_new(&s->loop);

    if (err)
        return err;
    serve_limit();
    s->context = zmq_ctx_new();
    peer_random(&unused, &s->incarnation);
    if (given(s->options->keys))
        err = open_doors(s);
    if (!err)
        err = open_ports(s);
    if (err)
        return err;
    bulk_pages(s->bulk, &(struct bulk_watch){watch_fd, unwatch_fd, s});
    add_rows(s);
    err = make_broker(s);
    if (!err)
        err = wire_it(s);
    /* Last of all: whoever waits for the file may dial at once. */
    if (!err && given(s->options->ports_file))
        err = write_ports(s);
    return err;
}

static void close_all(struct broker_process *s)
{
    loop_free(s->loop); /* before the sockets that it watches */
    s->loop = NULL;
    hub_close(s->control);
    bulk_close(s->bulk);
    dashboard_close(s->board);
    doors_close(s->doors);
    broker_free(s->broker);
    if (s->context)
        zmq_ctx_term(s->context);
}

enum err serve_run(const struct serve_options *options)
{
    struct broker_process *s = mem_new(1, sizeof *s);
    enum err err;

    s->options = options;
    err = open_all(s);
    if (!err) {
        log_info("ready", "control=%s bulk=%s dashboard=%s secure=%d", hub_endpoint(s->control),
                 hub_endpoint(bulk_hub(s->bulk)), dashboard_endpoint(s->board),
                 s->doors != NULL);
        err = loop_run(s->loop);
    }
    close_all(s);
    free(s);
    return err;
}
