/* The broker answers from a store that has all, some pieces a turn; what it hears of the workers is
 * noted (serve, none). All sockets are asked in each turn, so none is watched. */

#include "tests/proto/serving_bed.h"

#include "base/mem.h"
#include "proto/serving.h"
#include "tests/support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CUT_AFTER = 20 }; /* pieces: more than a chunk */

int64_t serving_bed_now(void)
{
    return clock_mono_ms() * SPEED;
}

static struct serving_end *end_of(struct serving_bed *bed, const struct hub_peer *peer)
{
    return peer->role == ROLE_ACTOR ? &bed->end[NEAR] : &bed->end[FAR];
}

/* ---- the broker, which has all of it */

static enum err on_hello(void *self, struct hub_peer *from, const struct msg *msg,
                         int64_t now_ms)
{
    struct serving_bed *const bed = self;
    struct serving_end *const end = end_of(bed, from);
    struct msg welcome = {.head.type = MSG_WELCOME, .welcome = {.run = true}};

    (void)now_ms;
    end->peer = from;
    snprintf(end->serve, sizeof end->serve, "%s", msg->hello.serve);
    blob_asks_clear(end->asks);
    return hub_send(bed->hub, from, &welcome) == ERR_RANGE ? ERR_RANGE : OK;
}

static enum err on_hb(void *self, struct hub_peer *from, const struct msg *msg, int64_t now_ms)
{
    struct msg hb = {.head.type = MSG_HB};

    (void)msg, (void)now_ms;
    return hub_send(((struct serving_bed *)self)->hub, from, &hb) == ERR_RANGE ? ERR_RANGE : OK;
}

static enum err on_wreq(void *self, struct hub_peer *from, const struct msg *msg,
                        int64_t now_ms)
{
    (void)now_ms;
    if (msg->wreq.kind != CHUNK_WAYS)
        assert_ok(blob_asks_add(end_of(self, from)->asks, &msg->wreq));
    return OK;
}

static enum err on_none(void *self, struct hub_peer *from, const struct msg *msg,
                        int64_t now_ms)
{
    struct serving_end *const end = end_of(self, from);

    (void)now_ms;
    snprintf(end->none, sizeof end->none, "%s", msg->wnone.reason);
    return OK;
}

static void on_gone(void *self, struct hub_peer *peer, const char *why, int64_t now_ms)
{
    (void)why, (void)now_ms;
    end_of(self, peer)->peer = NULL;
}

static void serve(struct serving_bed *bed)
{
    for (int e = NEAR; e <= FAR; e++) {
        struct serving_end *const end = &bed->end[e];
        struct msg msg;
        for (int i = 0; i < bed->pieces_a_turn && end->peer; i++) {
            if (!blob_asks_next(end->asks, bed->store, &msg) ||
                hub_send(bed->hub, end->peer, &msg))
                break;
            end->bytes += msg.head.type == MSG_WCHUNK ? msg.wchunk.bytes : 0;
            blob_asks_sent(end->asks);
        }
    }
}

/* ---- who poses as a parent */

static enum err liar_hello(void *self, struct hub_peer *from, const struct msg *msg,
                           int64_t now_ms)
{
    struct msg welcome = {.head.type = MSG_WELCOME};

    (void)msg, (void)now_ms;
    return hub_send(((struct serving_bed *)self)->liar, from, &welcome);
}

static void twist(struct serving_bed *bed, struct msg_wchunk *piece)
{
    if (bed->how == LIAR_OTHERS)
        piece->hash.byte[0] ^= 1;
    if (piece->kind != CHUNK_PIECES)
        return;
    bed->liar_gave++;
    if (bed->how == LIAR_FALSE)
        piece->data = bed->bytes; /* the same piece for all */
    else if (bed->how == LIAR_HALVES)
        piece->bytes /= 2;
}

static enum err liar_wreq(void *self, struct hub_peer *from, const struct msg *msg,
                          int64_t now_ms)
{
    struct serving_bed *const bed = self;
    struct msg answer;

    (void)now_ms;
    bed->liar_asked = true;
    for (uint32_t i = 0; i < msg->wreq.count && bed->how != LIAR_SILENT; i++) {
        struct msg_wreq one = msg->wreq;
        one.first += i;
        assert_int_equal(blob_store_answer(bed->store, &one, &answer), BLOB_HERE);
        twist(bed, &answer.wchunk);
        if (hub_send(bed->liar, from, &answer) == ERR_RANGE)
            return ERR_RANGE;
    }
    return OK;
}

void serving_bed_open_liar(struct serving_bed *bed, enum serving_liar how, const char *endpoint)
{
    const struct hub_conf conf = {.endpoint = endpoint, .listen_fd = -1};

    bed->how = how;
    bed->liar_gave = 0;
    bed->liar_context = zmq_ctx_new();
    assert_ok(hub_open(&bed->liar, bed->liar_context, &conf));
    hub_on(bed->liar, ROLE_REWARDER, MSG_HELLO, liar_hello, bed);
    hub_on(bed->liar, ROLE_REWARDER, MSG_HB, on_hb, bed);
    hub_on(bed->liar, ROLE_REWARDER, MSG_WREQ, liar_wreq, bed);
}

void serving_bed_close_liar(struct serving_bed *bed)
{
    hub_close(bed->liar);
    if (bed->liar_context)
        zmq_ctx_term(bed->liar_context);
    bed->liar = NULL;
    bed->liar_context = NULL;
}

/* ---- the workers */

static enum err watch(void *self, void *socket)
{
    return (void)self, (void)socket, OK; /* this test asks every socket each time */
}

static void unwatch(void *self, void *socket)
{
    (void)self, (void)socket;
}

static enum err watch_fd(void *self, int fd)
{
    return (void)self, (void)fd, OK;
}

static void unwatch_fd(void *self, int fd)
{
    (void)self, (void)fd;
}

static enum err got(void *self, const struct artifact *what, struct shared_memory *shared,
                    int64_t now_ms)
{
    (void)what, (void)now_ms;
    ((struct serving_end *)self)->got = shared;
    return OK;
}

static enum err rebuild(void *self, struct fetch_rebuild *job)
{
    struct serving_end *const end = self;

    assert_null(end->job);
    end->job = job;
    return OK;
}

static void open_end(struct serving_bed *bed, int e, bool keyed)
{
    struct serving_end *const end = &bed->end[e];
    struct fetch_conf conf = {.role = e == NEAR ? ROLE_ACTOR : ROLE_REWARDER,
                              .name = e == NEAR ? "near" : "far",
                              .keys = keyed ? &end->keys : NULL,
                              .watch = watch,
                              .unwatch = unwatch,
                              .watch_fd = watch_fd,
                              .unwatch_fd = unwatch_fd,
                              .got = got,
                              .rebuild = rebuild,
                              .self = end};

    end->context = conf.context = zmq_ctx_new();
    blob_asks_new(&end->asks, 256);
    assert_ok(curve_new(&end->keys));
    memcpy(end->keys.server_key, bed->keys.public_key, CURVE_TEXT);
    if (keyed)
        assert_ok(curve_zap_allow(bed->zap, end->keys.public_key));
    peer_random(&conf.id, &conf.incarnation);
    fetch_new(&end->fetch, &conf);
    if (e == NEAR)
        assert_ok(fetch_serve(end->fetch, "tcp://127.0.0.1:0"));
    assert_ok(fetch_endpoint(end->fetch, hub_endpoint(bed->hub), "", serving_bed_now()));
}

void serving_bed_open(struct serving_bed *bed, bool keyed)
{
    struct hub_conf conf = {
        .endpoint = "tcp://127.0.0.1:*", .listen_fd = -1, .gone = on_gone, .self = bed};

    memset(bed, 0, sizeof *bed);
    bed->context = zmq_ctx_new();
    bed->pieces_a_turn = 8;
    assert_ok(curve_new(&bed->keys));
    assert_ok(curve_zap_open(&bed->zap, bed->context));
    conf.keys = keyed ? &bed->keys : NULL;
    assert_ok(hub_open(&bed->hub, bed->context, &conf));
    for (int role = ROLE_ACTOR; role <= ROLE_REWARDER; role++) {
        hub_on(bed->hub, (enum role)role, MSG_HELLO, on_hello, bed);
        hub_on(bed->hub, (enum role)role, MSG_HB, on_hb, bed);
        hub_on(bed->hub, (enum role)role, MSG_WREQ, on_wreq, bed);
        hub_on(bed->hub, (enum role)role, MSG_WNONE, on_none, bed);
    }
    bed->bytes = mem_new(SIZE, 1);
    for (size_t i = 0; i + 4 <= SIZE; i += 4) {
        const uint32_t word = (uint32_t)i * 2654435761u;
        memcpy(bed->bytes + i, &word, 4);
    }
    bed->what = (struct artifact){.hash = hash_of(bed->bytes, SIZE),
                                  .bytes = SIZE,
                                  .kind = ARTIFACT_IMAGE,
                                  .name = "policy"};
    blob_store_new(&bed->store);
    assert_ok(blob_store_add(bed->store, &bed->what, bed->bytes, SIZE, NULL, free, bed->bytes));
    open_end(bed, NEAR, keyed);
    open_end(bed, FAR, keyed);
}

void serving_bed_close(struct serving_bed *bed)
{
    for (int e = NEAR; e <= FAR; e++) {
        fetch_free(bed->end[e].fetch);
        shared_memory_free(bed->end[e].got);
        fetch_ways_rebuild_free(bed->end[e].job);
        blob_asks_free(bed->end[e].asks);
        zmq_ctx_term(bed->end[e].context);
    }
    serving_bed_close_liar(bed);
    hub_close(bed->hub);
    curve_zap_close(bed->zap);
    blob_store_free(bed->store);
    zmq_ctx_term(bed->context);
}

void serving_bed_turn(struct serving_bed *bed)
{
    zmq_pollitem_t item[] = {{hub_socket(bed->hub), 0, ZMQ_POLLIN, 0}};

    zmq_poll(item, 1, 1);
    assert_ok(curve_zap_readable(bed->zap, serving_bed_now()));
    assert_ok(hub_readable(bed->hub, serving_bed_now()));
    assert_ok(hub_tick(bed->hub, serving_bed_now()));
    if (bed->liar) {
        assert_ok(hub_readable(bed->liar, serving_bed_now()));
        assert_ok(hub_tick(bed->liar, serving_bed_now()));
        if (bed->how == LIAR_CUTS && bed->liar_gave > CUT_AFTER)
            serving_bed_close_liar(bed);
    }
    serve(bed);
    for (int e = NEAR; e <= FAR && bed->end[e].fetch; e++) {
        assert_ok(fetch_readable(bed->end[e].fetch, serving_bed_now()));
        assert_ok(fetch_tick(bed->end[e].fetch, serving_bed_now()));
        assert_ok(fetch_handed(bed->end[e].fetch, serving_bed_now()));
    }
    if (bed->mate) {
        assert_ok(fetch_tick(bed->mate, serving_bed_now()));
        assert_ok(fetch_handed(bed->mate, serving_bed_now()));
    }
}

void serving_bed_say_guests(struct serving_bed *bed, bool far)
{
    struct hash key;
    struct msg msg = {.head.type = MSG_GUESTS, .guests = {&key, far}};

    assert_non_null(zmq_z85_decode(key.byte, bed->end[FAR].keys.public_key));
    assert_ok(hub_send(bed->hub, bed->end[NEAR].peer, &msg));
}

void serving_bed_say_parent(struct serving_bed *bed, const char *endpoint, const char *key)
{
    struct msg msg = {.head.type = MSG_PARENT, .parent = {bed->what.hash, endpoint, key}};

    assert_ok(hub_send(bed->hub, bed->end[FAR].peer, &msg));
}

double serving_bed_share(const struct serving_bed *bed, int e)
{
    return bed->end[e].got ? 1 : fetch_share(bed->end[e].fetch, &bed->what.hash);
}

void serving_bed_is_whole(const struct serving_bed *bed, int e)
{
    assert_int_equal(shared_memory_size(bed->end[e].got), SIZE);
    assert_memory_equal(shared_memory_bytes(bed->end[e].got), bed->bytes, SIZE);
}

void serving_bed_start(struct serving_bed *bed, bool keyed)
{
    serving_bed_open(bed, keyed);
    UNTIL(bed, bed->end[NEAR].peer && bed->end[FAR].peer);
    assert_int_equal(strncmp(bed->end[NEAR].serve, "tcp://127.0.0.1:", 16), 0);
    assert_string_equal(bed->end[FAR].serve, "");
}

void serving_bed_mate(struct serving_bed *bed, const struct id *run)
{
    const struct fetch_conf conf = {
        .role = ROLE_ACTOR, .name = "mate", .watch_fd = watch_fd, .unwatch_fd = unwatch_fd};

    fetch_new(&bed->mate, &conf);
    fetch_run(bed->mate, run);
}
