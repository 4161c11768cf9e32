#include "tests/support/test.h"

#include "base/mem.h"
#include "base/rng.h"
#include "proto/blob.h"

#include <stdlib.h>
#include <string.h>

enum { MIB = 1 << 20, WINDOW = 8 * MIB };

struct blob_fixture {
    uint8_t *bytes;
    size_t n;
    struct artifact what;
    struct blob_store *store;
    struct blob_pull *pull;
};

static void open_bed(struct blob_fixture *fixture, size_t n)
{
    fixture->bytes = mem_new(n + 1, 1);
    fixture->n = n;
    for (size_t i = 0; i + 4 <= n; i += 4) {
        const uint32_t word = (uint32_t)(i * 2654435761u) ^ (uint32_t)(i >> 7);
        memcpy(fixture->bytes + i, &word, 4);
    }
    fixture->what = (struct artifact){.hash = hash_of(fixture->bytes, n),
                                      .bytes = n,
                                      .kind = ARTIFACT_IMAGE,
                                      .name = "policy"};
    blob_store_new(&fixture->store);
    assert_ok(blob_store_add(fixture->store, &fixture->what, fixture->bytes, n, NULL, free,
                             fixture->bytes));
    assert_ok(blob_pull_new(&fixture->pull, &fixture->what));
}

static void close_bed(struct blob_fixture *fixture)
{
    blob_store_free(fixture->store);
    blob_pull_free(fixture->pull);
}

/* What may be asked for more; as pace.h would say, with a window of 8 MiB. */
static size_t room(const struct blob_fixture *fixture)
{
    const size_t owed = blob_pull_owed(fixture->pull, false);

    return owed < WINDOW ? WINDOW - owed : 0;
}

static bool ask(struct blob_fixture *fixture, struct msg *out, int64_t now_ms)
{
    return room(fixture) >= PIECE && blob_pull_ask(fixture->pull, out, room(fixture), now_ms);
}

/* Passes all that is due up, and answers down; with the `cut`-th answer the connection ends. */
static int pass(struct blob_fixture *fixture, int64_t now_ms, int cut)
{
    struct msg msg;
    int moved = 0;

    while (ask(fixture, &msg, now_ms)) {
        assert_ok(blob_store_ask(fixture->store, &msg.wreq));
        moved++;
    }
    while (blob_store_next(fixture->store, &msg)) {
        blob_store_sent(fixture->store);
        moved++;
        if (cut && moved >= cut) {
            blob_store_clear(fixture->store);
            blob_pull_cut(fixture->pull);
            break;
        }
        if (msg.head.type == MSG_WCHUNK)
            assert_int_not_equal(blob_take(fixture->pull, &msg.wchunk, false, now_ms),
                                 BLOB_OTHERS);
        else
            assert_true(blob_pull_none(fixture->pull, &msg.wnone, now_ms));
    }
    return moved;
}

static void assert_whole(struct blob_fixture *fixture)
{
    struct shared_memory *got;

    assert_true(blob_pull_done(fixture->pull));
    assert_ok(blob_pull_detach(fixture->pull, &got));
    assert_int_equal(shared_memory_size(got), fixture->n);
    if (fixture->n)
        assert_memory_equal(shared_memory_bytes(got), fixture->bytes, fixture->n);
    shared_memory_free(got);
}

static void sizes_of_all_kinds_arrive(void **state)
{
    static const size_t size[] = {0, 1, 100, MIB - 1, MIB, MIB + 1, 3 * MIB + 17, 19 * MIB};

    (void)state;
    for (size_t i = 0; i < sizeof size / sizeof *size; i++) {
        struct blob_fixture fixture;
        open_bed(&fixture, size[i]);
        for (int turn = 0; turn < 60 && pass(&fixture, 0, 0); turn++)
            ;
        assert_whole(&fixture);
        assert_int_equal(blob_pull_stats(fixture.pull).asked_again, 0);
        close_bed(&fixture);
    }
}

static void no_more_is_asked_for_than_there_is_room(void **state)
{
    struct blob_fixture fixture;
    struct msg msg;
    uint32_t asked = 0;

    (void)state;
    open_bed(&fixture, 30 * MIB);
    assert_true(ask(&fixture, &msg, 0));
    assert_int_equal(msg.wreq.kind, CHUNK_DIGEST_PIECES);
    assert_false(ask(&fixture, &msg, 1));
    assert_ok(blob_store_ask(fixture.store, &msg.wreq));
    assert_true(blob_store_next(fixture.store, &msg));
    assert_int_equal(blob_take(fixture.pull, &msg.wchunk, false, 1), BLOB_PART);
    while (ask(&fixture, &msg, 2)) {
        assert_int_equal(msg.wreq.kind, CHUNK_PIECES);
        assert_int_equal(msg.wreq.first, asked);
        asked += msg.wreq.count;
    }
    assert_int_equal(asked, WINDOW / PIECE);
    assert_false(
        ask(&fixture, &msg, 1000000)); /* what is on its way is never asked for twice */
    assert_int_equal(blob_pull_owed(fixture.pull, false), WINDOW);
    close_bed(&fixture);
}

static void a_cut_costs_what_was_on_its_way(void **state)
{
    struct blob_fixture fixture;
    struct blob_pull_stats stats;
    int cuts = 0;

    (void)state;
    open_bed(&fixture, 20 * MIB);
    for (int turn = 0; turn < 200 && !blob_pull_done(fixture.pull); turn++, cuts++)
        pass(&fixture, turn, turn < 8 ? 25 : 0);
    stats = blob_pull_stats(fixture.pull);
    assert_whole(&fixture);
    assert_in_range(cuts, 8, 16);
    assert_int_equal(stats.pieces, 20 * MIB / PIECE + 1); /* each came once */
    assert_int_equal(stats.useless, 0);
    assert_true(stats.asked_again > 0);
    close_bed(&fixture);
}

static void a_request_that_did_not_go_out_is_due_at_once(void **state)
{
    struct blob_fixture fixture;
    struct msg msg;
    uint32_t first;

    (void)state;
    open_bed(&fixture, 20 * MIB);
    pass(&fixture, 0, 0); /* digests */
    assert_true(ask(&fixture, &msg, 10));
    first = msg.wreq.first;
    blob_pull_lost(fixture.pull, &msg);
    assert_int_equal(blob_pull_owed(fixture.pull, false), 0);
    assert_true(ask(&fixture, &msg, 10));
    assert_int_equal(msg.wreq.first, first);
    blob_pull_lost(fixture.pull, &msg);
    for (int turn = 0; turn < 60 && pass(&fixture, 20, 0); turn++)
        ;
    assert_whole(&fixture);
    close_bed(&fixture);
}

static void say_piece(struct blob_fixture *fixture, uint32_t index, const uint8_t *bytes,
                      uint32_t n, enum blob_took want)
{
    const struct msg_wchunk chunk = {.hash = fixture->what.hash,
                                     .kind = CHUNK_PIECES,
                                     .index = index,
                                     .total = fixture->n,
                                     .data = bytes,
                                     .bytes = n};

    assert_int_equal(blob_take(fixture->pull, &chunk, false, 0), want);
}

static void a_wrong_chunk_is_never_taken(void **state)
{
    struct blob_fixture fixture;
    struct msg_wchunk other;
    struct msg msg;
    static uint8_t wrong[PIECE];

    (void)state;
    open_bed(&fixture, 2 * MIB);
    pass(&fixture, 0, 0);
    say_piece(&fixture, 3, wrong, PIECE, BLOB_USELESS); /* nobody asked for it */
    while (ask(&fixture, &msg, 0))
        ;
    for (uint32_t i = 0; i < 16; i++)
        say_piece(&fixture, i, i == 7 ? wrong : fixture.bytes + i * PIECE, PIECE,
                  i < 15 ? BLOB_KEPT : BLOB_WRONG);
    say_piece(&fixture, 15, fixture.bytes, PIECE, BLOB_USELESS);
    say_piece(&fixture, 16, wrong, 5, BLOB_WRONG);       /* it is 64 KiB */
    say_piece(&fixture, 32, wrong, PIECE, BLOB_USELESS); /* beyond the end */
    say_piece(&fixture, UINT32_MAX, wrong, PIECE, BLOB_USELESS);
    other = (struct msg_wchunk){.hash = fixture.what.hash, .kind = CHUNK_PIECES, .total = 3};
    assert_int_equal(blob_take(fixture.pull, &other, false, 0), BLOB_WRONG);
    other.hash.byte[0] ^= 1;
    assert_int_equal(blob_take(fixture.pull, &other, false, 0), BLOB_OTHERS);
    assert_int_equal(blob_pull_stats(fixture.pull).chunks, 0);
    assert_int_equal(blob_pull_stats(fixture.pull).bad, 3);
    assert_false(ask(&fixture, &msg, 1999)); /* a liar gets no tight loop */
    for (int turn = 0; turn < 9; turn++)
        pass(&fixture, 3000 * (turn + 1), 0);
    assert_whole(&fixture);
    close_bed(&fixture);
}

/* Of two sources that a chunk's pieces came from, nobody can say which one lied. */
static void of_a_mixed_chunk_nobody_is_blamed(void **state)
{
    struct blob_fixture fixture;
    struct msg_wchunk late = {.kind = CHUNK_PIECES, .bytes = PIECE};
    struct msg msg;
    static uint8_t wrong[PIECE];

    (void)state;
    open_bed(&fixture, MIB);
    pass(&fixture, 0, 0);
    assert_true(blob_pull_ask(fixture.pull, &msg, 8 * PIECE, 0)); /* of the first: 0 .. 7 */
    for (uint32_t i = 0; i < 4; i++)
        say_piece(&fixture, i, fixture.bytes + i * PIECE, PIECE, BLOB_KEPT);
    blob_pull_move(fixture.pull);
    assert_int_equal(blob_pull_owed(fixture.pull, true), 4 * PIECE);
    assert_true(ask(&fixture, &msg, 0)); /* what the other one has is asked first, */
    assert_int_equal(msg.wreq.kind, CHUNK_DIGEST_PIECES);
    assert_int_equal(msg.wreq.count, 1);
    assert_false(ask(&fixture, &msg, 0));
    assert_true(blob_pull_promised(fixture.pull));
    assert_ok(blob_store_ask(fixture.store, &(struct msg_wreq){.hash = fixture.what.hash,
                                                               .kind = CHUNK_DIGEST_PIECES}));
    assert_true(blob_store_next(fixture.store, &msg));
    blob_store_sent(fixture.store);
    assert_int_equal(blob_take(fixture.pull, &msg.wchunk, false, 0), BLOB_KEPT);
    assert_true(ask(&fixture, &msg, 0)); /* then what the one before does not owe */
    assert_int_equal(msg.wreq.first, 8);
    assert_int_equal(msg.wreq.count, 8);
    late.hash = fixture.what.hash;
    late.total = MIB;
    for (late.index = 4; late.index < 8; late.index++) {
        late.data = late.index == 5 ? wrong : fixture.bytes + late.index * PIECE;
        assert_int_equal(blob_take(fixture.pull, &late, true, 0), BLOB_KEPT);
    }
    for (uint32_t i = 8; i < 15; i++)
        say_piece(&fixture, i, fixture.bytes + i * PIECE, PIECE, BLOB_KEPT);
    say_piece(&fixture, 15, fixture.bytes + 15 * PIECE, PIECE, BLOB_USELESS);
    assert_int_equal(blob_pull_stats(fixture.pull).bad, 1);
    pass(&fixture, 0, 0);
    assert_whole(&fixture);
    close_bed(&fixture);
}

static void what_the_source_has_is_taken_first(void **state)
{
    static const uint8_t there[1] = {0x28}; /* chunks 3 and 5 */
    struct blob_fixture fixture;
    struct msg msg;
    const uint32_t want[] = {48, 80, 0, 64, 96};
    const uint32_t count[] = {16, 16, 48, 16, 32};

    (void)state;
    open_bed(&fixture, 8 * MIB);
    assert_true(ask(&fixture, &msg, 0));
    assert_ok(blob_store_ask(fixture.store, &msg.wreq));
    assert_true(blob_store_next(fixture.store, &msg));
    msg.wchunk.there = there;
    msg.wchunk.n_there = 1;
    assert_int_equal(blob_take(fixture.pull, &msg.wchunk, false, 0), BLOB_PART);
    assert_false(blob_pull_promised(fixture.pull));
    for (int i = 0; i < 5; i++) {
        assert_true(ask(&fixture, &msg, 0));
        assert_int_equal(msg.wreq.first, want[i]);
        assert_int_equal(msg.wreq.count, count[i]);
        assert_true(blob_pull_promised(fixture.pull));
    }
    assert_false(ask(&fixture, &msg, 0));
    close_bed(&fixture);
}

/* A pull gives on what has come; what has not waits, and comes out when it is there. */
static void a_pull_gives_on_what_has_come(void **state)
{
    struct blob_fixture fixture;
    struct blob_store *store;
    struct blob_asks *asks;
    struct blob_pull *child;
    struct msg msg;
    int passed = 0;

    (void)state;
    open_bed(&fixture, 5 * MIB + 3);
    blob_store_new(&store);
    blob_asks_new(&asks, 8);
    blob_store_pull(store, fixture.pull);
    assert_ok(blob_pull_new(&child, &fixture.what));
    for (int64_t now_ms = 0; now_ms < 400 && !blob_pull_done(child); now_ms++) {
        while (blob_pull_ask(child, &msg, WINDOW, now_ms))
            assert_ok(blob_asks_add(asks, &msg.wreq));
        if (now_ms == 0)
            assert_false(blob_asks_next(asks, store, &msg)); /* not even digests */
        if (now_ms % 20 == 0 && blob_pull_ask(fixture.pull, &msg, 16 * PIECE, now_ms))
            assert_ok(blob_store_ask(fixture.store, &msg.wreq));
        while (blob_store_next(fixture.store, &msg)) {
            blob_store_sent(fixture.store);
            blob_take(fixture.pull, &msg.wchunk, false, now_ms);
        }
        while (blob_asks_next(asks, store, &msg)) {
            assert_int_equal(msg.head.type, MSG_WCHUNK);
            blob_asks_sent(asks);
            passed++;
            assert_int_not_equal(blob_take(child, &msg.wchunk, false, now_ms), BLOB_WRONG);
        }
        if (blob_pull_stats(fixture.pull).chunks == 2)
            assert_int_equal(blob_pull_stats(child).chunks, 2);
    }
    assert_true(blob_pull_done(child));
    assert_int_equal(passed, 1 + 81);
    assert_int_equal(blob_pull_stats(child).useless, 0);
    blob_store_remove(store, &fixture.what.hash); /* the pull goes: nothing more will come */
    assert_ok(blob_asks_add(
        asks, &(struct msg_wreq){.hash = fixture.what.hash, .kind = CHUNK_PIECES, .count = 9}));
    assert_true(blob_asks_next(asks, store, &msg));
    assert_int_equal(msg.head.type, MSG_WNONE);
    blob_asks_sent(asks);
    assert_false(blob_asks_next(asks, store, &msg));
    blob_pull_free(child);
    blob_asks_free(asks);
    blob_store_free(store);
    close_bed(&fixture);
}

/* `have` goes with the requests, when there is more to say. */
static void what_is_here_is_said_with_requests(void **state)
{
    struct blob_fixture fixture;
    struct msg msg;

    (void)state;
    open_bed(&fixture, 40 * MIB);
    assert_true(ask(&fixture, &msg, 0));
    assert_int_equal(msg.wreq.n_have, 0);
    blob_pull_lost(fixture.pull, &msg);
    pass(&fixture, 0, 0);
    pass(&fixture, 0, 0);
    assert_int_equal(blob_pull_stats(fixture.pull).chunks, 8);
    assert_true(ask(&fixture, &msg, 0));
    assert_int_equal(msg.wreq.n_have, 5);
    assert_int_equal(msg.wreq.have[0], 0xff);
    assert_int_equal(msg.wreq.have[1], 0);
    assert_true(ask(&fixture, &msg, 0));
    assert_int_equal(msg.wreq.n_have, 0); /* said already */
    blob_pull_cut(fixture.pull);
    assert_true(ask(&fixture, &msg, 0)); /* but not on this connection */
    assert_int_equal(msg.wreq.n_have, 5);
    assert_false(blob_pull_tell(fixture.pull, &msg, 0));
    blob_pull_cut(fixture.pull); /* where nothing is asked, it is said by itself */
    assert_true(blob_pull_tell(fixture.pull, &msg, 0));
    assert_int_equal(msg.wreq.n_have, 5);
    assert_int_equal(msg.wreq.count, 0);
    assert_ok(blob_store_ask(fixture.store, &msg.wreq));
    assert_false(blob_store_next(fixture.store, &msg)); /* and nobody answers */
    close_bed(&fixture);
}

static void a_pull_that_is_held_asks_for_nothing(void **state)
{
    struct blob_fixture fixture;
    struct msg msg;

    (void)state;
    open_bed(&fixture, 2 * MIB);
    pass(&fixture, 0, 0);
    blob_pull_hold(fixture.pull, true);
    assert_false(ask(&fixture, &msg, 0));
    blob_pull_hold(fixture.pull, false);
    pass(&fixture, 0, 0);
    assert_whole(&fixture);
    close_bed(&fixture);
}

static void wrong_digests_are_refused(void **state)
{
    struct blob_fixture fixture;
    struct hash digest[2] = {{{1}}, {{2}}};
    struct msg_wchunk chunk;
    struct msg msg;

    (void)state;
    open_bed(&fixture, 2 * MIB);
    chunk = (struct msg_wchunk){
        0, fixture.what.hash, CHUNK_DIGEST_PIECES, 0, fixture.n, digest[0].byte, 64, NULL, 0};
    assert_true(ask(&fixture, &msg, 0));
    assert_int_equal(blob_take(fixture.pull, &chunk, false, 0), BLOB_WRONG);
    assert_int_equal(blob_pull_stats(fixture.pull).bad, 1);
    assert_true(ask(&fixture, &msg, 0));
    chunk.bytes = 32; /* nor half of them */
    assert_int_equal(blob_take(fixture.pull, &chunk, false, 0), BLOB_WRONG);
    assert_false(ask(&fixture, &msg, 0));
    fixture.what.hash.byte[0] ^=
        1; /* and nobody can offer bytes under a name that is not theirs */
    assert_err(ERR_RANGE, blob_store_add(fixture.store, &fixture.what, fixture.bytes, fixture.n,
                                         NULL, NULL, NULL));
    close_bed(&fixture);
}

static void what_is_not_there_is_said_and_asked_for_later(void **state)
{
    struct blob_fixture fixture;
    struct msg msg;

    (void)state;
    open_bed(&fixture, MIB);
    assert_ok(blob_store_ask(fixture.store, &(struct msg_wreq){.hash = fixture.what.hash,
                                                               .kind = CHUNK_BYTES,
                                                               .first = 5,
                                                               .count = 3}));
    assert_true(blob_store_next(fixture.store, &msg));
    assert_int_equal(msg.head.type, MSG_WNONE);
    while (blob_store_next(fixture.store, &msg))
        blob_store_sent(fixture.store);
    fixture.bytes = memcpy(mem_new(fixture.n, 1), fixture.bytes, fixture.n);
    blob_store_remove(fixture.store, &fixture.what.hash);
    pass(&fixture, 0, 0);
    assert_string_equal(blob_pull_stats(fixture.pull).reason, "not here");
    assert_false(ask(&fixture, &msg, 1999));
    assert_ok(blob_store_add(fixture.store, &fixture.what, fixture.bytes, fixture.n, NULL, free,
                             fixture.bytes));
    for (int turn = 0; turn < 4; turn++)
        pass(&fixture, 2000, 0);
    assert_whole(&fixture);
    close_bed(&fixture);
}

static void children_are_served_in_turn(void **state)
{
    struct blob_fixture fixture;
    struct msg msg;
    uint64_t last = 0;

    (void)state;
    open_bed(&fixture, 8 * MIB);
    for (uint64_t route = 1; route <= 2; route++)
        for (int twice = 0; twice < 2; twice++) /* asking again changes nothing */
            assert_ok(
                blob_store_ask(fixture.store, &(struct msg_wreq){.route = route,
                                                                 .hash = fixture.what.hash,
                                                                 .kind = CHUNK_BYTES,
                                                                 .count = 4}));
    for (int i = 0; i < 8; i++) {
        assert_true(blob_store_next(fixture.store, &msg));
        assert_int_not_equal(msg.wchunk.route, last);
        last = msg.wchunk.route;
        blob_store_sent(fixture.store);
    }
    assert_false(blob_store_next(fixture.store, &msg));
    close_bed(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes_of_all_kinds_arrive),
        cmocka_unit_test(no_more_is_asked_for_than_there_is_room),
        cmocka_unit_test(a_cut_costs_what_was_on_its_way),
        cmocka_unit_test(a_request_that_did_not_go_out_is_due_at_once),
        cmocka_unit_test(a_wrong_chunk_is_never_taken),
        cmocka_unit_test(wrong_digests_are_refused),
        cmocka_unit_test(what_is_not_there_is_said_and_asked_for_later),
        cmocka_unit_test(children_are_served_in_turn),
        cmocka_unit_test(of_a_mixed_chunk_nobody_is_blamed),
        cmocka_unit_test(what_the_source_has_is_taken_first),
        cmocka_unit_test(a_pull_gives_on_what_has_come),
        cmocka_unit_test(what_is_here_is_said_with_requests),
        cmocka_unit_test(a_pull_that_is_held_asks_for_nothing),
    };

    return cmocka_run_group_tests_name("proto/blob", tests, NULL, NULL);
}
