/* The real drover-broker: work flows through it, it can be killed and started again on the same
 * ports, it keeps strangers out and leaves cleanly. */

#include "tests/broker/crew.h"
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
    return stats->trained == CREW_ALL && stats->settled == CREW_ALL && stats->n_peer == 3 &&
           !strcmp(stats->metrics, "{\"step\": 1}");
}

static bool one_refused(const struct msg_stats *stats)
{
    return stats->bad_frames == HUB_STRIKES && stats->refused >= 1 && stats->n_peer == 2;
}

/* Reads STATS until they are as wanted. */
static void read_stats(struct crew *crew, bool (*wanted)(const struct msg_stats *stats))
{
    void *socket = zmq_socket(crew->context, ZMQ_SUB);
    const int zero = 0;
    const int64_t end_ms = clock_mono_ms() + 10000;
    struct arena *arena;
    bool all = false;

    arena_new(&arena, CODEC_ARENA);
    zmq_setsockopt(socket, ZMQ_LINGER, &zero, sizeof zero);
    zmq_setsockopt(socket, ZMQ_SUBSCRIBE, "", 0);
    if (crew->secure)
        assert_ok(curve_client(socket, &crew->keys));
    assert_int_equal(0, zmq_connect(socket, crew->dashboard));
    while (!all && clock_mono_ms() < end_ms) {
        struct frames frames;
        struct msg msg;
        bool got;

        crew_turn(crew);
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
static void flow(struct crew *crew)
{
    crew_start(crew);
    crew_actor(crew);
    crew_rewarder(crew);
    CREW_UNTIL(crew, crew->actor.welcomes == 1 && peer_welcome(crew->rewarder.peer));
    assert_false(crew->actor.run);
    crew_learner(crew);
    CREW_UNTIL(crew, crew->actor.run);
    CREW_UNTIL(crew, crew_delivered(crew) == CREW_ALL);
    read_stats(crew, all_settled);
    for (int t = 0; t < CREW_TASKS; t++)
        for (int s = 0; s < CREW_SAMPLES; s++) {
            assert_int_equal(crew->learner.got[t][s], 1);
            CREW_UNTIL(crew, crew->actor.settled[t][s]);
        }
    assert_int_equal(crew_made(crew), CREW_ALL);
    assert_int_equal(crew->rewarder.asked, CREW_ALL);
}

static void work_flows(void **state)
{
    struct crew *crew = *state;
    uint64_t heard;

    flow(crew);
    heard = peer_stats(crew->learner.bulk)->heard;
    CREW_UNTIL(crew, peer_stats(crew->learner.bulk)->heard > heard); /* HB there, too */
    assert_int_equal(0, peer_stats(crew->learner.bulk)->reopened);
    kill(crew->broker, SIGTERM);
    assert_int_equal(0, crew_wait(crew, 5000));
}

static void a_stranger_stays_out(void **state)
{
    struct crew *crew = *state;
    struct curve_keys fleet;
    int64_t end_ms;

    crew_secure(crew);
    fleet = crew->keys;
    crew_start(crew);
    assert_ok(curve_new(&crew->keys));
    memcpy(crew->keys.server_key, fleet.public_key, sizeof fleet.public_key);
    crew_actor(crew);
    end_ms = clock_mono_ms() + 1500;
    while (clock_mono_ms() < end_ms)
        crew_turn(crew);
    assert_false(peer_welcome(crew->actor.peer));
}

static void work_flows_encrypted(void **state)
{
    struct crew *crew = *state;

    crew_secure(crew);
    flow(crew);
}

/* Killed with everything generated and nothing settled: its successor, on the same ports, asks
 * for what is there; nothing is written twice. Then the supervisor goes, and so does it. */
static void a_broker_is_replaced(void **state)
{
    struct crew *crew = *state;
    char before[128];
    int64_t from_ms;

    crew_secure(crew);
    crew_listen(crew);
    crew_start(crew);
    snprintf(before, sizeof before, "%s", crew->control);
    crew_learner(crew);
    crew->learner.hold = true;
    crew_actor(crew);
    crew_rewarder(crew);
    CREW_UNTIL(crew, crew_delivered(crew) == CREW_ALL);
    kill(crew->broker, SIGKILL);
    waitpid(crew->broker, NULL, 0);
    memset(crew->learner.got, 0, sizeof crew->learner.got);
    crew->learner.hold = false;
    crew_start(crew);
    assert_string_equal(before, crew->control);
    CREW_UNTIL(crew, crew_delivered(crew) == CREW_ALL);
    assert_int_equal(crew_made(crew), CREW_ALL);
    assert_true(crew->actor.bodies >= 2 * CREW_ALL);
    from_ms = clock_mono_ms();
    for (int i = 0; i < 2; i++) {
        close(crew->pipe[i]);
        crew->pipe[i] = -1;
    }
    assert_int_equal(0, crew_wait(crew, 11000));
    assert_true(clock_mono_ms() - from_ms < 7000); /* all said BYE: not at the deadline */
}

/* Answers that no lease can have asked for: after 20 the peer is out. */
static void a_liar_is_refused(void **state)
{
    struct crew *crew = *state;
    const int32_t token[] = {1};
    const float logprob[] = {-1};
    const struct span span = {.start = 0};

    crew_start(crew);
    crew_learner(crew);
    crew->learner.hold = true;
    crew_actor(crew);
    crew_rewarder(crew);
    CREW_UNTIL(crew, crew_delivered(crew) == CREW_ALL);
    for (int i = 0; i < HUB_STRIKES; i++) {
        struct msg msg = {.head.type = MSG_ROLLOUT,
                          .rollout.rollout = {.task = 1,
                                              .sample = CREW_SAMPLES,
                                              .end = ROLLOUT_STOP,
                                              .token = token,
                                              .logprob = logprob,
                                              .n_token = 1,
                                              .span = &span,
                                              .n_span = 1,
                                              .text = ""}};

        assert_ok(peer_send(crew->actor.peer, &msg));
    }
    CREW_UNTIL(crew, !peer_welcome(crew->actor.peer));
    read_stats(crew, one_refused);
    assert_int_equal(crew_delivered(crew), CREW_ALL);
}

/* One clear line and status 1. */
static void bad_starts_say_why(void **state)
{
    static const struct {
        const char *arguments, *words;
    } rows[] = {
        {"--bind=%s", "is in use: is another broker running?"},
        {"--bind=tcp://0.0.0.0:0 # %s", "a key is needed"},
        {"--bind=nonsense # %s", "is no address"},
        {"--listen-fd=1,2,3 # %s", "descriptor 1"},
        {"--key=/nowhere # %s", "/nowhere"},
        {"--binde=%s", "did you mean 'bind'"},
    };
    struct crew *crew = *state;

    crew_start(crew);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char command[512], arguments[256], line[512] = "", rest[16];
        FILE *out;

        snprintf(arguments, sizeof arguments, rows[i].arguments, crew->control);
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
        cmocka_unit_test_setup_teardown(work_flows, crew_open, crew_close),
        cmocka_unit_test_setup_teardown(work_flows_encrypted, crew_open, crew_close),
        cmocka_unit_test_setup_teardown(a_stranger_stays_out, crew_open, crew_close),
        cmocka_unit_test_setup_teardown(a_broker_is_replaced, crew_open, crew_close),
        cmocka_unit_test_setup_teardown(a_liar_is_refused, crew_open, crew_close),
        cmocka_unit_test_setup_teardown(bad_starts_say_why, crew_open, crew_close),
    };

    return cmocka_run_group_tests_name("broker/process", tests, NULL, NULL);
}
