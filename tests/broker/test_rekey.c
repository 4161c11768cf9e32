/* Ports that take a new key while another process has taken the number of one of them. */

#include "tests/support/test.h"

#include "broker/rekey.h"
#include "proto/bind.h"
#include "proto/curve.h"

#include <arpa/inet.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <zmq.h>

enum { PORTS = 2, TRIES = 2000 };

static void *context, *port[PORTS];
static char endpoint[PORTS][BIND_ENDPOINT];
static struct curve_keys keys[2];
static struct rekey rekey;

static int setup(void **state)
{
    (void)state;
    rekey = (struct rekey){.n = 0};
    context = zmq_ctx_new();
    for (int i = 0; i < 2; i++)
        assert_ok(curve_new(&keys[i]));
    for (int i = 0; i < PORTS; i++) {
        const struct bind_conf conf = {.endpoint = "tcp://127.0.0.1:0",
                                       .listen_fd = -1,
                                       .keys = &keys[0],
                                       .queue = 8,
                                       .frame_max = 1024};

        port[i] = zmq_socket(context, ZMQ_ROUTER);
        assert_ok(bind_socket(port[i], &conf, endpoint[i]));
        rekey_add(&rekey, port[i], endpoint[i], -1);
    }
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    for (int i = 0; i < PORTS; i++)
        zmq_close(port[i]);
    zmq_ctx_term(context);
    return 0;
}

static struct sockaddr_in address_of(int i)
{
    struct sockaddr_in at = {.sin_family = AF_INET};

    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    at.sin_port = htons((uint16_t)strtol(strrchr(endpoint[i], ':') + 1, NULL, 10));
    return at;
}

static bool listens(int i)
{
    const struct sockaddr_in at = address_of(i);
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    const bool there = !connect(fd, (const struct sockaddr *)&at, sizeof at);

    close(fd);
    return there;
}

/* Another process's: as soon as ZeroMQ's thread has let go. */
static int squat(int i)
{
    const struct sockaddr_in at = address_of(i);
    const int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;

    assert_false(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on));
    for (int k = 0; k < TRIES && bind(fd, (const struct sockaddr *)&at, sizeof at); k++)
        poll(NULL, 0, 5);
    assert_false(listen(fd, 1));
    return fd;
}

static bool come_back(int64_t *now_ms)
{
    for (int k = 0; k < TRIES; k++, *now_ms += 100) {
        if (rekey_tick(&rekey, *now_ms))
            return true;
        poll(NULL, 0, 5);
    }
    return false;
}

static void all_are_back_with_the_new_key(void **state)
{
    char secret[CURVE_TEXT];
    size_t n = sizeof secret;
    int64_t now_ms = 1000;

    (void)state;
    assert_true(rekey_tick(&rekey, now_ms)); /* nothing to do */
    for (int round = 0; round < 3; round++) {
        rekey_begin(&rekey, &keys[(round + 1) % 2], now_ms);
        assert_true(come_back(&now_ms));
        for (int i = 0; i < PORTS; i++) {
            assert_true(listens(i));
            assert_false(zmq_getsockopt(port[i], ZMQ_CURVE_SECRETKEY, secret, &n));
            assert_string_equal(secret, keys[(round + 1) % 2].secret_key);
        }
    }
}

static void a_port_that_is_taken_is_named_and_waited_for(void **state)
{
    int64_t now_ms = 1000;
    int other;

    (void)state;
    rekey_begin(&rekey, &keys[1], now_ms);
    other = squat(1);
    for (int k = 0; k < 100; k++, now_ms += 100) {
        assert_false(rekey_tick(&rekey, now_ms));
        poll(NULL, 0, 1);
    }
    assert_non_null(strstr(rekey.words, endpoint[1]));
    assert_non_null(strstr(rekey.words, "another process"));
    assert_false(rekey.port[0].pending); /* the other one is back long since */
    assert_true(listens(0));
    rekey_begin(&rekey, &keys[0], now_ms); /* a second rotation meanwhile */
    assert_false(rekey_tick(&rekey, now_ms));
    close(other);
    assert_true(come_back(&now_ms));
    assert_string_equal(rekey.words, "");
    assert_true(listens(1));
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {T(all_are_back_with_the_new_key),
                                       T(a_port_that_is_taken_is_named_and_waited_for)};

    return cmocka_run_group_tests_name("rekey", tests, NULL, NULL);
}
