/* Tickets, the joining of scores, and STATS. */

#include "tests/broker/fixture_setup.h"
#include "tests/broker/fixture_written.h"

#include <math.h>
#include <string.h>

static void a_sample_goes_out_with_all_its_scores(void **state)
{
    const struct scorer both[2] = {fixture_rule, fixture_text};
    struct msg_ask ask;
    const struct msg *msg;

    (void)state;
    written(both, 2, 2);
    fixture_rewarder(&fixture, R, SCORER_RULE, "");
    ask = ticket(R);
    assert_int_equal(ask.n_item, 2); /* up to what it batches */
    assert_int_equal(ask.item[0].n_token, 3);
    assert_string_equal(ask.item[0].text, ""); /* a rule that needs none */
    assert_string_equal(ask.item[0].meta, "");
    assert_ok(fixture_score(&fixture, R, &ask, 2, 0));
    assert_int_equal(fixture_count(&fixture, L, MSG_SAMPLE), 0);
    fixture_rewarder(&fixture, S, SCORER_WORKER, "other");
    assert_int_equal(fixture_count(&fixture, S, MSG_ASK), 0);
    fixture_rewarder(&fixture, S, SCORER_WORKER, "mine");
    fixture_forget(&fixture);
    fixture_rewarder(&fixture, S, SCORER_WORKER, "mine");
    ask = ticket(S);
    assert_string_equal(ask.item[0].text, "an answer");
    assert_string_equal(ask.item[0].prompt_text, "a prompt");
    assert_string_equal(ask.item[0].meta, "{\"x\":1}");
    assert_ok(fixture_score(&fixture, S, &ask, 3, 0));
    msg = fixture_said(&fixture, L, MSG_SAMPLE);
    assert_int_equal(msg->sample.n_score, 2);
    assert_true(msg->sample.score[0].value[0] == 2 && msg->sample.score[1].value[0] == 3);
    assert_int_equal(msg->sample.score[1].scorer.byte[0], 2);
    assert_int_equal(fixture_count(&fixture, L, MSG_SAMPLE), 1);
}

static void a_score_of_other_bytes_is_not_joined(void **state)
{
    struct msg_ask ask;

    (void)state;
    written(&fixture_rule, 1, 1);
    fixture_rewarder(&fixture, R, SCORER_RULE, "");
    ask = ticket(R);
    item[0].hash.byte[0] ^= 1;
    assert_ok(fixture_score(&fixture, R, &ask, 2, 0));
    assert_int_equal(fixture_count(&fixture, L, MSG_SAMPLE), 0);
    assert_string_equal(fixture_stats(&fixture)->peer[2].error,
                        "scorer rule: answered none of the 1 it was asked about");
    fixture_pass(&fixture, 300);
    fixture_credit(&fixture, R, 8, ask.ticket);
    ask = ticket(R); /* asked again */
    ask.scorer.byte[0] ^= 1;
    assert_ok(fixture_score(&fixture, R, &ask, 2, 0));
    assert_int_equal(fixture_count(&fixture, L, MSG_SAMPLE), 0);
    ask.scorer.byte[0] ^= 1;
    assert_ok(fixture_score(&fixture, R, &ask, 2, 0));
    assert_int_equal(fixture_count(&fixture, L, MSG_SAMPLE), 1);
}

static void what_an_answer_leaves_out_is_asked_again(void **state)
{
    struct msg_ask ask;

    (void)state;
    written(&fixture_rule, 1, 3);
    fixture_rewarder(&fixture, R, SCORER_RULE, "");
    ask = ticket(R);
    assert_ok(fixture_score(&fixture, R, &ask, 2, 1));
    assert_int_equal(fixture_count(&fixture, L, MSG_SAMPLE), 2);
    ask = ticket(R);
    assert_int_equal(ask.n_item, 1);
    assert_int_equal(ask.item[0].sample, 2);
}

static void a_ticket_runs_out_and_a_late_answer_counts(void **state)
{
    struct msg_ask first, second;
    struct msg_item kept[16];

    (void)state;
    written(&fixture_rule, 1, 1);
    fixture_rewarder(&fixture, R, SCORER_RULE, "");
    first = ticket(R);
    memcpy(kept, item, sizeof kept);
    first.item = kept;
    fixture_pass(&fixture, 1900);
    assert_int_equal(fixture_count(&fixture, R, MSG_ASK), 0);
    fixture_rewarder(&fixture, S, SCORER_RULE, "");
    fixture_pass(&fixture, 100);
    second = ticket(S);
    assert_true(second.ticket > first.ticket);
    assert_ok(fixture_score(&fixture, R, &first, 2, 0));
    assert_int_equal(fixture_count(&fixture, L, MSG_SAMPLE), 1);
    assert_ok(fixture_score(&fixture, S, &second, 2, 0)); /* again: nothing new */
    assert_int_equal(fixture_count(&fixture, L, MSG_SAMPLE), 1);
    assert_int_equal(fixture_stats(&fixture)->expired, 1);
}

static void progress_lets_a_ticket_live_but_not_for_ever(void **state)
{
    uint64_t number;

    (void)state;
    written(&fixture_rule, 1, 1);
    fixture_rewarder(&fixture, R, SCORER_RULE, "");
    number = ticket(R).ticket;
    for (uint64_t i = 1; i <= 13; i++) {
        fixture_pass(&fixture, 1500);
        fixture_hb_lease(&fixture, R, i, number, NULL, 0);
        assert_int_equal(fixture_stats(&fixture)->expired, 0);
    }
    fixture_pass(&fixture, 500); /* ten times its deadline */
    assert_int_equal(fixture_stats(&fixture)->expired, 1);
}

static void a_rewarders_hello_takes_its_tickets_back(void **state)
{
    struct msg_ask ask;

    (void)state;
    written(&fixture_rule, 1, 1);
    fixture_rewarder(&fixture, R, SCORER_RULE, "");
    ask = ticket(R);
    fixture_rewarder(&fixture, R, SCORER_RULE, "");
    assert_true(ticket(R).ticket > ask.ticket);
    fixture_rewarder(&fixture, S, SCORER_RULE, "");
    fixture_gone(&fixture, R, true);
    assert_int_equal(fixture_count(&fixture, S, MSG_ASK), 1);
}

static void a_number_that_is_none_is_no_score(void **state)
{
    struct msg fail = {.head.type = MSG_FAIL, .fail.reason = "no"};
    struct msg_ask ask;

    (void)state;
    written(&fixture_rule, 1, 1);
    fixture_rewarder(&fixture, R, SCORER_RULE, "");
    ask = ticket(R);
    assert_ok(fixture_score(&fixture, R, &ask, NAN, 0));
    assert_int_equal(fixture_count(&fixture, L, MSG_SAMPLE), 0);
    fixture_pass(&fixture, 300);
    fixture_credit(&fixture, R, 8, ask.ticket);
    ask = ticket(R);
    fail.fail.ticket = ask.ticket;
    assert_ok(fixture_say(&fixture, R, &fail));
    fixture_credit(&fixture, R, 8, ask.ticket);
    fixture_pass(&fixture, 400);
    assert_int_equal(fixture_count(&fixture, R, MSG_ASK), 0); /* it rests: twice as long */
    fixture_pass(&fixture, 200);
    assert_int_equal(fixture_count(&fixture, R, MSG_ASK), 1);
    assert_string_equal(fixture_stats(&fixture)->peer[2].error, "scorer rule: no");
}

static void a_number_for_each_token(void **state)
{
    const float value[3] = {-1, -2, -3};
    const uint32_t each = 3;
    const struct msg *sample;
    struct msg msg = {.head.type = MSG_SCORE};
    struct msg_ask ask;

    (void)state;
    written(&fixture_tokens, 1, 1);
    fixture_rewarder(&fixture, R, SCORER_REFERENCE, "");
    ask = ticket(R);
    assert_true(ask.temperature == 1);
    assert_ok(fixture_score(&fixture, R, &ask, 1, 0)); /* one number is not three */
    assert_int_equal(fixture_count(&fixture, L, MSG_SAMPLE), 0);
    msg.score = (struct msg_score){.ticket = ask.ticket,
                                   .score = {.scorer = ask.scorer,
                                             .rollout = &item[0].hash,
                                             .each = &each,
                                             .n_rollout = 1,
                                             .value = value,
                                             .n_value = 3,
                                             .diagnostics = ""}};
    assert_ok(fixture_say(&fixture, R, &msg));
    sample = fixture_said(&fixture, L, MSG_SAMPLE);
    assert_int_equal(sample->sample.score[0].n_value, 3);
    assert_true(sample->sample.score[0].value[2] == -3);
}

/* Rollouts of one scorer, answered with two numbers: SAMPLEs that come of it. */
static size_t two_numbers(const struct scorer *scorer, uint32_t kind)
{
    const float value[2] = {0.25f, 1};
    const uint32_t each = 2;
    struct msg msg = {.head.type = MSG_SCORE};
    struct msg_ask ask;

    written(scorer, 1, 1);
    fixture_rewarder(&fixture, R, kind, "");
    ask = ticket(R);
    msg.score = (struct msg_score){.ticket = ask.ticket,
                                   .score = {.scorer = ask.scorer,
                                             .rollout = &item[0].hash,
                                             .each = &each,
                                             .n_rollout = 1,
                                             .value = value,
                                             .n_value = 2,
                                             .diagnostics = ""}};
    assert_ok(fixture_say(&fixture, R, &msg));
    return fixture_count(&fixture, L, MSG_SAMPLE);
}

static void a_judge_gives_two_numbers_and_a_rule_one(void **state)
{
    struct scorer judge = fixture_rule;

    (void)state;
    assert_int_equal(two_numbers(&fixture_rule, SCORER_RULE), 0);
    fixture_close(&fixture);
    fixture_open(&fixture);
    judge.kind = SCORER_JUDGE;
    assert_int_equal(two_numbers(&judge, SCORER_JUDGE), 1);
}

static void a_group_is_scored_as_one(void **state)
{
    struct msg_ask ask;

    (void)state;
    fixture_rewarder(&fixture, R, SCORER_RULE, "");
    fixture_learner(&fixture, 1, &fixture_group, 1);
    fixture_rewarder(&fixture, R, SCORER_RULE, "");
    fixture_learner_hb(&fixture, 1 << 20, 0, 0, NULL, 0);
    fixture_actor(&fixture, A, NULL, 0);
    fixture_open_task(&fixture, 0, 3, 0);
    assert_ok(fixture_rollout(&fixture, A, 0, 2, 1, 0));
    assert_ok(fixture_rollout(&fixture, A, 0, 0, 1, 0));
    assert_int_equal(fixture_count(&fixture, R, MSG_ASK), 0);
    assert_ok(fixture_rollout(&fixture, A, 0, 1, 1, 0));
    ask = ticket(R);
    assert_int_equal(ask.unit, UNIT_GROUP);
    assert_int_equal(ask.n_item, 3);
    assert_int_equal(ask.item[1].sample, 1);
    assert_ok(fixture_score(&fixture, R, &ask, 2, 1)); /* two of three: none is joined */
    assert_int_equal(fixture_count(&fixture, L, MSG_SAMPLE), 0);
    fixture_pass(&fixture, 300);
    fixture_credit(&fixture, R, 8, ask.ticket);
    ask = ticket(R);
    assert_ok(fixture_score(&fixture, R, &ask, 2, 0));
    assert_int_equal(fixture_count(&fixture, L, MSG_SAMPLE), 3);
}

static void pairs_are_scored_two_by_two(void **state)
{
    struct msg_ask ask;

    (void)state;
    written(&fixture_pair, 1, 4);
    fixture_rewarder(&fixture, R, SCORER_RULE, "");
    ask = ticket(R);
    assert_int_equal(ask.n_item, 2);
    assert_int_equal(ask.item[0].sample, 0);
    assert_int_equal(ask.item[1].sample, 1);
    assert_int_equal(ticket(R).item[0].sample, 2);
}

static void rewarders_get_no_more_than_their_credit(void **state)
{
    struct msg_ask ask;

    (void)state;
    written(&fixture_rule, 1, 10);
    fixture_rewarder(&fixture, R, SCORER_RULE, "");
    ask = ticket(R);
    assert_int_equal(ask.n_item, 8);
    assert_int_equal(fixture_count(&fixture, R, MSG_ASK), 0);
    fixture_credit(&fixture, R, 8, 0); /* said before the ticket arrived */
    assert_int_equal(fixture_count(&fixture, R, MSG_ASK), 0);
    fixture_credit(&fixture, R, 1, ask.ticket);
    assert_int_equal(ticket(R).n_item, 1);
}

static void the_accounting_adds_up_in_every_place(void **state)
{
    const struct msg_stats *s;
    struct msg_ask ask;

    (void)state;
    written(&fixture_rule, 1, 4);
    fixture_open_task(&fixture, 1, 2, 0);
    s = fixture_stats(&fixture);
    assert_int_equal(s->opened, 6);
    assert_int_equal(s->scoring, 4);
    assert_int_equal(s->waiting, 2);
    assert_int_equal(s->n_wait, 2);
    assert_string_equal(s->wait[0].name, "weights on their way to 1 actor: fixture-1");
    assert_string_equal(s->wait[1].name, "rule: nobody offers this scorer");
    fixture_rewarder(&fixture, R, SCORER_RULE, "");
    ask = ticket(R);
    assert_ok(fixture_score(&fixture, R, &ask, 1, 1));
    fixture_pass(&fixture, 1000);
    fixture_credit(&fixture, A, 1, 0);
    s = fixture_stats(&fixture);
    assert_int_equal(s->unsettled, 3);
    assert_int_equal(s->scoring, 1);
    assert_int_equal(s->leased, 1);
    assert_int_equal(s->waiting, 1);
    assert_int_equal(s->n_lease, 1);
    assert_int_equal(s->staleness[0], 3);
    assert_int_equal(s->n_peer, 3);
    fixture_learner_hb(&fixture, 1 << 20, 3, 1, NULL, 0);
    s = fixture_stats(&fixture);
    assert_int_equal(s->trained, 4);
    assert_int_equal(s->opened, s->trained + s->waiting + s->leased);
}

static void the_bottleneck_is_named(void **state)
{
    struct msg busy = {.head.type = MSG_HB, .hb = {.note = "", .metrics = ""}};
    struct msg idle = busy;

    (void)state;
    written(NULL, 0, 1);
    for (uint64_t i = 1; i <= 12; i++) {
        busy.hb.busy_ms = idle.hb.idle_ms = 1000 * i;
        busy.hb.tokens = 50 * i;
        idle.hb.busy_ms = 500 * i;
        idle.hb.settled.epoch = 1;
        idle.hb.metrics = "{\"loss\":1}";
        assert_ok(fixture_say(&fixture, A, &busy));
        assert_ok(fixture_say(&fixture, L, &idle));
        fixture_pass(&fixture, 1000);
    }
    assert_true(fixture_stats(&fixture)->actor_busy > .99);
    assert_true(fabs(fixture_stats(&fixture)->learner_busy - 1. / 3) < .01);
    assert_true(fabs(fixture_stats(&fixture)->tokens_s - 50) < 6);
    assert_string_equal(fixture_stats(&fixture)->advice, "add 2 actors");
    assert_string_equal(fixture_stats(&fixture)->metrics, "{\"loss\":1}");
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(a_sample_goes_out_with_all_its_scores),
        T(a_score_of_other_bytes_is_not_joined),
        T(what_an_answer_leaves_out_is_asked_again),
        T(a_ticket_runs_out_and_a_late_answer_counts),
        T(progress_lets_a_ticket_live_but_not_for_ever),
        T(a_rewarders_hello_takes_its_tickets_back),
        T(a_number_that_is_none_is_no_score),
        T(a_number_for_each_token),
        T(a_judge_gives_two_numbers_and_a_rule_one),
        T(a_group_is_scored_as_one),
        T(pairs_are_scored_two_by_two),
        T(rewarders_get_no_more_than_their_credit),
        T(the_accounting_adds_up_in_every_place),
        T(the_bottleneck_is_named),
    };

    return cmocka_run_group_tests_name("scores", tests, NULL, NULL);
}
