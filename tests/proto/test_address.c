/* Addresses: what is one, which of several is dialled, and IPv6 over real sockets. */

#include "tests/support/test.h"

#include "proto/address.h"
#include "proto/dial.h"
#include "tests/proto/wire_fixture.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <zmq.h>

static void what_is_an_address(void **state)
{
    static const char *const bad[] = {"",
                                      "here",
                                      "127.0.0.1:5555",
                                      "udp://127.0.0.1:5555",
                                      "tcp://:5555",
                                      "tcp://host",
                                      "tcp://host:port",
                                      "tcp://host:65536",
                                      "tcp://host:-1",
                                      "tcp://::1:5555",
                                      "tcp://[::1]",
                                      "tcp://[::1:5555",
                                      "tcp://[]:5555",
                                      "tcp://[host]:5555",
                                      "tcp://a:1,",
                                      "tcp://a:1,b:2",
                                      "tcp://a;b:1",
                                      "tcp://a:1,tcp://a:2,tcp://a:3,tcp://a:4,tcp://a:5,"
                                      "tcp://a:6,tcp://a:7,tcp://a:8,tcp://a:9"};
    struct address_list list;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (address_read(&list, bad[i], 0) != ERR_RANGE)
            fail_msg("'%s' is taken for an address", bad[i]);
    assert_ok(address_read(&list, "tcp://127.0.0.1:5555", 0));
    assert_int_equal(list.n, 1);
    assert_false(list.place[0].v6);
    assert_ok(address_read(&list, "tcp://[fd00::1]:5555", 0));
    assert_int_equal(list.n, 1);
    assert_true(list.place[0].v6);
    assert_ok(address_read(&list, "tcp://head:5555,tcp://[::1]:1,tcp://10.0.0.1:2", 0));
    assert_int_equal(list.n, 4); /* a name is two */
    assert_false(list.place[0].v6);
    assert_true(list.place[1].v6);
    assert_string_equal(list.place[3].endpoint, "tcp://10.0.0.1:2");
}

static void whose_turn_it_is(void **state)
{
    struct address_list list;

    (void)state;
    assert_ok(address_read(&list, "tcp://10.0.0.1:1", 0));
    assert_false(address_due(&list, true, 100000)); /* alone */
    assert_ok(address_read(&list, "tcp://10.0.0.1:1,tcp://10.0.0.2:2", 0));
    assert_false(address_due(&list, true, 100));
    assert_true(address_due(&list, true, 400));
    assert_false(address_due(&list, false, 400)); /* a long way */
    assert_true(address_due(&list, false, 4000));
    address_turn(&list, 4000);
    assert_string_equal(address_now(&list), "tcp://10.0.0.2:2");
    address_turn(&list, 5000);
    assert_string_equal(address_now(&list), "tcp://10.0.0.1:1");
}

static void how_they_are_written(void **state)
{
    char out[ADDRESS_TEXT];

    (void)state;
    address_at(out, "fd00::7", "tcp://[::]:5556");
    assert_string_equal(out, "tcp://[fd00::7]:5556");
    address_at(out, "[fd00::7]", "tcp://*:5556");
    assert_string_equal(out, "tcp://[fd00::7]:5556");
    address_at(out, "head", "tcp://0.0.0.0:5556");
    assert_string_equal(out, "tcp://head:5556");
    assert_true(address_everywhere("tcp://[::]:5556"));
    assert_false(address_everywhere("tcp://[::1]:5556"));
    assert_string_equal(address_unmapped("::ffff:10.0.0.1"), "10.0.0.1");
    assert_string_equal(address_unmapped("::ffff:1:2"), "::ffff:1:2");
    assert_string_equal(address_unmapped("fd00::7"), "fd00::7");
}

static bool has_v6(void)
{
    const struct sockaddr_in6 at = {.sin6_family = AF_INET6, .sin6_addr = in6addr_loopback};
    const int fd = socket(AF_INET6, SOCK_STREAM, 0);
    const bool has = fd >= 0 && !bind(fd, (const struct sockaddr *)&at, sizeof at);

    if (fd >= 0)
        close(fd);
    if (!has)
        print_message("notice: no IPv6 on this machine; left out\n");
    return has;
}

static void keyed(struct wire_fixture *fixture, struct curve_keys *keys)
{
    assert_ok(curve_new(keys));
    memcpy(keys->server_key, keys->public_key, CURVE_TEXT);
    assert_ok(curve_zap_open(&fixture->zap, fixture->context));
    assert_ok(curve_zap_allow(fixture->zap, keys->public_key));
}

static void over_ipv6(void **state)
{
    struct wire_fixture *const fixture = *state;
    struct curve_keys keys;
    struct wire_end *end;

    if (!has_v6())
        skip();
    keyed(fixture, &keys);
    wire_fixture_hub(fixture, "tcp://[::1]:0", &keys);
    assert_int_equal(strncmp(hub_endpoint(fixture->hub), "tcp://[::1]:", 12), 0);
    end = wire_fixture_dial(fixture, hub_endpoint(fixture->hub), &keys, (struct peer_conf){0});
    WIRE_FIXTURE_UNTIL(fixture, end->welcomes);
    assert_string_equal(fixture->from->address, "::1");
}

/* Who listens everywhere is there by both, and sees IPv4 addresses as such. */
static void everywhere_is_both(void **state)
{
    struct wire_fixture *const fixture = *state;
    const char *port;
    char at[64];
    struct curve_keys keys;
    struct wire_end *end;

    keyed(fixture, &keys);
    wire_fixture_hub(fixture, "tcp://*:0", &keys);
    port = strrchr(hub_endpoint(fixture->hub), ':');
    snprintf(at, sizeof at, "tcp://127.0.0.1%s", port);
    end = wire_fixture_dial(fixture, at, &keys, (struct peer_conf){0});
    WIRE_FIXTURE_UNTIL(fixture, end->welcomes);
    assert_string_equal(fixture->from->address, "127.0.0.1");
    if (!has_v6())
        return;
    snprintf(at, sizeof at, "tcp://[::1]%s", port);
    end = wire_fixture_dial(fixture, at, &keys, (struct peer_conf){0});
    WIRE_FIXTURE_UNTIL(fixture, end->welcomes);
    assert_string_equal(fixture->from->address, "::1");
}

/* A name of ::1, as this machine's table of hosts has it. */
static const char *v6_name(void)
{
    static const char *const names[] = {"localhost", "ip6-localhost", "ip6-loopback"};
    const struct addrinfo hint = {.ai_family = AF_INET6, .ai_socktype = SOCK_STREAM};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct addrinfo *found;
        const bool is = !getaddrinfo(names[i], NULL, &hint, &found);

        if (is)
            freeaddrinfo(found);
        if (is)
            return names[i];
    }
    print_message("notice: no name of ::1 on this machine; left out\n");
    return NULL;
}

/* IPv4 comes first; the broker listens at the other one. */
static void a_name_is_tried_by_both(void **state)
{
    struct wire_fixture *const fixture = *state;
    struct address_list found;
    char at[64];
    struct wire_end *end;

    if (!has_v6() || !v6_name())
        skip();
    wire_fixture_hub(fixture, "tcp://[::1]:0", NULL);
    snprintf(at, sizeof at, "tcp://%s%s", v6_name(), strrchr(hub_endpoint(fixture->hub), ':'));
    end = wire_fixture_dial(fixture, at, NULL, (struct peer_conf){0});
    WIRE_FIXTURE_UNTIL(fixture, end->welcomes);
    assert_ok(dial_knock(at, ZMQ_DEALER, NULL, 8000, &found));
    assert_true(found.place[0].v6);
}

/* The first does not listen, the second hangs, the third is the broker; it is found again. */
static void several_in_turn(void **state)
{
    struct wire_fixture *const fixture = *state;
    struct sockaddr_in deaf = {.sin_family = AF_INET,
                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof deaf;
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    char at[256], here[128];
    struct address_list found;
    struct wire_end *end;

    assert_int_equal(bind(fd, (struct sockaddr *)&deaf, sizeof deaf), 0);
    assert_int_equal(listen(fd, 4), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&deaf, &n), 0);
    wire_fixture_hub(fixture, "tcp://127.0.0.1:*", NULL);
    snprintf(here, sizeof here, "%s", hub_endpoint(fixture->hub));
    snprintf(at, sizeof at, "tcp://127.0.0.1:1,tcp://127.0.0.1:%d,%s", ntohs(deaf.sin_port),
             here);
    end = wire_fixture_dial(fixture, at, NULL, (struct peer_conf){0});
    WIRE_FIXTURE_UNTIL(fixture, end->welcomes == 1);
    hub_close(fixture->hub);
    fixture->hub = NULL;
    wire_fixture_during(fixture, 1000);
    wire_fixture_hub(fixture, here, NULL);
    WIRE_FIXTURE_UNTIL(fixture, end->welcomes == 2);
    assert_ok(dial_knock(at, ZMQ_DEALER, NULL, 8000, &found));
    assert_string_equal(address_now(&found), here);
    close(fd);
}

/* What is told is what was found out, not that a name has no address of the other family. */
static void what_is_said_of_several(void **state)
{
    const char *const at = "tcp://127.0.0.1:1,tcp://no.such.host.invalid:5555";

    (void)state;
    assert_err(ERR_IO, dial_knock(at, ZMQ_DEALER, NULL, 1500, NULL));
    assert_non_null(strstr(err_text(), "nobody listens there"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_an_address),
        cmocka_unit_test(whose_turn_it_is),
        cmocka_unit_test(how_they_are_written),
        cmocka_unit_test_setup_teardown(over_ipv6, wire_fixture_open, wire_fixture_close),
        cmocka_unit_test_setup_teardown(everywhere_is_both, wire_fixture_open,
                                        wire_fixture_close),
        cmocka_unit_test_setup_teardown(a_name_is_tried_by_both, wire_fixture_open,
                                        wire_fixture_close),
        cmocka_unit_test_setup_teardown(several_in_turn, wire_fixture_open, wire_fixture_close),
        cmocka_unit_test(what_is_said_of_several),
    };

    return cmocka_run_group_tests_name("proto/address", tests, NULL, NULL);
}
