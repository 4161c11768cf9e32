/* Whose word takes a parent from the row; who waits for another that makes what it pulls. */

#include "tests/support/test.h"

#include "broker/bulk/chain.h"

#include <stdio.h>

enum { CHILDREN = 3, CHUNKS = 64, SIZE = CHUNKS * HASH_CHUNK };

static struct chain *chain;
static struct chain_peer parent, child[CHILDREN];
static int64_t now_ms;
static const int item, patch; /* their addresses are their names; a patch makes the item */

static void add_by(int i, uint8_t key)
{
    char name[16];

    snprintf(name, sizeof name, "child%d", i);
    chain_add(chain, &child[i], name, "", "10.1.1.2", &(struct hash){{key}});
    chain_ask(chain, &child[i], &item, SIZE, 0, now_ms);
    chain_ask(chain, &child[i], &item, SIZE, 1, now_ms += 100); /* its first chunk came */
}

static void add(int i)
{
    add_by(i, (uint8_t)(2 + i));
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

static void close_chain_of(int n_children)
{
    for (int i = 0; i < n_children; i++)
        chain_remove(chain, &child[i], now_ms);
    chain_free(chain);
}

static void close_chain(int n_children)
{
    chain_remove(chain, &parent, now_ms);
    close_chain_of(n_children);
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

/* A name is said by who bears it; a key is given. */
static void one_key_under_two_names_is_one(void **state)
{
    (void)state;
    open_chain();
    for (int i = 0; i < 2; i++) {
        add_by(i, 2);
        assert_ptr_equal(place(i), &parent);
        assert_true(chain_failed(chain, &child[i], &item, now_ms));
    }
    assert_int_equal(parent.failed, 1);
    close_chain(2);
}

/* It asks here although it has a parent: told once more, and then fed until it has reached it. */
static void who_cannot_reach_its_parent_is_fed_here(void **state)
{
    struct chain_peer *to;
    const void *of;
    struct msg msg;

    (void)state;
    open_chain();
    add(0);
    assert_ptr_equal(place(0), &parent);
    while (chain_next(chain, &to, &of, &msg))
        ;
    chain_ask(chain, &child[0], &item, SIZE, 1, now_ms += 500);
    assert_int_equal(chain_place(&child[0], &item), CHAIN_PARENT);
    while (chain_next(chain, &to, &of, &msg))
        ;
    chain_ask(chain, &child[0], &item, SIZE, 1, now_ms += CHAIN_DIAL_MS);
    assert_int_equal(chain_place(&child[0], &item), CHAIN_BROKER);
    assert_true(chain_next(chain, &to, &of, &msg));
    assert_int_equal(msg.head.type, MSG_PARENT);
    assert_ptr_equal(chain_parent(&child[0], &item), &parent);
    close_chain(1);
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

/* Who only reads: behind the last of the row, whenever it came, however fast it is; it takes no
 * place, and none waits for it. */
static void a_follower_stands_last(void **state)
{
    struct chain_peer follower = {.last = true};

    (void)state;
    open_chain();
    chain_add(chain, &follower, "follower", "", "10.1.1.9", &(struct hash){{9}});
    chain_ask(chain, &follower, &item, SIZE, 0, now_ms);
    for (int t = 0; t < 10; t++)
        chain_tick(chain, now_ms += 100);
    assert_ptr_equal(chain_parent(&follower, &item),
                     &parent); /* as long as there is no other */
    chain_add(chain, &child[0], "child0", "tcp://10.1.1.2:5", "10.1.1.2", &(struct hash){{2}});
    chain_ask(chain, &child[0], &item, SIZE, 0, now_ms);
    chain_ask(chain, &child[0], &item, SIZE, 1, now_ms += 100);
    assert_ptr_equal(place(0), &parent); /* which counts as free */
    chain_progress(chain, &follower, 32 << 20, now_ms += 6000);
    chain_tick(chain, now_ms += 600);
    assert_true(follower.best <= CHAIN_LAST);
    chain_remove(chain, &follower, now_ms);
    follower = (struct chain_peer){.last = true};
    chain_add(chain, &follower, "follower", "", "10.1.1.9", &(struct hash){{9}});
    chain_ask(chain, &follower, &item, SIZE, 1, now_ms);
    for (int t = 0; t < 10; t++)
        chain_tick(chain, now_ms += 100);
    assert_ptr_equal(chain_parent(&follower, &item), &child[0]);
    chain_remove(chain, &follower, now_ms);
    close_chain(1);
}

/* An image's bytes would be missing to those who pull what makes it: who needs the image waits,
 * and then takes it from one of them. */
static void an_image_waits_for_who_makes_it(void **state)
{
    struct chain_peer maker = {0};

    (void)state;
    open_chain();
    chain_remove(chain, &parent, now_ms);
    chain_add(chain, &maker, "maker", "tcp://10.1.1.3:5", "10.1.1.3", &(struct hash){{9}});
    add(0); /* it came before anybody asked for the patch: the broker feeds it */
    for (int t = 0; t < 10; t++)
        chain_tick(chain, now_ms += 100);
    assert_int_equal(chain_place(&child[0], &item), CHAIN_BROKER);
    chain_ask(chain, &maker, &patch, SIZE / 2, 0, now_ms);
    chain_makes(chain, &patch, &item, now_ms);
    add(1);
    chain_tick(chain, now_ms += 500);
    for (int i = 0; i < 2; i++)
        assert_int_equal(chain_place(&child[i], &item), CHAIN_YIELDS);
    chain_whole(chain, &maker, &item, SIZE, now_ms += 1000);
    for (int i = 0; i < 2; i++)
        assert_ptr_equal(place(i), &maker);
    chain_remove(chain, &maker, now_ms);
    for (int i = 0; i < 2; i++)
        assert_int_equal(chain_place(&child[i], &item), CHAIN_BROKER);
    close_chain_of(2);
}

/* Nor does it wait for one who is slow, nor for itself. */
static void an_image_does_not_wait_for_ever(void **state)
{
    struct chain_peer maker = {0};

    (void)state;
    open_chain();
    chain_remove(chain, &parent, now_ms);
    chain_add(chain, &maker, "maker", "tcp://10.1.1.3:5", "10.1.1.3", &(struct hash){{9}});
    chain_ask(chain, &maker, &patch, SIZE / 2, 0, now_ms);
    add(0);
    chain_makes(chain, &patch, &item, now_ms);
    chain_ask(chain, &maker, &item, SIZE, 1, now_ms); /* the patch did not do */
    chain_tick(chain, now_ms += 500);
    assert_int_equal(chain_place(&maker, &item), CHAIN_BROKER);
    chain_remove(chain, &maker, now_ms);
    chain_add(chain, &maker, "maker", "tcp://10.1.1.3:5", "10.1.1.3", &(struct hash){{9}});
    chain_ask(chain, &maker, &patch, SIZE / 2, 0, now_ms);
    add(1);
    chain_tick(chain, now_ms += 500);
    assert_int_equal(chain_place(&child[1], &item), CHAIN_YIELDS);
    for (int t = 0; t < CHAIN_YIELD_MS / 100; t++)
        chain_tick(chain, now_ms += 100);
    assert_int_equal(chain_place(&child[1], &item), CHAIN_BROKER);
    chain_forget(chain, &item); /* its address may be another's now */
    chain_ask(chain, &child[0], &item, SIZE, 1, now_ms);
    chain_tick(chain, now_ms += 500);
    assert_int_equal(chain_place(&child[0], &item), CHAIN_BROKER);
    chain_remove(chain, &maker, now_ms);
    close_chain_of(2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_host_does_not_take_a_parent_from_others),
        cmocka_unit_test(one_key_under_two_names_is_one),
        cmocka_unit_test(a_follower_stands_last),
        cmocka_unit_test(two_hosts_do),
        cmocka_unit_test(an_image_waits_for_who_makes_it),
        cmocka_unit_test(an_image_does_not_wait_for_ever),
        cmocka_unit_test(who_cannot_reach_its_parent_is_fed_here),
    };

    return cmocka_run_group_tests_name("broker/chain", tests, NULL, NULL);
}
