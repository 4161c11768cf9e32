/* A host's supervisor: an order that is under way when it ends, a key that cannot be written. */

#include "tests/support/scratch.h"
#include "tests/support/test.h"

#include "base/clock.h"
#include "base/fs.h"
#include "deploy/crew.h"
#include "deploy/host_keys.h"
#include "deploy/orders.h"
#include "net/loop.h"
#include "proto/peer.h"

#include <stdio.h>
#include <string.h>
#include <zmq.h>

/* As host.c closes: the connection, then the loop, which waits for what is in its pool. */
static void an_end_outlives_an_order_under_way(void **state)
{
    struct peer_conf conf = {
        .role = ROLE_SUPERVISOR, .broker = "tcp://127.0.0.1:1", .name = "x"};
    const struct msg order = {.head.type = MSG_ADMIN,
                              .admin = {.order = "doctor", .host = "", .arguments = ""}};
    const struct plan plan = {.actors = 0};
    struct crew crew = {.plan = &plan};
    struct orders orders = {.crew = &crew, .host = "x", .control = "tcp://127.0.0.1:1"};
    void *context = zmq_ctx_new();

    (void)state;
    peer_random(&conf.id, &conf.incarnation);
    assert_ok(loop_new(&orders.loop));
    assert_ok(peer_open(&orders.peer, context, &conf, clock_mono_ms()));
    assert_ok(orders_on_admin(&orders, &order, clock_mono_ms()));
    peer_close(orders.peer);
    orders.peer = NULL;
    loop_free(orders.loop);
    zmq_ctx_term(context);
}

/* A pair that cannot be written is asked for again: not another one each time. */
static void a_full_disk_costs_the_head_one_key(void **state)
{
    struct curve_keys own;
    struct host_keys keys = {.folder = scratch_at("host"), .host = "x", .own = &own};
    const struct msg in = {.head.type = MSG_ADMIN_OK,
                           .admin_ok = {.request = 1, .ok = true, .words = "", .result = "{}"}};
    char public_key[CURVE_TEXT];

    (void)state;
    assert_ok(curve_new(&own));
    snprintf(keys.asked[0].name, sizeof keys.asked[0].name, "actor-1");
    keys.asked[0].request = 1;
    assert_ok(curve_new(&keys.asked[0].keys));
    snprintf(public_key, sizeof public_key, "%s", keys.asked[0].keys.public_key);
    for (int i = 0; i < 3; i++) {
        assert_ok(host_keys_on_admin_ok(&keys, &in, 0));
        assert_string_equal(keys.asked[0].name, "actor-1");
        assert_string_equal(keys.asked[0].keys.public_key, public_key);
    }
    assert_ok(fs_mkdir(scratch_at("host")));
    assert_ok(fs_mkdir(scratch_at("host/keys")));
    assert_ok(host_keys_on_admin_ok(&keys, &in, 0));
    assert_true(fs_exists(scratch_at("host/keys/actor-1.key")));
    assert_string_equal(keys.asked[0].name, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_end_outlives_an_order_under_way),
        cmocka_unit_test(a_full_disk_costs_the_head_one_key),
    };

    return cmocka_run_group_tests_name("host", tests, scratch_open, scratch_close);
}
