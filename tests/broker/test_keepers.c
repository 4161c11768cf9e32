/* SETTLED goes to whose answers are settled, some times a second, and to nobody else: all hear it
 * by heartbeat. */

#include "tests/broker/fixture.h"

#include "broker/keepers.h"
#include "broker/members.h"

enum { L = FIXTURE_LEARNER, A = FIXTURE_ACTOR, B = 2, R = FIXTURE_REWARDER };

static struct broker_fixture fixture;

static int setup(void **state)
{
    (void)state;
    fixture_open(&fixture);
    fixture_learner(&fixture, 1, NULL, 0);
    fixture_actor(&fixture, A, NULL, 0);
    fixture_actor(&fixture, B, NULL, 0);
    fixture_rewarder(&fixture, R, SCORER_RULE, "rule");
    fixture_pass(&fixture, 1100);
    fixture_learner_hb(&fixture, 64 << 20, 0, 0, NULL, 0);
    for (uint64_t task = 0; task < 8; task++)
        fixture_open_task(&fixture, task, 1, 0);
    fixture_forget(&fixture);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    fixture_close(&fixture);
    return 0;
}

static void settle(uint64_t watermark)
{
    struct msg msg = {.head.type = MSG_SETTLED,
                      .settled.settled = {.epoch = 1, .watermark = watermark}};

    assert_ok(fixture_say(&fixture, L, &msg));
}

/* Just after the heartbeat of one: its next is a second away. */
static void settle_behind(uint32_t who, uint64_t watermark)
{
    fixture_forget(&fixture);
    while (!fixture_count(&fixture, who, MSG_HB))
        fixture_pass(&fixture, 100);
    fixture_forget(&fixture);
    settle(watermark);
}

static void whose_answers_they_are_hears_it(void **state)
{
    (void)state;
    assert_ok(fixture_rollout(&fixture, A, 0, 0, 1, 0));
    settle_behind(A, 1);
    fixture_pass(&fixture, KEEPERS_MS + 100);
    assert_int_equal(fixture_count(&fixture, B, MSG_SETTLED), 0);
    assert_int_equal(fixture_count(&fixture, R, MSG_SETTLED), 0);
    assert_int_equal(fixture_count(&fixture, A, MSG_SETTLED), 1);
    assert_int_equal(fixture_said(&fixture, A, MSG_SETTLED)->settled.settled.watermark, 1);
    fixture_pass(&fixture, 2000);
    assert_int_equal(fixture_count(&fixture, A, MSG_SETTLED), 0); /* once */
    assert_int_equal(fixture_said(&fixture, B, MSG_HB)->hb.settled.watermark, 1);
}

/* Each fsync of the learner was a message to each of a thousand actors. */
static void some_times_a_second_at_most(void **state)
{
    uint32_t n = 0;

    (void)state;
    for (uint64_t task = 0; task < 8; task++) {
        assert_ok(fixture_rollout(&fixture, A, task, 0, 1, 0));
        settle(task + 1);
        fixture.now_ms += 20;
        broker_tick(fixture.broker, fixture.now_ms);
    }
    fixture_pass(&fixture, KEEPERS_MS + 100);
    while (fixture_count(&fixture, A, MSG_SETTLED)) {
        n++;
        if (fixture_said(&fixture, A, MSG_SETTLED)->settled.settled.watermark == 8)
            break;
    }
    assert_in_range(n, 1, 3);
}

/* A thousand heartbeats at one moment would hold up what comes behind them. */
static void each_has_its_own_moment_of_the_second(void **state)
{
    uint32_t heard[3] = {0}, at_once = 0;
    const uint32_t who[3] = {A, B, R};

    (void)state;
    for (int tick = 0; tick < 50; tick++) {
        uint32_t now = 0;

        fixture_pass(&fixture, 100);
        for (int i = 0; i < 3; i++) {
            const uint32_t n = fixture_count(&fixture, who[i], MSG_HB);
            heard[i] += n;
            now += n;
        }
        at_once = now > at_once ? now : at_once;
        fixture_forget(&fixture);
    }
    for (int i = 0; i < 3; i++)
        assert_int_equal(heard[i], 5);
    assert_int_equal(at_once, 1);
    fixture.now_ms += 3300; /* we were stopped: one each, and then as before */
    fixture_pass(&fixture, 100);
    for (int i = 0; i < 3; i++)
        assert_int_equal(fixture_count(&fixture, who[i], MSG_HB), 1);
    fixture_forget(&fixture);
    for (int tick = 0; tick < 10; tick++) {
        fixture_pass(&fixture, 100);
        assert_in_range(fixture_count(&fixture, A, MSG_HB) + fixture_count(&fixture, B, MSG_HB),
                        0, 1);
        fixture_forget(&fixture);
    }
}

/* The end of the run is heard by all at once. */
static void the_end_waits_for_nobodys_moment(void **state)
{
    struct msg done = {.head.type = MSG_HB,
                       .hb = {.settled = {.epoch = 1, .watermark = 8},
                              .done = true,
                              .newest = fixture_version(0),
                              .note = "",
                              .metrics = ""}};

    (void)state;
    fixture_pass(&fixture, 1000);
    fixture_forget(&fixture);
    assert_ok(fixture_say(&fixture, L, &done));
    assert_true(fixture_said(&fixture, A, MSG_HB)->hb.done);
    assert_true(fixture_said(&fixture, B, MSG_HB)->hb.done);
    assert_true(fixture_said(&fixture, R, MSG_HB)->hb.done);
}

/* It says HELLO with what it has done: the broker may be a new one and have the answer of it. */
static void who_claims_a_copy_hears_it(void **state)
{
    const struct claim claim = {
        .task = 0, .sample = 0, .state = CLAIM_DONE, .hash = fixture_hash(0, 0, 1)};

    (void)state;
    assert_ok(fixture_rollout(&fixture, A, 0, 0, 1, 0));
    fixture_actor(&fixture, B, &claim, 1);
    settle_behind(B, 1);
    fixture_pass(&fixture, KEEPERS_MS + 100);
    assert_int_equal(fixture_count(&fixture, B, MSG_SETTLED), 1);
}

/* The place of one that went is another's: no message to nobody, none lost for others. */
static void who_left_is_not_looked_for(void **state)
{
    (void)state;
    assert_ok(fixture_rollout(&fixture, A, 0, 0, 1, 0));
    assert_ok(fixture_rollout(&fixture, B, 1, 0, 1, 0));
    settle_behind(B, 2);
    fixture_gone(&fixture, A, true);
    fixture_actor(&fixture, 3, NULL, 0);
    fixture_forget(&fixture);
    fixture_pass(&fixture, KEEPERS_MS + 100);
    assert_int_equal(fixture_count(&fixture, 3, MSG_SETTLED), 0);
    assert_int_equal(fixture_count(&fixture, B, MSG_SETTLED), 1);
}

static void places_are_used_again(void **state)
{
    struct members members = {.first = NULL};
    struct broker_member *m[40];

    (void)state;
    for (uint32_t i = 0; i < 40; i++) {
        const struct msg hello = fixture_hello(i % 7, i % 3 ? ROLE_ACTOR : ROLE_REWARDER);
        m[i] = members_add(&members, NULL, &hello.hello, 0);
        assert_int_equal(m[i]->place, i);
    }
    members_remove(&members, m[3]);
    members_remove(&members, m[0]);
    assert_null(members_at(&members, 3));
    assert_ptr_equal(members.scoring, m[6]);
    for (uint32_t i = 0; i < 3; i++) {
        const struct msg hello = fixture_hello(i, ROLE_REWARDER);
        const uint32_t place[] = {0, 3, 40};
        struct broker_member *one = members_add(&members, NULL, &hello.hello, 0);

        assert_int_equal(one->place, place[i]);
        assert_ptr_equal(members_at(&members, place[i]), one);
        assert_ptr_equal(members.scoring_last, one);
    }
    members_fini(&members);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(whose_answers_they_are_hears_it),
        T(some_times_a_second_at_most),
        T(each_has_its_own_moment_of_the_second),
        T(the_end_waits_for_nobodys_moment),
        T(who_claims_a_copy_hears_it),
        T(who_left_is_not_looked_for),
        T(places_are_used_again),
    };

    return cmocka_run_group_tests_name("keepers", tests, NULL, NULL);
}
