/* examples/reward.py against a hub: the protocol as another language speaks it. Skipped where
 * python3 ($DROVER_PYTHON) has no zmq and msgpack. */

#include "tests/support/test.h"

#include "base/mem.h"
#include "tests/proto/every.h"
#include "tests/proto/wire_fixture.h"

#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

struct python_seen {
    int hellos, beats, scores;
    struct wire_fixture *fixture;
    struct hub_peer *from;
    uint32_t credit;
};

static enum err on_hello(void *self, struct hub_peer *from, const struct msg *msg,
                         int64_t now_ms)
{
    struct python_seen *const seen = self;
    struct msg welcome = {.head.type = MSG_WELCOME, .welcome = {.incarnation = 5, .run = true}};

    (void)now_ms;
    assert_int_equal(msg->hello.n_offer, 1);
    assert_int_equal(msg->hello.offer[0].kind, SCORER_WORKER);
    assert_string_equal(msg->hello.offer[0].name, "mine");
    seen->hellos++;
    seen->from = from;
    return hub_send(seen->fixture->hub, from, &welcome);
}

static enum err on_hb(void *self, struct hub_peer *from, const struct msg *msg, int64_t now_ms)
{
    struct python_seen *const seen = self;

    (void)from;
    (void)now_ms;
    seen->beats++;
    seen->credit = msg->hb.credit;
    return OK;
}

static enum err on_score(void *self, struct hub_peer *from, const struct msg *msg,
                         int64_t now_ms)
{
    struct python_seen *const seen = self;
    const struct msg asked = every_message(MSG_ASK);
    const struct score *const score = &msg->score.score;

    (void)from;
    (void)now_ms;
    assert_int_equal(msg->score.ticket, 31);
    assert_true(hash_same(&score->scorer, &asked.ask.scorer));
    assert_int_equal(score->n_rollout, 2);
    assert_true(hash_same(&score->rollout[1], &asked.ask.item[1].hash));
    assert_int_equal(score->n_value, 2);
    assert_true(fabsf(score->value[0] - 1.0f / 200) < 1e-6f); /* the answer is "4" */
    seen->scores++;
    return OK;
}

static const char *python(void)
{
    const char *const given = getenv("DROVER_PYTHON");
    static char command[256];

    snprintf(command, sizeof command, "%s -c 'import zmq, msgpack' 2>/dev/null",
             given ? given : "python3");
    return system(command) ? NULL : given ? given : "python3";
}

static pid_t start(const char *program, const char *endpoint, const char *key)
{
    const pid_t pid = fork();

    assert_true(pid >= 0);
    if (!pid) {
        execlp(program, program, EXAMPLES "/reward.py", endpoint, key, (char *)NULL);
        _exit(127);
    }
    return pid;
}

static void a_python_function_is_a_reward(void **state)
{
    struct wire_fixture *const fixture = *state;
    struct python_seen seen = {.fixture = fixture};
    struct msg ask = every_message(MSG_ASK);
    const char *const program = python();
    char folder[] = "/tmp/drover-python-XXXXXX", path[64];
    struct curve_keys keys, broker;
    pid_t pid;

    if (!program) {
        print_message(
            "skipped: python3 has no zmq and msgpack; $DROVER_PYTHON names another\n");
        skip();
    }
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/reward.key", folder);
    assert_ok(curve_new(&broker));
    assert_ok(curve_new(&keys));
    memcpy(keys.server_key, broker.public_key, CURVE_TEXT);
    assert_ok(curve_save(path, &keys));
    assert_ok(curve_zap_open(&fixture->zap, fixture->context));
    assert_ok(curve_zap_allow(fixture->zap, keys.public_key));
    wire_fixture_hub(fixture, "tcp://127.0.0.1:*", &broker);
    hub_on(fixture->hub, ROLE_REWARDER, MSG_HELLO, on_hello, &seen);
    hub_on(fixture->hub, ROLE_REWARDER, MSG_HB, on_hb, &seen);
    hub_on(fixture->hub, ROLE_REWARDER, MSG_SCORE, on_score, &seen);
    pid = start(program, hub_endpoint(fixture->hub), path);
    for (int i = 0; i < 4000 && !seen.beats; i++) /* Python takes its time to start */
        wire_fixture_turn(fixture);
    assert_int_equal(seen.credit, 8);
    for (int k = 1; k <= 3; k++) {
        assert_ok(hub_send(fixture->hub, seen.from, &ask));
        WIRE_FIXTURE_UNTIL(fixture, seen.scores == k);
    }
    assert_int_equal(hub_stats(fixture->hub)->bad, 0);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    unlink(path);
    rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_python_function_is_a_reward, wire_fixture_open,
                                        wire_fixture_close),
    };

    return cmocka_run_group_tests_name("proto/python", tests, NULL, NULL);
}
