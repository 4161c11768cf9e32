/* Where chunks come from: who is counted as a holder, and what a pipe that is full takes back. */

#include "tests/support/test.h"

#include "broker/supply.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_offered_before_it_was_asked_for_counts),
    };

    return cmocka_run_group_tests_name("broker/supply", tests, NULL, NULL);
}
