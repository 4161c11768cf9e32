/* Who serves others: an artifact goes from a learner through a broker to one child, and from that
 * one to another, whom the broker sent there. */

#include "tests/support/test.h"

#include "base/log.h"
#include "proto/fetch_conf.h"
#include "tests/proto/serving_bed.h"

#include <stdio.h>
#include <string.h>

/* The child of one who is pulling himself gets each chunk when it is there. */
static void a_chain_carries_each_byte_once(void **state)
{
    static struct serving_bed bed;
    double far_first = 1;

    (void)state;
    serving_bed_start(&bed, true);
    serving_bed_say_guests(&bed, true);
    assert_ok(fetch_want(bed.end[NEAR].fetch, &bed.what));
    assert_ok(fetch_want(bed.end[FAR].fetch, &bed.what));
    serving_bed_say_parent(&bed, bed.end[NEAR].serve, bed.end[NEAR].keys.public_key);
    bed.pieces_a_turn = 1;
    while (!bed.end[NEAR].got) {
        serving_bed_turn(&bed);
        if (serving_bed_share(&bed, FAR) > 0 && serving_bed_share(&bed, NEAR) < far_first)
            far_first = serving_bed_share(&bed, NEAR);
    }
    UNTIL(&bed, bed.end[FAR].got);
    serving_bed_is_whole(&bed, NEAR);
    serving_bed_is_whole(&bed, FAR);
    print_message("the broker gave %.3f and %.3f of it, the child began at %.0f %%\n",
                  (double)bed.end[NEAR].bytes / SIZE, (double)bed.end[FAR].bytes / SIZE,
                  100 * far_first);
    assert_in_range(bed.end[NEAR].bytes, SIZE, SIZE + SIZE / 50);
    assert_in_range(bed.end[FAR].bytes, 0, 2 * PIECE + MIB); /* before PARENT came */
    assert_in_range(fetch_bytes(bed.end[FAR].fetch), SIZE, SIZE + SIZE / 50);
    assert_true(far_first < 0.5);
    assert_string_equal(bed.end[FAR].none, "");
    serving_bed_close(&bed);
}

static void goes_on_at_the_broker(const char *why, enum serving_liar how, bool there)
{
    static struct serving_bed bed;

    serving_bed_start(&bed, false);
    if (there)
        serving_bed_open_liar(&bed, how, "tcp://127.0.0.1:*");
    assert_ok(fetch_want(bed.end[FAR].fetch, &bed.what));
    bed.pieces_a_turn = 0;
    serving_bed_say_parent(&bed, there ? hub_endpoint(bed.liar) : "tcp://127.0.0.1:1", "");
    UNTIL(&bed, *bed.end[FAR].none);
    bed.pieces_a_turn = 8;
    assert_string_equal(bed.end[FAR].none, why);
    UNTIL(&bed, bed.end[FAR].got);
    serving_bed_is_whole(&bed, FAR);
    serving_bed_close(&bed);
}

static void a_parent_that_lies_is_silent_or_not_there_is_left(void **state)
{
    (void)state;
    goes_on_at_the_broker("what it sends is not what its name says", LIAR_FALSE, true);
    goes_on_at_the_broker("what it sends is not what its name says", LIAR_HALVES, true);
    goes_on_at_the_broker("nothing for 5 s of what it has", LIAR_OTHERS, true);
    goes_on_at_the_broker("nothing for 5 s of what it has", LIAR_SILENT, true);
    goes_on_at_the_broker("its connection ended", LIAR_CUTS, true);
    goes_on_at_the_broker("no connection within 10 s", LIAR_FALSE, false);
}

static void who_is_not_on_the_list_is_not_let_in(void **state)
{
    static struct serving_bed bed;

    (void)state;
    serving_bed_start(&bed, true);
    assert_ok(fetch_want(bed.end[FAR].fetch, &bed.what));
    bed.pieces_a_turn = 0;
    serving_bed_say_parent(&bed, bed.end[NEAR].serve, bed.end[NEAR].keys.public_key);
    UNTIL(&bed, *bed.end[FAR].none);
    assert_string_equal(bed.end[FAR].none, "no connection within 10 s");
    bed.pieces_a_turn = 8;
    UNTIL(&bed, bed.end[FAR].got);
    serving_bed_is_whole(&bed, FAR);
    serving_bed_close(&bed);
}

static void a_revoked_key_is_cut_at_once(void **state)
{
    static struct serving_bed bed;

    (void)state;
    serving_bed_start(&bed, true);
    serving_bed_say_guests(&bed, true);
    assert_ok(fetch_want(bed.end[NEAR].fetch, &bed.what));
    assert_ok(fetch_want(bed.end[FAR].fetch, &bed.what));
    serving_bed_say_parent(&bed, bed.end[NEAR].serve, bed.end[NEAR].keys.public_key);
    bed.pieces_a_turn = 1;
    UNTIL(&bed, serving_bed_share(&bed, NEAR) > 0.5);
    bed.pieces_a_turn = 0; /* the rest does not come: FAR waits at NEAR's door */
    UNTIL(&bed, serving_bed_share(&bed, FAR) > 0.4);
    const int64_t said_ms = serving_bed_now();
    serving_bed_say_guests(&bed, false);
    UNTIL(&bed, *bed.end[FAR].none);
    assert_in_range(serving_bed_now() - said_ms, 0, 1000);
    serving_bed_say_guests(
        &bed, true); /* named again, as by a broker that starts anew, it is let in */
    blob_asks_clear(bed.end[FAR].asks);
    *bed.end[FAR].none = '\0';
    serving_bed_say_parent(&bed, bed.end[NEAR].serve, bed.end[NEAR].keys.public_key);
    bed.pieces_a_turn = 8;
    UNTIL(&bed, bed.end[FAR].got && bed.end[NEAR].got);
    assert_string_equal(bed.end[FAR].none, "");
    serving_bed_is_whole(&bed, NEAR);
    serving_bed_is_whole(&bed, FAR);
    serving_bed_close(&bed);
}

struct flood {
    struct peer *peer;
    uint64_t asked, answered;
};

static enum err on_answer(void *self, const struct msg *msg, int64_t now_ms)
{
    (void)msg, (void)now_ms;
    ((struct flood *)self)->answered++;
    return OK;
}

/* Requests without an end, of what is here and of what nobody knows, as fast as they go out. */
static void ask(struct flood *flood, const struct artifact *what)
{
    struct msg msg = {.head.type = MSG_WREQ};

    assert_ok(peer_tick(flood->peer, serving_bed_now()));
    assert_ok(peer_readable(flood->peer, serving_bed_now()));
    for (int i = 0; i < 400 && peer_welcome(flood->peer); i++) {
        msg.wreq = (struct msg_wreq){.hash = what->hash,
                                     .kind = i % 3 ? CHUNK_PIECES : CHUNK_DIGEST_PIECES,
                                     .first = i % 3 ? (uint32_t)flood->asked % 4096 * 37 : 0,
                                     .count = 2};
        msg.wreq.hash.byte[0] ^= (uint8_t)(i % 2);
        if (peer_send(flood->peer, &msg))
            break;
        flood->asked++;
    }
}

/* A child that is let in, and means it ill: what it asks for waits in a queue of its own, and the
 * others are given theirs. */
static void a_child_that_asks_without_end_holds_nobody_up(void **state)
{
    static struct serving_bed bed;
    struct flood flood = {.peer = NULL};
    struct peer_conf conf = {.role = ROLE_REWARDER, .name = "flood"};
    struct curve_keys keys;

    (void)state;
    serving_bed_start(&bed, true);
    serving_bed_say_guests(&bed, true);
    assert_ok(fetch_want(bed.end[NEAR].fetch, &bed.what));
    UNTIL(&bed, bed.end[NEAR].got);
    keys = bed.end[FAR].keys;
    memcpy(keys.server_key, bed.end[NEAR].keys.public_key, CURVE_TEXT);
    conf.keys = &keys;
    conf.broker = bed.end[NEAR].serve;
    peer_random(&conf.id, &conf.incarnation);
    assert_ok(peer_open(&flood.peer, bed.end[FAR].context, &conf, serving_bed_now()));
    peer_on(flood.peer, MSG_WCHUNK, on_answer, &flood);
    peer_on(flood.peer, MSG_WNONE, on_answer, &flood);
    for (const int64_t end_ms = clock_mono_ms() + 30000;
         flood.asked < 2000 && clock_mono_ms() < end_ms;) {
        ask(&flood, &bed.what);
        serving_bed_turn(&bed);
    }
    assert_in_range(flood.asked, 2000, UINT64_MAX);
    bed.pieces_a_turn = 0; /* from NEAR, or from nowhere */
    assert_ok(fetch_want(bed.end[FAR].fetch, &bed.what));
    serving_bed_say_parent(&bed, bed.end[NEAR].serve, bed.end[NEAR].keys.public_key);
    for (const int64_t end_ms = clock_mono_ms() + 30000;
         !bed.end[FAR].got && clock_mono_ms() < end_ms;) {
        ask(&flood, &bed.what);
        serving_bed_turn(&bed);
    }
    assert_non_null(bed.end[FAR].got);
    serving_bed_is_whole(&bed, FAR);
    assert_string_equal(bed.end[FAR].none, "");
    assert_in_range(flood.answered, 1, UINT64_MAX);
    peer_close(flood.peer);
    serving_bed_close(&bed);
}

/* A process of NEAR's host has made it meanwhile: NEAR's pull ends, and its guest goes on. */
static void a_pull_that_pages_end_goes_on_for_guests(void **state)
{
    static struct serving_bed bed;
    struct shared_memory *shared;
    struct id run;
    uint64_t any;

    (void)state;
    serving_bed_start(&bed, true);
    peer_random(&run, &any);
    fetch_run(bed.end[NEAR].fetch, &run);
    serving_bed_say_guests(&bed, true);
    assert_ok(fetch_want(bed.end[NEAR].fetch, &bed.what));
    assert_ok(fetch_want(bed.end[FAR].fetch, &bed.what));
    serving_bed_say_parent(&bed, bed.end[NEAR].serve, bed.end[NEAR].keys.public_key);
    bed.pieces_a_turn = 1;
    UNTIL(&bed, serving_bed_share(&bed, FAR) > 0.3);
    bed.pieces_a_turn = 0;
    assert_ok(shared_memory_new(&shared, SIZE, "made"));
    memcpy(shared_memory_bytes(shared), bed.bytes, SIZE);
    assert_ok(shared_memory_seal(shared));
    serving_bed_mate(&bed, &run);
    fetch_put(bed.mate, &bed.what, shared, NULL);
    UNTIL(&bed, bed.end[NEAR].got);
    UNTIL(&bed, bed.end[FAR].got);
    serving_bed_is_whole(&bed, NEAR);
    serving_bed_is_whole(&bed, FAR);
    assert_string_equal(bed.end[FAR].none, "");
    fetch_free(bed.mate);
    bed.mate = NULL;
    shared_memory_free(shared);
    serving_bed_close(&bed);
}

/* A host that is gone costs the child five seconds, not ten. */
static void who_cannot_reach_its_parent_is_fed_meanwhile(void **state)
{
    static struct serving_bed bed;

    (void)state;
    serving_bed_start(&bed, false);
    assert_ok(fetch_want(bed.end[FAR].fetch, &bed.what));
    bed.pieces_a_turn = 1;
    UNTIL(&bed, serving_bed_share(&bed, FAR) > 0);
    serving_bed_say_parent(&bed, "tcp://127.0.0.1:1", "");
    bed.pieces_a_turn = 8;
    UNTIL(&bed, bed.end[FAR].got || *bed.end[FAR].none);
    assert_string_equal(bed.end[FAR].none, "");
    serving_bed_is_whole(&bed, FAR);
    serving_bed_close(&bed);
}

/* And asks it as soon as it is there. */
static void a_parent_that_comes_late_is_asked_then(void **state)
{
    static struct serving_bed bed;
    char endpoint[64];

    (void)state;
    serving_bed_start(&bed, false);
    serving_bed_open_liar(&bed, LIAR_SILENT, "tcp://127.0.0.1:*");
    snprintf(endpoint, sizeof endpoint, "%s", hub_endpoint(bed.liar));
    serving_bed_close_liar(&bed);
    assert_ok(fetch_want(bed.end[FAR].fetch, &bed.what));
    bed.pieces_a_turn = 0;
    serving_bed_say_parent(&bed, endpoint, "");
    for (const int64_t begun_ms = serving_bed_now();
         serving_bed_now() - begun_ms < FETCH_WIRE_HASTE_MS + 500;)
        serving_bed_turn(&bed);
    serving_bed_open_liar(&bed, LIAR_SILENT, endpoint);
    UNTIL(&bed, bed.liar_asked);
    assert_string_equal(bed.end[FAR].none, "");
    bed.pieces_a_turn = 8;
    UNTIL(&bed, bed.end[FAR].got);
    serving_bed_is_whole(&bed, FAR);
    serving_bed_close(&bed);
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
        cmocka_unit_test(a_child_that_asks_without_end_holds_nobody_up),
        cmocka_unit_test(a_pull_that_pages_end_goes_on_for_guests),
        cmocka_unit_test(who_cannot_reach_its_parent_is_fed_meanwhile),
        cmocka_unit_test(a_parent_that_comes_late_is_asked_then),
    };

    return cmocka_run_group_tests_name("proto/serving", tests, quiet, NULL);
}
