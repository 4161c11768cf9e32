/* The real drover-broker: work flows through it, it can be killed and started again on the same
 * ports, it keeps strangers out and leaves cleanly. */

#include "tests/broker/live_fleet.h"
#include "tests/support/test.h"

#include "base/clock.h"
#include "base/fs.h"
#include "proto/arena.h"
#include "proto/codec.h"
#include "proto/hub.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zmq.h>

static bool all_settled(const struct msg_stats *stats)
{
    return stats->trained == LIVE_ALL && stats->settled == LIVE_ALL && stats->n_peer == 3 &&
           !strcmp(stats->metrics, "{\"step\": 1}");
}

static bool one_refused(const struct msg_stats *stats)
{
    return stats->bad_frames == HUB_STRIKES && stats->refused >= 1 && stats->n_peer == 2;
}

/* Reads STATS until they are as wanted. */
static void read_stats(struct live_fleet *fleet, bool (*wanted)(const struct msg_stats *stats))
{
    void *socket = zmq_socket(fleet->context, ZMQ_SUB);
    const int zero = 0;
    const int64_t end_ms = clock_mono_ms() + 10000;
    struct arena *arena;
    bool all = false;

    arena_new(&arena, CODEC_ARENA);
    zmq_setsockopt(socket, ZMQ_LINGER, &zero, sizeof zero);
    zmq_setsockopt(socket, ZMQ_SUBSCRIBE, "", 0);
    if (fleet->secure)
        assert_ok(curve_client(socket, &fleet->keys[LIVE_WATCHER]));
    assert_int_equal(0, zmq_connect(socket, fleet->dashboard));
    while (!all && clock_mono_ms() < end_ms) {
        struct frames frames;
        struct msg msg;
        bool got;

        live_turn(fleet);
        assert_ok(wire_receive(socket, NULL, &frames, NULL, &got));
        if (got) {
            assert_ok(codec_decode(&msg, &frames, arena));
            assert_int_equal(msg.head.type, MSG_STATS);
            assert_true(msg.stats.run);
            assert_int_equal(msg.stats.opened, msg.stats.trained + msg.stats.waiting +
                                                   msg.stats.leased + msg.stats.scoring +
                                                   msg.stats.unsettled);
            all = wanted(&msg.stats);
        }
        frames_fini(&frames);
        arena_reset(arena);
    }
    arena_free(arena);
    zmq_close(socket);
    assert_true(all);
}

/* Workers come first: they are welcome, and hear of the run once there is a learner. */
static void flow(struct live_fleet *fleet)
{
    live_start(fleet);
    live_actor(fleet);
    live_rewarder(fleet);
    LIVE_UNTIL(fleet, fleet->actor.welcomes == 1 && peer_welcome(fleet->rewarder.peer));
    assert_false(fleet->actor.run);
    live_learner(fleet);
    LIVE_UNTIL(fleet, fleet->actor.run);
    LIVE_UNTIL(fleet, live_delivered(fleet) == LIVE_ALL);
    read_stats(fleet, all_settled);
    for (int t = 0; t < LIVE_TASKS; t++)
        for (int s = 0; s < LIVE_SAMPLES; s++) {
            assert_int_equal(fleet->learner.got[t][s], 1);
            LIVE_UNTIL(fleet, fleet->actor.settled[t][s]);
        }
    assert_int_equal(live_made(fleet), LIVE_ALL);
    assert_int_equal(fleet->rewarder.asked, LIVE_ALL);
}

static void work_flows(void **state)
{
    struct live_fleet *fleet = *state;
    uint64_t heard;

    flow(fleet);
    heard = peer_stats(fleet->learner.bulk)->heard;
    LIVE_UNTIL(fleet, peer_stats(fleet->learner.bulk)->heard > heard); /* HB there, too */
    assert_int_equal(0, peer_stats(fleet->learner.bulk)->reopened);
    kill(fleet->broker, SIGTERM);
    assert_int_equal(0, live_wait(fleet, 5000));
}

static void a_stranger_stays_out(void **state)
{
    struct live_fleet *fleet = *state;
    char server_key[CURVE_TEXT];
    int64_t end_ms;

    live_secure(fleet);
    memcpy(server_key, fleet->keys[LIVE_ACTOR].server_key, sizeof server_key);
    live_start(fleet);
    assert_ok(curve_new(&fleet->keys[LIVE_ACTOR]));
    memcpy(fleet->keys[LIVE_ACTOR].server_key, server_key, sizeof server_key);
    live_actor(fleet);
    end_ms = clock_mono_ms() + 1500;
    while (clock_mono_ms() < end_ms)
        live_turn(fleet);
    assert_false(peer_welcome(fleet->actor.peer));
}

static void work_flows_encrypted(void **state)
{
    struct live_fleet *fleet = *state;

    live_secure(fleet);
    flow(fleet);
}

/* Killed with everything generated and nothing settled: its successor, on the same ports, asks
 * for what is there; nothing is written twice. Then the supervisor goes, and so does it. */
static void a_broker_is_replaced(void **state)
{
    struct live_fleet *fleet = *state;
    char before[128];
    int64_t from_ms;

    live_secure(fleet);
    live_listen(fleet);
    live_start(fleet);
    snprintf(before, sizeof before, "%s", fleet->control);
    live_learner(fleet);
    fleet->learner.hold = true;
    live_actor(fleet);
    live_rewarder(fleet);
    LIVE_UNTIL(fleet, live_delivered(fleet) == LIVE_ALL);
    kill(fleet->broker, SIGKILL);
    waitpid(fleet->broker, NULL, 0);
    memset(fleet->learner.got, 0, sizeof fleet->learner.got);
    fleet->learner.hold = false;
    live_start(fleet);
    assert_string_equal(before, fleet->control);
    LIVE_UNTIL(fleet, live_delivered(fleet) == LIVE_ALL);
    assert_int_equal(live_made(fleet), LIVE_ALL);
    assert_true(fleet->actor.bodies >= 2 * LIVE_ALL);
    from_ms = clock_mono_ms();
    for (int i = 0; i < 2; i++) {
        close(fleet->pipe[i]);
        fleet->pipe[i] = -1;
    }
    assert_int_equal(0, live_wait(fleet, 11000));
    assert_true(clock_mono_ms() - from_ms < 7000); /* all said BYE: not at the deadline */
}

/* Answers that no lease can have asked for: after 20 the peer is out. */
static void a_liar_is_refused(void **state)
{
    struct live_fleet *fleet = *state;
    const int32_t token[] = {1};
    const float logprob[] = {-1};
    const struct span span = {.start = 0};

    live_start(fleet);
    live_learner(fleet);
    fleet->learner.hold = true;
    live_actor(fleet);
    live_rewarder(fleet);
    LIVE_UNTIL(fleet, live_delivered(fleet) == LIVE_ALL);
    for (int i = 0; i < HUB_STRIKES; i++) {
        struct msg msg = {.head.type = MSG_ROLLOUT,
                          .rollout.rollout = {.task = 1,
                                              .sample = LIVE_SAMPLES,
                                              .end = ROLLOUT_STOP,
                                              .token = token,
                                              .logprob = logprob,
                                              .n_token = 1,
                                              .span = &span,
                                              .n_span = 1,
                                              .text = ""}};

        assert_ok(peer_send(fleet->actor.peer, &msg));
    }
    LIVE_UNTIL(fleet, !peer_welcome(fleet->actor.peer));
    read_stats(fleet, one_refused);
    assert_int_equal(live_delivered(fleet), LIVE_ALL);
}

/* One clear line and status 1. */
static void bad_starts_say_why(void **state)
{
    static const struct {
        const char *arguments, *words;
    } rows[] = {
        {"--bind=%s", "is in use: is another broker running?"},
        {"--bind=tcp://0.0.0.0:0 # %s", "keys are needed"},
        {"--bind=nonsense # %s", "is no address"},
        {"--listen-fd=1,2,3 # %s", "descriptor 1"},
        {"--keys=/nowhere # %s", "/nowhere"},
        {"--binde=%s", "did you mean 'bind'"},
    };
    struct live_fleet *fleet = *state;

    live_start(fleet);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char command[512], arguments[256], line[512] = "", rest[16];
        FILE *out;

        snprintf(arguments, sizeof arguments, rows[i].arguments, fleet->control);
        snprintf(command, sizeof command, "exec 2>&1; " BROKER " %s", arguments);
        out = popen(command, "r");
        assert_non_null(out);
        assert_non_null(fgets(line, sizeof line, out));
        assert_null(fgets(rest, sizeof rest, out));
        assert_int_equal(1, WEXITSTATUS(pclose(out)));
        if (!strstr(line, rows[i].words))
            fail_msg("%s: %s", arguments, line);
    }
    assert_int_equal(0, system(BROKER " --version >/dev/null"));
    assert_int_equal(0, system(BROKER " --help >/dev/null"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(work_flows, live_open, live_close),
        cmocka_unit_test_setup_teardown(work_flows_encrypted, live_open, live_close),
        cmocka_unit_test_setup_teardown(a_stranger_stays_out, live_open, live_close),
        cmocka_unit_test_setup_teardown(a_broker_is_replaced, live_open, live_close),
        cmocka_unit_test_setup_teardown(a_liar_is_refused, live_open, live_close),
        cmocka_unit_test_setup_teardown(bad_starts_say_why, live_open, live_close),
    };

    return cmocka_run_group_tests_name("broker/process", tests, NULL, NULL);
}
