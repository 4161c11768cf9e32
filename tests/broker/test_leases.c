/* Who gets which samples, for how long, and what comes back. */

#include "tests/broker/fixture_setup.h"

#include "broker/members.h"

#include <math.h>
#include <string.h>

enum { X = 6 };

static void adopted_leases_go_out_in_order_of_number(void **state)
{
    const struct claim claim[3] = {{.task = 0, .sample = 0, .state = CLAIM_RUNNING},
                                   {.task = 0, .sample = 1, .state = CLAIM_RUNNING},
                                   {.task = 0, .sample = 2, .state = CLAIM_RUNNING}};
    uint64_t last = 0;

    (void)state;
    fixture_learner(&fixture, 1, NULL, 0);
    fixture_open_task(&fixture, 0, 3, 0);
    fixture_actor(&fixture, A, claim, 3);
    for (int i = 0; i < 3; i++) {
        const uint64_t number = fixture_said(&fixture, A, MSG_LEASE)->lease.lease;

        assert_true(number > last);
        last = number;
    }
}

static void credit_is_absolute(void **state)
{
    const struct msg *msg;
    uint64_t first;

    (void)state;
    all_here(NULL, 0);
    fixture_open_task(&fixture, 0, 6, 0);
    fixture_credit(&fixture, A, 2, 0);
    msg = fixture_said(&fixture, A, MSG_LEASE);
    assert_int_equal(msg->lease.count, 2);
    first = msg->lease.lease;
    fixture_credit(&fixture, A, 2, 0); /* said before the lease arrived: nothing more */
    assert_int_equal(fixture_count(&fixture, A, MSG_LEASE), 0);
    fixture_credit(&fixture, A, 3, 0); /* room for one more than under way */
    msg = fixture_said(&fixture, A, MSG_LEASE);
    assert_int_equal(msg->lease.count, 1);
    assert_int_equal(msg->lease.first, 2);
    assert_true(msg->lease.lease > first);
    assert_int_equal(msg->lease.task.samples, 6);
}

static void a_lease_that_ended_on_its_way_still_takes_credit(void **state)
{
    uint64_t lease;

    (void)state;
    all_here(NULL, 0);
    fixture_open_task(&fixture, 0, 4, 0);
    fixture_credit(&fixture, A, 2, 0);
    lease = fixture_said(&fixture, A, MSG_LEASE)->lease.lease;
    fixture_pass(&fixture, 30000); /* it runs out before the actor has read it */
    assert_int_equal(fixture_count(&fixture, A, MSG_REVOKE), 1);
    fixture_credit(&fixture, A, 2, 0);
    assert_int_equal(fixture_count(&fixture, A, MSG_LEASE), 0);
    fixture_credit(&fixture, A, 2, lease); /* and it is on probation */
    assert_int_equal(fixture_said(&fixture, A, MSG_LEASE)->lease.count, 1);
    assert_int_equal(fixture_count(&fixture, A, MSG_LEASE), 0);
}

static void work_is_shared_between_actors(void **state)
{
    uint32_t count;

    (void)state;
    all_here(NULL, 0);
    fixture_credit(&fixture, A, 8, 0);
    fixture_credit(&fixture, B, 8, 0);
    fixture_open_task(&fixture, 0, 8, 0);
    count = fixture_said(&fixture, A, MSG_LEASE)->lease.count;
    assert_int_equal(count, 4);
    assert_int_equal(fixture_said(&fixture, B, MSG_LEASE)->lease.count, 4);
}

static void only_who_has_the_weights_gets_a_lease(void **state)
{
    struct msg publish = {.head.type = MSG_PUBLISH,
                          .publish = {.version = fixture_version(1), .kind = ARTIFACT_IMAGE}};

    (void)state;
    all_here(NULL, 0);
    fixture_credit(&fixture, A, 8, 0);
    fixture_open_task(&fixture, 0, 1, 1);
    fixture_open_task(&fixture, 1, 1, 0);
    assert_int_equal(fixture_said(&fixture, A, MSG_LEASE)->lease.task.id, 1);
    assert_int_equal(fixture_count(&fixture, A, MSG_LEASE), 0);
    assert_ok(fixture_say(&fixture, L, &publish));
    assert_int_equal(fixture_count(&fixture, A, MSG_PUBLISH), 1);
    assert_int_equal(fixture_count(&fixture, A, MSG_LEASE), 0);
    fixture_credit_with(&fixture, A, 8, 1001, 1);
    assert_int_equal(fixture_said(&fixture, A, MSG_LEASE)->lease.task.id, 0);
}

/* B has room and nothing else: it is told what to fetch, people hear who is waited for. */
static void nobody_has_the_weights_and_that_is_said(void **state)
{
    struct msg hb = {.head.type = MSG_HB, .hb = {.credit = 9, .note = "", .metrics = ""}};
    const struct msg *msg;

    (void)state;
    all_here(NULL, 0);
    assert_ok(fixture_say(&fixture, B, &hb));
    fixture_open_task(&fixture, 0, 2, 0);
    fixture_actor(&fixture, B, NULL, 0); /* who comes is told at once */
    assert_int_equal(fixture_said(&fixture, B, MSG_WELCOME)->welcome.n_wanted, 1);
    assert_ok(fixture_say(&fixture, B, &hb));
    fixture_pass(&fixture, 1000);
    msg = fixture_said(&fixture, B, MSG_HB);
    assert_int_equal(msg->hb.n_wanted, 1);
    assert_int_equal(msg->hb.wanted[0].number, 0);
    assert_int_equal(fixture_count(&fixture, B, MSG_LEASE), 0);
    assert_string_equal(fixture_stats(&fixture)->wait[0].name,
                        "weights on their way to 2 actors: fixture-1, fixture-2");
    fixture_credit(&fixture, A, 1, 0);
    assert_int_equal(fixture_count(&fixture, A, MSG_LEASE), 1);
    fixture_pass(&fixture, 1000);
    assert_int_equal(fixture_count(&fixture, B, MSG_LEASE), 0);
    for (uint32_t i = 0; i < fixture_stats(&fixture)->n_wait; i++)
        assert_null(strstr(fixture_stats(&fixture)->wait[i].name, "weights on their way"));
}

static void progress_lets_a_lease_live(void **state)
{
    uint64_t lease;

    (void)state;
    all_here(NULL, 0);
    fixture_open_task(&fixture, 0, 1, 0);
    fixture_credit(&fixture, A, 1, 0);
    lease = fixture_said(&fixture, A, MSG_LEASE)->lease.lease;
    for (uint64_t i = 1; i < 8; i++) {
        fixture_pass(&fixture, 20000);
        assert_int_equal(fixture_count(&fixture, A, MSG_REVOKE), 0);
        fixture_forget(&fixture);
        fixture_hb_lease(&fixture, A, i, lease, &lease, 1);
    }
    assert_int_equal(fixture_count(&fixture, A, MSG_REVOKE), 0);
    fixture_pass(&fixture, 29900);
    assert_int_equal(fixture_count(&fixture, A, MSG_REVOKE), 0);
    fixture_hb_lease(&fixture, A, 7, lease, &lease, 1); /* it lives, and stands still */
    fixture_pass(&fixture, 100);
    assert_int_equal(fixture_said(&fixture, A, MSG_REVOKE)->revoke.lease[0], lease);
    fixture_credit(&fixture, B, 1, 0);
    assert_int_equal(fixture_count(&fixture, B, MSG_LEASE), 1);
    assert_int_equal(fixture_stats(&fixture)->expired, 1);
    assert_ok(fixture_rollout(&fixture, A, 0, 0, 1, 0)); /* the late one is welcome */
    assert_int_equal(fixture_count(&fixture, L, MSG_SAMPLE), 1);
    assert_int_equal(fixture_count(&fixture, B, MSG_REVOKE), 1);
}

/* A broker that was stopped heard nobody: that is its own fault. */
static void a_broker_that_slept_takes_nothing_back(void **state)
{
    (void)state;
    all_here(NULL, 0);
    fixture_open_task(&fixture, 0, 4, 0);
    fixture_credit(&fixture, A, 4, 0);
    assert_int_equal(fixture_said(&fixture, A, MSG_LEASE)->lease.count, 4);
    fixture.now_ms += 31000;
    fixture_pass(&fixture, 100);
    assert_int_equal(fixture_count(&fixture, A, MSG_REVOKE), 0);
    assert_int_equal(fixture_stats(&fixture)->expired, 0);
    assert_string_equal(fixture.member[A]->error, "");
    fixture_pass(&fixture, 29000);
    assert_int_equal(fixture_stats(&fixture)->expired, 0);
    fixture_pass(&fixture, 2000); /* from then on it counts */
    assert_int_equal(fixture_count(&fixture, A, MSG_REVOKE), 1);
    assert_int_equal(fixture_stats(&fixture)->expired, 4);
}

static void a_lease_that_is_not_held_is_given_to_another(void **state)
{
    uint64_t lease;

    (void)state;
    all_here(NULL, 0);
    fixture_open_task(&fixture, 0, 1, 0);
    fixture_credit(&fixture, A, 1, 0);
    lease = fixture_said(&fixture, A, MSG_LEASE)->lease.lease;
    fixture_credit(&fixture, B, 1, 0);
    fixture_hb_lease(&fixture, A, 0, lease - 1, NULL, 0); /* not arrived yet */
    assert_int_equal(fixture_count(&fixture, B, MSG_LEASE), 0);
    fixture_hb_lease(&fixture, A, 0, lease, NULL, 0); /* arrived, and not held */
    assert_int_equal(fixture_count(&fixture, B, MSG_LEASE), 1);
}

static void work_that_hello_does_not_name_is_free_again(void **state)
{
    const struct claim claim = {.task = 0, .sample = 1, .state = CLAIM_RUNNING};

    (void)state;
    all_here(NULL, 0);
    fixture_open_task(&fixture, 0, 2, 0);
    fixture_credit(&fixture, A, 2, 0);
    fixture_actor(&fixture, A, &claim, 1);
    fixture_credit(&fixture, B, 4, 0);
    assert_int_equal(fixture_said(&fixture, B, MSG_LEASE)->lease.first, 0);
    assert_int_equal(fixture_count(&fixture, B, MSG_LEASE), 0);
}

static void a_dead_actors_work_is_given_to_another(void **state)
{
    (void)state;
    all_here(NULL, 0);
    fixture_open_task(&fixture, 0, 1, 0);
    fixture_credit(&fixture, A, 1, 0);
    fixture_credit(&fixture, B, 1, 0);
    fixture_gone(&fixture, A, true);
    assert_int_equal(fixture_count(&fixture, B, MSG_LEASE),
                     0); /* it worked on nothing else: rests */
    fixture_pass(&fixture, 300);
    assert_int_equal(fixture_count(&fixture, B, MSG_LEASE), 1);
    assert_ok(fixture_rollout(&fixture, B, 0, 0, 1, 0));
    assert_int_equal(fixture_said(&fixture, L, MSG_SAMPLE)->sample.attempts, 1);
}

static void one_refusal_frees_what_went_with_it(void **state)
{
    struct msg fail = {.head.type = MSG_FAIL, .fail = {.sample = 1, .reason = "no"}};
    const struct msg *msg;

    (void)state;
    all_here(NULL, 0);
    fixture_open_task(&fixture, 0, 3, 0);
    fixture_credit(&fixture, A, 3, 0);
    assert_ok(fixture_rollout(&fixture, A, 0, 0, 1, 0));
    assert_ok(fixture_say(&fixture, A, &fail));
    fixture_credit(&fixture, B, 3, 0);
    msg = fixture_said(&fixture, B, MSG_LEASE);
    assert_int_equal(msg->lease.first, 2); /* at once; sample 1 rests */
    assert_int_equal(msg->lease.count, 1);
    assert_int_equal(fixture_count(&fixture, B, MSG_LEASE), 0);
}

static void the_first_answer_stays(void **state)
{
    const struct msg *msg;
    struct hash first;

    (void)state;
    all_here(&fixture_rule, 1);
    fixture_open_task(&fixture, 0, 1, 0);
    assert_ok(fixture_rollout(&fixture, A, 0, 0, 1, 0));
    assert_ok(fixture_rollout(&fixture, B, 0, 0, 2, 0));
    assert_int_equal(fixture_stats(&fixture)->disputed, 1);
    assert_ok(fixture_rollout(&fixture, B, 0, 0, 1, 0));
    assert_int_equal(fixture_stats(&fixture)->duplicates, 1);
    first = fixture_hash(0, 0, 1);
    msg = fixture_said(&fixture, R, MSG_ASK);
    assert_true(hash_same(&msg->ask.item[0].hash, &first));
    assert_int_equal(fixture_count(&fixture, R, MSG_ASK), 0);
}

/* A peer may say any id in its HELLO: the one of zeros holds no lease by that. */
static void an_id_of_zeros_was_asked_for_nothing(void **state)
{
    struct msg msg = fixture_hello(X, ROLE_ACTOR);

    (void)state;
    all_here(NULL, 0);
    fixture_open_task(&fixture, 0, 1, 0);
    fixture_credit(&fixture, A, 1, 0);
    assert_int_equal(fixture_stats(&fixture)->leased, 1);
    msg.hello.peer = (struct id){{0}};
    fixture_say_hello(&fixture, X, &msg);
    assert_ok(fixture_rollout(&fixture, X, 0, 0, 1, 0));
    assert_int_equal(fixture_stats(&fixture)->leased, 1);
    assert_int_equal(fixture_count(&fixture, A, MSG_REVOKE), 0);
    assert_int_equal(fixture_count(&fixture, L, MSG_SAMPLE), 0);
    assert_ok(fixture_rollout(&fixture, A, 0, 0, 1, 0));
    assert_int_equal(fixture_count(&fixture, L, MSG_SAMPLE), 1);
}

static void an_answer_under_another_version_is_refused(void **state)
{
    (void)state;
    all_here(NULL, 0);
    fixture_open_task(&fixture, 0, 1, 0);
    assert_err(ERR_RANGE, fixture_rollout(&fixture, A, 0, 0, 1, 3));
    assert_err(ERR_RANGE, fixture_rollout(&fixture, A, 0, 1, 1, 0)); /* it has one sample */
    assert_int_equal(fixture_stats(&fixture)->waiting, 1);
}

/* all_here, at a broker that has space for so many answers: as many bytes as it takes when one is
 * leased, told by a broker before. */
static void all_here_with_space(const struct scorer *scorer, uint32_t n, size_t answers)
{
    size_t one;

    all_here(scorer, n);
    fixture_open_task(&fixture, 0, 1, 0);
    one = broker_bytes(fixture.broker);
    fixture_credit(&fixture, A, 1, 0);
    one = broker_bytes(fixture.broker) - one;
    fixture_close(&fixture);
    fixture_open(&fixture);
    fixture.limits.body_bytes = answers * one;
    fixture_restart(&fixture, 1000);
    all_here(scorer, n);
}

static void space_is_reserved_when_work_is_leased(void **state)
{
    (void)state;
    all_here_with_space(NULL, 0, 2);
    for (uint64_t id = 0; id < 4; id++)
        fixture_open_task(&fixture, id, 1, 0);
    fixture_credit(&fixture, A, 8, 0);
    assert_int_equal(fixture_count(&fixture, A, MSG_LEASE), 2);
    assert_int_equal(fixture_stats(&fixture)->n_wait, 1);
    assert_string_equal(fixture_stats(&fixture)->wait[0].name, "no space for more answers");
    assert_ok(fixture_rollout(&fixture, A, 0, 0, 1, 0)); /* a leased one is never refused */
    assert_ok(fixture_rollout(&fixture, A, 2, 0, 1, 0)); /* another has to wait, as a claim */
    assert_int_equal(fixture_stats(&fixture)->unsettled, 1);
    fixture_learner_hb(&fixture, 1 << 20, 1, 1, NULL, 0);
    fixture_pass(&fixture, 100);
    assert_int_equal(fixture_said(&fixture, A, MSG_WANT)->want.claim[0].task, 2);
}

static void a_group_has_space_as_a_whole_and_in_turn(void **state)
{
    (void)state;
    all_here_with_space(&fixture_group, 1, 4);
    fixture_open_task(&fixture, 0, 3, 0);
    fixture_open_task(&fixture, 1, 3, 0);
    fixture_open_task(&fixture, 2, 1, 0);
    fixture_credit(&fixture, A, 8, 0);
    assert_int_equal(fixture_stats(&fixture)->leased, 3);  /* half a group would stop all */
    assert_int_equal(fixture_stats(&fixture)->waiting, 4); /* nor does task 2 go first */
    fixture_learner_hb(&fixture, 1 << 20, 0, 1, NULL, 0);
    fixture_pass(&fixture, 100);
    assert_int_equal(fixture_stats(&fixture)->leased, 4);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(adopted_leases_go_out_in_order_of_number),
        T(credit_is_absolute),
        T(a_lease_that_ended_on_its_way_still_takes_credit),
        T(work_is_shared_between_actors),
        T(only_who_has_the_weights_gets_a_lease),
        T(nobody_has_the_weights_and_that_is_said),
        T(progress_lets_a_lease_live),
        T(a_broker_that_slept_takes_nothing_back),
        T(a_lease_that_is_not_held_is_given_to_another),
        T(work_that_hello_does_not_name_is_free_again),
        T(a_dead_actors_work_is_given_to_another),
        T(one_refusal_frees_what_went_with_it),
        T(the_first_answer_stays),
        T(an_id_of_zeros_was_asked_for_nothing),
        T(an_answer_under_another_version_is_refused),
        T(space_is_reserved_when_work_is_leased),
        T(a_group_has_space_as_a_whole_and_in_turn),
    };

    return cmocka_run_group_tests_name("leases", tests, NULL, NULL);
}
