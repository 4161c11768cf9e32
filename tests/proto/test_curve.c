/* Keys, and who may connect. */

#include "tests/support/test.h"

#include "proto/curve.h"
#include "tests/proto/wire_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void keys_are_kept_in_files_for_the_owner_alone(void **state)
{
    struct curve_keys keys, broker, got;
    char folder[] = "/tmp/drover-key-XXXXXX", path[64], command[192];

    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/a-1.key", folder);
    assert_ok(curve_new(&broker));
    assert_ok(curve_save(path, &broker));
    assert_err(ERR_STATE, curve_load(&got, path)); /* one secret for all: it was the broker's */
    assert_ok(curve_load_broker(&got, path));
    assert_ok(curve_new(&keys));
    memcpy(keys.server_key, broker.public_key, CURVE_TEXT);
    memcpy(keys.next_key, broker.public_key, CURVE_TEXT);
    keys.role = ROLE_ACTOR;
    snprintf(keys.name, sizeof keys.name, "a-1");
    assert_err(ERR_IO, curve_save(path, &keys)); /* never over another key */
    assert_ok(curve_replace(path, &keys));
    assert_err(ERR_STATE, curve_load_broker(&got, path));
    assert_ok(curve_load(&got, path));
    assert_memory_equal(&got, &keys, sizeof keys);
    snprintf(command, sizeof command, "chmod 644 %s", path);
    assert_int_equal(system(command), 0);
    assert_err(ERR_STATE, curve_load(&got, path));
    snprintf(command, sizeof command, "chmod 600 %s; sed -i 's/secret-key = \"./&x/' %s", path,
             path);
    assert_int_equal(system(command), 0);
    assert_err(ERR_PARSE, curve_load(&got, path));
    snprintf(command, sizeof command, "rm -r %s", folder);
    assert_int_equal(system(command), 0);
}

static void only_keys_that_are_let_in_open(void **state)
{
    struct wire_fixture *const fixture = *state;
    struct curve_keys broker, ours, other;
    struct wire_end *friend, *stranger, *plain;

    assert_ok(curve_new(&broker));
    assert_ok(curve_new(&ours));
    assert_ok(curve_new(&other));
    memcpy(ours.server_key, broker.public_key, CURVE_TEXT);
    memcpy(other.server_key, broker.public_key, CURVE_TEXT);
    assert_ok(curve_zap_open(&fixture->zap, fixture->context));
    assert_ok(curve_zap_self_test(fixture->zap, fixture->context, &broker));
    assert_ok(curve_zap_allow(fixture->zap, ours.public_key));
    wire_fixture_hub(fixture, "tcp://127.0.0.1:*", &broker);
    friend =
        wire_fixture_dial(fixture, hub_endpoint(fixture->hub), &ours, (struct peer_conf){0});
    stranger =
        wire_fixture_dial(fixture, hub_endpoint(fixture->hub), &other, (struct peer_conf){0});
    plain = wire_fixture_dial(fixture, hub_endpoint(fixture->hub), NULL, (struct peer_conf){0});
    WIRE_FIXTURE_UNTIL(fixture, friend->welcomes == 1 && fixture->heard >= 3);
    wire_fixture_during(fixture, 4000);
    assert_int_equal(stranger->welcomes + plain->welcomes, 0);
    assert_null(hub_next(fixture->hub, hub_next(fixture->hub, NULL))); /* one peer */
    assert_true(curve_zap_refused(fixture->zap) >= 2);
}

/* A doorkeeper that lets everybody in is found out: here by one who says yes to all. */
static bool yes(void *self, const struct hash *key, const char *domain)
{
    (void)self, (void)key, (void)domain;
    return true;
}

static void a_door_that_stands_open_is_found_out(void **state)
{
    struct wire_fixture *const fixture = *state;
    struct curve_keys broker;

    assert_ok(curve_new(&broker));
    assert_ok(curve_zap_open(&fixture->zap, fixture->context));
    curve_zap_ask(fixture->zap, yes, NULL);
    assert_err(ERR_STATE, curve_zap_self_test(fixture->zap, fixture->context, &broker));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_are_kept_in_files_for_the_owner_alone),
        cmocka_unit_test_setup_teardown(only_keys_that_are_let_in_open, wire_fixture_open,
                                        wire_fixture_close),
        cmocka_unit_test_setup_teardown(a_door_that_stands_open_is_found_out, wire_fixture_open,
                                        wire_fixture_close),
    };

    return cmocka_run_group_tests_name("proto/curve", tests, NULL, NULL);
}
