/* Whose word takes a parent from the row. */

#include "tests/support/test.h"

#include "broker/bulk/chain.h"

#include <stdio.h>

enum { CHILDREN = 3, CHUNKS = 64, SIZE = CHUNKS * HASH_CHUNK };

static struct chain *chain;
static struct chain_peer parent, child[CHILDREN];
static int64_t now_ms;
static const int item; /* its address is its name */

static void add(int i)
{
    char name[16];

    snprintf(name, sizeof name, "child%d", i);
    chain_add(chain, &child[i], name, "", "10.1.1.2", &(struct hash){{(uint8_t)(2 + i)}});
    chain_ask(chain, &child[i], &item, SIZE, 0, now_ms);
    chain_ask(chain, &child[i], &item, SIZE, 1, now_ms += 100); /* its first chunk came */
}

/* Ticks until it has a parent, or some time has gone by. */
static const struct chain_peer *place(int i)
{
    for (int t = 0; t < 200 && !chain_parent(&child[i], &item); t++)
        chain_tick(chain, now_ms += 100);
    return chain_parent(&child[i], &item);
}

static void open_chain(void)
{
    chain_new(&chain);
    parent = (struct chain_peer){0};
    now_ms = 1000;
    chain_add(chain, &parent, "parent", "tcp://10.1.1.1:5", "10.1.1.1", &(struct hash){{1}});
    chain_whole(chain, &parent, &item, SIZE, now_ms);
    for (int i = 0; i < CHILDREN; i++)
        child[i] = (struct chain_peer){0};
}

static void close_chain(int n_children)
{
    for (int i = 0; i < n_children; i++)
        chain_remove(chain, &child[i], now_ms);
    chain_remove(chain, &parent, now_ms);
    chain_free(chain);
}

/* One that comes again and says the same again is one, and the others keep their parent. */
static void one_host_does_not_take_a_parent_from_others(void **state)
{
    (void)state;
    open_chain();
    add(0);
    add(1);
    assert_ptr_equal(place(1), &parent);
    for (int t = 0; t < 5; t++) {
        if (place(0) == &parent)
            assert_true(chain_failed(chain, &child[0], &item, now_ms));
        chain_remove(chain, &child[0], now_ms);
        add(0);
    }
    assert_int_equal(parent.failed, 1);
    assert_ptr_equal(chain_parent(&child[1], &item), &parent);
    close_chain(2);
}

static void two_hosts_do(void **state)
{
    (void)state;
    open_chain();
    for (int i = 0; i < 2; i++) {
        add(i);
        assert_ptr_equal(place(i), &parent);
        if (i)
            add(2);
        assert_true(chain_failed(chain, &child[i], &item, now_ms));
    }
    assert_int_equal(parent.failed, 2);
    assert_null(chain_parent(&child[2], &item));
    close_chain(3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_host_does_not_take_a_parent_from_others),
        cmocka_unit_test(two_hosts_do),
    };

    return cmocka_run_group_tests_name("broker/chain", tests, NULL, NULL);
}
