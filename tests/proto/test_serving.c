/* Who serves others: an artifact goes from a learner through a broker to one child, and from that
 * one to another, whom the broker sent there. Real sockets and keys, a context for each; the clock
 * runs SPEED times as fast. */

#include "tests/support/test.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "proto/curve.h"
#include "proto/fetch.h"
#include "proto/hub.h"
#include "proto/serving.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MIB = 1 << 20, SIZE = 12 * MIB + 777, SPEED = 4, NEAR, FAR, ENDS };

struct serving_end { /* a worker that pulls: NEAR serves, FAR is sent to it */
    void *context;
    struct curve_keys keys;
    struct fetch *fetch;
    struct shared_memory *got;
    struct hub_peer *peer; /* as the broker sees it */
    struct blob_asks *asks;
    char serve[256], none[128]; /* of its HELLO; of its last WNONE */
    uint64_t bytes;             /* that the broker gave it */
};

struct serving_bed {
    void *context;
    struct curve_zap *zap;
    struct curve_keys keys;
    struct hub *hub;
    struct blob_store *store;
    struct artifact what;
    uint8_t *bytes;
    struct serving_end end[ENDS];
    struct fetch *mate; /* another process of NEAR's host; NULL: none */
    int pieces_a_turn;  /* that the broker gives each */
    /* who poses as a parent */
    struct hub *liar;
    void *liar_context;
    bool silent;
};

static int64_t now(void)
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

/* ---- who poses as a parent: says nothing, or what is false */

static enum err liar_hello(void *self, struct hub_peer *from, const struct msg *msg,
                           int64_t now_ms)
{
    struct msg welcome = {.head.type = MSG_WELCOME};

    (void)msg, (void)now_ms;
    return hub_send(((struct serving_bed *)self)->liar, from, &welcome);
}

static enum err liar_wreq(void *self, struct hub_peer *from, const struct msg *msg,
                          int64_t now_ms)
{
    struct serving_bed *const bed = self;
    struct msg answer;

    (void)now_ms;
    for (uint32_t i = 0; i < msg->wreq.count && !bed->silent; i++) {
        struct msg_wreq one = msg->wreq;
        one.first += i;
        assert_int_equal(blob_store_answer(bed->store, &one, &answer), BLOB_HERE);
        if (one.kind == CHUNK_PIECES)
            answer.wchunk.data = bed->bytes; /* the same piece for all */
        if (hub_send(bed->liar, from, &answer) == ERR_RANGE)
            return ERR_RANGE;
    }
    return OK;
}

static void open_liar(struct serving_bed *bed, bool silent)
{
    const struct hub_conf conf = {.endpoint = "tcp://127.0.0.1:*", .listen_fd = -1};

    bed->silent = silent;
    bed->liar_context = zmq_ctx_new();
    assert_ok(hub_open(&bed->liar, bed->liar_context, &conf));
    hub_on(bed->liar, ROLE_REWARDER, MSG_HELLO, liar_hello, bed);
    hub_on(bed->liar, ROLE_REWARDER, MSG_HB, on_hb, bed);
    hub_on(bed->liar, ROLE_REWARDER, MSG_WREQ, liar_wreq, bed);
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
    assert_ok(fetch_endpoint(end->fetch, hub_endpoint(bed->hub), "", now()));
}

static void open_bed(struct serving_bed *bed, bool keyed)
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

static void close_bed(struct serving_bed *bed)
{
    for (int e = NEAR; e <= FAR; e++) {
        fetch_free(bed->end[e].fetch);
        shared_memory_free(bed->end[e].got);
        blob_asks_free(bed->end[e].asks);
        zmq_ctx_term(bed->end[e].context);
    }
    hub_close(bed->liar);
    if (bed->liar_context)
        zmq_ctx_term(bed->liar_context);
    hub_close(bed->hub);
    curve_zap_close(bed->zap);
    blob_store_free(bed->store);
    zmq_ctx_term(bed->context);
}

static void turn(struct serving_bed *bed)
{
    zmq_pollitem_t item[] = {{hub_socket(bed->hub), 0, ZMQ_POLLIN, 0}};

    zmq_poll(item, 1, 1);
    assert_ok(curve_zap_readable(bed->zap, now()));
    assert_ok(hub_readable(bed->hub, now()));
    assert_ok(hub_tick(bed->hub, now()));
    if (bed->liar) {
        assert_ok(hub_readable(bed->liar, now()));
        assert_ok(hub_tick(bed->liar, now()));
    }
    serve(bed);
    for (int e = NEAR; e <= FAR && bed->end[e].fetch; e++) {
        assert_ok(fetch_readable(bed->end[e].fetch, now()));
        assert_ok(fetch_tick(bed->end[e].fetch, now()));
        assert_ok(fetch_handed(bed->end[e].fetch, now()));
    }
    if (bed->mate) {
        assert_ok(fetch_tick(bed->mate, now()));
        assert_ok(fetch_handed(bed->mate, now()));
    }
}

#define UNTIL(bed, cond) \
    do { \
        const int64_t end_ms_ = clock_mono_ms() + 30000; \
        while (!(cond) && clock_mono_ms() < end_ms_) \
            turn(bed); \
        if (!(cond)) \
            fail_msg("not within 30 s: %s", #cond); \
    } while (0)

static void say_guests(struct serving_bed *bed, bool far)
{
    struct hash key;
    struct msg msg = {.head.type = MSG_GUESTS, .guests = {&key, far}};

    assert_non_null(zmq_z85_decode(key.byte, bed->end[FAR].keys.public_key));
    assert_ok(hub_send(bed->hub, bed->end[NEAR].peer, &msg));
}

static void say_parent(struct serving_bed *bed, const char *endpoint, const char *key)
{
    struct msg msg = {.head.type = MSG_PARENT, .parent = {bed->what.hash, endpoint, key}};

    assert_ok(hub_send(bed->hub, bed->end[FAR].peer, &msg));
}

static double share(const struct serving_bed *bed, int e)
{
    return bed->end[e].got ? 1 : fetch_share(bed->end[e].fetch, &bed->what.hash);
}

static void assert_whole(const struct serving_bed *bed, int e)
{
    assert_int_equal(shared_memory_size(bed->end[e].got), SIZE);
    assert_memory_equal(shared_memory_bytes(bed->end[e].got), bed->bytes, SIZE);
}

static void start(struct serving_bed *bed, bool keyed)
{
    open_bed(bed, keyed);
    UNTIL(bed, bed->end[NEAR].peer && bed->end[FAR].peer);
    assert_int_equal(strncmp(bed->end[NEAR].serve, "tcp://127.0.0.1:", 16), 0);
    assert_string_equal(bed->end[FAR].serve, "");
}

/* ---- */

/* The child of one who is pulling himself gets each chunk when it is there. */
static void a_chain_carries_each_byte_once(void **state)
{
    static struct serving_bed bed;
    double far_first = 1;

    (void)state;
    start(&bed, true);
    say_guests(&bed, true);
    assert_ok(fetch_want(bed.end[NEAR].fetch, &bed.what));
    assert_ok(fetch_want(bed.end[FAR].fetch, &bed.what));
    say_parent(&bed, bed.end[NEAR].serve, bed.end[NEAR].keys.public_key);
    bed.pieces_a_turn = 1;
    while (!bed.end[NEAR].got) {
        turn(&bed);
        if (share(&bed, FAR) > 0 && share(&bed, NEAR) < far_first)
            far_first = share(&bed, NEAR);
    }
    UNTIL(&bed, bed.end[FAR].got);
    assert_whole(&bed, NEAR);
    assert_whole(&bed, FAR);
    print_message("the broker gave %.3f and %.3f of it, the child began at %.0f %%\n",
                  (double)bed.end[NEAR].bytes / SIZE, (double)bed.end[FAR].bytes / SIZE,
                  100 * far_first);
    assert_in_range(bed.end[NEAR].bytes, SIZE, SIZE + SIZE / 50);
    assert_in_range(bed.end[FAR].bytes, 0, 2 * PIECE + MIB); /* before PARENT came */
    assert_in_range(fetch_bytes(bed.end[FAR].fetch), SIZE, SIZE + SIZE / 50);
    assert_true(far_first < 0.5);
    assert_string_equal(bed.end[FAR].none, "");
    close_bed(&bed);
}

static void goes_on_at_the_broker(const char *why, bool silent, bool there)
{
    static struct serving_bed bed;

    start(&bed, false);
    if (there)
        open_liar(&bed, silent);
    assert_ok(fetch_want(bed.end[FAR].fetch, &bed.what));
    bed.pieces_a_turn = 0;
    say_parent(&bed, there ? hub_endpoint(bed.liar) : "tcp://127.0.0.1:1", "");
    UNTIL(&bed, *bed.end[FAR].none);
    bed.pieces_a_turn = 8;
    assert_string_equal(bed.end[FAR].none, why);
    UNTIL(&bed, bed.end[FAR].got);
    assert_whole(&bed, FAR);
    close_bed(&bed);
}

static void a_parent_that_lies_is_silent_or_not_there_is_left(void **state)
{
    (void)state;
    goes_on_at_the_broker("what it sends is not what its name says", false, true);
    goes_on_at_the_broker("nothing for 5 s of what it has", true, true);
    goes_on_at_the_broker("no connection within 10 s", false, false);
}

static void who_is_not_on_the_list_is_not_let_in(void **state)
{
    static struct serving_bed bed;

    (void)state;
    start(&bed, true);
    assert_ok(fetch_want(bed.end[FAR].fetch, &bed.what));
    bed.pieces_a_turn = 0;
    say_parent(&bed, bed.end[NEAR].serve, bed.end[NEAR].keys.public_key);
    UNTIL(&bed, *bed.end[FAR].none);
    assert_string_equal(bed.end[FAR].none, "no connection within 10 s");
    bed.pieces_a_turn = 8;
    UNTIL(&bed, bed.end[FAR].got);
    assert_whole(&bed, FAR);
    close_bed(&bed);
}

static void a_revoked_key_is_cut_at_once(void **state)
{
    static struct serving_bed bed;

    (void)state;
    start(&bed, true);
    say_guests(&bed, true);
    assert_ok(fetch_want(bed.end[NEAR].fetch, &bed.what));
    assert_ok(fetch_want(bed.end[FAR].fetch, &bed.what));
    say_parent(&bed, bed.end[NEAR].serve, bed.end[NEAR].keys.public_key);
    bed.pieces_a_turn = 1;
    UNTIL(&bed, share(&bed, NEAR) > 0.5);
    bed.pieces_a_turn = 0; /* the rest does not come: FAR waits at NEAR's door */
    UNTIL(&bed, share(&bed, FAR) > 0.4);
    const int64_t said_ms = now();
    say_guests(&bed, false);
    UNTIL(&bed, *bed.end[FAR].none);
    assert_in_range(now() - said_ms, 0, 1000);
    say_guests(&bed, true); /* named again, as by a broker that starts anew, it is let in */
    blob_asks_clear(bed.end[FAR].asks);
    *bed.end[FAR].none = '\0';
    say_parent(&bed, bed.end[NEAR].serve, bed.end[NEAR].keys.public_key);
    bed.pieces_a_turn = 8;
    UNTIL(&bed, bed.end[FAR].got && bed.end[NEAR].got);
    assert_string_equal(bed.end[FAR].none, "");
    assert_whole(&bed, NEAR);
    assert_whole(&bed, FAR);
    close_bed(&bed);
}

/* A process of NEAR's host has made it meanwhile: NEAR's pull ends, and its guest goes on. */
static void a_pull_that_pages_end_goes_on_for_guests(void **state)
{
    static struct serving_bed bed;
    const struct fetch_conf mate = {
        .role = ROLE_ACTOR, .name = "mate", .watch_fd = watch_fd, .unwatch_fd = unwatch_fd};
    struct shared_memory *shared;
    struct id run;
    uint64_t any;

    (void)state;
    start(&bed, true);
    peer_random(&run, &any);
    fetch_run(bed.end[NEAR].fetch, &run);
    say_guests(&bed, true);
    assert_ok(fetch_want(bed.end[NEAR].fetch, &bed.what));
    assert_ok(fetch_want(bed.end[FAR].fetch, &bed.what));
    say_parent(&bed, bed.end[NEAR].serve, bed.end[NEAR].keys.public_key);
    bed.pieces_a_turn = 1;
    UNTIL(&bed, share(&bed, FAR) > 0.3);
    bed.pieces_a_turn = 0;
    assert_ok(shared_memory_new(&shared, SIZE, "made"));
    memcpy(shared_memory_bytes(shared), bed.bytes, SIZE);
    assert_ok(shared_memory_seal(shared));
    fetch_new(&bed.mate, &mate);
    fetch_run(bed.mate, &run);
    fetch_put(bed.mate, &bed.what, shared, NULL);
    UNTIL(&bed, bed.end[NEAR].got);
    UNTIL(&bed, bed.end[FAR].got);
    assert_whole(&bed, NEAR);
    assert_whole(&bed, FAR);
    assert_string_equal(bed.end[FAR].none, "");
    fetch_free(bed.mate);
    bed.mate = NULL;
    shared_memory_free(shared);
    close_bed(&bed);
}

static int quiet(void **state)
{
    (void)state;
    return log_level("error") != OK;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_chain_carries_each_byte_once),
        cmocka_unit_test(a_parent_that_lies_is_silent_or_not_there_is_left),
        cmocka_unit_test(who_is_not_on_the_list_is_not_let_in),
        cmocka_unit_test(a_revoked_key_is_cut_at_once),
        cmocka_unit_test(a_pull_that_pages_end_goes_on_for_guests),
    };

    return cmocka_run_group_tests_name("proto/serving", tests, quiet, NULL);
}
