/* Where chunks come from: who is counted as a holder, and what a pipe that is full takes back. */

#include "tests/support/test.h"

#include "base/mem.h"
#include "broker/bulk/supply.h"

#include <stdlib.h>
#include <string.h>

enum { CHUNKS = 6, HOSTS = 3 };

static const struct artifact WHAT = {
    .hash = {{7}}, .bytes = CHUNKS * (uint64_t)HASH_CHUNK, .kind = ARTIFACT_IMAGE, .name = "x"};
static struct stock *stock;
static struct supply supply;
static struct supply_source learner, host[HOSTS];
static struct stock_item *item;

static void lost(void *self, struct stock_item *gone)
{
    (void)self, (void)gone;
}

static void offer(struct supply_source *s, uint32_t n)
{
    const struct msg_offer msg = {&WHAT, n};

    supply_offer(&supply, s, &msg, lost, NULL);
}

static void open_supply(void)
{
    stock_new(&stock, 64 << 20);
    supply = (struct supply){.stock = stock};
    memset(host, 0, sizeof host);
    learner = (struct supply_source){.kind = SUPPLY_OWN};
    supply_add(&supply, &learner, 0);
    for (int i = 0; i < HOSTS; i++) {
        host[i].kind = SUPPLY_HOST;
        supply_add(&supply, &host[i], 0);
    }
}

static void close_supply(void)
{
    for (int i = 0; i < HOSTS; i++)
        supply_remove(&supply, &host[i]);
    supply_remove(&supply, &learner);
    stock_free(stock);
}

static void assert_holders(uint32_t n)
{
    for (uint32_t i = 0; i < CHUNKS; i++)
        assert_int_equal(item->slot[i].holders, n);
}

/* A broker that starts anew hears of holders before anybody asks. */
static void who_offered_before_it_was_asked_for_counts(void **state)
{
    (void)state;
    open_supply();
    offer(&host[0], 1);
    offer(&learner, 1);
    offer(&host[1], 1);
    item = stock_find(stock, &WHAT.hash);
    assert_non_null(item);
    assert_ok(stock_open(item));
    supply_opened(item);
    assert_holders(2);
    offer(&host[2], 1);
    assert_holders(3);
    offer(&host[0], 0);
    supply_cut(&supply, &host[1], 0);
    assert_holders(1);
    offer(&host[2], 0);
    assert_holders(0);
    close_supply();
}

static void name_it(uint8_t *bytes, struct artifact *what, struct hash *digest)
{
    for (uint32_t i = 0; i < CHUNKS; i++) {
        memset(bytes + (size_t)i * HASH_CHUNK, (int)i + 1, HASH_CHUNK);
        digest[i] = hash_chunk(bytes + (size_t)i * HASH_CHUNK, HASH_CHUNK);
    }
    *what = WHAT;
    what->hash = hash_of(bytes, CHUNKS * (size_t)HASH_CHUNK);
}

static enum stock_took take(const struct artifact *what, uint32_t kind, uint32_t index,
                            const void *data, uint32_t bytes)
{
    const struct msg_wchunk chunk = {.hash = what->hash,
                                     .kind = kind,
                                     .index = index,
                                     .data = data,
                                     .bytes = bytes,
                                     .total = what->bytes};

    return supply_take(&supply, &learner, &chunk, 0);
}

/* Its pipe takes the first of two requests: what was asked for is taken, the other is due. */
static void a_full_pipe_takes_back_one_request(void **state)
{
    uint8_t *const bytes = mem_new(CHUNKS, HASH_CHUNK);
    struct hash digest[CHUNKS];
    struct artifact what;
    struct supply_source *to;
    struct msg first, second;

    (void)state;
    open_supply();
    name_it(bytes, &what, digest);
    supply_offer(&supply, &learner, &(struct msg_offer){&what, 1}, lost, NULL);
    item = stock_find(stock, &what.hash);
    assert_ok(stock_open(item));
    supply_opened(item);
    stock_want(item, 0, 1);
    stock_want(item, 1, 1);
    assert_true(supply_next(&supply, &to, &first, 0));
    assert_int_equal(first.wreq.kind, CHUNK_DIGEST_PIECES);
    supply_unsent(&supply, to, &first.wreq, false);
    learner.full = false; /* a tick */
    assert_true(supply_next(&supply, &to, &first, 0));
    assert_int_equal(first.wreq.kind, CHUNK_DIGEST_PIECES);
    assert_int_equal(take(&what, CHUNK_DIGEST_PIECES, 0, digest, sizeof digest), STOCK_WHOLE);
    assert_true(supply_next(&supply, &to, &first, 0));
    assert_true(supply_next(&supply, &to, &second, 0));
    supply_unsent(&supply, to, &second.wreq, false);
    assert_int_equal(learner.under_way, 1);
    for (uint32_t i = 0; i < STOCK_PIECES; i++)
        assert_int_equal(
            take(&what, CHUNK_PIECES, first.wreq.first + i, bytes + i * PIECE, PIECE),
            i + 1 < STOCK_PIECES ? STOCK_PART : STOCK_WHOLE);
    assert_int_equal(learner.under_way, 0);
    learner.full = false;
    assert_true(supply_next(&supply, &to, &first, 0));
    assert_int_equal(first.wreq.first, second.wreq.first);
    close_supply();
    free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_offered_before_it_was_asked_for_counts),
        cmocka_unit_test(a_full_pipe_takes_back_one_request),
    };

    return cmocka_run_group_tests_name("broker/supply", tests, NULL, NULL);
}
