/* What a full pipe does not take: it waits in order, state in its newest form; who lets too much
 * wait says HELLO again, and that is said. */

#include "tests/broker/fixture.h"

#include "broker/state.h"

#include <string.h>

enum { L = FIXTURE_LEARNER, A = FIXTURE_ACTOR, MANY = 200 };

static struct broker_fixture fixture;

static int setup(void **state)
{
    (void)state;
    fixture_open(&fixture);
    fixture_learner(&fixture, 1, NULL, 0);
    fixture_actor(&fixture, A, NULL, 0);
    fixture_pass(&fixture, 1100);
    fixture_learner_hb(&fixture, 64 << 20, 0, 0, NULL, 0);
    fixture_forget(&fixture);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    fixture_close(&fixture);
    return 0;
}

static void answer(uint64_t task)
{
    fixture_open_task(&fixture, task, 1, 0);
    assert_ok(fixture_rollout(&fixture, A, task, 0, 1, 0));
}

/* It was taken for lost, and the learner sent away to say HELLO: 9,000 answers a second became
 * 500. */
static void work_waits_in_order_and_nobody_says_hello(void **state)
{
    const struct msg *msg;

    (void)state;
    fixture.answer[L] = ERR_STATE;
    for (uint64_t task = 0; task < MANY; task++)
        answer(task);
    assert_int_equal(fixture_count(&fixture, L, MSG_SAMPLE), 0);
    assert_true(broker_waits(fixture.broker));
    fixture.answer[L] = OK;
    fixture.now_ms += 100;
    broker_resume(fixture.broker, fixture.now_ms);
    assert_int_equal(fixture_count(&fixture, L, MSG_SAMPLE), MANY);
    assert_int_equal(fixture_count(&fixture, L, MSG_WHO), 0);
    for (uint64_t task = 0; task < MANY; task++) {
        msg = fixture_said(&fixture, L, MSG_SAMPLE);
        assert_int_equal(msg->sample.rollout.task, task);
    }
    assert_false(broker_waits(fixture.broker));
    assert_int_equal(fixture.broker->outbox.waiting.bytes, 0);
    answer(MANY); /* it is as before */
    assert_int_equal(fixture_count(&fixture, L, MSG_SAMPLE), 1);
}

/* One that is put while others wait does not overtake them. */
static void what_comes_later_waits_behind(void **state)
{
    (void)state;
    fixture.answer[L] = ERR_STATE;
    answer(0);
    fixture.answer[L] = OK;
    answer(1); /* its time has not come: no time has passed */
    assert_int_equal(fixture_count(&fixture, L, MSG_SAMPLE), 0);
    fixture.now_ms += 1;
    answer(2);
    for (uint64_t task = 0; task < 3; task++)
        assert_int_equal(fixture_said(&fixture, L, MSG_SAMPLE)->sample.rollout.task, task);
}

static void of_state_only_the_newest_is_kept(void **state)
{
    size_t bytes;

    (void)state;
    fixture.answer[A] = ERR_STATE;
    fixture_pass(&fixture, 2000);
    bytes = fixture.broker->outbox.waiting.bytes;
    assert_true(bytes > 0);
    fixture_pass(&fixture, 60000);
    fixture_learner_hb(&fixture, 64 << 20, 0, 0, NULL, 0);
    assert_true(fixture.broker->outbox.waiting.bytes < 2 * bytes);
    fixture_forget(&fixture);
    fixture.broker->run.step = 77; /* what the next heartbeat says */
    fixture_pass(&fixture, 1000);
    fixture_forget(&fixture);
    fixture.answer[A] = OK;
    fixture.now_ms += 70;
    broker_resume(fixture.broker, fixture.now_ms);
    assert_int_equal(fixture_count(&fixture, A, MSG_HB), 1);
    assert_int_equal(fixture_said(&fixture, A, MSG_HB)->hb.step, 77);
}

static void who_lets_too_much_wait_says_hello_again(void **state)
{
    const struct msg_stats *stats;
    bool told = false;

    (void)state;
    fixture.broker->outbox.wait_max = 4096;
    fixture_learner_hb(&fixture, 4096, 0, 0, NULL, 0);
    fixture_forget(&fixture);
    fixture.answer[L] = ERR_STATE;
    for (uint64_t task = 0; task < MANY && !fixture.broker->outbox.resynced; task++) {
        struct msg note = {.head.type = MSG_FAIL,
                           .fail = {.task = task, .reason = "no room", .who = ""}};

        answer(task);
        assert_ok(fixture_say(&fixture, A, &note));
        fixture.broker->run.learner->credit_bytes = 4096;
        fixture.broker->run.learner->flight_bytes = 0; /* as if it took them all */
    }
    assert_int_equal(fixture.broker->outbox.resynced, 1);
    assert_int_equal(fixture.broker->outbox.waiting.bytes, 0);
    stats = fixture_stats(&fixture);
    for (uint32_t i = 0; i < stats->n_peer; i++)
        told |= strstr(stats->peer[i].error, "did not read") != NULL;
    assert_true(told);
    fixture.answer[L] = OK;
    fixture_learner_hb(&fixture, 64 << 20, 0, 0, NULL, 0);
    assert_int_equal(fixture_count(&fixture, L, MSG_WHO), 1);
    fixture_learner(&fixture, 1, NULL, 0);
    fixture_learner_hb(&fixture, 64 << 20, 0, 0, NULL, 0);
    assert_true(fixture_count(&fixture, L, MSG_SAMPLE) > 1); /* all of it again */
}

/* HELLO says what it has: what waited is of the time before. */
static void hello_makes_what_waits_void(void **state)
{
    (void)state;
    fixture.answer[L] = ERR_STATE;
    answer(0);
    fixture_learner(&fixture, 1, NULL, 0);
    fixture.answer[L] = OK;
    fixture_pass(&fixture, 100);
    assert_int_equal(fixture_count(&fixture, L, MSG_WELCOME), 1);
    fixture_learner_hb(&fixture, 64 << 20, 0, 0, NULL, 0);
    fixture_pass(&fixture, 100);
    assert_int_equal(fixture_count(&fixture, L, MSG_SAMPLE), 1);
}

static void who_leaves_takes_what_waits_along(void **state)
{
    (void)state;
    fixture.answer[L] = ERR_STATE;
    answer(0);
    fixture_gone(&fixture, L, true);
    assert_false(broker_waits(fixture.broker));
    assert_int_equal(fixture.broker->outbox.waiting.bytes, 0);
    fixture_pass(&fixture, 100);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(work_waits_in_order_and_nobody_says_hello),
        T(what_comes_later_waits_behind),
        T(of_state_only_the_newest_is_kept),
        T(who_lets_too_much_wait_says_hello_again),
        T(hello_makes_what_waits_void),
        T(who_leaves_takes_what_waits_along),
    };

    return cmocka_run_group_tests_name("backlog", tests, NULL, NULL);
}
