/* hub and peer, over real sockets, and through a connection that misbehaves. */

#include "tests/support/test.h"

#include "base/mem.h"
#include "tests/proto/bed.h"
#include "tests/proto/every.h"
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
    struct bed *const bed = *state;
    struct msg msg = every_message(MSG_FAIL);
    struct end *end;

    bed_hub(bed, "tcp://127.0.0.1:*", NULL);
    end = bed_dial(bed, hub_endpoint(bed->hub), NULL, (struct peer_conf){0});
    assert_err(ERR_STATE, peer_send(end->peer, &msg));
    BED_UNTIL(bed, end->welcomes == 1 && bed->heard >= 2);
    assert_int_equal(bed->hellos, 1);
    assert_int_equal(bed->last_lease, 41);
    assert_string_equal(end->bulk, "tcp://127.0.0.1:77"); /* where it was reached */
    assert_int_equal(peer_head(end->peer)->epoch, 7);
    assert_int_equal(peer_head(end->peer)->run.byte[2], 3);
    assert_ok(peer_send(end->peer, &msg));
    BED_UNTIL(bed, bed->fails == 1);
    assert_int_equal(hub_stats(bed->hub)->who, 0);
    assert_int_equal(hub_stats(bed->hub)->bad, 0);
}

static void a_peer_that_connects_first_is_served_when_the_broker_comes(void **state)
{
    struct bed *const bed = *state;
    char endpoint[64];
    struct end *end;

    bed_hub(bed, "tcp://127.0.0.1:*", NULL);
    snprintf(endpoint, sizeof endpoint, "%s", hub_endpoint(bed->hub));
    hub_close(bed->hub);
    bed->hub = NULL;
    end = bed_dial(bed, endpoint, NULL, (struct peer_conf){0});
    bed_during(bed, 3000);
    bed_hub(bed, endpoint, NULL);
    BED_UNTIL(bed, end->welcomes == 1);
}

static void a_broker_that_forgot_asks_who(void **state)
{
    struct bed *const bed = *state;
    char endpoint[64];
    struct end *end;

    bed_hub(bed, "tcp://127.0.0.1:*", NULL);
    end = bed_dial(bed, hub_endpoint(bed->hub), NULL, (struct peer_conf){0});
    BED_UNTIL(bed, end->welcomes == 1);
    snprintf(endpoint, sizeof endpoint, "%s", hub_endpoint(bed->hub));
    hub_close(bed->hub);
    bed->hub = NULL;
    bed->heard = 0;
    bed_hub(bed, endpoint, NULL);
    BED_UNTIL(bed, end->welcomes == 2);
    assert_true(hub_stats(bed->hub)->who >= 1);
    assert_int_equal(bed->heard, 0); /* what came before HELLO was not processed */
    BED_UNTIL(bed, bed->heard == 1);
}

static void a_cut_resynchronises(void **state)
{
    struct bed *const bed = *state;
    struct msg msg = every_message(MSG_SETTLED);
    struct proxied proxied;
    char endpoint[64];
    struct end *end;
    uint32_t number;

    bed_hub(bed, "tcp://127.0.0.1:*", NULL);
    proxied_open(&proxied, hub_endpoint(bed->hub));
    snprintf(endpoint, sizeof endpoint, "tcp://127.0.0.1:%d", proxied.port);
    end = bed_dial(bed, endpoint, NULL, (struct peer_conf){0});
    BED_UNTIL(bed, end->welcomes == 1);
    number = bed->number;
    for (int cuts = 1; cuts <= 5; cuts++) {
        proxied_say(&proxied, "cut");
        BED_UNTIL(bed, end->welcomes == 1 + cuts);
        assert_int_equal(bed->number, number); /* the same peer, on another connection */
        assert_ok(hub_send(bed->hub, bed->from, &msg));
        BED_UNTIL(bed, end->settled == cuts);
    }
    assert_int_equal(bed->gone, 0);
    proxied_close(&proxied);
}

static void a_half_open_connection_is_left_by_both_ends(void **state)
{
    struct bed *const bed = *state;
    struct proxied proxied;
    char endpoint[64];
    struct end *end;

    bed_hub(bed, "tcp://127.0.0.1:*", NULL);
    proxied_open(&proxied, hub_endpoint(bed->hub));
    snprintf(endpoint, sizeof endpoint, "tcp://127.0.0.1:%d", proxied.port);
    end = bed_dial(bed, endpoint, NULL, (struct peer_conf){0});
    BED_UNTIL(bed, end->welcomes == 1);
    proxied_say(&proxied, "hold");
    BED_UNTIL(bed, bed->gone == 1 && peer_stats(end->peer)->reopened >= 1);
    assert_string_equal(bed->why, "silent");
    assert_false(peer_welcome(end->peer));
    proxied_say(&proxied, "pass");
    BED_UNTIL(bed, end->welcomes == 2 && peer_welcome(end->peer));
    proxied_close(&proxied);
}

static void silence_of_ones_own_is_not_held_against_others(void **state)
{
    struct bed *const bed = *state;
    struct end *end;
    int64_t later;

    bed_hub(bed, "tcp://127.0.0.1:*", NULL);
    end = bed_dial(bed, hub_endpoint(bed->hub), NULL, (struct peer_conf){0});
    BED_UNTIL(bed, end->welcomes == 1 && bed->heard);
    later = bed_now() + 60000; /* as after SIGSTOP and SIGCONT */
    assert_ok(hub_tick(bed->hub, later));
    assert_ok(peer_tick(end->peer, later));
    assert_int_equal(bed->gone, 0);
    assert_int_equal(peer_stats(end->peer)->reopened, 0);
    assert_ok(hub_tick(bed->hub, later + 2000));
    assert_ok(hub_tick(bed->hub, later + 4000));
    assert_ok(hub_tick(bed->hub, later + 6000));
    assert_int_equal(bed->gone, 1);
}

static void another_incarnation_replaces_the_first(void **state)
{
    struct bed *const bed = *state;
    struct peer_conf conf = {.id = {{7, 7}}, .incarnation = 1};
    struct end *a, *b;

    bed_hub(bed, "tcp://127.0.0.1:*", NULL);
    a = bed_dial(bed, hub_endpoint(bed->hub), NULL, conf);
    BED_UNTIL(bed, a->welcomes == 1);
    peer_close(a->peer);
    a->peer = NULL;
    conf.incarnation = 2;
    b = bed_dial(bed, hub_endpoint(bed->hub), NULL, conf);
    BED_UNTIL(bed, b->welcomes == 1);
    assert_int_equal(bed->gone, 1);
    assert_non_null(strstr(bed->why, "incarnation"));
    assert_null(hub_next(bed->hub, hub_next(bed->hub, NULL)));
}

static void a_refused_peer_hears_why_and_a_wrong_role_too(void **state)
{
    struct bed *const bed = *state;
    struct end *busy, *role;

    bed_hub(bed, "tcp://127.0.0.1:*", NULL);
    busy = bed_dial(bed, hub_endpoint(bed->hub), NULL, (struct peer_conf){.hello = fill_busy});
    role =
        bed_dial(bed, hub_endpoint(bed->hub), NULL, (struct peer_conf){.role = ROLE_LEARNER});
    BED_UNTIL(bed, busy->refusals && role->refusals);
    assert_int_equal(busy->refusal, REFUSE_BUSY);
    assert_int_equal(role->refusal, REFUSE_ROLE);
    assert_null(hub_next(bed->hub, NULL));
    assert_int_equal(bed->hellos, 0);
}

static void twenty_strikes_end_a_peer_and_no_other(void **state)
{
    struct bed *const bed = *state;
    struct msg wrong = every_message(MSG_SCORE); /* an actor sends no scores */
    struct end *good, *bad;

    bed_hub(bed, "tcp://127.0.0.1:*", NULL);
    good = bed_dial(bed, hub_endpoint(bed->hub), NULL, (struct peer_conf){0});
    bad = bed_dial(bed, hub_endpoint(bed->hub), NULL, (struct peer_conf){0});
    BED_UNTIL(bed, good->welcomes == 1 && bad->welcomes == 1);
    for (int i = 0; i < HUB_STRIKES - 1; i++)
        assert_ok(peer_send(bad->peer, &wrong));
    BED_UNTIL(bed, hub_stats(bed->hub)->bad == HUB_STRIKES - 1);
    assert_int_equal(bad->refusals, 0);
    assert_ok(peer_send(bad->peer, &wrong));
    BED_UNTIL(bed, bad->refusals >= 1);
    assert_int_equal(bad->refusal, REFUSE_STRIKES);
    assert_int_equal(bed->gone, 1);
    bed_skip(bed, 10000); /* it comes again, and is refused again */
    assert_true(bad->refusals >= 2);
    assert_int_equal(bad->welcomes, 1);
    assert_true(peer_welcome(good->peer));
    bed_skip(bed, 60000); /* a minute later it may come back */
    assert_true(bad->welcomes >= 2);
}

static void garbage_is_a_strike_and_shuts_the_connection(void **state)
{
    struct bed *const bed = *state;
    void *raw;
    int sent = 0;
    const int zero = 0;

    bed_hub(bed, "tcp://127.0.0.1:*", NULL);
    raw = zmq_socket(bed->context, ZMQ_DEALER);
    zmq_setsockopt(raw, ZMQ_LINGER, &zero, sizeof zero);
    assert_int_equal(zmq_connect(raw, hub_endpoint(bed->hub)), 0);
    for (; sent < 40; sent++) { /* some of one frame, some of too many */
        for (int part = 0; sent % 2 && part < 20; part++)
            zmq_send(raw, "x", 1, ZMQ_SNDMORE | ZMQ_DONTWAIT);
        zmq_send(raw, "nonsense", 8, ZMQ_DONTWAIT);
    }
    BED_UNTIL(bed, hub_stats(bed->hub)->bad == HUB_STRIKES);
    bed_during(bed, 2000);
    assert_int_equal(hub_stats(bed->hub)->refused, 1);
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
    struct bed *const bed = *state;
    struct msg settled = every_message(MSG_SETTLED), fail = every_message(MSG_FAIL);
    struct end *end;
    int told = 0, failed = 0;

    bed_hub(bed, "tcp://127.0.0.1:*", NULL);
    end = bed_dial(bed, hub_endpoint(bed->hub), NULL, (struct peer_conf){0});
    peer_on(end->peer, MSG_SETTLED, heard_nonsense, &told);
    hub_on(bed->hub, ROLE_ACTOR, MSG_FAIL, hub_heard_nonsense, &failed);
    BED_UNTIL(bed, end->welcomes == 1);
    for (int i = 1; i <= 2; i++) {
        assert_ok(hub_send(bed->hub, bed->from, &settled));
        assert_ok(peer_send(end->peer, &fail));
        BED_UNTIL(bed, told == i && failed == i);
    }
    assert_int_equal(peer_stats(end->peer)->bad, 2);
    assert_int_equal(hub_stats(bed->hub)->bad, 2);
    assert_int_equal(bed->from->strikes, 2);
    assert_true(peer_welcome(end->peer));
}

static void a_peer_that_does_not_read_stops_nobody(void **state)
{
    struct bed *const bed = *state;
    struct msg large = every_message(MSG_WCHUNK), settled = every_message(MSG_SETTLED);
    struct hub_peer *stuck_peer, *good_peer;
    struct end *stuck, *good;
    uint8_t *bytes = mem_new(1 << 20, 1);
    int sent = 0;
    enum err err = OK;

    bed_hub(bed, "tcp://127.0.0.1:*", NULL);
    stuck = bed_dial(bed, hub_endpoint(bed->hub), NULL, (struct peer_conf){0});
    BED_UNTIL(bed, stuck->welcomes == 1);
    stuck_peer = bed->from;
    good = bed_dial(bed, hub_endpoint(bed->hub), NULL, (struct peer_conf){0});
    BED_UNTIL(bed, good->welcomes == 1);
    good_peer = bed->from;
    bed->ends = 0; /* nobody turns for them now */
    large.wchunk.kind = CHUNK_BYTES;
    large.wchunk.data = bytes;
    large.wchunk.bytes = 1 << 20;
    while (!err && sent < 2000) {
        err = hub_send(bed->hub, stuck_peer, &large);
        sent += !err;
    }
    assert_err(ERR_STATE, err);
    assert_in_range(sent, 1, 600); /* both pipes and the kernel's buffers */
    assert_ok(hub_send(bed->hub, good_peer, &settled));
    for (int i = 0; i < 200 && !good->settled; i++) {
        zmq_pollitem_t item = {peer_socket(good->peer), 0, ZMQ_POLLIN, 0};
        zmq_poll(&item, 1, 10);
        assert_ok(peer_readable(good->peer, bed_now()));
    }
    assert_int_equal(good->settled, 1);
    bed->ends = 2;
    free(bytes);
}

static void flipped_bits_are_survived(void **state)
{
    struct bed *const bed = *state;
    struct msg msg = every_message(MSG_FAIL);
    struct proxied proxied;
    char endpoint[64];
    struct end *end;
    int before;

    bed_hub(bed, "tcp://127.0.0.1:*", NULL);
    proxied_open(&proxied, hub_endpoint(bed->hub));
    snprintf(endpoint, sizeof endpoint, "tcp://127.0.0.1:%d", proxied.port);
    end = bed_dial(bed, endpoint, NULL, (struct peer_conf){0});
    BED_UNTIL(bed, end->welcomes == 1);
    proxied_say(&proxied, "flip 700");
    for (int i = 0; i < 60; i++) {
        if (peer_send(end->peer, &msg) == OK || i % 8 == 0)
            bed_turn(bed);
        bed_during(bed, 50);
    }
    proxied_say(&proxied, "flip 0");
    proxied_say(&proxied, "cut"); /* a stream whose framing broke may wait for ever */
    before = end->welcomes;
    bed_skip(bed, 70000); /* a ban, if it was struck, ends */
    BED_UNTIL(bed, peer_welcome(end->peer) && end->welcomes > before);
    proxied_close(&proxied);
}

static void a_public_address_needs_a_key(void **state)
{
    struct bed *const bed = *state;
    const struct hub_conf conf = {.endpoint = "tcp://0.0.0.0:*", .listen_fd = -1};

    assert_err(ERR_STATE, hub_open(&bed->hub, bed->context, &conf));
    assert_non_null(strstr(err_text(), "key"));
}

static void a_port_in_use_is_named(void **state)
{
    struct bed *const bed = *state;
    struct hub_conf conf = {.listen_fd = -1};
    struct hub *second;

    bed_hub(bed, "tcp://127.0.0.1:*", NULL);
    conf.endpoint = hub_endpoint(bed->hub);
    assert_err(ERR_IO, hub_open(&second, bed->context, &conf));
    assert_non_null(strstr(err_text(), "in use"));
}

static void turn_with(struct bed *bed, void *socket)
{
    zmq_pollitem_t item[2] = {{hub_socket(bed->hub), 0, ZMQ_POLLIN, 0},
                              {socket, 0, ZMQ_POLLIN, 0}};

    zmq_poll(item, 2, 5);
    assert_ok(hub_readable(bed->hub, bed_now()));
}

/* Says HELLO as somebody new; true once it hears WELCOME, within `ms` by bed_now. */
static bool newcomer(struct bed *bed, uint8_t who, bool stays, int ms)
{
    void *socket = zmq_socket(bed->context, ZMQ_DEALER);
    const int64_t end_ms = bed_now() + ms;
    struct msg msg = every_message(MSG_HELLO);
    const int zero = 0;
    bool welcome = false;

    zmq_setsockopt(socket, ZMQ_LINGER, &zero, sizeof zero);
    assert_int_equal(0, zmq_connect(socket, hub_endpoint(bed->hub)));
    msg.hello.peer.byte[0] = who;
    msg.hello.role = ROLE_ACTOR;
    msg.hello.major_min = msg.hello.major_max = 1;
    for (int i = 0; !welcome && bed_now() < end_ms; i++) {
        struct frames frames;
        bool got;

        frames_init(&frames);
        if (i % 20 == 0 && !codec_encode(&frames, &msg))
            assert_ok(wire_send(socket, NULL, &frames));
        frames_fini(&frames);
        turn_with(bed, socket);
        assert_ok(wire_receive(socket, NULL, &frames, NULL, &got));
        welcome = got;
        if (got)
            frames_fini(&frames);
    }
    if (!stays)
        zmq_close(socket);
    else
        bed->extra[bed->extras++] = socket;
    return welcome;
}

/* ZeroMQ says nothing when a connection ends: its place is given to who comes next. */
static void a_departed_connection_leaves_its_place(void **state)
{
    struct bed *const bed = *state;

    bed->peers_max = 3;
    bed_hub(bed, "tcp://127.0.0.1:*", NULL);
    for (uint8_t i = 0; i < 12; i++)
        assert_true(newcomer(bed, i, false, 40000));
    for (uint8_t i = 0; i < 3; i++)
        assert_true(newcomer(bed, 100 + i, true, 40000));
    assert_false(newcomer(bed, 200, false, 4000)); /* these three are there */
}

#define FACT(f) cmocka_unit_test_setup_teardown(f, bed_open, bed_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        FACT(a_connection_begins_with_hello_and_welcome),
        FACT(a_peer_that_connects_first_is_served_when_the_broker_comes),
        FACT(a_broker_that_forgot_asks_who),
        FACT(a_cut_resynchronises),
        FACT(a_half_open_connection_is_left_by_both_ends),
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
