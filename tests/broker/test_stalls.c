/* What stands still is named in STATS with what would help, before five seconds are over; and a fleet
 * that works names nothing. */
#include "tests/broker/fixture.h"

#include <stdio.h>
#include <string.h>

enum { L = FIXTURE_LEARNER, A = FIXTURE_ACTOR, B = FIXTURE_ACTOR + 1, R = FIXTURE_REWARDER };
static struct broker_fixture fixture;
static uint64_t second;
static const char *trouble; /* the learner's */
static uint64_t done_by;    /* progress of A */

static void come(uint32_t at, enum role role, const char *host)
{
    struct msg msg = fixture_hello(at, role);

    msg.hello.host = host;
    fixture_say_hello(&fixture, at, &msg);
}

static int setup(void **state)
{
    fixture_open(&fixture);
    second = 0;
    trouble = "";
    done_by = UINT64_MAX;
    fixture_learner(&fixture, 1, NULL, 0);
    come(A, ROLE_ACTOR, "far");
    come(B, ROLE_ACTOR, "near");
    return (void)state, 0;
}

static int teardown(void **state)
{
    fixture_close(&fixture);
    return (void)state, 0;
}

/* A second in which everybody but `silent` says its heartbeat. */
static void live(uint32_t silent, uint32_t also)
{
    const struct version image = fixture_version(1);

    second++;
    for (uint32_t at = 0; at < FIXTURE_MEMBERS; at++) {
        struct msg hb = {.head.type = MSG_HB,
                         .hb = {.progress = at == A && second > done_by ? done_by : second,
                                .credit = at == A ? 8 : 0,
                                .idle_ms = 500 * second,
                                .busy_ms = 500 * second,
                                .image = &image,
                                .n_image = at == A || at == B,
                                .newest = fixture_version(1),
                                .settled.epoch = 1,
                                .credit_bytes = 1 << 20,
                                .note = "",
                                .trouble = at == L ? trouble : "",
                                .metrics = ""}};

        if (fixture.member[at] && at != silent && at != also)
            assert_ok(fixture_say(&fixture, at, &hb));
    }
    fixture_pass(&fixture, 1000);
    fixture_forget(&fixture);
}

static const struct msg_wait *wait_of(const char *words)
{
    const struct msg_stats *s = fixture_stats(&fixture);

    for (uint32_t i = 0; i < s->n_wait; i++)
        if (strstr(s->wait[i].name, words))
            return &s->wait[i];
    return NULL;
}

static void who_works_is_not_named(void **state)
{
    (void)state;
    for (int i = 0; i < 120; i++) {
        live(FIXTURE_MEMBERS, FIXTURE_MEMBERS);
        assert_int_equal(fixture_stats(&fixture)->n_wait, 0);
        assert_string_equal(fixture_stats(&fixture)->advice, "");
    }
}

static void a_process_that_is_not_heard_is_named(void **state)
{
    (void)state;
    come(A + 2, ROLE_ACTOR, "far"); /* somebody else of that machine lives */
    live(FIXTURE_MEMBERS, FIXTURE_MEMBERS);
    live(A, FIXTURE_MEMBERS);
    assert_null(wait_of("nothing is heard"));
    live(A, FIXTURE_MEMBERS);
    live(A, FIXTURE_MEMBERS);
    assert_non_null(wait_of("nothing is heard of the actor fixture-1 at far"));
    assert_non_null(strstr(wait_of("nothing is heard")->advice, "is it stopped"));
    assert_non_null(strstr(fixture_stats(&fixture)->advice, "is it stopped"));
    live(FIXTURE_MEMBERS, FIXTURE_MEMBERS);
    assert_null(wait_of("nothing is heard"));
}

static void a_machine_that_is_not_heard_is_named_as_such(void **state)
{
    (void)state;
    come(A + 2, ROLE_ACTOR, "far");
    live(FIXTURE_MEMBERS, FIXTURE_MEMBERS);
    for (int i = 0; i < 3; i++)
        live(A, A + 2);
    assert_non_null(wait_of("nothing is heard of far: 2 processes"));
    assert_non_null(strstr(wait_of("nothing is heard of far")->advice, "its cable"));
    assert_null(wait_of("near"));
}

static void a_silent_learner_holds_all(void **state)
{
    (void)state;
    live(FIXTURE_MEMBERS, FIXTURE_MEMBERS);
    for (int i = 0; i < 3; i++)
        live(L, FIXTURE_MEMBERS);
    assert_string_equal(fixture_stats(&fixture)->holds, "learner");
    assert_non_null(
        strstr(fixture_stats(&fixture)->bottleneck, "nothing is heard of the learner for "));
}

/* While it lives, and by its last words when it is gone. */
static void a_learners_disk_is_named(void **state)
{
    (void)state;
    live(FIXTURE_MEMBERS, FIXTURE_MEMBERS);
    trouble = "its disk has not taken the journal for 3 s";
    live(FIXTURE_MEMBERS, FIXTURE_MEMBERS);
    assert_string_equal(fixture_stats(&fixture)->holds, "disk");
    assert_non_null(strstr(fixture_stats(&fixture)->bottleneck, trouble));
    trouble = "its disk has not taken the journal for 4 s"; /* the same, longer */
    live(FIXTURE_MEMBERS, FIXTURE_MEMBERS);
    assert_in_range(wait_of(trouble)->age_ms, 1000, 2100);
    assert_non_null(strstr(fixture_stats(&fixture)->advice, "disk"));
    trouble = "the journal: No space left on device";
    live(FIXTURE_MEMBERS, FIXTURE_MEMBERS);
    fixture_gone(&fixture, L, true);
    fixture_pass(&fixture, 1000);
    assert_non_null(wait_of("the learner is away: the journal: No space left on device"));
    assert_non_null(strstr(wait_of("the learner is away")->advice, "mend that"));
    assert_non_null(strstr(fixture_stats(&fixture)->event[0].cause, "No space left"));
}

/* It owes chunks all the time; a host that is slow itself makes it owe them now and then. */
static void the_learners_link_is_named(void **state)
{
    struct msg publish = {
        .head.type = MSG_PUBLISH,
        .publish = {.version = fixture_version(1), .kind = ARTIFACT_IMAGE, .bytes = 40000000}};
    uint64_t bytes = 0;

    (void)state;
    assert_ok(fixture_say(&fixture, L, &publish));
    for (int i = 0; i < 50; i++) {
        bytes += 50000;
        broker_uplink(fixture.broker, i % 10 < 8, bytes, fixture.now_ms);
        fixture_pass(&fixture, 100);
        assert_null(wait_of("the learner's link"));
    }
    for (int i = 0; i < 45; i++) {
        bytes += 50000;
        broker_uplink(fixture.broker, true, bytes, fixture.now_ms);
        fixture_pass(&fixture, 100);
    }
    assert_non_null(wait_of("the learner's link: weights leave it at 0.5 MB/s, 7"));
    assert_non_null(
        strstr(wait_of("the learner's link")->advice, "a faster link for the learner"));
    for (int i = 0; i < 15; i++) {
        broker_uplink(fixture.broker, false, bytes, fixture.now_ms);
        fixture_pass(&fixture, 100);
    }
    assert_null(wait_of("the learner's link"));
}

/* Its loop lives and says so; its thread does nothing of what it has. */
static void who_hangs_with_work_is_named(void **state)
{
    (void)state;
    live(FIXTURE_MEMBERS, FIXTURE_MEMBERS);
    for (int i = 0; i < 40; i++) /* nothing to do for long: it does not hang */
        live(FIXTURE_MEMBERS, FIXTURE_MEMBERS);
    done_by = second;
    fixture_open_task(&fixture, 0, 4, 1);
    for (int i = 0; i < 14; i++) {
        live(FIXTURE_MEMBERS, FIXTURE_MEMBERS);
        assert_null(wait_of("does nothing"));
    }
    live(FIXTURE_MEMBERS, FIXTURE_MEMBERS);
    live(FIXTURE_MEMBERS, FIXTURE_MEMBERS);
    assert_non_null(wait_of("the actor fixture-1 at far has 4 in hand and does nothing"));
}

#define FACT(fact) cmocka_unit_test_setup_teardown(fact, setup, teardown)

/* Others give; a person looks at it while it is here, a minute long. */
static void a_host_that_gives_false_weights_is_named(void **state)
{
    const char *words = "near@10.0.0.2 takes no weights from far@10.0.0.7: it is false";

    (void)state;
    live(FIXTURE_MEMBERS, FIXTURE_MEMBERS);
    broker_giver(fixture.broker, words, fixture.now_ms);
    live(FIXTURE_MEMBERS, FIXTURE_MEMBERS);
    assert_non_null(wait_of(words));
    assert_non_null(strstr(wait_of(words)->advice, "look at that machine"));
    broker_giver(fixture.broker, words, 0);
    live(FIXTURE_MEMBERS, FIXTURE_MEMBERS);
    assert_null(wait_of(words));
    broker_giver(fixture.broker, words, fixture.now_ms);
    for (int i = 0; i < 62; i++)
        live(FIXTURE_MEMBERS, FIXTURE_MEMBERS);
    assert_null(wait_of(words));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FACT(who_works_is_not_named),
        FACT(a_process_that_is_not_heard_is_named),
        FACT(a_machine_that_is_not_heard_is_named_as_such),
        FACT(a_silent_learner_holds_all),
        FACT(a_learners_disk_is_named),
        FACT(the_learners_link_is_named),
        FACT(who_hangs_with_work_is_named),
        FACT(a_host_that_gives_false_weights_is_named),
    };
    return cmocka_run_group_tests_name("stalls", tests, NULL, NULL);
}
