/* Who claims to be another, by its routing id or by its peer id, is not taken for the other. */

#include "tests/support/test.h"

#include "proto/hub_gate.h"
#include "tests/proto/every.h"
#include "tests/proto/wire_fixture.h"

#include <stdio.h>
#include <string.h>
#include <zmq.h>

/* What the hub's own socket does is known from its events. */
static void listen_to(struct wire_fixture *fixture, const struct curve_keys *keys)
{
    void *events = zmq_socket(fixture->context, ZMQ_PAIR);

    wire_fixture_by_the_wall();
    wire_fixture_hub(fixture, "tcp://127.0.0.1:*", keys);
    assert_int_equal(0, zmq_socket_monitor(hub_socket(fixture->hub), "inproc://events",
                                           ZMQ_EVENT_ACCEPTED | ZMQ_EVENT_DISCONNECTED));
    assert_int_equal(0, zmq_connect(events, "inproc://events"));
    fixture->extra[fixture->extras++] = events;
}

static void until(struct wire_fixture *fixture, uint16_t event)
{
    uint16_t got = 0;

    while (got != event) {
        zmq_pollitem_t item = {fixture->extra[0], 0, ZMQ_POLLIN, 0};
        char bytes[256];

        assert_int_equal(1, zmq_poll(&item, 1, 20000));
        assert_true(zmq_recv(item.socket, bytes, sizeof bytes, 0) >= (int)sizeof got);
        memcpy(&got, bytes, sizeof got);
        assert_true(zmq_recv(item.socket, bytes, sizeof bytes, 0) >= 0); /* the address */
    }
}

static void *dial(struct wire_fixture *fixture, const struct curve_keys *keys,
                  const char *route)
{
    void *socket = zmq_socket(fixture->context, ZMQ_DEALER);
    const int zero = 0;

    assert_int_equal(0, zmq_setsockopt(socket, ZMQ_LINGER, &zero, sizeof zero));
    assert_int_equal(0, zmq_setsockopt(socket, ZMQ_ROUTING_ID, route, strlen(route)));
    if (keys)
        assert_ok(curve_client(socket, keys));
    assert_int_equal(0, zmq_connect(socket, hub_endpoint(fixture->hub)));
    fixture->extra[fixture->extras++] = socket;
    return socket;
}

/* The last one. Its route is free again only after both ends of its pipe have agreed on it: libzmq's
 * thread asks, the hub's socket answers when it turns, that thread says yes, the socket forgets. */
static void hang_up(struct wire_fixture *fixture)
{
    zmq_close(fixture->extra[--fixture->extras]);
    until(fixture, ZMQ_EVENT_DISCONNECTED);
    for (int i = 0; i < 4; i++) {
        wire_fixture_round();
        assert_ok(hub_readable(fixture->hub, wire_fixture_now()));
    }
}

static void say(void *socket, const struct msg *msg)
{
    struct frames frames;

    frames_init(&frames);
    assert_ok(codec_encode(&frames, msg));
    assert_ok(wire_send(socket, NULL, &frames));
    frames_fini(&frames);
}

static void hello_as(void *socket, const struct id *id)
{
    struct msg msg = every_message(MSG_HELLO);

    msg.hello.peer = *id;
    msg.hello.role = ROLE_ACTOR;
    msg.hello.major_min = msg.hello.major_max = 1;
    say(socket, &msg);
}

/* Only what comes is looked at: a tick between would see by itself that the first is gone. */
static void hear(struct wire_fixture *fixture, uint64_t frames)
{
    const struct hub_stats *const stats = hub_stats(fixture->hub);

    for (int i = 0; i < 4000 && stats->heard < frames; i++) {
        zmq_pollitem_t item[2] = {{hub_socket(fixture->hub), 0, ZMQ_POLLIN, 0}};
        int n = 1;

        if (fixture->zap)
            item[n++] = (zmq_pollitem_t){curve_zap_socket(fixture->zap), 0, ZMQ_POLLIN, 0};
        zmq_poll(item, n, 5);
        if (fixture->zap)
            assert_ok(curve_zap_readable(fixture->zap, wire_fixture_now()));
        assert_ok(hub_readable(fixture->hub, wire_fixture_now()));
    }
    assert_int_equal(stats->heard, frames);
}

static void two_keys(struct wire_fixture *fixture, struct curve_keys *broker,
                     struct curve_keys *key)
{
    assert_ok(curve_new(broker));
    assert_ok(curve_zap_open(&fixture->zap, fixture->context));
    for (int i = 0; i < 2; i++) {
        assert_ok(curve_new(&key[i]));
        memcpy(key[i].server_key, broker->public_key, CURVE_TEXT);
        assert_ok(curve_zap_allow(fixture->zap, key[i].public_key));
    }
}

/* The first one's membership is not the second's, nor is its key. */
static void a_route_said_again_is_another_connection(void **state)
{
    struct wire_fixture *const fixture = *state;
    struct curve_keys broker, key[2];
    const struct msg fail = every_message(MSG_FAIL);
    struct hash hash;
    void *socket;

    two_keys(fixture, &broker, key);
    listen_to(fixture, &broker);
    hello_as(dial(fixture, &key[0], "X"), &(struct id){{1}});
    hear(fixture, 1);
    assert_int_equal(fixture->hellos, 1);
    assert_ok(curve_key(&hash, key[0].public_key));
    assert_memory_equal(&fixture->from->key, &hash, sizeof hash);
    hang_up(fixture);
    socket = dial(fixture, &key[1], "X");
    say(socket, &fail);
    hear(fixture, 2);
    assert_int_equal(fixture->fails, 0); /* it has said no HELLO */
    hello_as(socket, &(struct id){{2}});
    hear(fixture, 3);
    assert_int_equal(fixture->hellos, 2);
    assert_ok(curve_key(&hash, key[1].public_key));
    assert_memory_equal(&fixture->from->key, &hash, sizeof hash);
}

/* A record that changed its descriptor was once freed with the first number still leading to it. */
static void a_descriptor_leads_to_no_record_that_is_gone(void **state)
{
    struct wire_fixture *const fixture = *state;
    uint64_t heard = 0;

    listen_to(fixture, NULL);
    for (int round = 0; round < 4; round++) {
        void *silent;

        hello_as(dial(fixture, NULL, "X"), &(struct id){{1}});
        hear(fixture, ++heard);
        until(fixture, ZMQ_EVENT_ACCEPTED);
        hang_up(fixture);
        silent = dial(fixture, NULL, "Y"); /* given the first one's number */
        until(fixture, ZMQ_EVENT_ACCEPTED);
        hello_as(dial(fixture, NULL, "X"), &(struct id){{2}});
        hear(fixture, ++heard);
        hang_up(fixture);
        assert_ok(hub_tick(fixture->hub, wire_fixture_now()));
        hello_as(silent, &(struct id){{3}});
        hear(fixture, ++heard);
        hang_up(fixture);
    }
}

static bool actors_all(void *self, const struct hash *key, struct hub_pass *out)
{
    (void)self, (void)key;
    *out = (struct hub_pass){ROLE_ACTOR, false, "an actor"};
    return true;
}

/* The gate's table of ids is full of other ones of its place, and the first one's is forgotten. */
static void who_is_here_keeps_its_id(void **state)
{
    enum { PLACES = 4096, WAYS = 4 }; /* proto/hub_gate.c */
    struct wire_fixture *const fixture = *state;
    const struct hub_gate_conf conf = {.pass = actors_all};
    struct curve_keys broker, key[2];
    struct id id = {{1}};
    const unsigned place = hash_crc32c(0, id.byte, sizeof id.byte) % PLACES;
    uint64_t heard = 0;
    void *thief;

    two_keys(fixture, &broker, key);
    hub_gate_new(&fixture->gate, &conf);
    listen_to(fixture, &broker);
    hello_as(dial(fixture, &key[0], "X"), &id);
    hear(fixture, ++heard);
    thief = dial(fixture, &key[1], "Y");
    for (uint32_t i = 1, met = 0; met < WAYS; i++) {
        memcpy(&id.byte[4], &i, sizeof i);
        if (hash_crc32c(0, id.byte, sizeof id.byte) % PLACES != place)
            continue;
        met++;
        hello_as(thief, &id);
        hear(fixture, ++heard);
    }
    assert_int_equal(fixture->hellos, 1 + WAYS);
    assert_int_equal(fixture->gone, WAYS - 1); /* its own, one after the other */
    memset(&id.byte[4], 0, 4);
    hello_as(thief, &id);
    hear(fixture, ++heard);
    assert_int_equal(fixture->hellos, 1 + WAYS);
    assert_int_equal(hub_stats(fixture->hub)->refused, 1);
    assert_int_equal(hub_gate_count(fixture->gate, HUB_GATE_ID), 1);
}

#define FACT(f) cmocka_unit_test_setup_teardown(f, wire_fixture_open, wire_fixture_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        FACT(a_route_said_again_is_another_connection),
        FACT(a_descriptor_leads_to_no_record_that_is_gone),
        FACT(who_is_here_keeps_its_id),
    };

    return cmocka_run_group_tests_name("proto/claims", tests, NULL, NULL);
}
