/* An artifact on its way from a learner through a broker to a child, over a line that is cut.
 */

#include "tests/support/test.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "proto/fetch.h"
#include "proto/hub.h"
#include "proto/pace.h"
#include "tests/support/proxied.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MIB = 1 << 20, SIZE = 40 * MIB + 12345 };

struct fetch_road {
    void *context;
    struct hub *hub;
    struct hub_peer *source; /* who offers */
    struct peer *learner;
    struct blob_store *store;
    struct fetch *fetch;
    uint8_t *bytes;
    struct shared_memory *got;
    int served;
};

/* ---- the broker: welcomes everybody, passes requests and chunks on */

static enum err on_hello(void *self, struct hub_peer *from, const struct msg *msg,
                         int64_t now_ms)
{
    struct fetch_road *const road = self;
    struct msg welcome = {.head.type = MSG_WELCOME, .welcome = {.run = true}};

    (void)msg;
    (void)now_ms;
    return hub_send(road->hub, from, &welcome) == ERR_RANGE ? ERR_RANGE : OK;
}

static enum err on_hb(void *self, struct hub_peer *from, const struct msg *msg, int64_t now_ms)
{
    struct fetch_road *const road = self;
    struct msg hb = {.head.type = MSG_HB};

    (void)msg;
    (void)now_ms;
    return hub_send(road->hub, from, &hb) == ERR_RANGE ? ERR_RANGE : OK;
}

static enum err on_offer(void *self, struct hub_peer *from, const struct msg *msg,
                         int64_t now_ms)
{
    (void)now_ms;
    assert_int_equal(msg->offer.n_artifact, 1);
    ((struct fetch_road *)self)->source = from;
    return OK;
}

static enum err on_wreq(void *self, struct hub_peer *from, const struct msg *msg,
                        int64_t now_ms)
{
    struct fetch_road *const road = self;
    struct msg on = *msg;

    (void)now_ms;
    on.wreq.route = from->number;
    if (road->source && hub_send(road->hub, road->source, &on) == ERR_RANGE)
        return ERR_RANGE;
    return OK;
}

static enum err on_chunk(void *self, struct hub_peer *from, const struct codec_head *head,
                         struct frames *frames, int64_t now_ms)
{
    struct fetch_road *const road = self;
    struct hub_peer *const to = hub_find(road->hub, (uint32_t)head->task);

    (void)from;
    (void)now_ms;
    if (to && hub_forward(road->hub, to, frames) == ERR_RANGE)
        return ERR_RANGE;
    return OK; /* what does not get through is asked for again */
}

static void on_gone(void *self, struct hub_peer *peer, const char *why, int64_t now_ms)
{
    struct fetch_road *const road = self;

    (void)why;
    (void)now_ms;
    if (road->source == peer)
        road->source = NULL;
}

/* ---- the learner */

static enum err offer(void *self, const struct msg *msg, int64_t now_ms)
{
    struct fetch_road *const road = self;
    struct msg out = {.head.type = MSG_OFFER};

    (void)msg;
    (void)now_ms;
    out.offer.artifact = blob_store_list(road->store, &out.offer.n_artifact);
    return peer_send(road->learner, &out);
}

static enum err asked(void *self, const struct msg *msg, int64_t now_ms)
{
    struct fetch_road *const road = self;

    (void)now_ms;
    assert_ok(blob_store_ask(road->store, &msg->wreq));
    return OK;
}

static void serve(struct fetch_road *road)
{
    struct msg msg;

    while (blob_store_next(road->store, &msg) && !peer_send(road->learner, &msg)) {
        road->served++;
        blob_store_sent(road->store);
    }
}

/* ---- the child */

static enum err watch(void *self, void *socket)
{
    (void)self;
    (void)socket;
    return OK; /* this test asks every socket each time */
}

static void unwatch(void *self, void *socket)
{
    (void)self;
    (void)socket;
}

static enum err got(void *self, const struct artifact *what, struct shared_memory *shared,
                    int64_t now_ms)
{
    struct fetch_road *const road = self;

    (void)now_ms;
    assert_string_equal(what->name, "policy");
    road->got = shared;
    return OK;
}

/* ---- all of them */

static void build(struct fetch_road *road)
{
    const struct hub_conf conf = {
        .endpoint = "tcp://127.0.0.1:*", .listen_fd = -1, .gone = on_gone, .self = road};
    struct peer_conf learner = {.role = ROLE_LEARNER, .name = "learner"};

    memset(road, 0, sizeof *road);
    road->context = zmq_ctx_new();
    assert_ok(hub_open(&road->hub, road->context, &conf));
    for (int role = ROLE_LEARNER; role <= ROLE_ACTOR; role++) {
        hub_on(road->hub, (enum role)role, MSG_HELLO, on_hello, road);
        hub_on(road->hub, (enum role)role, MSG_HB, on_hb, road);
    }
    hub_on(road->hub, ROLE_LEARNER, MSG_OFFER, on_offer, road);
    hub_on(road->hub, ROLE_ACTOR, MSG_WREQ, on_wreq, road);
    hub_on_raw(road->hub, ROLE_LEARNER, MSG_WCHUNK, on_chunk, road);
    learner.broker = hub_endpoint(road->hub);
    peer_random(&learner.id, &learner.incarnation);
    assert_ok(peer_open(&road->learner, road->context, &learner, clock_mono_ms()));
    peer_on(road->learner, MSG_WELCOME, offer, road);
    peer_on(road->learner, MSG_WREQ, asked, road);
    blob_store_new(&road->store);
}

static struct artifact stock(struct fetch_road *road)
{
    struct artifact what = {.bytes = SIZE, .kind = ARTIFACT_IMAGE, .name = "policy"};

    road->bytes = mem_new(SIZE, 1);
    for (size_t i = 0; i + 4 <= SIZE; i += 4) {
        const uint32_t word = (uint32_t)i * 2654435761u;
        memcpy(road->bytes + i, &word, 4);
    }
    what.hash = hash_of(road->bytes, SIZE);
    assert_ok(blob_store_add(road->store, &what, road->bytes, SIZE, NULL, free, road->bytes));
    return what;
}

static void turn(struct fetch_road *road)
{
    zmq_pollitem_t item[] = {{hub_socket(road->hub), 0, ZMQ_POLLIN, 0},
                             {peer_socket(road->learner), 0, ZMQ_POLLIN, 0}};

    zmq_poll(item, 2, 2);
    assert_ok(hub_readable(road->hub, clock_mono_ms()));
    assert_ok(hub_tick(road->hub, clock_mono_ms()));
    assert_ok(peer_readable(road->learner, clock_mono_ms()));
    assert_ok(peer_tick(road->learner, clock_mono_ms()));
    serve(road);
    assert_ok(fetch_readable(road->fetch, clock_mono_ms()));
    assert_ok(fetch_tick(road->fetch, clock_mono_ms()));
}

static void an_artifact_survives_cuts(void **state)
{
    struct fetch_conf conf = {
        .role = ROLE_ACTOR, .name = "child", .watch = watch, .unwatch = unwatch, .got = got};
    struct fetch_road road;
    struct proxied proxied;
    struct artifact what;
    char endpoint[64];
    int cuts = 0;

    (void)state;
    build(&road);
    what = stock(&road);
    conf.context = road.context;
    conf.self = &road;
    peer_random(&conf.id, &conf.incarnation);
    fetch_new(&road.fetch, &conf);
    proxied_open(&proxied, hub_endpoint(road.hub));
    snprintf(endpoint, sizeof endpoint, "tcp://127.0.0.1:%d", proxied.port);
    assert_ok(fetch_endpoint(road.fetch, "", "", clock_mono_ms()));
    assert_ok(fetch_endpoint(road.fetch, endpoint, "", clock_mono_ms()));
    assert_ok(fetch_want(road.fetch, &what));
    for (const int64_t end_ms = clock_mono_ms() + 40000;
         !road.got && clock_mono_ms() < end_ms;) {
        turn(&road);
        if (fetch_pieces(road.fetch) >= 90u * (unsigned)(cuts + 1) && cuts < 4) {
            proxied_say(&proxied, "cut");
            cuts++;
        }
    }
    assert_non_null(road.got);
    assert_int_equal(cuts, 4);
    assert_int_equal(shared_memory_size(road.got), SIZE);
    assert_memory_equal(shared_memory_bytes(road.got), road.bytes, SIZE);
    print_message("%d answers for 641 pieces through %d cuts\n", road.served, cuts);
    assert_true(road.served <= 642 + cuts * (PACE_MOST / PIECE + 4)); /* what was on its way */
    proxied_close(&proxied);
    shared_memory_free(road.got);
    fetch_free(road.fetch);
    blob_store_free(road.store);
    peer_close(road.learner);
    hub_close(road.hub);
    zmq_ctx_term(road.context);
}

static int quiet(void **state)
{
    (void)state;
    return log_level("error") != OK;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(an_artifact_survives_cuts)};

    return cmocka_run_group_tests_name("proto/fetch", tests, quiet, NULL);
}
