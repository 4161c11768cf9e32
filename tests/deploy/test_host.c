/* A host's supervisor: what is under way when it ends, a key that cannot be written. */

#include "tests/support/scratch.h"
#include "tests/support/test.h"

#include "base/clock.h"
#include "base/fs.h"
#include "deploy/endpoint.h"
#include "deploy/host_keys.h"
#include "deploy/supervisor.h"
#include "net/child.h"
#include "proto/peer.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

static enum err nothing(void *self, int64_t now_ms)
{
    (void)self, (void)now_ms;
    return OK;
}

static enum err no_key(void *self, enum plan_role role, const char *name, char path[4096])
{
    (void)self, (void)role, (void)name;
    path[0] = 0;
    return OK;
}

static enum err slow(void *self)
{
    (void)self;
    poll(NULL, 0, 500);
    return OK;
}

static enum err slow_done(void *self, enum err result, const char *words, int64_t now_ms)
{
    (void)result, (void)words, (void)now_ms;
    *(bool *)self = true;
    return OK;
}

/* It ends while an order waits in the pool and a process of its own ends: neither finds who asked,
 * or who started it. */
static void an_end_outlives_what_is_under_way(void **state)
{
    const struct msg order = {.head.type = MSG_ADMIN,
                              .admin = {.order = "doctor", .host = "", .arguments = ""}};
    const struct plan plan = {
        .output_dir = scratch_at(""),
        .worker = {{.name = "mine", .run = "exec sleep 100", .count = 1, .named = true}},
        .n_workers = 1};
    struct endpoint fleet = {.control = "tcp://127.0.0.1:1"};
    struct supervisor s;
    bool done = false;
    pid_t child;

    (void)state;
    assert_ok(supervisor_open(&s, &(struct supervisor_conf){.plan = &plan,
                                                            .fleet = &fleet,
                                                            .name = "x",
                                                            .host = "x",
                                                            .crew = {.key = no_key},
                                                            .down = nothing,
                                                            .tick = nothing,
                                                            .signal = nothing}));
    assert_ok(crew_start(&s.crew, clock_mono_ms()));
    child = child_pid(s.crew.replicas.replica[0]->child);
    assert_ok(orders_on_admin(&s.orders, &order, clock_mono_ms()));
    assert_ok(loop_work(s.loop, slow, slow_done, &done));
    supervisor_close(&s);
    assert_true(done);
    assert_true(kill(child, 0) == -1 && errno == ESRCH); /* it was told, and waited for */
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
        cmocka_unit_test(an_end_outlives_what_is_under_way),
        cmocka_unit_test(a_full_disk_costs_the_head_one_key),
    };

    return cmocka_run_group_tests_name("host", tests, scratch_open, scratch_close);
}
