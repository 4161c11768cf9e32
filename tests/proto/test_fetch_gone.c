/* A way that was offered, and is offered no more before it is here: the image comes all the same. On a
 * line on which the way is much the sooner, so that the image is on hold when that happens. */

#include "tests/support/test.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "proto/fetch.h"
#include "proto/hub.h"

#include <stdlib.h>
#include <string.h>

enum { MIB = 1 << 20, SIZE = 2 * MIB, EACH_MS = 20, UNTIL_MS = 60000 };
static const struct hash PATCH = {{11}};

struct gone_bed {
    void *context;
    struct hub *hub;
    struct blob_store *store;
    struct fetch *fetch;
    uint8_t *bytes[2];
    struct artifact image[2];
    struct shared_memory *got;
    int64_t served_ms;
    int offered, none; /* ways, by the broker; answers that there are none */
};

/* ---- the broker, which has the images itself, and no way that it names */

static enum err answer(struct gone_bed *b, struct hub_peer *to, struct msg *msg)
{
    return hub_send(b->hub, to, msg) == ERR_RANGE ? ERR_RANGE : OK;
}

static enum err on_hello(void *self, struct hub_peer *from, const struct msg *msg,
                         int64_t now_ms)
{
    struct msg welcome = {.head.type = MSG_WELCOME, .welcome = {.run = true}};

    (void)msg, (void)now_ms;
    return answer(self, from, &welcome);
}

static enum err on_hb(void *self, struct hub_peer *from, const struct msg *msg, int64_t now_ms)
{
    struct msg hb = {.head.type = MSG_HB};

    (void)msg, (void)now_ms;
    return answer(self, from, &hb);
}

static enum err on_wreq(void *self, struct hub_peer *from, const struct msg *msg,
                        int64_t now_ms)
{
    struct gone_bed *const b = self;
    const struct artifact way = {PATCH,          PIECE,          ARTIFACT_PATCH,
                                 "policy patch", msg->wreq.hash, msg->wreq.base};
    struct msg offer = {.head.type = MSG_OFFER, .offer = {&way, 1}};
    struct msg none = {.head.type = MSG_WNONE, .wnone = {0, PATCH, "nobody offers it here"}};
    struct msg_wreq ask = msg->wreq;

    (void)now_ms;
    if (ask.kind == CHUNK_WAYS) {
        b->offered += hash_same(&ask.hash, &b->image[1].hash);
        return answer(b, from, &offer);
    }
    if (hash_same(&ask.hash, &PATCH)) {
        b->none++;
        return answer(b, from, &none);
    }
    ask.route = from->number;
    return blob_store_ask(b->store, &ask);
}

/* Some MB a second. */
static void serve(struct gone_bed *b, int64_t now_ms)
{
    struct msg msg;
    struct hub_peer *to;

    if (now_ms - b->served_ms < EACH_MS || !blob_store_next(b->store, &msg))
        return;
    to = hub_find(b->hub, (uint32_t)msg.wchunk.route);
    assert_non_null(to);
    if (!hub_send(b->hub, to, &msg))
        blob_store_sent(b->store);
    b->served_ms = now_ms;
}

/* ---- the host */

static enum err watch(void *self, void *socket)
{
    (void)self, (void)socket;
    return OK; /* this test asks every socket each time */
}

static void unwatch(void *self, void *socket)
{
    (void)self, (void)socket;
}

static enum err got(void *self, const struct artifact *what, struct shared_memory *shared,
                    int64_t now_ms)
{
    struct gone_bed *const b = self;

    (void)what, (void)now_ms;
    b->got = shared;
    return OK;
}

static enum err rebuild(void *self, struct fetch_rebuild *job)
{
    (void)self, (void)job;
    fail_msg("there is nothing to make it of");
    return ERR_STATE;
}

/* ---- both */

static void stock(struct gone_bed *b, int i)
{
    b->bytes[i] = mem_new(SIZE, 1);
    memset(b->bytes[i], i + 1, SIZE);
    b->image[i] = (struct artifact){.hash = hash_of(b->bytes[i], SIZE),
                                    .bytes = SIZE,
                                    .kind = ARTIFACT_IMAGE,
                                    .name = "policy image"};
    assert_ok(
        blob_store_add(b->store, &b->image[i], b->bytes[i], SIZE, NULL, free, b->bytes[i]));
}

static void build(struct gone_bed *b)
{
    const struct hub_conf hub = {.endpoint = "tcp://127.0.0.1:*", .listen_fd = -1, .self = b};
    struct fetch_conf conf = {.role = ROLE_ACTOR,
                              .name = "child",
                              .watch = watch,
                              .unwatch = unwatch,
                              .got = got,
                              .rebuild = rebuild,
                              .self = b};

    memset(b, 0, sizeof *b);
    b->context = conf.context = zmq_ctx_new();
    assert_ok(hub_open(&b->hub, b->context, &hub));
    hub_on(b->hub, ROLE_ACTOR, MSG_HELLO, on_hello, b);
    hub_on(b->hub, ROLE_ACTOR, MSG_HB, on_hb, b);
    hub_on(b->hub, ROLE_ACTOR, MSG_WREQ, on_wreq, b);
    blob_store_new(&b->store);
    stock(b, 0);
    stock(b, 1);
    peer_random(&conf.id, &conf.incarnation);
    fetch_new(&b->fetch, &conf);
    assert_ok(fetch_endpoint(b->fetch, hub_endpoint(b->hub), "", clock_mono_ms()));
}

static void pull(struct gone_bed *b, int i)
{
    const int64_t end_ms = clock_mono_ms() + UNTIL_MS;

    assert_ok(fetch_want(b->fetch, &b->image[i]));
    while (!b->got && clock_mono_ms() < end_ms) {
        zmq_pollitem_t item = {hub_socket(b->hub), 0, ZMQ_POLLIN, 0};
        zmq_poll(&item, 1, 2);
        assert_ok(hub_readable(b->hub, clock_mono_ms()));
        assert_ok(hub_tick(b->hub, clock_mono_ms()));
        serve(b, clock_mono_ms());
        assert_ok(fetch_readable(b->fetch, clock_mono_ms()));
        assert_ok(fetch_tick(b->fetch, clock_mono_ms()));
    }
    assert_non_null(b->got);
    assert_memory_equal(shared_memory_bytes(b->got), b->bytes[i], SIZE);
    shared_memory_free(b->got);
    b->got = NULL;
}

static void the_image_comes_when_its_way_does_not(void **state)
{
    struct gone_bed b;

    (void)state;
    build(&b);
    pull(&b, 0);
    assert_int_equal(b.none, 0);
    pull(&b, 1);
    assert_true(b.offered && b.none); /* it was taken, and is not there */
    fetch_free(b.fetch);
    hub_close(b.hub);
    blob_store_free(b.store);
    zmq_ctx_term(b.context);
}

static int quiet(void **state)
{
    (void)state;
    return log_level("error") != OK;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_image_comes_when_its_way_does_not)};

    return cmocka_run_group_tests_name("proto/fetch_gone", tests, quiet, NULL);
}
