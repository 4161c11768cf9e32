/* Who gets which samples, for how long, and what comes back. */

#include "tests/broker/desk_setup.h"

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
    desk_learner(&desk, 1, NULL, 0);
    desk_open_task(&desk, 0, 3, 0);
    desk_actor(&desk, A, claim, 3);
    for (int i = 0; i < 3; i++) {
        const uint64_t number = desk_said(&desk, A, MSG_LEASE)->lease.lease;

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
    desk_open_task(&desk, 0, 6, 0);
    desk_credit(&desk, A, 2, 0);
    msg = desk_said(&desk, A, MSG_LEASE);
    assert_int_equal(msg->lease.count, 2);
    first = msg->lease.lease;
    desk_credit(&desk, A, 2, 0); /* said before the lease arrived: nothing more */
    assert_int_equal(desk_count(&desk, A, MSG_LEASE), 0);
    desk_credit(&desk, A, 3, 0); /* room for one more than under way */
    msg = desk_said(&desk, A, MSG_LEASE);
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
    desk_open_task(&desk, 0, 4, 0);
    desk_credit(&desk, A, 2, 0);
    lease = desk_said(&desk, A, MSG_LEASE)->lease.lease;
    desk_pass(&desk, 30000); /* it runs out before the actor has read it */
    assert_int_equal(desk_count(&desk, A, MSG_REVOKE), 1);
    desk_credit(&desk, A, 2, 0);
    assert_int_equal(desk_count(&desk, A, MSG_LEASE), 0);
    desk_credit(&desk, A, 2, lease);
    assert_int_equal(desk_said(&desk, A, MSG_LEASE)->lease.count, 2);
}

static void work_is_shared_between_actors(void **state)
{
    uint32_t count;

    (void)state;
    all_here(NULL, 0);
    desk_credit(&desk, A, 8, 0);
    desk_credit(&desk, B, 8, 0);
    desk_open_task(&desk, 0, 8, 0);
    count = desk_said(&desk, A, MSG_LEASE)->lease.count;
    assert_int_equal(count, 4);
    assert_int_equal(desk_said(&desk, B, MSG_LEASE)->lease.count, 4);
}

static void only_images_that_can_be_had_are_leased(void **state)
{
    struct msg publish = {.head.type = MSG_PUBLISH,
                          .publish = {.version = desk_version(1), .kind = ARTIFACT_IMAGE}};

    (void)state;
    all_here(NULL, 0);
    desk_credit(&desk, A, 8, 0);
    desk_open_task(&desk, 0, 1, 1);
    desk_open_task(&desk, 1, 1, 0);
    assert_int_equal(desk_said(&desk, A, MSG_LEASE)->lease.task.id, 1);
    assert_int_equal(desk_count(&desk, A, MSG_LEASE), 0);
    assert_ok(desk_say(&desk, L, &publish));
    assert_int_equal(desk_said(&desk, A, MSG_LEASE)->lease.task.id, 0);
    assert_int_equal(desk_count(&desk, A, MSG_PUBLISH), 1);
}

static void who_holds_the_image_comes_first(void **state)
{
    struct msg hb = {.head.type = MSG_HB, .hb = {.credit = 9, .note = "", .metrics = ""}};

    (void)state;
    all_here(NULL, 0);
    assert_ok(desk_say(&desk, B, &hb)); /* more room, but no image */
    desk_credit(&desk, A, 1, 0);        /* holds version 0 */
    desk_open_task(&desk, 0, 1, 0);
    assert_int_equal(desk_count(&desk, A, MSG_LEASE), 1);
    assert_int_equal(desk_count(&desk, B, MSG_LEASE), 0);
}

static void progress_lets_a_lease_live(void **state)
{
    uint64_t lease;

    (void)state;
    all_here(NULL, 0);
    desk_open_task(&desk, 0, 1, 0);
    desk_credit(&desk, A, 1, 0);
    lease = desk_said(&desk, A, MSG_LEASE)->lease.lease;
    for (uint64_t i = 1; i < 8; i++) {
        desk_pass(&desk, 20000);
        assert_int_equal(desk_count(&desk, A, MSG_REVOKE), 0);
        desk_forget(&desk);
        desk_hb_lease(&desk, A, i, lease, &lease, 1);
    }
    assert_int_equal(desk_count(&desk, A, MSG_REVOKE), 0);
    desk_pass(&desk, 29900);
    assert_int_equal(desk_count(&desk, A, MSG_REVOKE), 0);
    desk_hb_lease(&desk, A, 7, lease, &lease, 1); /* it lives, and stands still */
    desk_pass(&desk, 100);
    assert_int_equal(desk_said(&desk, A, MSG_REVOKE)->revoke.lease[0], lease);
    desk_credit(&desk, B, 1, 0);
    assert_int_equal(desk_count(&desk, B, MSG_LEASE), 1);
    assert_int_equal(desk_stats(&desk)->expired, 1);
    assert_ok(desk_rollout(&desk, A, 0, 0, 1, 0)); /* the late one is welcome */
    assert_int_equal(desk_count(&desk, L, MSG_SAMPLE), 1);
    assert_int_equal(desk_count(&desk, B, MSG_REVOKE), 1);
}

static void a_lease_that_is_not_held_is_given_to_another(void **state)
{
    uint64_t lease;

    (void)state;
    all_here(NULL, 0);
    desk_open_task(&desk, 0, 1, 0);
    desk_credit(&desk, A, 1, 0);
    lease = desk_said(&desk, A, MSG_LEASE)->lease.lease;
    desk_credit(&desk, B, 1, 0);
    desk_hb_lease(&desk, A, 0, lease - 1, NULL, 0); /* not arrived yet */
    assert_int_equal(desk_count(&desk, B, MSG_LEASE), 0);
    desk_hb_lease(&desk, A, 0, lease, NULL, 0); /* arrived, and not held */
    assert_int_equal(desk_count(&desk, B, MSG_LEASE), 1);
}

static void work_that_hello_does_not_name_is_free_again(void **state)
{
    const struct claim claim = {.task = 0, .sample = 1, .state = CLAIM_RUNNING};

    (void)state;
    all_here(NULL, 0);
    desk_open_task(&desk, 0, 2, 0);
    desk_credit(&desk, A, 2, 0);
    desk_actor(&desk, A, &claim, 1);
    desk_credit(&desk, B, 4, 0);
    assert_int_equal(desk_said(&desk, B, MSG_LEASE)->lease.first, 0);
    assert_int_equal(desk_count(&desk, B, MSG_LEASE), 0);
}

static void a_dead_actors_work_is_given_to_another(void **state)
{
    (void)state;
    all_here(NULL, 0);
    desk_open_task(&desk, 0, 1, 0);
    desk_credit(&desk, A, 1, 0);
    desk_credit(&desk, B, 1, 0);
    desk_gone(&desk, A, true);
    assert_int_equal(desk_count(&desk, B, MSG_LEASE), 0); /* it worked on nothing else: rests */
    desk_pass(&desk, 300);
    assert_int_equal(desk_count(&desk, B, MSG_LEASE), 1);
    assert_ok(desk_rollout(&desk, B, 0, 0, 1, 0));
    assert_int_equal(desk_said(&desk, L, MSG_SAMPLE)->sample.attempts, 1);
}

static void one_refusal_frees_what_went_with_it(void **state)
{
    struct msg fail = {.head.type = MSG_FAIL, .fail = {.sample = 1, .reason = "no"}};
    const struct msg *msg;

    (void)state;
    all_here(NULL, 0);
    desk_open_task(&desk, 0, 3, 0);
    desk_credit(&desk, A, 3, 0);
    assert_ok(desk_rollout(&desk, A, 0, 0, 1, 0));
    assert_ok(desk_say(&desk, A, &fail));
    desk_credit(&desk, B, 3, 0);
    msg = desk_said(&desk, B, MSG_LEASE);
    assert_int_equal(msg->lease.first, 2); /* at once; sample 1 rests */
    assert_int_equal(msg->lease.count, 1);
    assert_int_equal(desk_count(&desk, B, MSG_LEASE), 0);
}

static void the_first_answer_stays(void **state)
{
    const struct msg *msg;
    struct hash first;

    (void)state;
    all_here(&desk_rule, 1);
    desk_open_task(&desk, 0, 1, 0);
    assert_ok(desk_rollout(&desk, A, 0, 0, 1, 0));
    assert_ok(desk_rollout(&desk, B, 0, 0, 2, 0));
    assert_int_equal(desk_stats(&desk)->disputed, 1);
    assert_ok(desk_rollout(&desk, B, 0, 0, 1, 0));
    assert_int_equal(desk_stats(&desk)->duplicates, 1);
    first = desk_hash(0, 0, 1);
    msg = desk_said(&desk, R, MSG_ASK);
    assert_true(hash_same(&msg->ask.item[0].hash, &first));
    assert_int_equal(desk_count(&desk, R, MSG_ASK), 0);
}

static void an_answer_under_another_version_is_refused(void **state)
{
    (void)state;
    all_here(NULL, 0);
    desk_open_task(&desk, 0, 1, 0);
    assert_err(ERR_RANGE, desk_rollout(&desk, A, 0, 0, 1, 3));
    assert_err(ERR_RANGE, desk_rollout(&desk, A, 0, 1, 1, 0)); /* it has one sample */
    assert_int_equal(desk_stats(&desk)->waiting, 1);
}

static void space_is_reserved_when_work_is_leased(void **state)
{
    size_t one;

    (void)state;
    all_here(NULL, 0);
    desk_open_task(&desk, 0, 1, 0);
    one = broker_bytes(desk.broker);
    desk_credit(&desk, A, 1, 0);
    one = broker_bytes(desk.broker) - one;
    desk_close(&desk);
    desk_open(&desk);
    desk.limits.body_bytes = 2 * one;
    desk_restart(&desk, 1000);
    all_here(NULL, 0);
    for (uint64_t id = 0; id < 4; id++)
        desk_open_task(&desk, id, 1, 0);
    desk_credit(&desk, A, 8, 0);
    assert_int_equal(desk_count(&desk, A, MSG_LEASE), 2);
    assert_int_equal(desk_stats(&desk)->n_wait, 1);
    assert_string_equal(desk_stats(&desk)->wait[0].name, "no space for more answers");
    assert_ok(desk_rollout(&desk, A, 0, 0, 1, 0)); /* a leased one is never refused */
    assert_ok(desk_rollout(&desk, A, 2, 0, 1, 0)); /* another has to wait, as a claim */
    assert_int_equal(desk_stats(&desk)->unsettled, 1);
    desk_learner_hb(&desk, 1 << 20, 1, 1, NULL, 0);
    desk_pass(&desk, 100);
    assert_int_equal(desk_said(&desk, A, MSG_WANT)->want.claim[0].task, 2);
}

static void a_group_has_space_as_a_whole_and_in_turn(void **state)
{
    size_t one;

    (void)state;
    all_here(&desk_group, 1);
    desk_open_task(&desk, 0, 1, 0);
    one = broker_bytes(desk.broker);
    desk_credit(&desk, A, 1, 0);
    one = broker_bytes(desk.broker) - one;
    desk_close(&desk);
    desk_open(&desk);
    desk.limits.body_bytes = 4 * one;
    desk_restart(&desk, 1000);
    all_here(&desk_group, 1);
    desk_open_task(&desk, 0, 3, 0);
    desk_open_task(&desk, 1, 3, 0);
    desk_open_task(&desk, 2, 1, 0);
    desk_credit(&desk, A, 8, 0);
    assert_int_equal(desk_stats(&desk)->leased, 3);  /* half a group would stop all */
    assert_int_equal(desk_stats(&desk)->waiting, 4); /* nor does task 2 go first */
    desk_learner_hb(&desk, 1 << 20, 0, 1, NULL, 0);
    desk_pass(&desk, 100);
    assert_int_equal(desk_stats(&desk)->leased, 4);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(adopted_leases_go_out_in_order_of_number),
        T(credit_is_absolute),
        T(a_lease_that_ended_on_its_way_still_takes_credit),
        T(work_is_shared_between_actors),
        T(only_images_that_can_be_had_are_leased),
        T(who_holds_the_image_comes_first),
        T(progress_lets_a_lease_live),
        T(a_lease_that_is_not_held_is_given_to_another),
        T(work_that_hello_does_not_name_is_free_again),
        T(a_dead_actors_work_is_given_to_another),
        T(one_refusal_frees_what_went_with_it),
        T(the_first_answer_stays),
        T(an_answer_under_another_version_is_refused),
        T(space_is_reserved_when_work_is_leased),
        T(a_group_has_space_as_a_whole_and_in_turn),
    };

    return cmocka_run_group_tests_name("leases", tests, NULL, NULL);
}
