/* Workers whose machine or build computes other bits than the learner's; other builds that do not. */

#include "tests/broker/fixture_setup.h"

#include <stdio.h>
#include <string.h>

static const uint32_t RIGHT = 0xdead1234, WRONG = 0xdead1235; /* larger than a count may be */

static void learner_says(uint32_t golden)
{
    const struct version image = fixture_version(0);
    struct msg msg = {.head.type = MSG_HB,
                      .hb = {.image = &image,
                             .n_image = 1,
                             .golden = &golden,
                             .n_golden = 1,
                             .credit_bytes = 1 << 20,
                             .newest = image,
                             .settled.epoch = 1,
                             .note = "",
                             .metrics = ""}};

    assert_ok(fixture_say(&fixture, L, &msg));
}

/* A heartbeat with credit and the image of version 0, of which it computes `golden`; 0: no column. */
static enum err beats(uint32_t at, uint32_t golden)
{
    const struct version image = fixture_version(0);
    struct msg msg = {.head.type = MSG_HB,
                      .hb = {.image = &image,
                             .n_image = 1,
                             .golden = &golden,
                             .n_golden = golden != 0,
                             .credit = 4,
                             .note = "",
                             .metrics = ""}};

    return fixture_say(&fixture, at, &msg);
}

static bool waits_for(const struct msg_stats *stats, const char *name)
{
    for (uint32_t i = 0; i < stats->n_wait; i++)
        if (!strcmp(stats->wait[i].name, name))
            return true;
    return false;
}

static void other_bits_are_turned_away_before_any_work(void **state)
{
    const struct msg_stats *stats;

    (void)state;
    all_here(NULL, 0);
    learner_says(RIGHT);
    fixture_open_task(&fixture, 0, 4, 0);
    assert_ok(beats(A, WRONG));
    assert_int_equal(fixture.refused[A], REFUSE_NUMERICS);
    assert_null(fixture.member[A]);
    assert_int_equal(fixture_count(&fixture, A, MSG_LEASE), 0);
    assert_non_null(
        strstr(fixture.words[A], "fixture-1 turned away: with the weights of version 0"));
    assert_non_null(
        strstr(fixture.words[A], "golden number dead1235) than the learner's (dead1234)"));
    stats = fixture_stats(&fixture);
    assert_int_equal(stats->found_false, 0); /* nothing of it was */
    assert_int_equal(stats->n_suspect, 0);
    assert_true(waits_for(stats, fixture.words[A]));
    assert_ok(beats(B, RIGHT));
    assert_int_equal(fixture.refused[B], 0);
    assert_int_equal(fixture_count(&fixture, B, MSG_LEASE), 1);
}

static void who_says_none_is_not_compared(void **state)
{
    (void)state;
    all_here(NULL, 0);
    learner_says(RIGHT);
    fixture_open_task(&fixture, 0, 4, 0);
    assert_ok(beats(A, 0));
    assert_int_equal(fixture_count(&fixture, A, MSG_LEASE), 1);
}

static void an_older_learner_says_none(void **state)
{
    (void)state;
    all_here(NULL, 0);
    learner_says(0);
    fixture_open_task(&fixture, 0, 4, 0);
    assert_ok(beats(A, WRONG));
    assert_int_equal(fixture_count(&fixture, A, MSG_LEASE), 1);
}

/* Another image under the same number is no reason. */
static void only_the_same_weights_are_compared(void **state)
{
    const struct version image = {.number = 0, .hash = {{7}}};
    const uint32_t golden = WRONG;
    struct msg msg = {.head.type = MSG_HB,
                      .hb = {.image = &image,
                             .n_image = 1,
                             .golden = &golden,
                             .n_golden = 1,
                             .credit = 4,
                             .note = "",
                             .metrics = ""}};

    (void)state;
    all_here(NULL, 0);
    learner_says(RIGHT);
    assert_ok(fixture_say(&fixture, A, &msg));
    assert_int_equal(fixture.refused[A], 0);
}

static void it_is_known_with_the_version(void **state)
{
    struct msg msg = {
        .head.type = MSG_PUBLISH,
        .publish = {.version = fixture_version(1), .kind = ARTIFACT_IMAGE, .golden = RIGHT}};
    const struct version image = fixture_version(1);
    const uint32_t golden = WRONG;
    struct msg hello = fixture_hello(A, ROLE_ACTOR);

    (void)state;
    all_here(NULL, 0);
    assert_ok(fixture_say(&fixture, L, &msg));
    fixture_gone(&fixture, A, false);
    hello.hello.image = &image;
    hello.hello.golden = &golden;
    hello.hello.n_image = hello.hello.n_golden = 1;
    fixture_say_hello(&fixture, A, &hello);
    assert_int_equal(fixture.refused[A], REFUSE_NUMERICS);
    assert_int_equal(fixture_count(&fixture, A, MSG_WELCOME), 0);
}

/* It had work before the number was known: that is given to another, and nobody is blamed. */
static void what_it_had_goes_to_others(void **state)
{
    (void)state;
    all_here(NULL, 0);
    fixture_open_task(&fixture, 0, 4, 0);
    assert_ok(beats(A, 0));
    assert_int_equal(fixture_count(&fixture, A, MSG_LEASE), 1);
    learner_says(RIGHT);
    assert_ok(beats(B, RIGHT));
    assert_int_equal(fixture_count(&fixture, B, MSG_LEASE), 0);
    assert_ok(beats(A, WRONG));
    assert_int_equal(fixture.refused[A], REFUSE_NUMERICS);
    assert_int_equal(fixture_count(&fixture, B, MSG_LEASE), 1);
    assert_int_equal(fixture_stats(&fixture)->leased, 4);
}

static void another_run_has_numbers_of_its_own(void **state)
{
    struct msg msg = fixture_hello(L, ROLE_LEARNER);

    (void)state;
    all_here(NULL, 0);
    learner_says(RIGHT);
    msg.head.run.byte[0] = 77;
    msg.hello.incarnation = 9;
    fixture_gone(&fixture, L, false);
    fixture_pass(&fixture, fixture.limits.hold_ms);
    fixture_say_hello(&fixture, L, &msg);
    assert_int_equal(fixture.refused[L], 0);
    fixture_actor(&fixture, A, NULL, 0);
    assert_ok(beats(A, WRONG));
    assert_int_equal(fixture.refused[A], 0);
}

static void another_build_with_the_same_bits_is_a_word(void **state)
{
    struct msg learner = fixture_hello(L, ROLE_LEARNER), actor = fixture_hello(A, ROLE_ACTOR);

    (void)state;
    learner.hello.numerics = actor.hello.numerics = 3;
    learner.hello.build = actor.hello.build = "0.5";
    learner.hello.newest = fixture_version(0);
    fixture_say_hello(&fixture, L, &learner);
    fixture_say_hello(&fixture, A, &actor);
    assert_string_equal(fixture_stats(&fixture)->builds, "");
    actor = fixture_hello(B, ROLE_ACTOR);
    actor.hello.numerics = 3;
    actor.hello.build = "0.4";
    fixture_say_hello(&fixture, B, &actor);
    assert_int_equal(fixture.refused[B], 0);
    assert_string_equal(
        fixture_stats(&fixture)->builds,
        "1 worker of another build than the learner's (0.5; fixture-2 has 0.4): "
        "their bits are the same (numerics 3)");
    fixture_gone(&fixture, B, false);
    assert_string_equal(fixture_stats(&fixture)->builds, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(other_bits_are_turned_away_before_any_work, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(who_says_none_is_not_compared, setup, teardown),
        cmocka_unit_test_setup_teardown(an_older_learner_says_none, setup, teardown),
        cmocka_unit_test_setup_teardown(only_the_same_weights_are_compared, setup, teardown),
        cmocka_unit_test_setup_teardown(it_is_known_with_the_version, setup, teardown),
        cmocka_unit_test_setup_teardown(what_it_had_goes_to_others, setup, teardown),
        cmocka_unit_test_setup_teardown(another_run_has_numbers_of_its_own, setup, teardown),
        cmocka_unit_test_setup_teardown(another_build_with_the_same_bits_is_a_word, setup,
                                        teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
