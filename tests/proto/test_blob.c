#include "tests/support/test.h"

#include "base/mem.h"
#include "base/rng.h"
#include "proto/blob.h"

#include <stdlib.h>
#include <string.h>

enum { MIB = 1 << 20 };

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
    fixture->what = (struct artifact){hash_of(fixture->bytes, n), n, ARTIFACT_IMAGE, "policy"};
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

/* Passes all that is due up, and answers down; every `lose`-th answer is lost. */
static int pass(struct blob_fixture *fixture, int64_t now_ms, int lose)
{
    struct msg msg;
    int moved = 0;

    while (blob_pull_ask(fixture->pull, &msg, now_ms)) {
        assert_ok(blob_store_ask(fixture->store, &msg.wreq));
        moved++;
    }
    while (blob_store_next(fixture->store, &msg)) {
        blob_store_sent(fixture->store);
        moved++;
        if (lose && moved % lose == 0)
            continue;
        if (msg.head.type == MSG_WCHUNK)
            assert_true(blob_pull_take(fixture->pull, &msg.wchunk, now_ms));
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

static void at_most_a_window_is_asked_for(void **state)
{
    struct blob_fixture fixture;
    struct msg msg;
    uint32_t asked = 0;

    (void)state;
    open_bed(&fixture, 30 * MIB);
    assert_true(blob_pull_ask(fixture.pull, &msg, 0));
    assert_int_equal(msg.wreq.kind, CHUNK_DIGESTS);
    assert_false(blob_pull_ask(fixture.pull, &msg, 1));
    assert_ok(blob_store_ask(fixture.store, &msg.wreq));
    assert_true(blob_store_next(fixture.store, &msg));
    blob_pull_take(fixture.pull, &msg.wchunk, 1);
    while (blob_pull_ask(fixture.pull, &msg, 2))
        asked += msg.wreq.count;
    assert_int_equal(asked, BLOB_WINDOW);
    close_bed(&fixture);
}

static void losses_cost_only_what_was_lost(void **state)
{
    struct blob_fixture fixture;
    int64_t now_ms = 0;
    int chunks = 0;

    (void)state;
    open_bed(&fixture, 20 * MIB);
    for (int turn = 0; turn < 200 && !blob_pull_done(fixture.pull); turn++) {
        chunks += pass(&fixture, now_ms, 5);
        now_ms += 500;
    }
    assert_whole(&fixture);
    assert_true(blob_pull_stats(fixture.pull).asked_again > 0);
    assert_true(chunks < 80); /* 20 chunks, each request and answer once, and the lost ones */
    close_bed(&fixture);
}

static void a_cut_asks_again_at_once_and_keeps_what_came(void **state)
{
    struct blob_fixture fixture;
    struct msg msg;
    uint64_t had;

    (void)state;
    open_bed(&fixture, 20 * MIB);
    pass(&fixture, 0, 0); /* digests */
    pass(&fixture, 0, 0); /* a window */
    had = blob_pull_stats(fixture.pull).chunks;
    assert_int_equal(had, BLOB_WINDOW);
    while (blob_pull_ask(fixture.pull, &msg, 10)) /* asked, and lost with the connection */
        ;
    blob_pull_cut(fixture.pull);
    assert_true(blob_pull_ask(fixture.pull, &msg, 20));
    assert_true(msg.wreq.first >= had);
    blob_pull_lost(fixture.pull, &msg);
    for (int turn = 0; turn < 60 && pass(&fixture, 20, 0); turn++)
        ;
    assert_whole(&fixture);
    close_bed(&fixture);
}

static void a_wrong_chunk_is_never_taken(void **state)
{
    struct blob_fixture fixture;
    struct msg msg;
    static uint8_t wrong[MIB];

    (void)state;
    open_bed(&fixture, 2 * MIB);
    pass(&fixture, 0, 0);
    assert_true(blob_pull_ask(fixture.pull, &msg, 0));
    msg.wchunk = (struct msg_wchunk){
        0, fixture.what.hash, CHUNK_BYTES, 1, fixture.n, wrong, MIB, NULL, 0};
    blob_pull_take(fixture.pull, &msg.wchunk, 0);
    msg.wchunk.bytes = 5;
    blob_pull_take(fixture.pull, &msg.wchunk, 0);
    msg.wchunk.index = 7; /* beyond the end */
    blob_pull_take(fixture.pull, &msg.wchunk, 0);
    msg.wchunk.total = 3;
    blob_pull_take(fixture.pull, &msg.wchunk, 0);
    assert_int_equal(blob_pull_stats(fixture.pull).chunks, 0);
    assert_int_equal(blob_pull_stats(fixture.pull).bad, 3);
    assert_false(blob_pull_done(fixture.pull));
    for (int turn = 0; turn < 9; turn++)
        pass(&fixture, 3000 * turn, 0);
    assert_whole(&fixture);
    close_bed(&fixture);
}

static void wrong_digests_are_refused(void **state)
{
    struct blob_fixture fixture;
    struct hash digest[2] = {{{1}}, {{2}}};
    struct msg_wchunk chunk;

    (void)state;
    open_bed(&fixture, 2 * MIB);
    chunk = (struct msg_wchunk){
        0, fixture.what.hash, CHUNK_DIGESTS, 0, fixture.n, digest[0].byte, 64, NULL, 0};
    blob_pull_take(fixture.pull, &chunk, 0);
    assert_int_equal(blob_pull_stats(fixture.pull).bad, 1);
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
    assert_false(blob_pull_ask(fixture.pull, &msg, 1999));
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

static void a_slow_line_is_not_filled_with_requests(void **state)
{
    struct blob_fixture fixture;
    struct msg msg;
    int asked = 0;

    (void)state;
    open_bed(&fixture, MIB);
    pass(&fixture, 0, 0);
    for (int64_t now_ms = 0; now_ms < 60000; now_ms += 100)
        while (blob_pull_ask(fixture.pull, &msg, now_ms))
            asked++;
    assert_in_range(asked, 4, 7); /* 0, 2, 6, 14, 30, 46 s */
    close_bed(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes_of_all_kinds_arrive),
        cmocka_unit_test(at_most_a_window_is_asked_for),
        cmocka_unit_test(losses_cost_only_what_was_lost),
        cmocka_unit_test(a_cut_asks_again_at_once_and_keeps_what_came),
        cmocka_unit_test(a_wrong_chunk_is_never_taken),
        cmocka_unit_test(wrong_digests_are_refused),
        cmocka_unit_test(what_is_not_there_is_said_and_asked_for_later),
        cmocka_unit_test(children_are_served_in_turn),
        cmocka_unit_test(a_slow_line_is_not_filled_with_requests),
    };

    return cmocka_run_group_tests_name("proto/blob", tests, NULL, NULL);
}
