/* A peer of a later major version: what it hears, by which it can know better. */

#include "tests/support/test.h"

#include "proto/cursor.h"
#include "proto/wire.h"
#include "tests/proto/wire_fixture.h"

#include <msgpack.h>
#include <string.h>
#include <zmq.h>

/* A header as nobody knows it yet: only that the major version comes first. */
static void say(void *raw, int major)
{
    msgpack_sbuffer bytes;
    msgpack_packer to;

    msgpack_sbuffer_init(&bytes);
    msgpack_packer_init(&to, &bytes, msgpack_sbuffer_write);
    msgpack_pack_array(&to, 3);
    msgpack_pack_int(&to, major);
    msgpack_pack_true(&to);
    msgpack_pack_map(&to, 0);
    zmq_send(raw, bytes.data, bytes.size, 0);
    msgpack_sbuffer_destroy(&bytes);
}

/* The next answer: of version 1, its type REFUSE, and 1 in `code`, read by the two places in a
 * header and the key in a map that no version changes. */
static bool refused(void *raw)
{
    uint8_t head[512], fields[512];
    struct cursor at;
    const int n = zmq_recv(raw, head, sizeof head, ZMQ_DONTWAIT);
    const char *key;
    size_t bytes;
    int m;

    if (n < 0)
        return false;
    m = zmq_recv(raw, fields, sizeof fields, 0);
    assert_in_range(n, 1, sizeof head);
    assert_in_range(m, 1, sizeof fields);
    at = cursor_over(head, (size_t)n);
    assert_int_equal(cursor_array(&at), 8);
    assert_int_equal(cursor_uint(&at), 1);
    assert_int_equal(cursor_uint(&at), MSG_REFUSE);
    at = cursor_over(fields, (size_t)m);
    assert_in_range(cursor_map(&at), 1, 16);
    key = cursor_text(&at, &bytes);
    assert_int_equal(bytes, 4);
    assert_memory_equal(key, "code", 4);
    return cursor_uint(&at) == REFUSE_VERSION;
}

static void a_later_version_is_told_so(void **state)
{
    struct wire_fixture *const fixture = *state;
    const int zero = 0;
    int told = 0;
    void *raw;

    wire_fixture_hub(fixture, "tcp://127.0.0.1:*", NULL);
    raw = zmq_socket(fixture->context, ZMQ_DEALER);
    zmq_setsockopt(raw, ZMQ_LINGER, &zero, sizeof zero);
    assert_int_equal(zmq_connect(raw, hub_endpoint(fixture->hub)), 0);
    for (int i = 0; i < 40; i++) { /* twice as many as strikes are borne */
        say(raw, 2);
        wire_fixture_during(fixture, 300);
        told += refused(raw);
    }
    WIRE_FIXTURE_UNTIL(fixture, (told += refused(raw)) >= 20);
    assert_int_equal(hub_stats(fixture->hub)->bad, 0);
    say(raw, 0); /* that is no version: a strike */
    WIRE_FIXTURE_UNTIL(fixture, hub_stats(fixture->hub)->bad == 1);
    zmq_close(raw);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_later_version_is_told_so, wire_fixture_open,
                                        wire_fixture_close),
    };

    return cmocka_run_group_tests_name("proto/later", tests, NULL, NULL);
}
