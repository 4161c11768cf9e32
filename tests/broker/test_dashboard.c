/* The dashboard socket: who subscribes to everything is served, who says more than that is
 * disconnected, and nothing of it stays. */

#include "tests/support/test.h"

#include "base/clock.h"
#include "base/log.h"
#include "broker/dashboard.h"
#include "proto/wire.h"

#include <string.h>
#include <zmq.h>

static void *context;
static struct dashboard *board;
static void *reader[4];
static int opens;

static int setup(void **state)
{
    (void)state;
    context = zmq_ctx_new();
    return log_level("error") ||
           dashboard_open(&board, context, "tcp://127.0.0.1:*", -1, NULL, NULL);
}

static int teardown(void **state)
{
    (void)state;
    while (opens)
        zmq_close(reader[--opens]);
    dashboard_close(board);
    zmq_ctx_term(context);
    return 0;
}

static void *dial(int type)
{
    void *socket = zmq_socket(context, type);
    const int zero = 0;

    zmq_setsockopt(socket, ZMQ_LINGER, &zero, sizeof zero);
    assert_int_equal(0, zmq_connect(socket, dashboard_endpoint(board)));
    return reader[opens++] = socket;
}

static void turn(void)
{
    zmq_pollitem_t item = {dashboard_socket(board), 0, ZMQ_POLLIN, 0};

    zmq_poll(&item, 1, 5);
    assert_ok(dashboard_readable(board, clock_mono_ms()));
}

/* Publishes until it hears something, at most 5 s. */
static bool hears(void *socket)
{
    const struct msg msg = {.head.type = MSG_STATS, .stats = {.advice = "", .metrics = ""}};
    const int64_t end_ms = clock_mono_ms() + 5000;
    bool got = false;

    while (!got && clock_mono_ms() < end_ms) {
        struct frames frames;

        turn();
        dashboard_publish(board, &msg);
        assert_ok(wire_receive(socket, NULL, &frames, NULL, &got));
        if (got)
            frames_fini(&frames);
    }
    return got;
}

static void subscribe(void *socket, const char *topic, size_t n)
{
    uint8_t word[1024] = {1};

    memcpy(word + 1, topic, n);
    zmq_send(socket, word, n + 1, ZMQ_DONTWAIT);
}

static void a_flood_of_topics_ends_with_its_connection(void **state)
{
    void *good = dial(ZMQ_SUB), *bad = dial(ZMQ_XSUB);
    const int64_t end_ms = clock_mono_ms() + 20000;
    char topic[900];

    (void)state;
    zmq_setsockopt(good, ZMQ_SUBSCRIBE, "", 0);
    assert_true(hears(good));
    assert_true(dashboard_asked(board));
    memset(topic, 'x', sizeof topic);
    for (uint64_t i = 0; dashboard_dropped(board) < 3 && clock_mono_ms() < end_ms; i++) {
        memcpy(topic, &i, sizeof i); /* each is another one, at its first byte */
        subscribe(bad, topic, sizeof topic);
        turn();
    }
    assert_true(dashboard_dropped(board) >= 3); /* it came back each time */
    assert_true(hears(good));
}

static void a_few_short_topics_are_fine(void **state)
{
    void *socket = dial(ZMQ_XSUB);

    (void)state;
    subscribe(socket, "", 0);
    for (int i = 0; i < DASHBOARD_TOPICS - 1; i++)
        subscribe(socket, (const char[]){(char)('a' + i)}, 1);
    assert_true(hears(socket));
    assert_int_equal(dashboard_dropped(board), 0);
    subscribe(socket, "one more", 8);
    for (int i = 0; i < 400 && !dashboard_dropped(board); i++)
        turn();
    assert_int_equal(dashboard_dropped(board), 1);
}

static void what_is_no_subscription_ends_it_too(void **state)
{
    void *socket = dial(ZMQ_XSUB);

    (void)state;
    subscribe(socket, "", 0);
    assert_true(hears(socket));
    zmq_send(socket, "\2hello", 6, ZMQ_DONTWAIT);
    for (int i = 0; i < 400 && !dashboard_dropped(board); i++)
        turn();
    assert_int_equal(dashboard_dropped(board), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_flood_of_topics_ends_with_its_connection, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_few_short_topics_are_fine, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_no_subscription_ends_it_too, setup, teardown),
    };

    return cmocka_run_group_tests_name("board", tests, NULL, NULL);
}
