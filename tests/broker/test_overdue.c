/* Leases whose holder counts up and brings nothing; machines that are slow and honest. */

#include "tests/broker/fixture_setup.h"

#include <string.h>

static uint64_t held[64], seen;
static uint32_t helds;

/* A's leases, as it hears of them. */
static uint32_t hear(uint32_t who)
{
    const struct msg *msg;
    uint32_t samples = 0;

    while ((msg = fixture_said(&fixture, who, MSG_LEASE))) {
        held[helds++ % 64] = msg->lease.lease;
        seen = msg->lease.lease;
        samples += msg->lease.count;
    }
    return samples;
}

static void drop(uint64_t lease)
{
    for (uint32_t i = 0; i < helds; i++)
        if (held[i] == lease)
            held[i] = held[--helds];
}

/* It says that it goes on with all that it holds. */
static void counts_up(uint32_t who, uint32_t credit)
{
    static uint64_t progress;
    const struct version image = fixture_version(0);
    const struct msg *msg;
    struct msg hb = {.head.type = MSG_HB,
                     .hb = {.progress = ++progress,
                            .credit = credit,
                            .lease_seen = seen,
                            .lease = held,
                            .image = &image,
                            .n_image = 1,
                            .note = "",
                            .wants_own = "",
                            .metrics = ""}};

    while ((msg = fixture_said(&fixture, who, MSG_REVOKE)))
        drop(msg->revoke.lease[0]);
    hb.hb.n_lease = helds;
    assert_ok(fixture_say(&fixture, who, &hb));
}

static void pass(uint32_t who, uint32_t credit, int64_t ms)
{
    for (int64_t t = 0; t < ms; t += 1000) {
        counts_up(who, credit);
        fixture_pass(&fixture, 1000);
        for (uint32_t at = 0; at < FIXTURE_MEMBERS; at++)
            while (fixture_said(&fixture, at, MSG_HB))
                ;
        hear(who);
    }
}

static void begin(void)
{
    helds = 0;
    seen = 0;
    all_here(NULL, 0);
}

static void who_holds_and_brings_nothing_loses_it_to_the_idle(void **state)
{
    (void)state;
    begin();
    fixture_credit(&fixture, A, 8, 0);
    fixture_open_task(&fixture, 0, 8, 0);
    assert_int_equal(hear(A), 8);
    pass(A, 8, 290000);
    fixture_credit(&fixture, B, 8, 0);
    assert_int_equal(fixture_stats(&fixture)->leased, 8);
    assert_int_equal(fixture_count(&fixture, B, MSG_LEASE), 0);
    pass(A, 8, 12000);
    assert_int_equal(fixture_said(&fixture, B, MSG_LEASE)->lease.count, 8);
}

/* Once it is known what answers take, it does not last so long. */
static void the_limit_follows_from_what_is_usual(void **state)
{
    struct msg hello;

    (void)state;
    begin();
    fixture_credit(&fixture, B, 1, 0);
    fixture_open_task(&fixture, 0, 1, 0);
    fixture_pass(&fixture, 1000);
    assert_ok(fixture_rollout(&fixture, B, 0, 0, 1, 0));
    fixture_forget(&fixture);
    fixture_credit(&fixture, A, 8, 0);
    fixture_open_task(&fixture, 1, 8, 0);
    hear(A);
    fixture_credit(&fixture, B, 8, 1001);
    fixture_gone(&fixture, B, false);
    hello = fixture_hello(B, ROLE_ACTOR);
    hello.hello.slots = 0; /* nothing begins there at once: it gets no copies (reclaim.c) */
    fixture_say_hello(&fixture, B, &hello);
    pass(A, 8, 29000);
    assert_int_equal(fixture_stats(&fixture)->expired, 0);
    fixture_credit(&fixture, B, 8, 1001);
    pass(A, 8, 2000);
    assert_int_equal(fixture_count(&fixture, B, MSG_LEASE), 1);
}

static void a_slow_machine_alone_has_all_the_time(void **state)
{
    (void)state;
    begin();
    fixture_gone(&fixture, B, false);
    fixture_credit(&fixture, A, 8, 0);
    fixture_open_task(&fixture, 0, 8, 0);
    hear(A);
    pass(A, 8, 3600000);
    assert_int_equal(fixture_stats(&fixture)->expired, 0);
    assert_ok(fixture_rollout(&fixture, A, 0, 0, 1, 0));
    assert_int_equal(fixture_stats(&fixture)->unsettled, 1);
}

static void a_slow_machine_among_the_busy_is_not_hurried(void **state)
{
    (void)state;
    begin(); /* B has no credit: it is at work */
    fixture_credit(&fixture, A, 8, 0);
    fixture_open_task(&fixture, 0, 8, 0);
    hear(A);
    pass(A, 8, 900000);
    assert_int_equal(fixture_stats(&fixture)->expired, 0);
}

static void what_was_taken_back_still_counts_if_it_comes_first(void **state)
{
    (void)state;
    begin();
    fixture_credit(&fixture, A, 1, 0);
    fixture_open_task(&fixture, 0, 1, 0);
    hear(A);
    fixture_credit(&fixture, B, 1, 0);
    pass(A, 0, 302000);
    assert_int_equal(fixture_count(&fixture, B, MSG_LEASE), 1);
    assert_ok(fixture_rollout(&fixture, A, 0, 0, 1, 0));
    assert_int_equal(fixture_stats(&fixture)->unsettled, 1);
    assert_int_equal(fixture_count(&fixture, B, MSG_REVOKE), 1); /* it would work for nothing */
}

/* One sample at a time, two after an answer, four after the next. */
static void who_was_overdue_earns_its_credit_again(void **state)
{
    (void)state;
    begin();
    fixture_credit(&fixture, A, 8, 0);
    fixture_open_task(&fixture, 0, 4, 0);
    hear(A);
    fixture_credit(&fixture, B, 4, 0);
    pass(A, 8, 302000);
    assert_int_equal(fixture_count(&fixture, B, MSG_LEASE), 1);
    fixture_gone(&fixture, B, false);
    helds = 0;
    pass(A, 8, 5000);
    assert_int_equal(helds, 1);
    assert_int_equal(fixture_stats(&fixture)->waiting, 3);
    assert_ok(fixture_rollout(&fixture, A, 0, 0, 1, 0));
    helds = 0;
    counts_up(A, 8);
    assert_int_equal(hear(A), 2);
}

/* Two that say much room and never answer, one that has little and does. */
static void rewarders_that_bring_nothing_fall_behind(void **state)
{
    enum { HONEST = FIXTURE_REWARDER + 2 };
    const struct msg *ask = NULL;

    (void)state;
    fixture_learner(&fixture, 1, &fixture_rule, 1);
    fixture_learner_hb(&fixture, 1 << 20, 0, 0, NULL, 0);
    fixture_actor(&fixture, A, NULL, 0);
    fixture_open_task(&fixture, 0, 1, 0);
    for (uint32_t at = R; at <= HONEST; at++) {
        fixture_rewarder(&fixture, at, SCORER_RULE, "");
        fixture_credit(&fixture, at, at == HONEST ? 1 : 64, 0);
    }
    assert_ok(fixture_rollout(&fixture, A, 0, 0, 1, 0));
    for (int i = 0; i < 8 && !ask; i++) {
        fixture_pass(&fixture, 1000);
        fixture_credit(&fixture, R, 64, 0);
        fixture_credit(&fixture, R + 1, 64, 0);
        ask = fixture_said(&fixture, HONEST, MSG_ASK);
    }
    assert_non_null(ask);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(who_holds_and_brings_nothing_loses_it_to_the_idle),
        TEST(the_limit_follows_from_what_is_usual),
        TEST(a_slow_machine_alone_has_all_the_time),
        TEST(a_slow_machine_among_the_busy_is_not_hurried),
        TEST(what_was_taken_back_still_counts_if_it_comes_first),
        TEST(who_was_overdue_earns_its_credit_again),
        TEST(rewarders_that_bring_nothing_fall_behind),
    };

    return cmocka_run_group_tests_name("overdue", tests, NULL, NULL);
}
