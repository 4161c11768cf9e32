/* Workers come and go for as long as a fleet lives: what was allocated for one that is gone is given
 * back, whatever it had in hand. Counted are bytes that are allocated, by the allocator itself. */

#include "tests/broker/fixture_setup.h"

#include "base/mem.h"
#include "broker/bulk/depot.h"
#include "broker/bulk/stock.h"
#include "broker/lease.h"
#include "broker/members.h"
#include "broker/ticket.h"
#include "proto/limit.h"

#include <malloc.h>
#include <string.h>

enum { FIRST = 300, THEN = 1500, SAMPLES = 4, BYTES = 5 << 20 };

/* What the allocator keeps of small blocks that were freed counts as allocated, and varies; the
 * smallest block of each of those that came would be twice as much. */
enum { SLACK = 16 * (THEN - FIRST) };

/* Under a sanitizer malloc is the sanitizer's, and mallinfo2 says nothing. */
size_t __sanitizer_get_current_allocated_bytes(void) __attribute__((weak));

static size_t allocated(void)
{
    const struct mallinfo2 now = mallinfo2();

    return __sanitizer_get_current_allocated_bytes ? __sanitizer_get_current_allocated_bytes()
                                                   : now.uordblks + now.hblkhd;
}

/* The same `n` more times, until so many have come; and what is allocated then. */
static size_t after(void (*comes)(uint32_t i), uint32_t from, uint32_t to)
{
    for (uint32_t i = from; i < to; i++)
        comes(i);
    return allocated();
}

static void holds_no_more(void (*comes)(uint32_t i))
{
    const size_t before = after(comes, 0, FIRST), now = after(comes, FIRST, THEN);

    if (now > before + SLACK)
        fail_msg("%zu bytes after %d came and went, %zu after %d", before, FIRST, now, THEN);
}

static void says_hello(uint32_t at, enum role role, uint32_t i)
{
    struct msg hello = fixture_hello(at, role);
    const struct msg_ability offer = {.kind = SCORER_RULE, .name = ""};

    memcpy(hello.hello.peer.byte + 4, &i, sizeof i);
    hello.hello.host = i % 3 ? "far" : "near";
    hello.hello.offer = &offer;
    hello.hello.n_offer = role == ROLE_REWARDER;
    fixture_say_hello(&fixture, at, &hello);
}

/* An actor with work in hand and a claim on what is not open, a rewarder with a ticket, a host with
 * figures, somebody who looks on; of the task in between one sample is brought, and all is settled. */
static void one_of_each(uint32_t i)
{
    struct msg hb = {.head.type = MSG_HB, .hb = {.note = "", .metrics = "{\"cores\":2}"}};
    struct msg bye = {.head.type = MSG_BYE, .bye.reason = "done"};
    const struct msg *lease;

    fixture_open_task(&fixture, i, SAMPLES, 0);
    says_hello(B, ROLE_ACTOR, i);
    says_hello(R, ROLE_REWARDER, i);
    says_hello(5, ROLE_SUPERVISOR, i);
    says_hello(6, ROLE_OPERATOR, i);
    fixture_credit(&fixture, R, 8, 0);
    assert_ok(fixture_say(&fixture, 5, &hb));
    fixture_credit(&fixture, B, SAMPLES, 0);
    lease = fixture_said(&fixture, B, MSG_LEASE);
    if (lease)
        assert_ok(fixture_rollout(&fixture, B, lease->lease.task.id, lease->lease.first, 1, 0));
    fixture_pass(&fixture, 100);
    if (i % 2)
        assert_ok(fixture_say(&fixture, R, &bye));
    for (uint32_t at = B; at <= 6; at++)
        fixture_gone(&fixture, at, i % 5 != 0);
    fixture_pass(&fixture, 200);
    fixture_learner_hb(&fixture, 1 << 20, 0, i + 1, NULL, 0);
    fixture_pass(&fixture, 200);
    fixture_forget(&fixture);
}

static void who_is_gone_from_a_run_is_gone(void **state)
{
    (void)state;
    fixture_learner(&fixture, 1, &fixture_rule, 1);
    fixture_actor(&fixture, A, NULL, 0);
    fixture_learner_hb(&fixture, 1 << 20, 0, 0, NULL, 0);
    holds_no_more(one_of_each);
}

/* ---- numbers */

enum { TABLE = 65536, ROUNDS = 300000, OUT = 300 };

/* Slots by number would be touched one after the other until the table is whole in memory, however
 * few leases are out. */
static void as_much_of_a_table_as_is_out(void **state)
{
    struct broker_member holder = {.lease = LEASE_NONE, .lease_last = LEASE_NONE};
    const struct tasks_name name = {0, 1, 0};
    struct leases leases;
    struct tickets tickets;
    uint64_t last = 0;

    (void)state;
    lease_init(&leases, TABLE, (UINT64_C(1) << 50) + 77);
    ticket_init(&tickets, TABLE / 8, (UINT64_C(1) << 50) + 77);
    for (int i = 0; i < ROUNDS; i++) {
        const uint32_t slot = lease_grant(&leases, &holder, &name, 1, i);

        assert_true(leases.slot[slot].number > last);
        last = leases.slot[slot].number;
        assert_ptr_equal(lease_find(&leases, last), &leases.slot[slot]);
        assert_non_null(ticket_issue(&tickets, &holder, 0, &name, 1, i));
        if (leases.n <= OUT)
            continue;
        lease_end(&leases, holder.lease); /* the oldest */
        for (uint32_t t = 0; t < tickets.window && tickets.n > OUT / 8; t++)
            if (tickets.slot[t].number)
                ticket_end(&tickets, &tickets.slot[t]);
    }
    assert_int_equal(leases.window, 1024);
    assert_int_equal(tickets.window, 1024);
    for (uint32_t i = leases.window; i < TABLE; i++)
        assert_int_equal(leases.slot[i].number, 0);
    while (leases.n < TABLE) /* and all of it if need be */
        assert_int_not_equal(lease_grant(&leases, &holder, &name, 1, 0), LEASE_NONE);
    assert_int_equal(lease_grant(&leases, &holder, &name, 1, 0), LEASE_NONE);
    while (tickets.n < TABLE / 8)
        assert_non_null(ticket_issue(&tickets, &holder, 0, &name, 1, 0));
    assert_null(ticket_issue(&tickets, &holder, 0, &name, 1, 0));
    lease_fini(&leases);
    ticket_fini(&tickets);
}

/* ---- weights */

static struct depot *depot;
static struct depot_peer *learner;
static struct artifact version;
static struct hash digest[BYTES / HASH_CHUNK];
static uint8_t *image;
static struct msg
    asked[64]; /* of the learner; a view: what is asked for has no blocks of its own */
static uint32_t n_asked;
static int64_t now_ms;

static enum err on_depot(void *self, void *link, struct msg *msg)
{
    (void)self;
    if (link == &learner && msg->head.type == MSG_WREQ)
        asked[n_asked++ % 64] = *msg;
    return OK;
}

static struct depot_peer *dials(enum role role, uint32_t i, void *link)
{
    struct msg hello = fixture_hello(1, role);
    const struct depot_origin origin = {.link = link, .address = "10.0.0.1"};

    memcpy(hello.hello.peer.byte + 4, &i, sizeof i);
    hello.hello.host = i % 3 ? "far" : "near";
    hello.hello.serve = i % 2 ? "tcp://10.0.0.1:7000" : "";
    return depot_hello(depot, NULL, &hello.hello, &origin, now_ms);
}

static void is_given(const struct msg_wreq *ask)
{
    const bool list = ask->kind == CHUNK_DIGEST_PIECES;

    for (uint32_t i = 0; i < ask->count; i++) {
        const uint32_t at = ask->first + i, all = list ? sizeof digest : BYTES;
        struct msg msg = {
            .head.type = MSG_WCHUNK,
            .wchunk = {.route = ask->route,
                       .hash = ask->hash,
                       .kind = ask->kind,
                       .index = at,
                       .total = BYTES,
                       .data = (list ? digest[0].byte : image) + at * PIECE,
                       .bytes = all - at * PIECE < PIECE ? all - at * PIECE : (uint32_t)PIECE}};
        assert_ok(depot_take(depot, learner, &msg, now_ms));
    }
}

/* A version of which the first bytes are its number. */
static void is_published(uint32_t i)
{
    struct msg msg = {.head.type = MSG_OFFER, .offer = {&version, 1}};

    memcpy(image, &i, sizeof i);
    for (uint32_t k = 0; k < BYTES / HASH_CHUNK; k++)
        digest[k] = hash_chunk(image + k * (size_t)HASH_CHUNK, HASH_CHUNK);
    version = (struct artifact){.hash = hash_join(digest, BYTES / HASH_CHUNK),
                                .bytes = BYTES,
                                .kind = ARTIFACT_IMAGE,
                                .name = "policy"};
    assert_ok(depot_take(depot, learner, &msg, now_ms));
}

/* Two that pull what is new, one of them to the end; and ask for what nobody has. */
static void two_pull(uint32_t i)
{
    static const uint8_t have[1] = {3};
    struct depot_peer *child[2];
    int link[2];

    if (i % 10 == 0)
        is_published(i);
    for (uint32_t c = 0; c < 2; c++) {
        struct msg ask = {
            .head.type = MSG_WREQ,
            .wreq = {.hash = version.hash, .kind = CHUNK_DIGEST_PIECES, .count = 1}};
        struct msg bytes = {.head.type = MSG_WREQ,
                            .wreq = {.hash = version.hash,
                                     .kind = CHUNK_PIECES,
                                     .count = c ? STOCK_PIECES : BYTES / PIECE,
                                     .have = c ? have : NULL,
                                     .n_have = c}};
        struct msg odd = ask;

        child[c] = dials(ROLE_ACTOR, 2 * i + c, &link[c]);
        odd.wreq.hash.byte[0] ^= 1;
        assert_ok(depot_take(depot, child[c], &ask, now_ms));
        assert_ok(depot_take(depot, child[c], &bytes, now_ms));
        assert_ok(depot_take(depot, child[c], &odd, now_ms));
    }
    for (int turn = 0; turn < 20; turn++) {
        const struct msg_wreq ask = asked[0].wreq;

        now_ms += 100;
        depot_tick(depot, now_ms);
        if (!n_asked)
            continue;
        memmove(asked, asked + 1, --n_asked * sizeof *asked);
        if (i % 7) /* else it is gone before all has come */
            is_given(&ask);
    }
    n_asked = 0;
    for (int c = 0; c < 2; c++)
        depot_gone(depot, child[c], now_ms);
}

static void who_is_gone_from_the_bulk_port_is_gone(void **state)
{
    const struct depot_sink sink = {.send = on_depot};

    (void)state;
    assert_ok(mem_big(&image, BYTES, 1, "an image"));
    depot_new(&depot, &sink, 64 << 20);
    learner = dials(ROLE_LEARNER, UINT32_MAX, &learner);
    is_published(UINT32_MAX);
    holds_no_more(two_pull);
    assert_true(depot_stats(depot)->pieces > THEN);
    depot_free(depot);
    free(image);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(who_is_gone_from_a_run_is_gone, setup, teardown),
        cmocka_unit_test(as_much_of_a_table_as_is_out),
        cmocka_unit_test(who_is_gone_from_the_bulk_port_is_gone),
    };

    return cmocka_run_group_tests_name("comings", tests, NULL, NULL);
}
