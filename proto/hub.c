/* A frame that comes goes one way: whose connection is it (conn_of); is that one banned or new
 * (HELLO, else WHO); does it decode; may this role say it; the row's handler. Whatever goes wrong
 * before the handler, or is its sender's fault, is a strike, and the frame is dropped: nothing
 * that a peer sends ends the loop.
 *
 * A connection (hub_conn) is what libzmq routes by; a member (hub_member) is a peer id and
 * incarnation that said HELLO, and outlives its connection for HUB_ENDED_MS: a process that lives
 * dials again at once and says HELLO after its next heartbeat, so one that does not is dead. Where no end can be seen (a cable, a process
 * that stands still) HUB_SILENCE_MS decides. Either may be without the other. The broker sees
 * members only. */

#include "proto/hub.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/printable.h"
#include "proto/arena.h"
#include "proto/curve.h"
#include "proto/hub_state.h"
#include "proto/limit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { QUEUE = 256, WHO_MS = 200, STRANGER_MS = 60000, ROOM_MS = 200 };
enum { SWEPT = 128 }; /* connections a tick */

static const char version_words[] = "this broker speaks version 1 of the protocol";

static enum err open_socket(struct hub *hub, void *context)
{
    const struct bind_conf conf = {.endpoint = hub->conf.endpoint,
                                   .listen_fd = hub->conf.listen_fd,
                                   .keys = hub->conf.keys,
                                   .domain = CURVE_FLEET,
                                   .queue = hub->conf.queue ? hub->conf.queue : QUEUE,
                                   .frame_max = WIRE_FRAME_MAX};
    static const int mandatory = 1, backlog = MAX_PEERS;

    hub->socket = zmq_socket(context, ZMQ_ROUTER);
    if (!hub->socket ||
        zmq_setsockopt(hub->socket, ZMQ_ROUTER_MANDATORY, &mandatory, sizeof mandatory) ||
        zmq_setsockopt(hub->socket, ZMQ_BACKLOG, &backlog, sizeof backlog))
        return err_set(ERR_IO, "socket: %s", zmq_strerror(errno));
    return bind_socket(hub->socket, &conf, hub->endpoint);
}

enum err hub_open(struct hub **out, void *context, const struct hub_conf *conf)
{
    struct hub *const hub = mem_new(1, sizeof *hub);
    const struct silent_conf quiet = {hub_look_heard, hub_look_shut, hub};
    enum err err;

    *out = NULL;
    hub->conf = *conf;
    if (!hub->conf.peers_max)
        hub->conf.peers_max = MAX_PEERS;
    arena_new(&hub->arena, CODEC_ARENA);
    err = open_socket(hub, context);
    hub->conf.endpoint = NULL; /* both were borrowed */
    hub->conf.keys = NULL;
    if (err) {
        hub_close(hub);
        return err;
    }
    silent_new(&hub->silent, hub->endpoint, &quiet);
    *out = hub;
    return OK;
}

void hub_close(struct hub *hub)
{
    if (!hub)
        return;
    if (hub->socket)
        zmq_close(hub->socket);
    silent_free(hub->silent);
    hub_conn_clear(&hub->conns);
    hub_member_clear(&hub->members);
    arena_free(hub->arena);
    free(hub);
}

const char *hub_endpoint(const struct hub *hub)
{
    return hub->endpoint;
}

void hub_on(struct hub *hub, enum role role, enum msg_type type, hub_fn *fn, void *self)
{
    hub->row[role][type] = (struct hub_row){fn, NULL, self};
}

void hub_on_raw(struct hub *hub, enum role role, enum msg_type type, hub_raw_fn *fn, void *self)
{
    hub->row[role][type] = (struct hub_row){NULL, fn, self};
}

void hub_run(struct hub *hub, const struct id *run, uint64_t epoch)
{
    hub->head.run = *run;
    hub->head.epoch = epoch;
}

void *hub_socket(const struct hub *hub)
{
    return hub->socket;
}

const struct hub_stats *hub_stats(const struct hub *hub)
{
    return &hub->stats;
}

struct hub_peer *hub_find(const struct hub *hub, uint32_t number)
{
    struct hub_member *const m = hub_member_by_number(&hub->members, number);

    return m ? &m->pub : NULL;
}

struct hub_peer *hub_next(const struct hub *hub, const struct hub_peer *peer)
{
    const struct hub_member *m = (const struct hub_member *)peer;
    struct hub_member *const next = m ? m->next : hub->members.first;

    return next ? &next->pub : NULL;
}

static enum err put(struct hub *hub, const struct wire_route *to, struct frames *frames)
{
    const size_t bytes = frames_bytes(frames);
    const enum err err = wire_send(hub->socket, to, frames);

    if (!err) {
        hub->stats.sent++;
        hub->stats.bytes_out += bytes;
    } else if (err == ERR_STATE) {
        hub->stats.full++;
    } else {
        hub->stats.unreachable++;
    }
    return err;
}

static enum err encode(struct frames *frames, const struct hub *hub, struct msg *msg)
{
    msg->head.run = hub->head.run;
    msg->head.epoch = hub->head.epoch;
    frames_init(frames);
    return codec_encode(frames, msg);
}

static enum err tell(struct hub *hub, const struct wire_route *to, struct msg *msg)
{
    struct frames frames;
    enum err err = encode(&frames, hub, msg);

    if (!err)
        err = put(hub, to, &frames);
    frames_fini(&frames);
    return err;
}

enum err hub_forward(struct hub *hub, struct hub_peer *to, struct frames *frames)
{
    struct hub_member *const member = (struct hub_member *)to;
    enum err err;

    if (!member->conn)
        return err_set(ERR_IO, "%s: no connection", to->name);
    err = put(hub, &member->conn->route, frames);
    to->reachable = err != ERR_IO;
    return err;
}

enum err hub_send(struct hub *hub, struct hub_peer *to, struct msg *msg)
{
    struct frames frames;
    enum err err = encode(&frames, hub, msg);

    if (!err)
        err = hub_forward(hub, to, &frames);
    frames_fini(&frames);
    return err;
}

/* ---- who is there */

static void member_remove(struct hub *hub, struct hub_member *m, const char *why,
                          int64_t now_ms)
{
    if (hub->conf.gone)
        hub->conf.gone(hub->conf.self, &m->pub, why, now_ms);
    hub_member_remove(&hub->members, m);
}

static void refuse(struct hub *hub, struct conn *conn, uint32_t code, const char *words)
{
    struct msg msg = {.head.type = MSG_REFUSE, .refuse = {code, words}};

    hub->stats.refused++;
    if (tell(hub, &conn->route, &msg)) /* it hears of it at its next HELLO */
        log_debug("refuse", "words=\"%s\"", err_text());
}

void hub_refuse(struct hub *hub, struct hub_peer *peer, enum refuse_code code,
                const char *words, bool shut, int64_t now_ms)
{
    struct hub_member *const m = (struct hub_member *)peer;

    if (m->conn) {
        refuse(hub, m->conn, (uint32_t)code, words);
        m->conn->doomed_ms = shut ? now_ms : 0;
    }
    member_remove(hub, m, words, now_ms);
}

void hub_release(struct hub *hub, struct hub_peer *peer, int64_t now_ms)
{
    member_remove(hub, (struct hub_member *)peer, "bye", now_ms);
}

void hub_turn_away(struct hub *hub, struct conn *conn, enum refuse_code code, const char *words,
                   int64_t now_ms)
{
    refuse(hub, conn, (uint32_t)code, words);
    conn->doomed_ms = now_ms;
    if (conn->member)
        member_remove(hub, conn->member, words, now_ms);
}

void hub_strike_conn(struct hub *hub, struct conn *conn, const char *why, int64_t now_ms)
{
    hub->stats.bad++;
    if (now_ms - hub->logged_ms >= 1000) {
        hub->logged_ms = now_ms;
        log_warn("bad-frame", "peer=%s words=\"%s\"",
                 conn->member ? conn->member->pub.name : "?", why);
    }
    if (now_ms - conn->strikes_ms >= HUB_STRIKES_MS) {
        conn->strikes_ms = now_ms;
        conn->strikes = 0;
    }
    conn->strikes++;
    if (conn->member)
        conn->member->pub.strikes++;
    if (conn->strikes < HUB_STRIKES)
        return;
    if (conn->member)
        hub_member_ban(&hub->members, &conn->member->pub.id, now_ms);
    hub_turn_away(hub, conn, REFUSE_STRIKES, "too many bad frames", now_ms);
}

void hub_strike(struct hub *hub, struct hub_peer *peer, const char *why, int64_t now_ms)
{
    struct hub_member *const m = (struct hub_member *)peer;

    if (m->conn)
        hub_strike_conn(hub, m->conn, why, now_ms);
}

/* ---- what they say */

static enum err on_hello(struct hub *hub, struct conn *conn, const struct msg *msg,
                         int64_t now_ms)
{
    const struct msg_hello *const hello = &msg->hello;
    struct hub_member *m = hub_member_by_id(&hub->members, &hello->peer);
    const char *words = "";
    uint32_t code = 0, role;
    struct msg as = *msg;

    if (hello->major_min > PROTO_MAJOR || hello->major_max < PROTO_MAJOR) {
        refuse(hub, conn, REFUSE_VERSION, version_words);
        return OK;
    }
    if (hub_member_banned(&hub->members, &hello->peer, now_ms)) {
        hub_turn_away(hub, conn, REFUSE_STRIKES, "refused for a minute: too many bad frames",
                      now_ms);
        return OK;
    }
    if (!hub_look_hello(hub, conn, hello, m, &role, now_ms))
        return OK;
    if (m && (m->pub.incarnation != hello->incarnation || m->pub.role != role)) {
        member_remove(hub, m, "replaced by another incarnation", now_ms);
        m = NULL;
    }
    if (conn->member && conn->member != m) /* another id on the same connection */
        member_remove(hub, conn->member, "replaced on its connection", now_ms);
    if (!hub->row[role][MSG_HELLO].fn) {
        refuse(hub, conn, REFUSE_ROLE, "this port has no such role");
        return OK;
    }
    if (!m)
        m = hub_member_add(&hub->members, hello, (enum role)role);
    hub_member_attach(m, conn);
    printable(m->pub.name, sizeof m->pub.name, hello->name, strlen(hello->name),
              PRINTABLE_LINE);
    printable(m->pub.build, sizeof m->pub.build, hello->build, strlen(hello->build),
              PRINTABLE_LINE);
    m->pub.heard_ms = now_ms;
    if (hub->conf.joined)
        hub->conf.joined(hub->conf.self, &m->pub, hello, &code, &words);
    if (code) {
        hub_refuse(hub, &m->pub, (enum refuse_code)code, words, false, now_ms);
        return OK;
    }
    as.hello.role = role; /* what it is here, not what it says */
    return hub->row[role][MSG_HELLO].fn(hub->row[role][MSG_HELLO].self, &m->pub, &as, now_ms);
}

static void who(struct hub *hub, struct conn *conn, bool is_later, int64_t now_ms)
{
    struct msg msg = {.head.type = MSG_WHO};

    if (now_ms - conn->who_ms < WHO_MS)
        return;
    conn->who_ms = now_ms;
    if (is_later) { /* no strike: it cannot know better */
        refuse(hub, conn, REFUSE_VERSION, version_words);
        return;
    }
    hub->stats.who++;
    if (tell(hub, &conn->route, &msg))
        log_debug("who", "words=\"%s\"", err_text());
}

/* A message of `type`; its sender's member hears of it if it is bad. */
static enum err decode(struct hub *hub, struct conn *conn, struct msg *out, enum msg_type type,
                       const struct frames *frames, int64_t now_ms)
{
    const enum err err = codec_decode(out, frames, hub->arena);

    if (err && conn->member && hub->conf.bad)
        hub->conf.bad(hub->conf.self, &conn->member->pub, type, err_text(), now_ms);
    return err == ERR_NOMEM ? ERR_RANGE : err; /* more than any message may take */
}

static enum err forbidden(struct hub *hub, struct conn *conn, enum msg_type type,
                          int64_t now_ms)
{
    if (hub->conf.gate)
        hub_gate_refused(hub->conf.gate, HUB_GATE_MESSAGE, conn->member->pub.name,
                         conn->address, now_ms);
    return err_set(ERR_RANGE, "%s is not for this role to say", msg_name(type));
}

static enum err dispatch(struct hub *hub, struct conn *conn, struct frames *frames,
                         int64_t now_ms)
{
    struct codec_head head;
    struct msg msg;
    const struct hub_row *row;
    enum err err = codec_peek(&head, frames);

    if (err && !conn->member && codec_major(frames) > PROTO_MAJOR) {
        who(hub, conn, true, now_ms);
        return OK;
    }
    if (!err && conn->member) {
        row = &hub->row[conn->member->pub.role][head.head.type];
        if (row->raw)
            return row->raw(row->self, &conn->member->pub, &head, frames, now_ms);
        if (!row->fn && head.head.type != MSG_HELLO) /* not worth reading */
            return forbidden(hub, conn, head.head.type, now_ms);
    }
    if (!err && head.head.type != MSG_HELLO && !conn->member) {
        who(hub, conn, false, now_ms);
        return OK;
    }
    if (!err)
        err = decode(hub, conn, &msg, head.head.type, frames, now_ms);
    if (err)
        return err;
    if (msg.head.type == MSG_HELLO)
        return on_hello(hub, conn, &msg, now_ms);
    row = &hub->row[conn->member->pub.role][msg.head.type];
    return row->fn(row->self, &conn->member->pub, &msg, now_ms);
}

/* For one more connection; a look at all of them, so only now and then. */
static bool make_room(struct hub *hub, int64_t now_ms)
{
    const bool full = hub->conns.n >= hub->conf.peers_max;

    if (full && now_ms - hub->room_ms >= ROOM_MS) {
        hub->room_ms = now_ms;
        hub_member_sweep(&hub->conns, now_ms);
    }
    return hub->conns.n < hub->conf.peers_max;
}

/* The record of the connection that a message came by; NULL if there are too many. */
static struct conn *conn_of(struct hub *hub, const struct wire_route *from, int fd,
                            struct frames *frames, int64_t now_ms)
{
    struct conn *conn = hub_member_conn(&hub->conns, from, fd, frames, now_ms), *was;

    if (!conn && !make_room(hub, now_ms)) {
        hub_conn_shut(fd);
        return NULL;
    }
    if (!conn) {
        conn = hub_conn_add(&hub->conns, from);
        conn->strikes_ms = now_ms;
        conn->who_ms = now_ms - WHO_MS;
    }
    was = hub_conn_heard(&hub->conns, conn, fd);
    if (was)
        hub_member_ended(&hub->conns, was, now_ms);
    conn->heard_ms = now_ms;
    hub_conn_origin(conn, frames);
    return conn;
}

static enum err hear(struct hub *hub, struct conn *conn, struct frames *frames, bool broken,
                     int64_t now_ms)
{
    const size_t bytes = frames_bytes(frames);
    enum err err;

    hub->stats.heard++;
    hub->stats.bytes_in += bytes;
    if (conn->doomed_ms || !hub_look_hears(hub, conn, bytes, now_ms))
        return OK;
    if (conn->member) {
        conn->member->pub.heard_ms = now_ms;
        conn->member->pub.frames++;
        conn->member->pub.bytes += bytes;
    }
    err = broken ? ERR_PARSE : dispatch(hub, conn, frames, now_ms);
    if (err != ERR_PARSE && err != ERR_RANGE)
        return err;
    hub_strike_conn(hub, conn, err_text(),
                    now_ms); /* what is wrong with a message is its sender's */
    return OK;
}

enum err hub_readable(void *self, int64_t now_ms)
{
    struct hub *const hub = self;
    bool got = true;
    enum err err = OK;

    for (int i = 0; !err && got && i < HUB_DRAIN; i++) {
        struct wire_route from = {0};
        struct frames frames;
        struct conn *conn;
        int fd;
        err = wire_receive(hub->socket, &from, &frames, &fd, &got);
        if ((err && err != ERR_PARSE) || (!err && !got))
            break;
        conn = from.n ? conn_of(hub, &from, fd, &frames, now_ms) : NULL;
        err = conn ? hear(hub, conn, &frames, err == ERR_PARSE, now_ms) : OK;
        frames_fini(&frames);
        arena_reset(hub->arena);
    }
    return err;
}

/* ---- time */

static void sweep(struct hub *hub, int64_t now_ms)
{
    struct conn *next;

    for (struct conn *c = hub_conn_next(&hub->conns, NULL); c; c = next) {
        const bool doomed = c->doomed_ms && now_ms - c->doomed_ms >= HUB_CONN_LAST_MS;
        next = hub_conn_next(&hub->conns, c);
        if (doomed && hub_conn_lives(&hub->conns, c))
            hub_conn_shut(hub_conn_lives(&hub->conns, c) ? c->fd : -1);
        if (doomed || (!c->member && now_ms - c->heard_ms >= STRANGER_MS))
            hub_conn_remove(&hub->conns, c);
    }
}

enum err hub_tick(void *self, int64_t now_ms)
{
    struct hub *const hub = self;
    const int64_t slept_ms = hub->tick_ms ? now_ms - hub->tick_ms : 0;
    struct hub_member *next;

    hub->tick_ms = now_ms;
    hub_member_sweep_some(&hub->conns, SWEPT, now_ms);
    for (struct hub_member *m = hub->members.first; m; m = next) {
        next = m->next;
        if (slept_ms > HUB_SILENCE_MS / 2) /* we did not listen: nobody was silent */
            m->pub.heard_ms += slept_ms;
        if (!m->conn && m->ended_ms && now_ms - m->ended_ms >= HUB_ENDED_MS)
            member_remove(hub, m, "its connection ended", now_ms);
        else if (now_ms - m->pub.heard_ms >= HUB_SILENCE_MS)
            member_remove(hub, m, "nothing was heard of it for 5 s", now_ms);
    }
    sweep(hub, now_ms);
    silent_tick(hub->silent, now_ms);
    return OK;
}
