/* Who is served, what is settled, delivered, dropped: rule by rule, time as an argument. */

#include "tests/broker/desk_setup.h"

#include <math.h>
#include <string.h>

enum { X = 6 };

static void a_new_broker_waits_a_second_before_it_leases(void **state)
{
    (void)state;
    desk_learner(&desk, 1, NULL, 0);
    desk_open_task(&desk, 0, 1, 0);
    desk_actor(&desk, A, NULL, 0);
    desk_credit(&desk, A, 4, 0);
    desk_pass(&desk, 900);
    assert_int_equal(desk_count(&desk, A, MSG_LEASE), 0);
    desk_pass(&desk, 100);
    assert_int_equal(desk_count(&desk, A, MSG_LEASE), 1);
}

static void bodies_are_wanted_once_the_learner_was_heard(void **state)
{
    const struct claim claim[2] = {
        {.task = 0, .sample = 0, .state = CLAIM_DONE, .hash = desk_hash(0, 0, 1)},
        {.task = 0, .sample = 1, .state = CLAIM_RUNNING},
    };
    const struct msg *msg;

    (void)state;
    desk_actor(&desk, A, claim, 2);
    msg = desk_said(&desk, A, MSG_WELCOME);
    assert_false(msg->welcome.run);
    assert_int_equal(msg->welcome.verdict[0].state, CLAIM_KEEP);
    assert_int_equal(msg->welcome.verdict[1].state, CLAIM_KEEP);
    desk_learner(&desk, 1, NULL, 0);
    assert_int_equal(desk_count(&desk, A, MSG_WHO), 1); /* the tables are new to it */
    desk_actor(&desk, A, claim, 2);
    msg = desk_said(&desk, A, MSG_WELCOME);
    assert_true(msg->welcome.run);
    assert_int_equal(msg->welcome.verdict[0].state, CLAIM_KEEP); /* not open yet */
    desk_open_task(&desk, 0, 2, 0);
    msg = desk_said(&desk, A, MSG_WANT);
    assert_int_equal(msg->want.n_claim, 1);
    assert_int_equal(msg->want.claim[0].sample, 0);
    msg = desk_said(&desk, A, MSG_LEASE); /* what runs goes on, with a new number */
    assert_int_equal(msg->lease.first, 1);
    assert_int_equal(msg->lease.count, 1);
    desk_pass(&desk, 2000);
    assert_int_equal(desk_count(&desk, A, MSG_LEASE), 0);
}

static void claims_are_wanted_kept_or_freed(void **state)
{
    struct claim claim[5] = {
        {.task = 0, .sample = 0, .state = CLAIM_DONE, .hash = desk_hash(0, 0, 1)}, /* settled */
        {.task = 1, .sample = 0, .state = CLAIM_DONE, .hash = desk_hash(1, 0, 1)}, /* waits */
        {.task = 1, .sample = 1, .state = CLAIM_RUNNING},                          /* waits */
        {.task = 1, .sample = 2, .state = CLAIM_DONE, .hash = desk_hash(1, 2, 1)}, /* here */
        {.task = 9, .sample = 0, .state = CLAIM_RUNNING},                          /* not yet */
    };
    static const uint32_t right[5] = {CLAIM_FREE, CLAIM_WANT, CLAIM_KEEP, CLAIM_KEEP,
                                      CLAIM_KEEP};
    const struct msg *msg;

    (void)state;
    desk_learner(&desk, 1, &desk_rule, 1);
    desk_learner_hb(&desk, 0, 0, 1, NULL, 0);
    desk_open_task(&desk, 1, 3, 0);
    desk_actor(&desk, B, NULL, 0);
    assert_ok(desk_rollout(&desk, B, 1, 2, 1, 0));
    desk_actor(&desk, A, claim, 5);
    msg = desk_said(&desk, A, MSG_WELCOME);
    for (uint32_t i = 0; i < 5; i++)
        assert_int_equal(msg->welcome.verdict[i].state, right[i]);
    assert_int_equal(desk_count(&desk, A, MSG_LEASE), 1);
    claim[0] = (struct claim){.task = 1, .sample = 1, .state = CLAIM_RUNNING};
    desk_forget(&desk); /* the same sample, run by another */
    desk_actor(&desk, B, claim, 1);
    assert_int_equal(desk_said(&desk, B, MSG_WELCOME)->welcome.verdict[0].state, CLAIM_FREE);
}

static void claims_of_another_run_are_freed(void **state)
{
    const struct claim claim = {.task = 0, .sample = 0, .state = CLAIM_RUNNING};
    struct msg msg = desk_hello(A, ROLE_ACTOR);

    (void)state;
    desk_learner(&desk, 1, NULL, 0);
    desk_open_task(&desk, 0, 1, 0);
    msg.head.run.byte[0] = 99;
    msg.hello.claim = &claim;
    msg.hello.n_claim = 1;
    desk_say_hello(&desk, A, &msg);
    assert_int_equal(desk_said(&desk, A, MSG_WELCOME)->welcome.verdict[0].state, CLAIM_FREE);
}

static void a_hello_without_a_run_means_the_one_before(void **state)
{
    const struct claim claim = {.task = 0, .sample = 0, .state = CLAIM_RUNNING};
    struct msg msg = desk_hello(A, ROLE_ACTOR);

    (void)state;
    desk_say_hello(&desk, A, &msg);
    desk_learner(&desk, 1, NULL, 0);
    desk_forget(&desk);
    msg.head.run = (struct id){{0}}; /* what a broker without a run told it */
    msg.hello.claim = &claim;
    msg.hello.n_claim = 1;
    desk_say_hello(&desk, A, &msg);
    assert_int_equal(desk_said(&desk, A, MSG_WELCOME)->welcome.verdict[0].state, CLAIM_KEEP);
}

static void one_run_at_a_time(void **state)
{
    struct msg msg = desk_hello(X, ROLE_LEARNER);

    (void)state;
    desk_learner(&desk, 1, NULL, 0);
    msg.head.run.byte[0] = 99;
    msg.hello.incarnation = 8;
    desk_say_hello(&desk, X, &msg);
    assert_int_equal(desk.refused[X], REFUSE_BUSY);
    desk_gone(&desk, L, true);
    desk_say_hello(&desk, X, &msg);
    assert_int_equal(desk.refused[X], REFUSE_BUSY); /* its learner may come back */
    assert_string_equal(desk_stats(&desk)->wait[0].name, "the learner is away");
    desk_pass(&desk, desk.limits.hold_ms);
    desk_say_hello(&desk, X, &msg);
    assert_int_equal(desk.refused[X], 0);
    assert_non_null(desk.member[X]);
}

static void a_learner_that_says_bye_makes_room_at_once(void **state)
{
    struct msg bye = {.head.type = MSG_BYE, .bye.reason = "done"};
    struct msg msg = desk_hello(X, ROLE_LEARNER);

    (void)state;
    desk_learner(&desk, 1, NULL, 0);
    assert_ok(desk_say(&desk, L, &bye));
    assert_int_equal(desk_count(&desk, L, MSG_BYE_OK), 1);
    assert_true(desk.released[L]);
    desk_pass(&desk, 2000);
    assert_int_equal(desk_stats(&desk)->n_wait, 1);
    assert_string_equal(desk_stats(&desk)->wait[0].name,
                        "the learner has left: no other has come");
    assert_in_range(desk_stats(&desk)->wait[0].age_ms, 2000, 3100);
    msg.head.run.byte[0] = 99;
    desk_say_hello(&desk, X, &msg);
    assert_int_equal(desk.refused[X], 0);
}

static void an_older_start_of_the_run_is_fenced(void **state)
{
    struct msg msg = desk_hello(X, ROLE_LEARNER);

    (void)state;
    desk_learner(&desk, 4, NULL, 0);
    msg.hello.incarnation = 8;
    for (uint64_t epoch = 3; epoch <= 4; epoch++) {
        msg.head.epoch = epoch;
        desk_say_hello(&desk, X, &msg);
        assert_int_equal(desk.refused[X], REFUSE_BUSY);
    }
    assert_non_null(desk.member[L]);
    desk_gone(&desk, L, true);
    for (uint64_t epoch = 3; epoch <= 4; epoch++) { /* restored from a copy: it goes above */
        msg.head.epoch = epoch;
        desk_say_hello(&desk, X, &msg);
        assert_int_equal(desk.refused[X], REFUSE_FENCED);
    }
    desk_learner(&desk, 4, NULL, 0); /* the process itself, after a silence */
    assert_int_equal(desk.refused[L], 0);
    msg.head.epoch = 5;
    desk_say_hello(&desk, X, &msg);
    assert_int_equal(desk.refused[X], 0);
    assert_int_equal(desk.refused[L], REFUSE_FENCED); /* the one that was replaced */
    assert_null(desk.member[L]);
}

static void a_later_start_opens_its_tasks_again(void **state)
{
    (void)state;
    all_here(NULL, 0);
    desk_open_task(&desk, 0, 1, 0);
    desk_open_task(&desk, 1, 1, 0);
    assert_ok(desk_rollout(&desk, A, 0, 0, 1, 0));
    assert_int_equal(desk_count(&desk, L, MSG_SAMPLE), 1);
    desk_forget(&desk);
    desk_gone(&desk, L, true);
    desk_learner(&desk, 2, NULL, 0);
    assert_int_equal(desk_said(&desk, L, MSG_WELCOME)->welcome.open_to, 0);
    assert_int_equal(desk_count(&desk, A, MSG_WHO), 1);
    desk_actor(&desk, A, NULL, 0);
    desk_credit(&desk, A, 4, 0);
    desk_pass(&desk, 2000);
    assert_int_equal(desk_count(&desk, A, MSG_LEASE), 0); /* nothing is open in this epoch */
    assert_int_equal(desk_count(&desk, L, MSG_SAMPLE), 0);
}

static void ids_are_opened_without_gaps(void **state)
{
    const struct range whole = {.task = 2, .first = 0, .count = 1};

    (void)state;
    all_here(NULL, 0);
    desk_open_task(&desk, 0, 1, 0);
    desk_open_task(&desk, 2, 1, 0); /* 1 is missing: ignored */
    desk_open_task(&desk, 0, 1, 0); /* again: ignored */
    desk_pass(&desk, 1000);
    assert_int_equal(desk_said(&desk, L, MSG_HB)->hb.open_to, 1);
    desk_open_task(&desk, 1, 1, 0);
    desk_learner_hb(&desk, 0, 0, 0, &whole, 1);
    desk_open_task(&desk, 3, 1, 0); /* 2 is settled, as a whole */
    assert_int_equal(desk_stats(&desk)->opened, 3);
    desk_forget(&desk);
    desk_pass(&desk, 1000);
    assert_int_equal(desk_said(&desk, L, MSG_HB)->hb.open_to, 4);
}

static void samples_keep_to_the_learners_credit(void **state)
{
    (void)state;
    all_here(NULL, 0);
    desk_open_task(&desk, 0, 3, 0);
    desk_learner_hb(&desk, 3000, 0, 0, NULL, 0);
    for (uint32_t i = 0; i < 3; i++)
        assert_ok(desk_rollout(&desk, A, 0, i, 1, 0));
    assert_int_equal(desk_count(&desk, L, MSG_SAMPLE), 2);
    desk_learner_hb(&desk, 3000, 0, 0, NULL, 0); /* said before they arrived */
    assert_int_equal(desk_count(&desk, L, MSG_SAMPLE), 2);
    desk_learner_hb(&desk, 3000, 2, 0, NULL, 0);
    desk_pass(&desk, 100);
    assert_int_equal(desk_count(&desk, L, MSG_SAMPLE), 3);
}

static void what_is_unsettled_comes_again_after_hello(void **state)
{
    const struct range range = {.task = 0, .first = 1, .count = 1};
    const struct msg *msg;

    (void)state;
    all_here(NULL, 0);
    desk_open_task(&desk, 0, 2, 0);
    assert_ok(desk_rollout(&desk, A, 0, 0, 1, 0));
    assert_ok(desk_rollout(&desk, A, 0, 1, 1, 0));
    desk_learner_hb(&desk, 1 << 20, 2, 0, &range, 1);
    desk_forget(&desk);
    desk_learner(&desk, 1, NULL, 0);
    msg = desk_said(&desk, L, MSG_WELCOME);
    assert_int_equal(msg->welcome.n_unsettled, 1);
    assert_int_equal(msg->welcome.open_to, 1);
    desk_learner_hb(&desk, 1 << 20, 0, 0, &range, 1);
    desk_pass(&desk, 100);
    msg = desk_said(&desk, L, MSG_SAMPLE);
    assert_int_equal(msg->sample.rollout.sample, 0);
    assert_int_equal(desk_count(&desk, L, MSG_SAMPLE), 0);
    desk_learner_hb(&desk, 1 << 20, 1, 1, NULL, 0);
    assert_int_equal(desk_stats(&desk)->trained, 2);
    assert_int_equal(broker_bytes(desk.broker), 0);
}

static void settled_is_in_every_heartbeat(void **state)
{
    const struct range range = {.task = 4, .first = 0, .count = 2};
    const struct msg *msg;

    (void)state;
    all_here(NULL, 0);
    desk_learner_hb(&desk, 0, 0, 3, &range, 1);
    desk_pass(&desk, 1000);
    msg = desk_said(&desk, A, MSG_HB);
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
    desk_open_task(&desk, 0, 2, 0);
    desk_credit(&desk, A, 1, 0);
    assert_ok(desk_say(&desk, L, &cancel));
    assert_int_equal(desk_count(&desk, A, MSG_CANCEL), 1);
    msg = desk_said(&desk, L, MSG_DROPPED);
    assert_int_equal(msg->dropped.reason, DROP_STALE);
    assert_int_equal(desk_count(&desk, L, MSG_DROPPED), 1);
    assert_ok(desk_rollout(&desk, A, 0, 0, 1, 0)); /* too late */
    assert_int_equal(desk_count(&desk, L, MSG_SAMPLE), 0);
    desk_forget(&desk);
    desk_learner(&desk, 1, NULL, 0);
    desk_learner_hb(&desk, 1 << 20, 0, 0, NULL, 0);
    desk_pass(&desk, 100);
    assert_int_equal(desk_count(&desk, L, MSG_DROPPED), 2); /* until they are settled */
    assert_int_equal(desk_stats(&desk)->settled, 0);
    desk_learner_hb(&desk, 1 << 20, 2, 1, NULL, 0);
    assert_int_equal(desk_stats(&desk)->settled, 2);
    assert_int_equal(desk_stats(&desk)->trained, 0);
}

static void a_member_that_cannot_be_reached_says_hello_first(void **state)
{
    (void)state;
    all_here(NULL, 0);
    desk.answer[A] = ERR_STATE;
    desk_credit(&desk, A, 1, 0);
    desk_open_task(&desk, 0, 1, 0); /* the lease is lost */
    desk.answer[A] = OK;
    desk_credit(&desk, A, 1, 0);
    assert_int_equal(desk_count(&desk, A, MSG_WHO), 1);
    assert_int_equal(desk_count(&desk, A, MSG_LEASE), 0);
    desk_actor(&desk, A, NULL, 0);
    desk_credit(&desk, A, 1, 0);
    assert_int_equal(desk_count(&desk, A, MSG_LEASE), 1);
}

static void what_a_role_may_not_say_is_a_strike(void **state)
{
    struct msg msg = {.head.type = MSG_SETTLED};

    (void)state;
    all_here(NULL, 0);
    assert_err(ERR_RANGE, desk_say(&desk, A, &msg));
    assert_false(broker_hears(ROLE_ACTOR, MSG_SCORE));
    assert_false(broker_hears(ROLE_CLI, MSG_OPEN));
    assert_true(broker_hears(ROLE_ACTOR, MSG_ROLLOUT));
}

static void orders_go_to_the_supervisor_and_back(void **state)
{
    struct msg order = {
        .head.type = MSG_ADMIN,
        .admin = {.request = 3, .order = "scale", .role = 2, .count = 5, .arguments = ""}};
    struct msg ok = {.head.type = MSG_ADMIN_OK,
                     .admin_ok = {.request = 3, .ok = true, .words = "5", .result = ""}};
    const struct msg *msg;

    (void)state;
    desk_other(&desk, X, ROLE_CLI);
    assert_ok(desk_say(&desk, X, &order));
    assert_false(desk_said(&desk, X, MSG_ADMIN_OK)->admin_ok.ok); /* nobody to do it */
    desk_other(&desk, 7, ROLE_SUPERVISOR);
    assert_ok(desk_say(&desk, X, &order));
    msg = desk_said(&desk, 7, MSG_ADMIN);
    assert_int_equal(msg->admin.count, 5);
    assert_int_equal(msg->admin.asker.byte[0], X + 1);
    ok.admin_ok.asker = msg->admin.asker;
    assert_ok(desk_say(&desk, 7, &ok));
    assert_true(desk_said(&desk, X, MSG_ADMIN_OK)->admin_ok.ok);
}

static void draining_ends_when_all_have_left(void **state)
{
    struct msg bye = {.head.type = MSG_BYE, .bye.reason = ""};

    (void)state;
    all_here(NULL, 0);
    assert_false(broker_drained(desk.broker));
    broker_drain(desk.broker, 5000);
    assert_int_equal(desk_said(&desk, A, MSG_DRAIN)->drain.deadline_ms, 5000);
    desk_open_task(&desk, 0, 1, 0);
    desk_credit(&desk, A, 4, 0);
    assert_int_equal(desk_count(&desk, A, MSG_LEASE), 0);
    for (uint32_t at = 0; at < DESK_MEMBERS; at++) {
        assert_true(!desk.member[at] || !broker_drained(desk.broker));
        if (desk.member[at])
            assert_ok(desk_say(&desk, at, &bye));
    }
    assert_true(broker_drained(desk.broker));
}

/* One that is cut within a character could not be encoded, and nobody had STATS any more. */
static void a_long_name_leaves_stats_whole(void **state)
{
    struct msg msg = desk_hello(X, ROLE_CLI);
    char name[80];

    (void)state;
    for (int n = 58; n < 68; n++) {
        memset(name, 'x', sizeof name);
        memcpy(name + n, "\xe2\x82\xac", 4);
        msg.hello.name = name;
        msg.hello.incarnation++;
        desk_gone(&desk, X, false);
        desk_say_hello(&desk, X, &msg);
        assert_int_equal(desk_stats(&desk)->n_peer, 1); /* the desk decodes it */
    }
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
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
