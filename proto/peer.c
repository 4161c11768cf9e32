/* The state of a connection is three facts: is WELCOME in, when was something heard, when was
 * something said. The tick derives the rest: HELLO each second without WELCOME, a heartbeat
 * each second with it, a new connection after PEER_SILENCE_MS of silence. Whatever the broker
 * answers (WHO, REFUSE) only changes these facts. Before WELCOME nothing else goes out: the
 * broker would answer WHO. The warnings to people follow from the same facts, and from what dial.c
 * knows of the socket. */

#include "proto/peer.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/printable.h"
#include "proto/address.h"
#include "proto/arena.h"
#include "proto/codec.h"
#include "proto/curve.h"
#include "proto/dial.h"
#include "proto/generation.h"
#include "proto/limit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct handler {
    peer_fn *fn;
    void *self;
};

struct peer {
    void *socket;
    struct dial *dial;
    struct peer_conf conf;
    struct address_list addresses; /* of .broker */
    char *broker, *name, *serve;
    char host[MAX_NAME];
    struct handler handler[MSG_TYPES];
    struct arena *arena;
    struct msg_head head; /* run and epoch */
    bool own_run, welcome, there;
    bool leaving;            /* this process ends: no more warnings */
    bool answered;           /* WELCOME or REFUSE came, ever */
    bool refused;            /* REFUSE, on this connection */
    int64_t without_ms;      /* since when there is no WELCOME */
    int64_t hope_ms;         /* when the far end did last not turn us away */
    int64_t warn_ms;         /* when to say so next */
    int warns;               /* how often it was said */
    int64_t bytes, bytes_ms; /* of the connection, when last looked; when there were more */
    int64_t heard_ms, hello_ms, hb_ms, tick_ms, logged_ms;
    char bulk[256]; /* of the last WELCOME, with a host one can dial */
    struct generation generation;
    struct peer_stats stats;
};

void peer_host(char *out, size_t n)
{
    const char *given = getenv(PEER_HOST);
    char system[MAX_NAME] = "";

    if (!given || !*given) {
        gethostname(system, sizeof system - 1);
        given = system;
    }
    printable(out, n, given, strlen(given), PRINTABLE_LINE);
}

static enum err option(void *socket, int name, int value)
{
    if (zmq_setsockopt(socket, name, &value, sizeof value))
        return err_set(ERR_IO, "socket option %d: %s", name, zmq_strerror(errno));
    return OK;
}

static enum err configure(struct peer *peer)
{
    static const int options[][2] = {
        {ZMQ_LINGER, 0},
        {ZMQ_RECONNECT_IVL, 100},
        {ZMQ_RECONNECT_IVL_MAX, 0},
        {ZMQ_SNDHWM, 256},
        {ZMQ_RCVHWM, 256},
        {ZMQ_TCP_KEEPALIVE, 1},
        {ZMQ_HANDSHAKE_IVL, PEER_SILENCE_MS},
    };
    const int64_t max = WIRE_FRAME_MAX;
    enum err err = OK;

    for (size_t i = 0; !err && i < sizeof options / sizeof *options; i++)
        err = option(peer->socket, options[i][0], options[i][1]);
    if (!err && zmq_setsockopt(peer->socket, ZMQ_MAXMSGSIZE, &max, sizeof max))
        err = err_set(ERR_IO, "ZMQ_MAXMSGSIZE: %s", zmq_strerror(errno));
    if (!err && peer->conf.keys)
        err = curve_client(peer->socket, peer->conf.keys);
    return err;
}

enum err peer_open(struct peer **out, void *context, const struct peer_conf *conf,
                   int64_t now_ms)
{
    struct peer *const peer = mem_new(1, sizeof *peer);
    enum err err;

    *out = NULL;
    peer->conf = *conf;
    peer->broker = mem_text(conf->broker);
    peer->name = mem_text(conf->name ? conf->name : "");
    peer->serve = mem_text(conf->serve ? conf->serve : "");
    peer_host(peer->host, sizeof peer->host);
    peer->heard_ms = peer->tick_ms = peer->without_ms = peer->hope_ms = now_ms;
    peer->bytes_ms = now_ms - PEER_SILENCE_MS;
    peer->bytes = -1;
    peer->warn_ms = now_ms + PEER_WARN_MS;
    peer->hello_ms = now_ms - PEER_HB_MS;
    arena_new(&peer->arena, CODEC_ARENA);
    peer->socket = zmq_socket(context, ZMQ_DEALER);
    err = peer->socket ? configure(peer) : err_set(ERR_IO, "socket: %s", zmq_strerror(errno));
    if (!err)
        err = dial_open(&peer->dial, context, peer->socket, conf->keys != NULL);
    if (!err)
        err = address_read(&peer->addresses, peer->broker, now_ms);
    if (!err)
        err = address_connect(&peer->addresses, peer->socket);
    generation_take(&peer->generation, conf->keys);
    peer->conf.keys = NULL; /* libzmq has its copy */
    if (err) {
        peer_close(peer);
        return err;
    }
    *out = peer;
    return OK;
}

void peer_close(struct peer *peer)
{
    if (!peer)
        return;
    dial_close(peer->dial);
    if (peer->socket)
        zmq_close(peer->socket);
    arena_free(peer->arena);
    free(peer->broker);
    free(peer->name);
    free(peer->serve);
    free(peer);
}

void peer_on(struct peer *peer, enum msg_type type, peer_fn *fn, void *self)
{
    peer->handler[type] = (struct handler){fn, self};
}

void peer_run(struct peer *peer, const struct id *run, uint64_t epoch)
{
    peer->own_run = true;
    peer->head.run = *run;
    peer->head.epoch = epoch;
}

static void look(struct peer *peer)
{
    peer->there = dial_look(peer->dial) == DIAL_THERE;
    peer->stats.denied = dial_denied(peer->dial);
}

/* Nothing is queued for a connection that does not stand. ZMQ_IMMEDIATE would see to that, but
 * with it libzmq 4.3.4 takes the pipe away as soon as a connection ends, also between two frames
 * of a message that is being received, and then aborts the process (fq.cpp:112). */
static enum err put(struct peer *peer, struct msg *msg)
{
    struct frames frames;
    enum err err;

    if (!peer->there)
        look(peer);
    if (!peer->there) {
        peer->stats.full++;
        return err_set(ERR_STATE, "no connection to %s", peer->broker);
    }
    msg->head.run = peer->head.run;
    msg->head.epoch = peer->head.epoch;
    frames_init(&frames);
    err = codec_encode(&frames, msg);
    if (!err)
        err = wire_send(peer->socket, NULL, &frames);
    frames_fini(&frames);
    if (!err)
        peer->stats.sent++;
    else if (err == ERR_STATE)
        peer->stats.full++;
    return err;
}

enum err peer_send(struct peer *peer, struct msg *msg)
{
    if (!peer->welcome)
        return err_set(ERR_STATE, "no WELCOME from %s yet", peer->broker);
    return put(peer, msg);
}

/* At most one complaint a second. */
static void complain(struct peer *peer, const char *event, int64_t now_ms)
{
    if (now_ms - peer->logged_ms < 1000)
        return;
    peer->logged_ms = now_ms;
    log_warn(event, "broker=%s words=\"%s\"", peer->broker, err_text());
}

static void say_hello(struct peer *peer, int64_t now_ms)
{
    struct msg msg = {.head.type = MSG_HELLO};
    enum err err;

    if (peer->conf.hello)
        peer->conf.hello(peer->conf.self, &msg.hello);
    msg.hello.peer = peer->conf.id;
    msg.hello.incarnation = peer->conf.incarnation;
    msg.hello.role = (uint32_t)peer->conf.role;
    msg.hello.major_min = msg.hello.major_max = PROTO_MAJOR;
    msg.hello.name = peer->name;
    msg.hello.build = DROVER_VERSION;
    msg.hello.serve = peer->serve;
    if (!msg.hello.host || !*msg.hello.host)
        msg.hello.host = peer->host;
    err = put(peer, &msg);
    if (!err) {
        peer->hello_ms = now_ms;
        peer->stats.hellos++;
    } else if (err != ERR_STATE) { /* nobody is connected: the next tick tries again */
        peer->hello_ms = now_ms;
        complain(peer, "hello", now_ms);
    }
}

void peer_hb(struct peer *peer, int64_t now_ms)
{
    struct msg msg = {.head.type = MSG_HB};

    if (peer->conf.hb)
        peer->conf.hb(peer->conf.self, &msg.hb);
    peer->hb_ms = now_ms;
    if (peer_send(peer, &msg) == ERR_RANGE)
        complain(peer, "heartbeat", now_ms);
}

static void unwelcome(struct peer *peer, int64_t now_ms)
{
    if (peer->welcome) {
        peer->without_ms = now_ms;
        peer->warn_ms = now_ms + PEER_WARN_MS;
    }
    peer->welcome = false;
}

void peer_again(struct peer *peer, int64_t now_ms)
{
    unwelcome(peer, now_ms);
    say_hello(peer, now_ms);
}

/* What the connection itself needs of a message, before its handler. True if that may run. */
static bool note(struct peer *peer, const struct msg *msg, int64_t now_ms)
{
    static const struct id none;
    const bool was = peer->welcome;

    /* A broker that knows no run yet does not make us forget whose work we hold. */
    if (!peer->own_run && memcmp(&msg->head.run, &none, sizeof none)) {
        peer->head.run = msg->head.run;
        peer->head.epoch = msg->head.epoch;
    }
    switch (msg->head.type) {
    case MSG_HB:
        generation_learn(&peer->generation, msg->hb.next_key);
        return was;
    case MSG_WHO:
        unwelcome(peer, now_ms);
        say_hello(peer, now_ms);
        return true;
    case MSG_WELCOME:
        if (peer->warns)
            log_info("broker", "broker=%s after_s=%.0f", peer->broker,
                     (double)(now_ms - peer->without_ms) / 1e3);
        peer->welcome = peer->answered = true;
        peer->refused = false;
        peer->warns = 0;
        peer->hb_ms = now_ms - PEER_HB_MS; /* the next tick says what it holds now */
        return true;
    case MSG_REFUSE:
        unwelcome(peer, now_ms);
        peer->answered = peer->refused = true;
        return true;
    default:
        return was;
    }
}

/* A broker that listens everywhere does not know by which name it was reached; we do. */
static void complete(struct peer *peer, struct msg_welcome *welcome)
{
    const char *const here = address_now(&peer->addresses);

    if (!address_everywhere(welcome->bulk))
        return;
    snprintf(peer->bulk, sizeof peer->bulk, "%.*s%s", (int)(strrchr(here, ':') - here), here,
             strrchr(welcome->bulk, ':'));
    welcome->bulk = peer->bulk;
}

/* What a handler says of the message is its sender's fault: told, counted, passed over. */
static enum err blame(struct peer *peer, enum err err, int64_t now_ms)
{
    if (err != ERR_PARSE && err != ERR_RANGE)
        return err;
    peer->stats.bad++;
    complain(peer, "bad-message", now_ms);
    return OK;
}

static enum err hear(struct peer *peer, const struct frames *frames, int64_t now_ms)
{
    struct msg msg;
    enum err err = codec_decode(&msg, frames, peer->arena);

    if (err)
        return blame(peer, err == ERR_NOMEM ? ERR_RANGE : err, now_ms);
    peer->stats.heard++;
    if (msg.head.type == MSG_WELCOME && !*msg.welcome.bulk && peer->conf.hello)
        return err_set(ERR_STATE, "%s is a broker's bulk port: its control port is meant",
                       peer->broker);
    if (msg.head.type == MSG_WELCOME)
        complete(peer, &msg.welcome);
    if (note(peer, &msg, now_ms) && peer->handler[msg.head.type].fn)
        return blame(
            peer,
            peer->handler[msg.head.type].fn(peer->handler[msg.head.type].self, &msg, now_ms),
            now_ms);
    peer->stats.unhandled++;
    return OK;
}

enum err peer_readable(void *self, int64_t now_ms)
{
    struct peer *const peer = self;
    bool got = true;
    enum err err = OK;

    for (int i = 0; !err && got && i < PEER_DRAIN; i++) {
        struct frames frames;
        err = wire_receive(peer->socket, NULL, &frames, NULL, &got);
        if (got)
            peer->heard_ms = now_ms;
        if (err == ERR_PARSE) {
            peer->stats.bad++;
            err = OK;
        } else if (!err && got) {
            err = hear(peer, &frames, now_ms);
        }
        frames_fini(&frames);
        arena_reset(peer->arena);
    }
    return err;
}

/* Drops the connection, with what is in its pipes, and makes a new one, perhaps elsewhere. */
static void reopen(struct peer *peer, bool elsewhere, int64_t now_ms)
{
    zmq_disconnect(peer->socket,
                   address_now(&peer->addresses)); /* it may have failed to dial */
    if (elsewhere)
        address_turn(&peer->addresses, now_ms), dial_turned(peer->dial);
    if (address_connect(&peer->addresses, peer->socket))
        complain(peer, "reopen", now_ms);
    peer->addresses.since_ms = now_ms;
    peer->stats.reopened++;
    unwelcome(peer, now_ms);
    peer->refused = peer->there = false;
    peer->heard_ms = now_ms;
    peer->hello_ms = now_ms - PEER_HB_MS;
}

/* What became of the connection since the last tick. */
static void follow(struct peer *peer, int64_t now_ms)
{
    const bool was = peer->there;

    look(peer);
    if (dial_hung_up(peer->dial) && *peer->generation.next) {
        if (generation_turn(&peer->generation, peer->socket))
            complain(peer, "key", now_ms);
        reopen(peer, false, now_ms);
    } else if (!peer->there &&
               (was || address_due(&peer->addresses, dial_nobody(peer->dial), now_ms))) {
        reopen(peer, !was, now_ms); /* its pipes hold what was meant for the one that ended */
    }
}

static void warn(struct peer *peer, int64_t now_ms)
{
    peer->warns++;
    peer->warn_ms = now_ms + PEER_AGAIN_MS;
    log_warn("no-broker", "broker=%s for_s=%.0f reason=\"%s\" next=\"keeps trying\"",
             peer->broker, (double)(now_ms - peer->without_ms) / 1e3, dial_words(peer->dial));
}

void peer_leave(struct peer *peer)
{
    peer->leaving = true;
}

enum err peer_patience(const struct peer *peer, int64_t wait_ms, int64_t now_ms)
{
    const int64_t without_ms = now_ms - peer->without_ms;

    if (peer->answered ||
        ((!wait_ms || without_ms < wait_ms) && now_ms - peer->hope_ms < PEER_REFUSED_MS))
        return OK;
    return dial_fault(peer->dial, peer->broker);
}

/* Bytes come, though no whole message: a piece on a line of a few Kbit/s. */
static void note_bytes(struct peer *peer, int64_t now_ms)
{
    const int64_t bytes = now_ms - peer->heard_ms < PEER_HB_MS ? -1 : dial_bytes(peer->dial);

    if (bytes > peer->bytes && peer->bytes >= 0)
        peer->bytes_ms = now_ms;
    peer->bytes = bytes;
}

static bool is_silent(const struct peer *peer, int64_t now_ms)
{
    return now_ms - peer->heard_ms >= PEER_SILENCE_MS &&
           now_ms - peer->bytes_ms >= PEER_SILENCE_MS;
}

enum err peer_tick(void *self, int64_t now_ms)
{
    struct peer *const peer = self;

    /* A process that was stopped did not listen: that is no silence of the broker's. */
    if (now_ms - peer->tick_ms > PEER_SILENCE_MS / 2)
        peer->heard_ms += now_ms - peer->tick_ms;
    peer->tick_ms = now_ms;
    follow(peer, now_ms);
    if (!dial_hopeless(peer->dial))
        peer->hope_ms = now_ms;
    if (!peer->welcome && !peer->refused && !peer->leaving && now_ms >= peer->warn_ms)
        warn(peer, now_ms);
    note_bytes(peer, now_ms);
    if (is_silent(peer, now_ms))
        reopen(peer, peer->addresses.n > 1, now_ms);
    if (!peer->welcome && now_ms - peer->hello_ms >= PEER_HB_MS)
        say_hello(peer, now_ms);
    if (peer->welcome && now_ms - peer->hb_ms >= PEER_HB_MS)
        peer_hb(peer, now_ms);
    return OK;
}

bool peer_welcome(const struct peer *peer)
{
    return peer->welcome;
}

bool peer_there(const struct peer *peer)
{
    return peer->there;
}

bool peer_learned(const struct peer *peer, struct curve_keys *keys)
{
    return peer->welcome && generation_tell(&peer->generation, keys);
}

bool peer_answered(const struct peer *peer)
{
    return peer->answered;
}

const struct msg_head *peer_head(const struct peer *peer)
{
    return &peer->head;
}

int64_t peer_heard_ms(const struct peer *peer)
{
    return peer->heard_ms;
}

void *peer_socket(const struct peer *peer)
{
    return peer->socket;
}

const struct peer_stats *peer_stats(const struct peer *peer)
{
    return &peer->stats;
}
