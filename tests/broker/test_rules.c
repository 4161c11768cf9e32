/* Who is served, what is settled, delivered, dropped: rule by rule, time as an argument. */

#include "tests/broker/fixture_setup.h"

#include <math.h>
#include <string.h>

enum { X = 6 };

static void a_new_broker_waits_a_second_before_it_leases(void **state)
{
    (void)state;
    fixture_learner(&fixture, 1, NULL, 0);
    fixture_open_task(&fixture, 0, 1, 0);
    fixture_actor(&fixture, A, NULL, 0);
    fixture_credit(&fixture, A, 4, 0);
    fixture_pass(&fixture, 900);
    assert_int_equal(fixture_count(&fixture, A, MSG_LEASE), 0);
    fixture_pass(&fixture, 100);
    assert_int_equal(fixture_count(&fixture, A, MSG_LEASE), 1);
}

static void bodies_are_wanted_once_the_learner_was_heard(void **state)
{
    const struct claim claim[2] = {
        {.task = 0, .sample = 0, .state = CLAIM_DONE, .hash = fixture_hash(0, 0, 1)},
        {.task = 0, .sample = 1, .state = CLAIM_RUNNING},
    };
    const struct msg *msg;

    (void)state;
    fixture_actor(&fixture, A, claim, 2);
    msg = fixture_said(&fixture, A, MSG_WELCOME);
    assert_false(msg->welcome.run);
    assert_int_equal(msg->welcome.verdict[0].state, CLAIM_KEEP);
    assert_int_equal(msg->welcome.verdict[1].state, CLAIM_KEEP);
    fixture_learner(&fixture, 1, NULL, 0);
    assert_int_equal(fixture_count(&fixture, A, MSG_WHO), 1); /* the tables are new to it */
    fixture_actor(&fixture, A, claim, 2);
    msg = fixture_said(&fixture, A, MSG_WELCOME);
    assert_true(msg->welcome.run);
    assert_int_equal(msg->welcome.verdict[0].state, CLAIM_KEEP); /* not open yet */
    fixture_open_task(&fixture, 0, 2, 0);
    msg = fixture_said(&fixture, A, MSG_WANT);
    assert_int_equal(msg->want.n_claim, 1);
    assert_int_equal(msg->want.claim[0].sample, 0);
    msg = fixture_said(&fixture, A, MSG_LEASE); /* what runs goes on, with a new number */
    assert_int_equal(msg->lease.first, 1);
    assert_int_equal(msg->lease.count, 1);
    fixture_pass(&fixture, 2000);
    assert_int_equal(fixture_count(&fixture, A, MSG_LEASE), 0);
}

static void claims_are_wanted_kept_or_freed(void **state)
{
    struct claim claim[5] = {
        {.task = 0,
         .sample = 0,
         .state = CLAIM_DONE,
         .hash = fixture_hash(0, 0, 1)}, /* settled */
        {.task = 1,
         .sample = 0,
         .state = CLAIM_DONE,
         .hash = fixture_hash(1, 0, 1)},                  /* waits */
        {.task = 1, .sample = 1, .state = CLAIM_RUNNING}, /* waits */
        {.task = 1, .sample = 2, .state = CLAIM_DONE, .hash = fixture_hash(1, 2, 1)}, /* here */
        {.task = 9, .sample = 0, .state = CLAIM_RUNNING}, /* not yet */
    };
    static const uint32_t right[5] = {CLAIM_FREE, CLAIM_WANT, CLAIM_KEEP, CLAIM_KEEP,
                                      CLAIM_KEEP};
    const struct msg *msg;

    (void)state;
    fixture_learner(&fixture, 1, &fixture_rule, 1);
    fixture_learner_hb(&fixture, 0, 0, 1, NULL, 0);
    fixture_open_task(&fixture, 1, 3, 0);
    fixture_actor(&fixture, B, NULL, 0);
    assert_ok(fixture_rollout(&fixture, B, 1, 2, 1, 0));
    fixture_actor(&fixture, A, claim, 5);
    msg = fixture_said(&fixture, A, MSG_WELCOME);
    for (uint32_t i = 0; i < 5; i++)
        assert_int_equal(msg->welcome.verdict[i].state, right[i]);
    assert_int_equal(fixture_count(&fixture, A, MSG_LEASE), 1);
    claim[0] = (struct claim){.task = 1, .sample = 1, .state = CLAIM_RUNNING};
    fixture_forget(&fixture); /* the same sample, run by another */
    fixture_actor(&fixture, B, claim, 1);
    assert_int_equal(fixture_said(&fixture, B, MSG_WELCOME)->welcome.verdict[0].state,
                     CLAIM_FREE);
}

static void claims_of_another_run_are_freed(void **state)
{
    const struct claim claim = {.task = 0, .sample = 0, .state = CLAIM_RUNNING};
    struct msg msg = fixture_hello(A, ROLE_ACTOR);

    (void)state;
    fixture_learner(&fixture, 1, NULL, 0);
    fixture_open_task(&fixture, 0, 1, 0);
    msg.head.run.byte[0] = 99;
    msg.hello.claim = &claim;
    msg.hello.n_claim = 1;
    fixture_say_hello(&fixture, A, &msg);
    assert_int_equal(fixture_said(&fixture, A, MSG_WELCOME)->welcome.verdict[0].state,
                     CLAIM_FREE);
}

static void a_hello_without_a_run_means_the_one_before(void **state)
{
    const struct claim claim = {.task = 0, .sample = 0, .state = CLAIM_RUNNING};
    struct msg msg = fixture_hello(A, ROLE_ACTOR);

    (void)state;
    fixture_say_hello(&fixture, A, &msg);
    fixture_learner(&fixture, 1, NULL, 0);
    fixture_forget(&fixture);
    msg.head.run = (struct id){{0}}; /* what a broker without a run told it */
    msg.hello.claim = &claim;
    msg.hello.n_claim = 1;
    fixture_say_hello(&fixture, A, &msg);
    assert_int_equal(fixture_said(&fixture, A, MSG_WELCOME)->welcome.verdict[0].state,
                     CLAIM_KEEP);
}

static void one_run_at_a_time(void **state)
{
    struct msg msg = fixture_hello(X, ROLE_LEARNER);

    (void)state;
    fixture_learner(&fixture, 1, NULL, 0);
    msg.head.run.byte[0] = 99;
    msg.hello.incarnation = 8;
    fixture_say_hello(&fixture, X, &msg);
    assert_int_equal(fixture.refused[X], REFUSE_BUSY);
    fixture_gone(&fixture, L, true);
    fixture_say_hello(&fixture, X, &msg);
    assert_int_equal(fixture.refused[X], REFUSE_BUSY); /* its learner may come back */
    assert_string_equal(fixture_stats(&fixture)->wait[0].name, "the learner is away");
    fixture_pass(&fixture, fixture.limits.hold_ms);
    fixture_say_hello(&fixture, X, &msg);
    assert_int_equal(fixture.refused[X], 0);
    assert_non_null(fixture.member[X]);
}

static void a_learner_that_says_bye_makes_room_at_once(void **state)
{
    struct msg bye = {.head.type = MSG_BYE, .bye.reason = "done"};
    struct msg msg = fixture_hello(X, ROLE_LEARNER);

    (void)state;
    fixture_learner(&fixture, 1, NULL, 0);
    assert_ok(fixture_say(&fixture, L, &bye));
    assert_int_equal(fixture_count(&fixture, L, MSG_BYE_OK), 1);
    assert_true(fixture.released[L]);
    fixture_pass(&fixture, 2000);
    assert_int_equal(fixture_stats(&fixture)->n_wait, 1);
    assert_string_equal(fixture_stats(&fixture)->wait[0].name,
                        "the learner has left: no other has come");
    assert_in_range(fixture_stats(&fixture)->wait[0].age_ms, 2000, 3100);
    msg.head.run.byte[0] = 99;
    fixture_say_hello(&fixture, X, &msg);
    assert_int_equal(fixture.refused[X], 0);
}

static void an_older_start_of_the_run_is_fenced(void **state)
{
    struct msg msg = fixture_hello(X, ROLE_LEARNER);

    (void)state;
    fixture_learner(&fixture, 4, NULL, 0);
    msg.hello.incarnation = 8;
    for (uint64_t epoch = 3; epoch <= 4; epoch++) {
        msg.head.epoch = epoch;
        fixture_say_hello(&fixture, X, &msg);
        assert_int_equal(fixture.refused[X], REFUSE_BUSY);
    }
    assert_non_null(fixture.member[L]);
    fixture_gone(&fixture, L, true);
    for (uint64_t epoch = 3; epoch <= 4; epoch++) { /* restored from a copy: it goes above */
        msg.head.epoch = epoch;
        fixture_say_hello(&fixture, X, &msg);
        assert_int_equal(fixture.refused[X], REFUSE_FENCED);
    }
    fixture_learner(&fixture, 4, NULL, 0); /* the process itself, after a silence */
    assert_int_equal(fixture.refused[L], 0);
    msg.head.epoch = 5;
    fixture_say_hello(&fixture, X, &msg);
    assert_int_equal(fixture.refused[X], 0);
    assert_int_equal(fixture.refused[L], REFUSE_FENCED); /* the one that was replaced */
    assert_null(fixture.member[L]);
}

static void a_later_start_opens_its_tasks_again(void **state)
{
    (void)state;
    all_here(NULL, 0);
    fixture_open_task(&fixture, 0, 1, 0);
    fixture_open_task(&fixture, 1, 1, 0);
    assert_ok(fixture_rollout(&fixture, A, 0, 0, 1, 0));
    assert_int_equal(fixture_count(&fixture, L, MSG_SAMPLE), 1);
    fixture_forget(&fixture);
    fixture_gone(&fixture, L, true);
    fixture_learner(&fixture, 2, NULL, 0);
    assert_int_equal(fixture_said(&fixture, L, MSG_WELCOME)->welcome.open_to, 0);
    assert_int_equal(fixture_count(&fixture, A, MSG_WHO), 1);
    fixture_actor(&fixture, A, NULL, 0);
    fixture_credit(&fixture, A, 4, 0);
    fixture_pass(&fixture, 2000);
    assert_int_equal(fixture_count(&fixture, A, MSG_LEASE),
                     0); /* nothing is open in this epoch */
    assert_int_equal(fixture_count(&fixture, L, MSG_SAMPLE), 0);
}

static void ids_are_opened_without_gaps(void **state)
{
    const struct range whole = {.task = 2, .first = 0, .count = 1};

    (void)state;
    all_here(NULL, 0);
    fixture_open_task(&fixture, 0, 1, 0);
    fixture_open_task(&fixture, 2, 1, 0); /* 1 is missing: ignored */
    fixture_open_task(&fixture, 0, 1, 0); /* again: ignored */
    fixture_pass(&fixture, 1000);
    assert_int_equal(fixture_said(&fixture, L, MSG_HB)->hb.open_to, 1);
    fixture_open_task(&fixture, 1, 1, 0);
    fixture_learner_hb(&fixture, 0, 0, 0, &whole, 1);
    fixture_open_task(&fixture, 3, 1, 0); /* 2 is settled, as a whole */
    assert_int_equal(fixture_stats(&fixture)->opened, 3);
    fixture_forget(&fixture);
    fixture_pass(&fixture, 1000);
    assert_int_equal(fixture_said(&fixture, L, MSG_HB)->hb.open_to, 4);
}

static void samples_keep_to_the_learners_credit(void **state)
{
    (void)state;
    all_here(NULL, 0);
    fixture_open_task(&fixture, 0, 3, 0);
    fixture_learner_hb(&fixture, 3000, 0, 0, NULL, 0);
    for (uint32_t i = 0; i < 3; i++)
        assert_ok(fixture_rollout(&fixture, A, 0, i, 1, 0));
    assert_int_equal(fixture_count(&fixture, L, MSG_SAMPLE), 2);
    fixture_learner_hb(&fixture, 3000, 0, 0, NULL, 0); /* said before they arrived */
    assert_int_equal(fixture_count(&fixture, L, MSG_SAMPLE), 2);
    fixture_learner_hb(&fixture, 3000, 2, 0, NULL, 0);
    fixture_pass(&fixture, 100);
    assert_int_equal(fixture_count(&fixture, L, MSG_SAMPLE), 3);
}

static void what_is_unsettled_comes_again_after_hello(void **state)
{
    const struct range range = {.task = 0, .first = 1, .count = 1};
    const struct msg *msg;

    (void)state;
    all_here(NULL, 0);
    fixture_open_task(&fixture, 0, 2, 0);
    assert_ok(fixture_rollout(&fixture, A, 0, 0, 1, 0));
    assert_ok(fixture_rollout(&fixture, A, 0, 1, 1, 0));
    fixture_learner_hb(&fixture, 1 << 20, 2, 0, &range, 1);
    fixture_forget(&fixture);
    fixture_learner(&fixture, 1, NULL, 0);
    msg = fixture_said(&fixture, L, MSG_WELCOME);
    assert_int_equal(msg->welcome.n_unsettled, 1);
    assert_int_equal(msg->welcome.open_to, 1);
    fixture_learner_hb(&fixture, 1 << 20, 0, 0, &range, 1);
    fixture_pass(&fixture, 100);
    msg = fixture_said(&fixture, L, MSG_SAMPLE);
    assert_int_equal(msg->sample.rollout.sample, 0);
    assert_int_equal(fixture_count(&fixture, L, MSG_SAMPLE), 0);
    fixture_learner_hb(&fixture, 1 << 20, 1, 1, NULL, 0);
    assert_int_equal(fixture_stats(&fixture)->trained, 2);
    assert_int_equal(broker_bytes(fixture.broker), 0);
}

static void settled_is_in_every_heartbeat(void **state)
{
    const struct range range = {.task = 4, .first = 0, .count = 2};
    const struct msg *msg;

    (void)state;
    all_here(NULL, 0);
    fixture_learner_hb(&fixture, 0, 0, 3, &range, 1);
    fixture_pass(&fixture, 1000);
    msg = fixture_said(&fixture, A, MSG_HB);
    assert_int_equal(msg->hb.settled.watermark, 3);
    assert_int_equal(msg->hb.settled.range[0].task, 4);
}

static void a_cancelled_task_is_dropped_sample_by_sample(void **state)
{
    const uint64_t task = 0;
    struct msg cancel = {.head.type = MSG_CANCEL,
                         .cancel = {.task = &task, .n_task = 1, .reason = "stale"}};
    const struct msg *msg;

    (void)state;
    all_here(NULL, 0);
    fixture_open_task(&fixture, 0, 2, 0);
    fixture_credit(&fixture, A, 1, 0);
    assert_ok(fixture_say(&fixture, L, &cancel));
    assert_int_equal(fixture_count(&fixture, A, MSG_CANCEL), 1);
    msg = fixture_said(&fixture, L, MSG_DROPPED);
    assert_int_equal(msg->dropped.reason, DROP_CANCEL);
    assert_int_equal(fixture_count(&fixture, L, MSG_DROPPED), 1);
    assert_ok(fixture_rollout(&fixture, A, 0, 0, 1, 0)); /* too late */
    assert_int_equal(fixture_count(&fixture, L, MSG_SAMPLE), 0);
    fixture_forget(&fixture);
    fixture_learner(&fixture, 1, NULL, 0);
    fixture_learner_hb(&fixture, 1 << 20, 0, 0, NULL, 0);
    fixture_pass(&fixture, 100);
    assert_int_equal(fixture_count(&fixture, L, MSG_DROPPED), 2); /* until they are settled */
    assert_int_equal(fixture_stats(&fixture)->settled, 0);
    fixture_learner_hb(&fixture, 1 << 20, 2, 1, NULL, 0);
    assert_int_equal(fixture_stats(&fixture)->settled, 2);
    assert_int_equal(fixture_stats(&fixture)->trained, 0);
}

static void a_member_that_cannot_be_reached_says_hello_first(void **state)
{
    (void)state;
    all_here(NULL, 0);
    fixture.answer[A] = ERR_IO;
    fixture_credit(&fixture, A, 1, 0);
    fixture_open_task(&fixture, 0, 1, 0); /* the lease is lost */
    fixture.answer[A] = OK;
    fixture_credit(&fixture, A, 1, 0);
    assert_int_equal(fixture_count(&fixture, A, MSG_WHO), 1);
    assert_int_equal(fixture_count(&fixture, A, MSG_LEASE), 0);
    fixture_actor(&fixture, A, NULL, 0);
    fixture_credit(&fixture, A, 1, 0);
    assert_int_equal(fixture_count(&fixture, A, MSG_LEASE), 1);
}

static void what_a_role_may_not_say_is_a_strike(void **state)
{
    struct msg msg = {.head.type = MSG_SETTLED};

    (void)state;
    all_here(NULL, 0);
    assert_err(ERR_RANGE, fixture_say(&fixture, A, &msg));
    assert_false(broker_hears(ROLE_ACTOR, MSG_SCORE));
    assert_false(broker_hears(ROLE_OPERATOR, MSG_OPEN));
    assert_true(broker_hears(ROLE_ACTOR, MSG_ROLLOUT));
}

static void orders_go_to_the_supervisor_and_back(void **state)
{
    struct msg order = {.head.type = MSG_ADMIN,
                        .admin = {.request = 3,
                                  .order = "scale",
                                  .role = 2,
                                  .count = 5,
                                  .arguments = "",
                                  .host = ""}};
    struct msg ok = {.head.type = MSG_ADMIN_OK,
                     .admin_ok = {.request = 3, .ok = true, .words = "5", .result = ""}};
    struct msg head = fixture_hello(7, ROLE_SUPERVISOR);
    const struct msg *msg;

    (void)state;
    fixture_other(&fixture, X, ROLE_OPERATOR);
    assert_ok(fixture_say(&fixture, X, &order));
    assert_false(fixture_said(&fixture, X, MSG_ADMIN_OK)->admin_ok.ok); /* nobody to do it */
    head.hello.head = true;
    fixture_say_hello(&fixture, 7, &head);
    assert_ok(fixture_say(&fixture, X, &order));
    msg = fixture_said(&fixture, 7, MSG_ADMIN);
    assert_int_equal(msg->admin.count, 5);
    assert_int_equal(msg->admin.asker.byte[0], X + 1);
    ok.admin_ok.asker = msg->admin.asker;
    assert_ok(fixture_say(&fixture, 7, &ok));
    assert_true(fixture_said(&fixture, X, MSG_ADMIN_OK)->admin_ok.ok);
}

static void draining_ends_when_all_have_left(void **state)
{
    struct msg bye = {.head.type = MSG_BYE, .bye.reason = ""};

    (void)state;
    all_here(NULL, 0);
    assert_false(broker_drained(fixture.broker));
    broker_drain(fixture.broker, 5000);
    assert_int_equal(fixture_said(&fixture, A, MSG_DRAIN)->drain.deadline_ms, 5000);
    fixture_open_task(&fixture, 0, 1, 0);
    fixture_credit(&fixture, A, 4, 0);
    assert_int_equal(fixture_count(&fixture, A, MSG_LEASE), 0);
    for (uint32_t at = 0; at < FIXTURE_MEMBERS; at++) {
        assert_true(!fixture.member[at] || !broker_drained(fixture.broker));
        if (fixture.member[at])
            assert_ok(fixture_say(&fixture, at, &bye));
    }
    assert_true(broker_drained(fixture.broker));
}

/* One that is cut within a character could not be encoded, and nobody had STATS any more. */
static void a_long_name_leaves_stats_whole(void **state)
{
    struct msg msg = fixture_hello(X, ROLE_OPERATOR);
    char name[80];

    (void)state;
    for (int n = 58; n < 68; n++) {
        memset(name, 'x', sizeof name);
        memcpy(name + n, "\xe2\x82\xac", 4);
        msg.hello.name = name;
        msg.hello.incarnation++;
        fixture_gone(&fixture, X, false);
        fixture_say_hello(&fixture, X, &msg);
        assert_int_equal(fixture_stats(&fixture)->n_peer, 1); /* the fixture decodes it */
    }
}

static void say(uint32_t at, enum role role, uint32_t numerics)
{
    struct msg msg = fixture_hello(at, role);

    msg.hello.numerics = numerics;
    fixture_say_hello(&fixture, at, &msg);
}

/* Before it has any work, whoever comes first; who says no number is not compared. */
static void other_bits_get_no_work(void **state)
{
    (void)state;
    say(A, ROLE_ACTOR, 2);
    assert_int_equal(fixture_count(&fixture, A, MSG_WELCOME), 1); /* there is no learner yet */
    say(L, ROLE_LEARNER, 1);
    assert_int_equal(fixture.refused[A], REFUSE_NUMERICS);
    say(X, ROLE_REWARDER, 2);
    assert_int_equal(fixture.refused[X], REFUSE_NUMERICS);
    assert_int_equal(fixture_count(&fixture, X, MSG_WELCOME), 0);
    say(X, ROLE_ACTOR, 1);
    say(B, ROLE_ACTOR, 0);
    assert_int_equal(fixture_count(&fixture, X, MSG_WELCOME), 1);
    assert_int_equal(fixture_count(&fixture, B, MSG_WELCOME), 1);
}

/* Who watches reads which numbers, and that nobody lied; a minute later it is over. */
static void other_bits_are_a_wait_with_a_name(void **state)
{
    const struct msg_stats *stats;

    (void)state;
    say(L, ROLE_LEARNER, 1);
    say(X, ROLE_ACTOR, 2);
    stats = fixture_stats(&fixture);
    assert_int_equal(stats->n_wait, 1);
    assert_non_null(strstr(stats->wait[0].name, "numerics 2"));
    assert_non_null(strstr(stats->wait[0].name, "numerics 1"));
    assert_int_equal(stats->found_false, 0);
    fixture_pass(&fixture, 61000);
    stats = fixture_stats(&fixture);
    for (uint32_t i = 0; i < stats->n_wait; i++)
        assert_null(strstr(stats->wait[i].name, "numerics"));
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(other_bits_get_no_work),
        T(other_bits_are_a_wait_with_a_name),
        cmocka_unit_test_setup_teardown(a_long_name_leaves_stats_whole, setup, teardown),
        T(a_new_broker_waits_a_second_before_it_leases),
        T(bodies_are_wanted_once_the_learner_was_heard),
        T(claims_are_wanted_kept_or_freed),
        T(claims_of_another_run_are_freed),
        T(a_hello_without_a_run_means_the_one_before),
        T(one_run_at_a_time),
        T(a_learner_that_says_bye_makes_room_at_once),
        T(an_older_start_of_the_run_is_fenced),
        T(a_later_start_opens_its_tasks_again),
        T(ids_are_opened_without_gaps),
        T(samples_keep_to_the_learners_credit),
        T(what_is_unsettled_comes_again_after_hello),
        T(settled_is_in_every_heartbeat),
        T(a_cancelled_task_is_dropped_sample_by_sample),
        T(a_member_that_cannot_be_reached_says_hello_first),
        T(what_a_role_may_not_say_is_a_strike),
        T(orders_go_to_the_supervisor_and_back),
        T(draining_ends_when_all_have_left),
    };

    return cmocka_run_group_tests_name("rules", tests, NULL, NULL);
}
