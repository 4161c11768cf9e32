/* Work that others do sooner: what has not begun, copies of what is slow, and who is on probation. */

#include "tests/broker/fixture_setup.h"

#include <string.h>

/* What an actor says: the leases that it holds, how many samples of each have not begun. */
static void beat(uint32_t who, uint32_t credit, uint64_t seen, const uint64_t *lease,
                 const uint32_t *unbegun, uint32_t n)
{
    static uint64_t progress;
    const struct version image = fixture_version(0);
    struct msg hb = {.head.type = MSG_HB,
                     .hb = {.progress = ++progress,
                            .credit = credit,
                            .lease_seen = seen,
                            .lease = lease,
                            .n_lease = n,
                            .unbegun = unbegun,
                            .n_unbegun = n,
                            .image = &image,
                            .n_image = 1,
                            .note = "",
                            .wants_own = "",
                            .metrics = ""}};

    assert_ok(fixture_say(&fixture, who, &hb));
}

/* Both brought eight answers of `a_ms` and `b_ms`: so what each does is known. They hold nothing, and
 * have said so; tasks 0 and 1 are done. */
static void both_known(int64_t a_ms, int64_t b_ms)
{
    uint64_t lease[2];

    all_here(NULL, 0);
    for (uint32_t k = 0; k < 2; k++) {
        beat(A + k, 8, 0, NULL, NULL, 0);
        fixture_open_task(&fixture, k, 8, 0);
        lease[k] = fixture_said(&fixture, A + k, MSG_LEASE)->lease.lease;
        fixture_pass(&fixture, k ? b_ms : a_ms);
        for (uint32_t i = 0; i < 8; i++)
            assert_ok(fixture_rollout(&fixture, A + k, k, i, 1, 0));
        beat(A + k, 0, lease[k], NULL, NULL, 0);
    }
    for (int i = 0; i < 30; i++) { /* both stand idle: what is usual follows from both */
        beat(A, 8, lease[0], NULL, NULL, 0);
        beat(B, 8, lease[1], NULL, NULL, 0);
        fixture_pass(&fixture, 100);
    }
    beat(A, 0, lease[0], NULL, NULL, 0);
    beat(B, 0, lease[1], NULL, NULL, 0);
    fixture_forget(&fixture);
}

/* A has 8 samples of task 2, in one lease, of which so many have not begun. */
static uint64_t a_has_eight(uint32_t unbegun)
{
    uint64_t lease;

    beat(A, 8, 2000, NULL, NULL, 0);
    fixture_open_task(&fixture, 2, 8, 0);
    fixture_pass(&fixture, 100);
    lease = fixture_said(&fixture, A, MSG_LEASE)->lease.lease;
    fixture_pass(&fixture, 200);
    beat(A, 0, lease, &lease, &unbegun, 1);
    return lease;
}

static void what_has_not_begun_goes_to_who_is_idle(void **state)
{
    const struct msg *msg;
    uint64_t lease;

    (void)state;
    both_known(1000, 1000);
    lease = a_has_eight(3);
    beat(B, 8, 2000, NULL, NULL, 0);
    fixture_pass(&fixture, 100);
    msg = fixture_said(&fixture, B, MSG_LEASE);
    assert_int_equal(msg->lease.first, 5);
    assert_int_equal(msg->lease.count, 3);
    assert_int_equal(fixture_count(&fixture, B, MSG_LEASE), 0); /* what has begun stays */
    msg = fixture_said(&fixture, A, MSG_REVOKE);
    assert_int_equal(msg->revoke.lease[0], lease);
    assert_int_equal(msg->revoke.from[0], 5);
    assert_false(msg->revoke.over);
    assert_int_equal(fixture_stats(&fixture)->leased, 8);
    for (uint32_t i = 0; i < 8; i++)
        assert_ok(fixture_rollout(&fixture, i < 5 ? A : B, 2, i, 1, 0));
    assert_int_equal(fixture_stats(&fixture)->leased, 0);
    assert_int_equal(fixture_stats(&fixture)->duplicates, 0);
}

/* What waits is of weights that nobody has yet: beside it others' work is done all the same. */
static void what_waits_for_weights_holds_up_nobody(void **state)
{
    const struct msg *msg;

    (void)state;
    both_known(1000, 1000);
    a_has_eight(3);
    fixture_open_task(&fixture, 3, 1, 1);
    beat(B, 8, 2000, NULL, NULL, 0);
    fixture_pass(&fixture, 100);
    assert_int_equal(fixture_stats(&fixture)->waiting, 1);
    msg = fixture_said(&fixture, B, MSG_LEASE);
    assert_non_null(msg);
    assert_int_equal(msg->lease.task.id, 2);
    assert_int_equal(msg->lease.first, 5);
    assert_int_equal(fixture_count(&fixture, A, MSG_REVOKE), 1);
}

/* Those it was slower than are gone: it is the measure now, and what waits is its own. */
static void who_is_left_is_slow_beside_nobody(void **state)
{
    enum { NEW = B + 1 };
    uint64_t lease;

    (void)state;
    both_known(1000, 1000);
    fixture_gone(&fixture, A, false);
    fixture_gone(&fixture, B, false);
    fixture_actor(&fixture, NEW, NULL, 0);
    beat(NEW, 4, 0, NULL, NULL, 0);
    fixture_open_task(&fixture, 2, 5, 0);
    fixture_pass(&fixture, 100);
    lease = fixture_said(&fixture, NEW, MSG_LEASE)->lease.lease;
    for (int i = 0; i < 100; i++) { /* a usual one would have had its four in half a second */
        const uint64_t held[] = {lease};

        beat(NEW, 0, lease, held, (const uint32_t[]){0}, 1);
        fixture_pass(&fixture, 100);
    }
    for (uint32_t i = 0; i < 4; i++)
        assert_ok(fixture_rollout(&fixture, NEW, 2, i, 1, 0));
    fixture_forget(&fixture);
    beat(NEW, 4, lease, NULL, NULL, 0);
    fixture_pass(&fixture, 1000);
    assert_int_equal(fixture_count(&fixture, NEW, MSG_LEASE), 1);
    assert_int_equal(fixture_said(&fixture, NEW, MSG_LEASE)->lease.first, 4);
}

static void only_free_slots_are_filled(void **state)
{
    struct msg hello = fixture_hello(B, ROLE_ACTOR);

    (void)state;
    both_known(1000, 1000);
    fixture_gone(&fixture, B, false);
    hello.hello.slots = 2;
    fixture_say_hello(&fixture, B, &hello);
    a_has_eight(6);
    beat(B, 8, 0, NULL, NULL, 0); /* room for what waits, slots for two */
    fixture_pass(&fixture, 500);
    assert_int_equal(fixture_said(&fixture, B, MSG_LEASE)->lease.count, 2);
    assert_int_equal(fixture_count(&fixture, B, MSG_LEASE), 0);
}

/* A takes twenty times as long: its work is done by B as well, and the first answer counts. */
static void what_is_slow_is_done_by_another_as_well(void **state)
{
    (void)state;
    both_known(20000, 1000);
    fixture_gone(&fixture, B, false);
    a_has_eight(0); /* nobody else is here */
    fixture_actor(&fixture, B, NULL, 0);
    beat(B, 8, 0, NULL, NULL, 0);
    fixture_pass(&fixture, 100);
    assert_int_equal(fixture_count(&fixture, B, MSG_LEASE), 8);
    assert_int_equal(fixture_count(&fixture, A, MSG_REVOKE), 0);
    fixture_forget(&fixture);
    assert_ok(fixture_rollout(&fixture, A, 2, 0, 1, 0));
    assert_int_equal(fixture_stats(&fixture)->unsettled, 17);
    assert_true(fixture_said(&fixture, B, MSG_REVOKE)->revoke.over); /* it stops at once */
    assert_ok(fixture_rollout(&fixture, B, 2, 1, 1, 0));
    assert_ok(fixture_rollout(&fixture, A, 2, 1, 1, 0));
    assert_int_equal(fixture_stats(&fixture)->duplicates, 1);
}

static void who_is_slow_gets_what_nobody_waits_for(void **state)
{
    const struct msg *msg;

    (void)state;
    both_known(20000, 1000);
    beat(A, 8, 2000, NULL, NULL, 0);
    beat(B, 2, 2000, NULL, NULL, 0);
    for (uint64_t id = 2; id < 42; id++)
        fixture_open_task(&fixture, id, 8, 0);
    msg = fixture_said(&fixture, B, MSG_LEASE);
    assert_int_equal(msg->lease.task.id, 2);
    fixture_pass(&fixture, 100);
    msg = fixture_said(&fixture, A, MSG_LEASE);
    assert_non_null(msg);
    assert_in_range(msg->lease.task.id, 5,
                    40); /* B comes to that later than A is done with it */
}

static void who_is_slow_gets_nothing_that_others_do_sooner(void **state)
{
    (void)state;
    both_known(20000, 1000);
    beat(A, 8, 2000, NULL, NULL, 0);
    beat(B, 2, 2000, NULL, NULL, 0);
    fixture_open_task(&fixture, 2, 4, 0);
    fixture_pass(&fixture, 1000);
    assert_int_equal(fixture_count(&fixture, A, MSG_LEASE), 0);
    assert_int_equal(fixture_stats(&fixture)->waiting, 2);
    fixture_gone(&fixture, B, false); /* nobody else is left */
    fixture_pass(&fixture, 1000);
    assert_int_equal(fixture_stats(&fixture)->waiting, 0);
}

static void shares_follow_from_what_each_does(void **state)
{
    uint32_t count;

    (void)state;
    both_known(1000, 1400); /* not so different that B is slow */
    beat(A, 64, 2000, NULL, NULL, 0);
    beat(B, 64, 2000, NULL, NULL, 0);
    fixture_open_task(&fixture, 2, 48, 0);
    count = fixture_said(&fixture, A, MSG_LEASE)->lease.count;
    assert_in_range(count, 25, 30);
    assert_int_equal(fixture_said(&fixture, B, MSG_LEASE)->lease.count, 48 - count);
}

static void who_is_not_heard_loses_all_to_the_idle(void **state)
{
    (void)state;
    both_known(4000, 4000); /* else it would be slow before */
    a_has_eight(0);
    beat(B, 8, 2000, NULL, NULL, 0);
    for (int i = 0; i < 4; i++) {
        fixture_pass(&fixture, 600);
        beat(B, 8, 2000, NULL, NULL, 0);
        assert_int_equal(fixture_count(&fixture, B, MSG_LEASE), 0);
    }
    fixture_pass(&fixture, 300);
    assert_int_equal(fixture_count(&fixture, B, MSG_LEASE), 8);
    assert_ok(fixture_rollout(&fixture, A, 2, 0, 1, 0)); /* it was only stopped */
    assert_int_equal(fixture_stats(&fixture)->unsettled, 17);
}

/* Only `who` is heard, with room, until the other is taken for silent. */
static void falls_silent_beside(uint32_t who, uint32_t credit, uint64_t lease)
{
    const uint32_t unbegun = 0;

    for (int i = 0; i < 8; i++) {
        fixture_pass(&fixture, 400);
        /* With 1000 it has not heard of its lease yet: it does not deny that it has it. */
        beat(who, credit, lease ? 2000 : 1000, &lease, &unbegun, lease != 0);
    }
    fixture_pass(&fixture, 200);
}

/* Two that are silent by turns: what both have had is not given out for ever. */
static void a_sample_has_two_copies_at_most(void **state)
{
    uint64_t lease;

    (void)state;
    both_known(4000, 4000);
    beat(A, 8, 2000, NULL, NULL, 0);
    fixture_open_task(&fixture, 2, 1, 0);
    assert_non_null(fixture_said(&fixture, A, MSG_LEASE));
    for (uint32_t k = 0; k < 3; k++) {
        const uint32_t who = k % 2 ? A : B;
        const struct msg *msg;

        falls_silent_beside(who, 8, 0);
        msg = fixture_said(&fixture, who, MSG_LEASE);
        if (k == 2) {
            assert_null(msg);
            return;
        }
        assert_non_null(msg);
        lease = msg->lease.lease;
        beat(who, 0, lease, &lease, &(uint32_t){0}, 1);
    }
}

/* B is busy and more waits: what A had comes before that. */
static void what_the_silent_had_is_the_next(void **state)
{
    uint64_t lease;

    (void)state;
    both_known(4000, 4000);
    a_has_eight(0);
    beat(B, 2, 2000, NULL, NULL, 0);
    fixture_open_task(&fixture, 3, 8, 0);
    lease = fixture_said(&fixture, B, MSG_LEASE)->lease.lease;
    assert_int_equal(fixture_stats(&fixture)->leased, 10);
    falls_silent_beside(B, 0, lease);
    assert_int_equal(fixture_stats(&fixture)->leased, 2);
    beat(B, 3, 2000, &lease, &(uint32_t){0}, 1);
    assert_int_equal(fixture_said(&fixture, B, MSG_LEASE)->lease.task.id, 2);
    assert_int_equal(fixture_count(&fixture, A, MSG_REVOKE), 0); /* it may only be late */
}

/* It comes back under another id, with its name: one sample, then two. */
static void probation_outlives_the_connection(void **state)
{
    struct msg hello = fixture_hello(A, ROLE_ACTOR);
    const struct msg_stats *stats;
    uint64_t lease;

    (void)state;
    all_here(NULL, 0);
    fixture_credit(&fixture, A, 2, 0);
    fixture_open_task(&fixture, 0, 8, 0);
    lease = fixture_said(&fixture, A, MSG_LEASE)->lease.lease;
    fixture_pass(&fixture, 30000);
    assert_int_equal(fixture_said(&fixture, A, MSG_REVOKE)->revoke.lease[0], lease);
    fixture_gone(&fixture, A, true);
    hello.hello.peer.byte[5] = 99;
    fixture_say_hello(&fixture, A, &hello);
    stats = fixture_stats(&fixture);
    assert_string_equal(stats->peer[stats->n_peer - 1].error, "on probation, as when it left");
    fixture_credit(&fixture, A, 8, 0);
    assert_int_equal(fixture_said(&fixture, A, MSG_LEASE)->lease.count, 1);
    assert_int_equal(fixture_count(&fixture, A, MSG_LEASE), 0);
    assert_ok(fixture_rollout(&fixture, A, 0, 0, 1, 0));
    fixture_credit(&fixture, A, 8, 5000);
    assert_int_equal(fixture_stats(&fixture)->leased, 2);
}

/* One death may be anything; the second without an answer is its own. */
static void who_dies_again_and_again_is_on_probation(void **state)
{
    (void)state;
    all_here(NULL, 0);
    fixture_gone(&fixture, B, false);
    fixture_open_task(&fixture, 0, 8, 0);
    for (int i = 0; i < 3; i++) {
        fixture_credit(&fixture, A, 4, 0);
        assert_int_equal(fixture_stats(&fixture)->leased, i < 2 ? 4 : 1);
        fixture_gone(&fixture, A, true);
        fixture_actor(&fixture, A, NULL, 0);
        fixture_pass(&fixture, 2000);
    }
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(what_has_not_begun_goes_to_who_is_idle),
        T(what_waits_for_weights_holds_up_nobody),
        T(who_is_left_is_slow_beside_nobody),
        T(only_free_slots_are_filled),
        T(what_is_slow_is_done_by_another_as_well),
        T(who_is_slow_gets_what_nobody_waits_for),
        T(who_is_slow_gets_nothing_that_others_do_sooner),
        T(shares_follow_from_what_each_does),
        T(who_is_not_heard_loses_all_to_the_idle),
        T(a_sample_has_two_copies_at_most),
        T(what_the_silent_had_is_the_next),
        T(probation_outlives_the_connection),
        T(who_dies_again_and_again_is_on_probation),
    };

    return cmocka_run_group_tests_name("reclaim", tests, NULL, NULL);
}
