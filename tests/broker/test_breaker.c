/* A scorer that fails is said in words, and paused when it goes on failing. */

#include "tests/broker/fixture_setup.h"
#include "tests/broker/fixture_written.h"

#include <math.h>

/* Three failures in a row, whatever they are; none of them is the sample's fault. */
static void what_fails_and_fails_is_paused(void **state)
{
    const struct msg_wait *wait;
    struct msg_ask ask;

    (void)state;
    written(&fixture_rule, 1, 3);
    fixture_rewarder(&fixture, R, SCORER_RULE, "");
    for (int i = 0; i < 3; i++) {
        ask = ticket(R);
        assert_int_equal(ask.n_item, 3);
        assert_int_equal(fixture_stats(&fixture)->n_wait, 0);
        assert_ok(fixture_score(&fixture, R, &ask, NAN, 0));
        fixture_pass(&fixture, i < 2 ? 500 : 0);
        fixture_credit(&fixture, R, 8, ask.ticket);
    }
    wait = fixture_stats(&fixture)->wait;
    assert_true(wait->paused);
    assert_string_equal(wait->scorer, "rule");
    assert_string_equal(
        wait->name, "rule is paused: it failed 3 times in a row, last at fixture-4: returned "
                    "nan for value 3 of 3 (task 0 sample 2)");
    assert_int_equal(fixture_count(&fixture, L, MSG_FAIL), 1); /* the first is told at once */
    assert_string_equal(fixture_said(&fixture, L, MSG_FAIL)->fail.who, "fixture-4");
    fixture_forget(&fixture);
    fixture_pass(&fixture, 1000); /* until it is tried, with one unit */
    ask = ticket(R);
    assert_int_equal(ask.n_item, 1);
    fixture_pass(&fixture, 100);
    assert_int_equal(fixture_count(&fixture, R, MSG_ASK), 0);
    assert_true(fixture_said(&fixture, L, MSG_HB)->hb.wait->paused);
    assert_ok(fixture_score(&fixture, R, &ask, 1, 0));
    assert_int_equal(fixture_stats(&fixture)->n_wait, 0);
    assert_int_equal(fixture_count(&fixture, L, MSG_SAMPLE), 1);
    assert_int_equal(ticket(R).n_item, 2); /* it goes on by itself */
    assert_int_equal(fixture_count(&fixture, L, MSG_DROPPED), 0);
}

static void a_paused_scorer_is_tried_more_and_more_rarely(void **state)
{
    int64_t last = 0, gap = 0;
    int tries = 0;

    (void)state;
    written(&fixture_rule, 1, 1);
    fixture_rewarder(&fixture, R, SCORER_RULE, "");
    for (int i = 0; i < 3000; i++) { /* five minutes */
        const struct msg *msg = fixture_said(&fixture, R, MSG_ASK);

        if (msg) {
            struct msg fail = {.head.type = MSG_FAIL,
                               .fail = {.ticket = msg->ask.ticket, .reason = "no"}};
            gap = fixture.now_ms - last;
            last = fixture.now_ms;
            tries++;
            assert_ok(fixture_say(&fixture, R, &fail));
            fixture_credit(&fixture, R, 8, fail.fail.ticket);
        }
        fixture_forget(&fixture);
        fixture_pass(&fixture, 100);
    }
    assert_in_range(tries, 9, 14);
    assert_int_equal(gap, 60000);
    fixture_rewarder(&fixture, S, SCORER_RULE, ""); /* another one is tried at once */
    assert_int_equal(fixture_count(&fixture, S, MSG_ASK), 1);
}

static void a_worker_that_dies_at_its_work_has_failed(void **state)
{
    (void)state;
    written(&fixture_rule, 1, 1);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(fixture_stats(&fixture)->n_wait, 1); /* nobody offers it */
        fixture_rewarder(&fixture, R, SCORER_RULE, "");
        assert_int_equal(fixture_count(&fixture, R, MSG_ASK), 1);
        fixture_forget(&fixture);
        fixture_gone(&fixture, R, true);
    }
    fixture_rewarder(&fixture, R, SCORER_RULE, "");
    assert_string_equal(fixture_stats(&fixture)->wait[0].name,
                        "rule is paused: it failed 3 times in a "
                        "row, last at fixture-4: its worker died");
}

/* Many tickets were under way when the pause began: one wait of a second, not of a minute. */
static void what_was_under_way_makes_a_pause_no_longer(void **state)
{
    struct msg fail = {.head.type = MSG_FAIL, .fail.reason = "no"};
    uint64_t number[8];

    (void)state;
    written(&fixture_rule, 1, 8);
    fixture_rewarder(&fixture, R, SCORER_RULE, "");
    fail.fail.ticket = ticket(R).ticket; /* all eight of them */
    assert_ok(fixture_say(&fixture, R, &fail));
    fixture_pass(&fixture, 300);
    for (int i = 0; i < 8; i++) { /* now one by one */
        fixture_credit(&fixture, R, 1, UINT64_MAX);
        number[i] = ticket(R).ticket;
    }
    for (int i = 0; i < 8; i++) {
        fail.fail.ticket = number[i];
        assert_ok(fixture_say(&fixture, R, &fail));
    }
    fixture_forget(&fixture);
    fixture_credit(&fixture, R, 1, UINT64_MAX);
    fixture_pass(&fixture, 900);
    assert_int_equal(fixture_count(&fixture, R, MSG_ASK), 0);
    fixture_pass(&fixture, 200);
    assert_int_equal(fixture_count(&fixture, R, MSG_ASK), 1);
}

static void an_answer_that_cannot_be_read_has_failed(void **state)
{
    struct msg_ask ask;

    (void)state;
    written(&fixture_rule, 1, 1);
    fixture_rewarder(&fixture, R, SCORER_RULE, "");
    ask = ticket(R);
    broker_bad(fixture.broker, fixture.member[R], MSG_SCORE, "SCORE: ends early",
               fixture.now_ms);
    assert_string_equal(fixture_said(&fixture, L, MSG_FAIL)->fail.reason, "SCORE: ends early");
    assert_string_equal(fixture_stats(&fixture)->peer[2].error,
                        "scorer rule: SCORE: ends early");
    fixture_credit(&fixture, R, 8, ask.ticket);
    fixture_pass(&fixture, 300); /* not only when the ticket runs out */
    assert_int_equal(fixture_count(&fixture, R, MSG_ASK), 1);
}

static void who_failed_last_is_asked_last(void **state)
{
    struct msg_ask ask;

    (void)state;
    written(&fixture_rule, 1, 1);
    fixture_rewarder(&fixture, R, SCORER_RULE, "");
    fixture_rewarder(&fixture, S, SCORER_RULE, "");
    ask = ticket(R);
    assert_ok(fixture_score(&fixture, R, &ask, INFINITY, 0));
    fixture_credit(&fixture, R, 8, ask.ticket);
    fixture_pass(&fixture, 300);
    assert_int_equal(fixture_count(&fixture, R, MSG_ASK), 0);
    assert_int_equal(fixture_count(&fixture, S, MSG_ASK), 1);
}

/* What does not add up is not read, and said in words. */
static void a_wrong_count_is_a_failure_with_words(void **state)
{
    static const float value[2] = {1, 2};
    uint32_t each[2] = {1, UINT32_MAX};
    struct msg msg = {.head.type = MSG_SCORE};
    struct hash hash[2];
    struct msg_ask ask;

    (void)state;
    written(&fixture_rule, 1, 2);
    fixture_rewarder(&fixture, R, SCORER_RULE, "");
    ask = ticket(R);
    for (int i = 0; i < 2; i++)
        hash[i] = item[i].hash;
    msg.score = (struct msg_score){.ticket = ask.ticket,
                                   .score = {.scorer = ask.scorer,
                                             .rollout = hash,
                                             .each = each,
                                             .n_rollout = 2,
                                             .value = value,
                                             .n_value = 1,
                                             .diagnostics = ""}};
    assert_ok(fixture_say(&fixture, R, &msg));
    assert_string_equal(fixture_stats(&fixture)->peer[2].error,
                        "scorer rule: returned 1 values for 2 answers that say 4294967296");
    each[1] = 0;
    assert_ok(fixture_say(&fixture, R, &msg)); /* the first is good, and joined */
    assert_string_equal(fixture_stats(&fixture)->peer[2].error,
                        "scorer rule: returned 0 values for task 0 sample 1, 1 asked for");
    assert_int_equal(fixture_count(&fixture, L, MSG_SAMPLE), 1);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(what_fails_and_fails_is_paused),
        T(a_paused_scorer_is_tried_more_and_more_rarely),
        T(a_worker_that_dies_at_its_work_has_failed),
        T(what_was_under_way_makes_a_pause_no_longer),
        T(an_answer_that_cannot_be_read_has_failed),
        T(who_failed_last_is_asked_last),
        T(a_wrong_count_is_a_failure_with_words),
    };

    return cmocka_run_group_tests_name("breaker", tests, NULL, NULL);
}
