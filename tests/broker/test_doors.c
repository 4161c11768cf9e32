/* The doors of a broker: a folder that changes while strangers knock. */

#include "tests/support/test.h"

#include "broker/doors.h"
#include "proto/hub_gate.h"
#include "proto/registrar.h"
#include "tests/support/scratch.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <zmq.h>

enum { NOW = 1000000, NOW_MS = 5000, STRANGERS = 12 };

static void look(struct doors *doors)
{
    bool changed, rekey;

    doors_look(doors, NOW, NOW_MS, &changed, &rekey);
}

/* All of one moment, as by a machine that does nothing else. */
static void knock(struct doors *doors, void *context, const char *at)
{
    const uint64_t before = hub_gate_count(doors_gate(doors), HUB_GATE_DOOR);
    void *stranger[STRANGERS];
    const int zero = 0;

    for (int i = 0; i < STRANGERS; i++) {
        struct curve_keys keys;
        assert_ok(curve_new(&keys));
        memcpy(keys.server_key, doors_keys(doors)->public_key, CURVE_TEXT);
        stranger[i] = zmq_socket(context, ZMQ_DEALER);
        assert_int_equal(0, zmq_setsockopt(stranger[i], ZMQ_LINGER, &zero, sizeof zero));
        assert_ok(curve_client(stranger[i], &keys));
        assert_int_equal(0, zmq_connect(stranger[i], at));
    }
    for (int i = 0; i < 2000; i++) {
        zmq_pollitem_t item = {doors_socket(doors), 0, ZMQ_POLLIN, 0};
        if (hub_gate_count(doors_gate(doors), HUB_GATE_DOOR) - before >= STRANGERS)
            break;
        zmq_poll(&item, 1, 10);
        assert_ok(doors_readable(doors, NOW_MS));
    }
    assert_true(hub_gate_count(doors_gate(doors), HUB_GATE_DOOR) - before >= STRANGERS);
    for (int i = 0; i < STRANGERS; i++)
        zmq_close(stranger[i]);
}

static void times(struct timespec out[2], const char *path)
{
    struct stat st;

    assert_int_equal(0, stat(path, &st));
    out[0] = out[1] = st.st_mtim;
}

static void met(void *self, const struct hash *key)
{
    (void)key;
    ++*(int *)self;
}

/* A revocation's rename may fall into the moment of the file system's clock in which its folder
 * was last seen to change. */
static void strangers_do_not_hide_a_revocation(void **state)
{
    char keys[64], worker[80], command[128], at[64];
    struct doors_conf conf = {.folder = keys};
    struct timespec seen[2];
    struct doors *doors;
    void *context = zmq_ctx_new(), *port = zmq_socket(context, ZMQ_ROUTER);
    size_t n = sizeof at;
    uint32_t revoked;
    int invalid = 0;

    (void)state;
    snprintf(keys, sizeof keys, "%s", scratch_at("keys"));
    snprintf(worker, sizeof worker, "%s/worker", keys);
    assert_ok(registrar_create(keys, NOW));
    assert_ok(registrar_add(keys, &(struct registrar_want){"a", ROLE_ACTOR, 0, 0}, NULL, NOW));
    assert_ok(doors_open(&doors, context, &conf, NOW));
    for (int i = 0; i < 20; i++)
        look(doors);
    assert_ok(curve_server(port, doors_keys(doors), CURVE_FLEET));
    assert_int_equal(0, zmq_bind(port, "tcp://127.0.0.1:*"));
    assert_int_equal(0, zmq_getsockopt(port, ZMQ_LAST_ENDPOINT, at, &n));
    snprintf(command, sizeof command, "touch %s/a.tmp", worker);
    assert_int_equal(0, system(command));
    times(seen, worker);
    look(doors);
    knock(doors, context, at);
    assert_ok(registrar_revoke(&revoked, keys, "a", false, NOW));
    assert_int_equal(revoked, 1);
    assert_int_equal(0, utimensat(AT_FDCWD, worker, seen, 0));
    look(doors);
    doors_invalid(doors, met, &invalid);
    assert_int_equal(invalid, 1);
    zmq_close(port);
    doors_close(doors);
    zmq_ctx_term(context);
}

/* Of a broker that starts in the middle of it: else its workers would take back what the one before
 * had told them, and be locked out when the key changes. */
static void a_rotation_under_way_is_told_by_the_first_look(void **state)
{
    char keys[64];
    struct doors_conf conf = {.folder = keys};
    void *context = zmq_ctx_new();
    bool changed = false, rekey = false;
    struct doors *doors;

    (void)state;
    snprintf(keys, sizeof keys, "%s", scratch_at("rotates"));
    assert_ok(registrar_create(keys, NOW));
    assert_ok(registrar_rotate(keys, NOW + 9, NOW));
    assert_ok(doors_open(&doors, context, &conf, NOW));
    doors_look(doors, NOW, NOW_MS, &changed, &rekey);
    assert_true(changed && !rekey);
    assert_int_equal(strlen(doors_next(doors)), CURVE_TEXT - 1);
    doors_close(doors);
    zmq_ctx_term(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(strangers_do_not_hide_a_revocation),
        cmocka_unit_test(a_rotation_under_way_is_told_by_the_first_look),
    };

    return cmocka_run_group_tests_name("broker/doors", tests, scratch_open, scratch_close);
}
