/* hub and peer, over real sockets, and through a connection that misbehaves. */

#include "tests/support/test.h"

#include "base/mem.h"
#include "tests/proto/every.h"
#include "tests/proto/wire_fixture.h"
#include "tests/support/proxied.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void fill_busy(void *self, struct msg_hello *hello)
{
    (void)self;
    hello->slots = 666;
}

static void a_connection_begins_with_hello_and_welcome(void **state)
{
    struct wire_fixture *const fixture = *state;
    struct msg msg = every_message(MSG_FAIL);
    struct wire_end *end;

    wire_fixture_hub(fixture, "tcp://127.0.0.1:*", NULL);
    end = wire_fixture_dial(fixture, hub_endpoint(fixture->hub), NULL, (struct peer_conf){0});
    assert_err(ERR_STATE, peer_send(end->peer, &msg));
    WIRE_FIXTURE_UNTIL(fixture, end->welcomes == 1 && fixture->heard >= 2);
    assert_int_equal(fixture->hellos, 1);
    assert_int_equal(fixture->last_lease, 41);
    assert_string_equal(end->bulk, "tcp://127.0.0.1:77"); /* where it was reached */
    assert_int_equal(peer_head(end->peer)->epoch, 7);
    assert_int_equal(peer_head(end->peer)->run.byte[2], 3);
    assert_ok(peer_send(end->peer, &msg));
    WIRE_FIXTURE_UNTIL(fixture, fixture->fails == 1);
    assert_int_equal(hub_stats(fixture->hub)->who, 0);
    assert_int_equal(hub_stats(fixture->hub)->bad, 0);
}

static void a_peer_that_connects_first_is_served_when_the_broker_comes(void **state)
{
    struct wire_fixture *const fixture = *state;
    char endpoint[64];
    struct wire_end *end;

    wire_fixture_hub(fixture, "tcp://127.0.0.1:*", NULL);
    snprintf(endpoint, sizeof endpoint, "%s", hub_endpoint(fixture->hub));
    hub_close(fixture->hub);
    fixture->hub = NULL;
    end = wire_fixture_dial(fixture, endpoint, NULL, (struct peer_conf){0});
    wire_fixture_during(fixture, 3000);
    wire_fixture_hub(fixture, endpoint, NULL);
    WIRE_FIXTURE_UNTIL(fixture, end->welcomes == 1);
}

static void a_broker_that_forgot_asks_who(void **state)
{
    struct wire_fixture *const fixture = *state;
    char endpoint[64];
    struct wire_end *end;

    wire_fixture_hub(fixture, "tcp://127.0.0.1:*", NULL);
    end = wire_fixture_dial(fixture, hub_endpoint(fixture->hub), NULL, (struct peer_conf){0});
    WIRE_FIXTURE_UNTIL(fixture, end->welcomes == 1);
    snprintf(endpoint, sizeof endpoint, "%s", hub_endpoint(fixture->hub));
    hub_close(fixture->hub);
    fixture->hub = NULL;
    wire_fixture_hub(fixture, endpoint, NULL);
    WIRE_FIXTURE_UNTIL(fixture, end->welcomes == 2);
    assert_int_equal(hub_stats(fixture->hub)->who, 0); /* a new connection begins with HELLO */
    fixture->heard = 0;
    hub_release(fixture->hub, hub_next(fixture->hub, NULL), wire_fixture_now());
    WIRE_FIXTURE_UNTIL(fixture, end->welcomes == 3);
    assert_true(hub_stats(fixture->hub)->who >= 1);
    assert_int_equal(fixture->heard, 0); /* what came before HELLO was not processed */
    WIRE_FIXTURE_UNTIL(fixture, fixture->heard == 1);
}

static void a_cut_resynchronises(void **state)
{
    struct wire_fixture *const fixture = *state;
    struct msg msg = every_message(MSG_SETTLED);
    struct proxied proxied;
    char endpoint[64];
    struct wire_end *end;
    uint32_t number;

    wire_fixture_by_the_wall();
    wire_fixture_hub(fixture, "tcp://127.0.0.1:*", NULL);
    proxied_open(&proxied, hub_endpoint(fixture->hub));
    snprintf(endpoint, sizeof endpoint, "tcp://127.0.0.1:%d", proxied.port);
    end = wire_fixture_dial(fixture, endpoint, NULL, (struct peer_conf){0});
    WIRE_FIXTURE_UNTIL(fixture, end->welcomes == 1);
    number = fixture->number;
    for (int cuts = 1; cuts <= 5; cuts++) {
        proxied_say(&proxied, "cut");
        WIRE_FIXTURE_UNTIL(fixture, end->welcomes == 1 + cuts);
        assert_int_equal(fixture->number, number); /* the same peer, on another connection */
        assert_ok(hub_send(fixture->hub, fixture->from, &msg));
        WIRE_FIXTURE_UNTIL(fixture, end->settled == cuts);
    }
    assert_int_equal(fixture->gone, 0);
    proxied_close(&proxied);
}

static void a_half_open_connection_is_left_by_both_ends(void **state)
{
    struct wire_fixture *const fixture = *state;
    struct proxied proxied;
    char endpoint[64];
    struct wire_end *end;

    wire_fixture_hub(fixture, "tcp://127.0.0.1:*", NULL);
    proxied_open(&proxied, hub_endpoint(fixture->hub));
    snprintf(endpoint, sizeof endpoint, "tcp://127.0.0.1:%d", proxied.port);
    end = wire_fixture_dial(fixture, endpoint, NULL, (struct peer_conf){0});
    WIRE_FIXTURE_UNTIL(fixture, end->welcomes == 1);
    proxied_say(&proxied, "hold");
    WIRE_FIXTURE_UNTIL(fixture, fixture->gone == 1 && peer_stats(end->peer)->reopened >= 1);
    assert_string_equal(fixture->why, "nothing was heard of it for 5 s");
    assert_false(peer_welcome(end->peer));
    proxied_say(&proxied, "pass");
    WIRE_FIXTURE_UNTIL(fixture, end->welcomes == 2 && peer_welcome(end->peer));
    proxied_close(&proxied);
}

/* A process that died: the kernel closes its connection, and nobody dials again. */
static void an_ended_connection_is_known_before_silence(void **state)
{
    struct wire_fixture *const fixture = *state;
    struct wire_end *dead, *lives;
    int64_t begin;

    wire_fixture_hub(fixture, "tcp://127.0.0.1:*", NULL);
    dead = wire_fixture_dial(fixture, hub_endpoint(fixture->hub), NULL, (struct peer_conf){0});
    lives = wire_fixture_dial(fixture, hub_endpoint(fixture->hub), NULL, (struct peer_conf){0});
    WIRE_FIXTURE_UNTIL(fixture,
                       dead->welcomes == 1 && lives->welcomes == 1 && fixture->heard >= 2);
    peer_close(dead->peer);
    dead->peer = NULL;
    begin = wire_fixture_now();
    WIRE_FIXTURE_UNTIL(fixture, fixture->gone == 1);
    assert_true(wire_fixture_now() - begin < HUB_SILENCE_MS * 2 / 3);
    assert_string_equal(fixture->why, "its connection ended");
    wire_fixture_during(fixture, 3000);
    assert_int_equal(fixture->gone, 1);
}

static void silence_of_ones_own_is_not_held_against_others(void **state)
{
    struct wire_fixture *const fixture = *state;
    struct wire_end *end;
    int64_t later;

    wire_fixture_hub(fixture, "tcp://127.0.0.1:*", NULL);
    end = wire_fixture_dial(fixture, hub_endpoint(fixture->hub), NULL, (struct peer_conf){0});
    WIRE_FIXTURE_UNTIL(fixture, end->welcomes == 1 && fixture->heard);
    later = wire_fixture_now() + 60000; /* as after SIGSTOP and SIGCONT */
    assert_ok(hub_tick(fixture->hub, later));
    assert_ok(peer_tick(end->peer, later));
    assert_int_equal(fixture->gone, 0);
    assert_int_equal(peer_stats(end->peer)->reopened, 0);
    assert_ok(hub_tick(fixture->hub, later + 2000));
    assert_ok(hub_tick(fixture->hub, later + 4000));
    assert_ok(hub_tick(fixture->hub, later + 6000));
    assert_int_equal(fixture->gone, 1);
}

static void another_incarnation_replaces_the_first(void **state)
{
    struct wire_fixture *const fixture = *state;
    struct peer_conf conf = {.id = {{7, 7}}, .incarnation = 1};
    struct wire_end *a, *b;

    wire_fixture_hub(fixture, "tcp://127.0.0.1:*", NULL);
    a = wire_fixture_dial(fixture, hub_endpoint(fixture->hub), NULL, conf);
    WIRE_FIXTURE_UNTIL(fixture, a->welcomes == 1);
    peer_close(a->peer);
    a->peer = NULL;
    conf.incarnation = 2;
    b = wire_fixture_dial(fixture, hub_endpoint(fixture->hub), NULL, conf);
    WIRE_FIXTURE_UNTIL(fixture, b->welcomes == 1);
    assert_int_equal(fixture->gone, 1);
    assert_non_null(strstr(fixture->why, "incarnation"));
    assert_null(hub_next(fixture->hub, hub_next(fixture->hub, NULL)));
}

static void a_refused_peer_hears_why_and_a_wrong_role_too(void **state)
{
    struct wire_fixture *const fixture = *state;
    struct wire_end *busy, *role;

    wire_fixture_hub(fixture, "tcp://127.0.0.1:*", NULL);
    busy = wire_fixture_dial(fixture, hub_endpoint(fixture->hub), NULL,
                             (struct peer_conf){.hello = fill_busy});
    role = wire_fixture_dial(fixture, hub_endpoint(fixture->hub), NULL,
                             (struct peer_conf){.role = ROLE_LEARNER});
    WIRE_FIXTURE_UNTIL(fixture, busy->refusals && role->refusals);
    assert_int_equal(busy->refusal, REFUSE_BUSY);
    assert_int_equal(role->refusal, REFUSE_ROLE);
    assert_null(hub_next(fixture->hub, NULL));
    assert_int_equal(fixture->hellos, 0);
}

static void twenty_strikes_end_a_peer_and_no_other(void **state)
{
    struct wire_fixture *const fixture = *state;
    struct msg wrong = every_message(MSG_SCORE); /* an actor sends no scores */
    struct wire_end *good, *bad;

    wire_fixture_hub(fixture, "tcp://127.0.0.1:*", NULL);
    good = wire_fixture_dial(fixture, hub_endpoint(fixture->hub), NULL, (struct peer_conf){0});
    bad = wire_fixture_dial(fixture, hub_endpoint(fixture->hub), NULL, (struct peer_conf){0});
    WIRE_FIXTURE_UNTIL(fixture, good->welcomes == 1 && bad->welcomes == 1);
    for (int i = 0; i < HUB_STRIKES - 1; i++)
        assert_ok(peer_send(bad->peer, &wrong));
    WIRE_FIXTURE_UNTIL(fixture, hub_stats(fixture->hub)->bad == HUB_STRIKES - 1);
    assert_int_equal(bad->refusals, 0);
    assert_ok(peer_send(bad->peer, &wrong));
    WIRE_FIXTURE_UNTIL(fixture, bad->refusals >= 1);
    assert_int_equal(bad->refusal, REFUSE_STRIKES);
    assert_int_equal(fixture->gone, 1);
    wire_fixture_skip(fixture, 10000); /* it comes again, and is refused again */
    assert_true(bad->refusals >= 2);
    assert_int_equal(bad->welcomes, 1);
    assert_true(peer_welcome(good->peer));
    wire_fixture_skip(fixture, 60000); /* a minute later it may come back */
    assert_true(bad->welcomes >= 2);
}

static void garbage_is_a_strike_and_shuts_the_connection(void **state)
{
    struct wire_fixture *const fixture = *state;
    void *raw;
    int sent = 0;
    const int zero = 0;

    wire_fixture_hub(fixture, "tcp://127.0.0.1:*", NULL);
    raw = zmq_socket(fixture->context, ZMQ_DEALER);
    zmq_setsockopt(raw, ZMQ_LINGER, &zero, sizeof zero);
    assert_int_equal(zmq_connect(raw, hub_endpoint(fixture->hub)), 0);
    for (; sent < 40; sent++) { /* some of one frame, some of too many */
        for (int part = 0; sent % 2 && part < 20; part++)
            zmq_send(raw, "x", 1, ZMQ_SNDMORE | ZMQ_DONTWAIT);
        zmq_send(raw, "nonsense", 8, ZMQ_DONTWAIT);
    }
    WIRE_FIXTURE_UNTIL(fixture, hub_stats(fixture->hub)->bad == HUB_STRIKES);
    wire_fixture_during(fixture, 2000);
    assert_int_equal(hub_stats(fixture->hub)->refused, 1);
    zmq_close(raw);
}

static enum err heard_nonsense(void *self, const struct msg *msg, int64_t now_ms)
{
    (void)msg, (void)now_ms;
    ++*(int *)self;
    return err_set(*(int *)self % 2 ? ERR_PARSE : ERR_RANGE, "that cannot be meant");
}

static enum err hub_heard_nonsense(void *self, struct hub_peer *from, const struct msg *msg,
                                   int64_t now_ms)
{
    (void)from;
    return heard_nonsense(self, msg, now_ms);
}

/* A handler that cannot use what it was told ends neither process. */
static void a_message_that_cannot_be_meant_is_its_sender_s_fault(void **state)
{
    struct wire_fixture *const fixture = *state;
    struct msg settled = every_message(MSG_SETTLED), fail = every_message(MSG_FAIL);
    struct wire_end *end;
    int told = 0, failed = 0;

    wire_fixture_hub(fixture, "tcp://127.0.0.1:*", NULL);
    end = wire_fixture_dial(fixture, hub_endpoint(fixture->hub), NULL, (struct peer_conf){0});
    peer_on(end->peer, MSG_SETTLED, heard_nonsense, &told);
    hub_on(fixture->hub, ROLE_ACTOR, MSG_FAIL, hub_heard_nonsense, &failed);
    WIRE_FIXTURE_UNTIL(fixture, end->welcomes == 1);
    for (int i = 1; i <= 2; i++) {
        assert_ok(hub_send(fixture->hub, fixture->from, &settled));
        assert_ok(peer_send(end->peer, &fail));
        WIRE_FIXTURE_UNTIL(fixture, told == i && failed == i);
    }
    assert_int_equal(peer_stats(end->peer)->bad, 2);
    assert_int_equal(hub_stats(fixture->hub)->bad, 2);
    assert_int_equal(fixture->from->strikes, 2);
    assert_true(peer_welcome(end->peer));
}

static void a_peer_that_does_not_read_stops_nobody(void **state)
{
    struct wire_fixture *const fixture = *state;
    struct msg large = every_message(MSG_WCHUNK), settled = every_message(MSG_SETTLED);
    struct hub_peer *stuck_peer, *good_peer;
    struct wire_end *stuck, *good;
    uint8_t *bytes = mem_new(1 << 20, 1);
    int sent = 0;
    enum err err = OK;

    wire_fixture_hub(fixture, "tcp://127.0.0.1:*", NULL);
    stuck = wire_fixture_dial(fixture, hub_endpoint(fixture->hub), NULL, (struct peer_conf){0});
    WIRE_FIXTURE_UNTIL(fixture, stuck->welcomes == 1);
    stuck_peer = fixture->from;
    good = wire_fixture_dial(fixture, hub_endpoint(fixture->hub), NULL, (struct peer_conf){0});
    WIRE_FIXTURE_UNTIL(fixture, good->welcomes == 1);
    good_peer = fixture->from;
    fixture->ends = 0; /* nobody turns for them now */
    large.wchunk.kind = CHUNK_BYTES;
    large.wchunk.n_there = 0;
    large.wchunk.data = bytes;
    large.wchunk.bytes = 1 << 20;
    while (!err && sent < 2000) {
        err = hub_send(fixture->hub, stuck_peer, &large);
        sent += !err;
    }
    assert_err(ERR_STATE, err);
    assert_in_range(sent, 1, 600); /* both pipes and the kernel's buffers */
    assert_ok(hub_send(fixture->hub, good_peer, &settled));
    for (int i = 0; i < 200 && !good->settled; i++) {
        zmq_pollitem_t item = {peer_socket(good->peer), 0, ZMQ_POLLIN, 0};
        zmq_poll(&item, 1, 10);
        assert_ok(peer_readable(good->peer, wire_fixture_now()));
    }
    assert_int_equal(good->settled, 1);
    fixture->ends = 2;
    free(bytes);
}

/* A message that takes four times as long as silence may: while its bytes come nobody is silent. */
static void a_slow_line_is_not_silent(void **state)
{
    struct wire_fixture *const fixture = *state;
    struct msg msg = every_message(MSG_WCHUNK);
    uint8_t *bytes = mem_new(PIECE, 1);
    struct proxied proxied;
    char endpoint[64];
    struct wire_end *end;
    int64_t begin;
    int came = 0;

    wire_fixture_hub(fixture, "tcp://127.0.0.1:*", NULL);
    proxied_open(&proxied, hub_endpoint(fixture->hub));
    snprintf(endpoint, sizeof endpoint, "tcp://127.0.0.1:%d", proxied.port);
    end = wire_fixture_dial(fixture, endpoint, NULL, (struct peer_conf){0});
    peer_on(end->peer, MSG_WCHUNK, heard_nonsense, &came);
    WIRE_FIXTURE_UNTIL(fixture, end->welcomes == 1);
    proxied_say(&proxied, "slow 40000");
    wire_fixture_during(fixture, 500);
    msg.wchunk = (struct msg_wchunk){
        .kind = CHUNK_PIECES, .total = PIECE, .data = bytes, .bytes = PIECE};
    begin = wire_fixture_now();
    assert_ok(hub_send(fixture->hub, fixture->from, &msg));
    WIRE_FIXTURE_UNTIL(fixture, came == 1 || peer_stats(end->peer)->reopened);
    assert_int_equal(came, 1);
    assert_int_equal(peer_stats(end->peer)->reopened, 0);
    assert_true(wire_fixture_now() - begin > 2 * PEER_SILENCE_MS);
    free(bytes);
    proxied_close(&proxied);
}

static void flipped_bits_are_survived(void **state)
{
    struct wire_fixture *const fixture = *state;
    struct msg msg = every_message(MSG_FAIL);
    struct proxied proxied;
    char endpoint[64];
    struct wire_end *end;
    int before;

    wire_fixture_hub(fixture, "tcp://127.0.0.1:*", NULL);
    proxied_open(&proxied, hub_endpoint(fixture->hub));
    snprintf(endpoint, sizeof endpoint, "tcp://127.0.0.1:%d", proxied.port);
    end = wire_fixture_dial(fixture, endpoint, NULL, (struct peer_conf){0});
    WIRE_FIXTURE_UNTIL(fixture, end->welcomes == 1);
    proxied_say(&proxied, "flip 700");
    for (int i = 0; i < 60; i++) {
        if (peer_send(end->peer, &msg) == OK || i % 8 == 0)
            wire_fixture_turn(fixture);
        wire_fixture_during(fixture, 50);
    }
    proxied_say(&proxied, "flip 0");
    proxied_say(&proxied, "cut"); /* a stream whose framing broke may wait for ever */
    before = end->welcomes;
    wire_fixture_skip(fixture, 70000); /* a ban, if it was struck, ends */
    WIRE_FIXTURE_UNTIL(fixture, peer_welcome(end->peer) && end->welcomes > before);
    proxied_close(&proxied);
}

static void a_public_address_needs_a_key(void **state)
{
    struct wire_fixture *const fixture = *state;
    const struct hub_conf conf = {.endpoint = "tcp://0.0.0.0:*", .listen_fd = -1};

    assert_err(ERR_STATE, hub_open(&fixture->hub, fixture->context, &conf));
    assert_non_null(strstr(err_text(), "key"));
}

static void a_port_in_use_is_named(void **state)
{
    struct wire_fixture *const fixture = *state;
    struct hub_conf conf = {.listen_fd = -1};
    struct hub *second;

    wire_fixture_hub(fixture, "tcp://127.0.0.1:*", NULL);
    conf.endpoint = hub_endpoint(fixture->hub);
    assert_err(ERR_IO, hub_open(&second, fixture->context, &conf));
    assert_non_null(strstr(err_text(), "in use"));
}

static void turn_with(struct wire_fixture *fixture, void *socket)
{
    zmq_pollitem_t item[2] = {{hub_socket(fixture->hub), 0, ZMQ_POLLIN, 0},
                              {socket, 0, ZMQ_POLLIN, 0}};

    zmq_poll(item, 2, 5);
    assert_ok(hub_readable(fixture->hub, wire_fixture_now()));
}

/* Says HELLO as somebody new; true once it hears WELCOME, within `ms` by wire_fixture_now. */
static bool newcomer(struct wire_fixture *fixture, uint8_t who, bool stays, int ms)
{
    void *socket = zmq_socket(fixture->context, ZMQ_DEALER);
    const int64_t end_ms = wire_fixture_now() + ms;
    struct msg msg = every_message(MSG_HELLO);
    const int zero = 0;
    bool welcome = false;

    zmq_setsockopt(socket, ZMQ_LINGER, &zero, sizeof zero);
    assert_int_equal(0, zmq_connect(socket, hub_endpoint(fixture->hub)));
    msg.hello.peer.byte[0] = who;
    msg.hello.role = ROLE_ACTOR;
    msg.hello.major_min = msg.hello.major_max = 1;
    for (int i = 0; !welcome && wire_fixture_now() < end_ms; i++) {
        struct frames frames;
        bool got;

        frames_init(&frames);
        if (i % 20 == 0 && !codec_encode(&frames, &msg))
            assert_ok(wire_send(socket, NULL, &frames));
        frames_fini(&frames);
        turn_with(fixture, socket);
        assert_ok(wire_receive(socket, NULL, &frames, NULL, &got));
        welcome = got;
        if (got)
            frames_fini(&frames);
    }
    if (!stays)
        zmq_close(socket);
    else
        fixture->extra[fixture->extras++] = socket;
    return welcome;
}

/* ZeroMQ says nothing when a connection ends: its place is given to who comes next. */
static void a_departed_connection_leaves_its_place(void **state)
{
    struct wire_fixture *const fixture = *state;

    fixture->peers_max = 3;
    wire_fixture_hub(fixture, "tcp://127.0.0.1:*", NULL);
    for (uint8_t i = 0; i < 12; i++)
        assert_true(newcomer(fixture, i, false, 40000));
    for (uint8_t i = 0; i < 3; i++)
        assert_true(newcomer(fixture, 100 + i, true, 40000));
    assert_false(newcomer(fixture, 200, false, 4000)); /* these three are there */
}

#define FACT(f) cmocka_unit_test_setup_teardown(f, wire_fixture_open, wire_fixture_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        FACT(a_connection_begins_with_hello_and_welcome),
        FACT(a_peer_that_connects_first_is_served_when_the_broker_comes),
        FACT(a_broker_that_forgot_asks_who),
        FACT(a_cut_resynchronises),
        FACT(a_half_open_connection_is_left_by_both_ends),
        FACT(a_slow_line_is_not_silent),
        FACT(an_ended_connection_is_known_before_silence),
        FACT(silence_of_ones_own_is_not_held_against_others),
        FACT(another_incarnation_replaces_the_first),
        FACT(a_refused_peer_hears_why_and_a_wrong_role_too),
        FACT(twenty_strikes_end_a_peer_and_no_other),
        FACT(garbage_is_a_strike_and_shuts_the_connection),
        FACT(a_message_that_cannot_be_meant_is_its_sender_s_fault),
        FACT(a_peer_that_does_not_read_stops_nobody),
        FACT(flipped_bits_are_survived),
        FACT(a_public_address_needs_a_key),
        FACT(a_port_in_use_is_named),
        FACT(a_departed_connection_leaves_its_place),
    };

    return cmocka_run_group_tests_name("proto/hub", tests, NULL, NULL);
}
