/* Learners that wait until their run is served. */

#include "tests/broker/fixture_setup.h"

#include "broker/turns.h"

#include <stdio.h>
#include <string.h>

enum { X = 5, Y = 6, Z = 3 };

static struct msg learner_of(uint32_t at, const char *name)
{
    struct msg msg = fixture_hello(at, ROLE_LEARNER);

    msg.head.run.byte[0] = (uint8_t)(90 + at);
    msg.hello.run_name = name;
    msg.hello.host = "ant";
    fixture.address[at] = "10.0.0.7";
    return msg;
}

static uint32_t says(uint32_t at, const struct msg *msg)
{
    fixture_say_hello(&fixture, at, msg);
    return fixture.refused[at];
}

/* The learner of the run that is served goes. */
static void leaves(uint32_t at)
{
    struct msg bye = {.head.type = MSG_BYE, .bye.reason = "done"};

    bye.head.epoch = 1;
    assert_ok(broker_take(fixture.broker, fixture.member[at], &bye, fixture.now_ms));
}

static void who_came_first_is_served_first(void **state)
{
    const struct msg x = learner_of(X, "probe"), y = learner_of(Y, "nightly"),
                     z = learner_of(Z, "");
    const struct msg_stats *stats;

    (void)state;
    fixture_learner(&fixture, 1, NULL, 0);
    assert_int_equal(says(Y, &y), REFUSE_BUSY);
    fixture_pass(&fixture, 1000);
    assert_int_equal(says(X, &x), REFUSE_BUSY);
    assert_int_equal(says(Z, &z), REFUSE_BUSY);
    assert_int_equal(says(Y, &y), REFUSE_BUSY);
    stats = fixture_stats(&fixture);
    assert_int_equal(stats->n_queue, 3);
    assert_string_equal(stats->queue[0].name, "nightly");
    assert_int_equal(stats->queue[0].wait_ms, 1000);
    assert_int_equal(stats->queue[0].place, 1);
    assert_memory_equal(&stats->queue[0].run, &y.head.run, sizeof y.head.run);
    assert_string_equal(stats->queue[1].name, "probe");
    assert_string_equal(stats->queue[1].host, "ant");
    assert_string_equal(stats->queue[1].address, "10.0.0.7");
    assert_string_equal(stats->queue[2].name, "run 5d020300"); /* it has no name: its id */
    assert_string_equal(stats->run_name, "run 01020300");
    leaves(L);
    assert_int_equal(says(X, &x), REFUSE_BUSY); /* free, and not its turn */
    assert_int_equal(says(Z, &z), REFUSE_BUSY);
    assert_int_equal(says(Y, &y), 0);
    assert_non_null(fixture_said(&fixture, Y, MSG_WELCOME));
    assert_int_equal(says(X, &x), REFUSE_BUSY);
    stats = fixture_stats(&fixture);
    assert_int_equal(stats->n_queue, 2);
    assert_string_equal(stats->run_name, "nightly");
    assert_int_equal(stats->queue[0].place, 1);
    leaves(Y);
    assert_int_equal(says(Z, &z), REFUSE_BUSY);
    assert_int_equal(says(X, &x), 0);
}

static void who_waits_hears_the_names_of_those_before_it(void **state)
{
    struct msg msg = learner_of(Y, "first");
    char name[32];

    (void)state;
    fixture_learner(&fixture, 1, NULL, 0);
    assert_int_equal(says(Y, &msg), REFUSE_BUSY);
    assert_string_equal(fixture.words[Y], "waits behind 1 run: run 01020300");
    for (uint32_t i = 0; i < 8; i++) {
        snprintf(name, sizeof name, "n%u\x1b[2J", i);
        msg = learner_of(X, name);
        msg.hello.peer.byte[1] = (uint8_t)i;
        assert_int_equal(says(X, &msg), REFUSE_BUSY);
    }
    assert_string_equal(fixture.words[X],
                        "waits behind 9 runs: run 01020300, first, n0\\x1b[2J, n1\\x1b[2J, "
                        "n2\\x1b[2J, n3\\x1b[2J and 3 more");
}

static void who_is_silent_loses_its_place(void **state)
{
    const struct msg x = learner_of(X, "probe"), y = learner_of(Y, "nightly");

    (void)state;
    fixture_learner(&fixture, 1, NULL, 0);
    assert_int_equal(says(Y, &y), REFUSE_BUSY);
    for (int i = 0; i < 6; i++) {
        assert_int_equal(fixture_stats(&fixture)->queue[0].place, 1);
        assert_int_equal(says(X, &x), REFUSE_BUSY);
        fixture_pass(&fixture, 1000);
    }
    assert_int_equal(fixture_stats(&fixture)->n_queue, 1);
    assert_string_equal(fixture_stats(&fixture)->queue[0].name, "probe");
    leaves(L);
    assert_int_equal(says(Y, &y), REFUSE_BUSY); /* behind the other one now */
    assert_string_equal(fixture.words[Y], "waits behind 1 run: probe");
    assert_int_equal(says(X, &x), 0);
}

/* We were stopped for a minute: nobody was silent. */
static void a_broker_that_stood_still_takes_no_place_away(void **state)
{
    const struct msg y = learner_of(Y, "nightly");

    (void)state;
    fixture_learner(&fixture, 1, NULL, 0);
    fixture_pass(&fixture, 100);
    assert_int_equal(says(Y, &y), REFUSE_BUSY);
    fixture.now_ms += 60000;
    fixture_pass(&fixture, 100);
    assert_int_equal(fixture_stats(&fixture)->n_queue, 1);
}

static void another_process_of_the_same_run_has_no_place(void **state)
{
    struct msg msg = fixture_hello(X, ROLE_LEARNER);

    (void)state;
    fixture_learner(&fixture, 1, NULL, 0);
    assert_int_equal(says(X, &msg), REFUSE_BUSY);
    assert_string_equal(fixture.words[X], "another process serves this run here");
    assert_int_equal(fixture_stats(&fixture)->n_queue, 0);
}

/* Who waited comes sooner than the one that was served, and the last of them first. */
static void a_broker_that_was_restarted_goes_on_with_the_run_under_way(void **state)
{
    struct msg x = learner_of(X, "probe"), y = learner_of(Y, "nightly"),
               z = learner_of(Z, "under way");

    (void)state;
    x.hello.waited_ms = 100;
    y.hello.waited_ms = 90000;
    z.hello.begun = true;
    assert_int_equal(says(X, &x), REFUSE_BUSY);
    assert_non_null(strstr(fixture.words[X], "a run that was under way goes first"));
    assert_int_equal(says(Y, &y), REFUSE_BUSY);
    assert_string_equal(fixture_stats(&fixture)->queue[0].name, "nightly");
    assert_int_equal(fixture_stats(&fixture)->queue[0].wait_ms, 90000);
    fixture_pass(&fixture, 2000);
    assert_int_equal(says(Z, &z), 0);
    assert_int_equal(says(X, &x), REFUSE_BUSY);
    assert_string_equal(fixture.words[X], "waits behind 2 runs: under way, nightly");
    leaves(Z);
    assert_int_equal(says(X, &x), REFUSE_BUSY);
    assert_int_equal(says(Y, &y), 0);
}

/* Neither waited nor was served: it came while no broker was there, and is the first to reach this one. */
static void a_new_run_does_not_take_the_place_of_one_under_way(void **state)
{
    struct msg x = learner_of(X, "new"), z = learner_of(Z, "under way"),
               actor = fixture_hello(A, ROLE_ACTOR);

    (void)state;
    actor.head.run = z.head.run;
    z.hello.begun = true;
    fixture_say_hello(&fixture, A, &actor);
    assert_int_equal(says(X, &x), REFUSE_BUSY);
    assert_non_null(strstr(fixture.words[X], "a run that was under way goes first"));
    fixture_pass(&fixture, 1000);
    assert_int_equal(says(Z, &z), 0);
    assert_int_equal(says(X, &x), REFUSE_BUSY);
    assert_string_equal(fixture.words[X], "waits behind 1 run: under way");
}

/* Its supervisor knows that it was started again. With nobody under way the new one is served soon. */
static void a_broker_that_is_told_so_waits_for_the_run_under_way(void **state)
{
    struct msg x = learner_of(X, "new");
    uint32_t s = 0;

    (void)state;
    fixture.restarted = true;
    fixture_restart(&fixture, 1 << 20);
    for (; says(X, &x) == REFUSE_BUSY; s++)
        fixture_pass(&fixture, 1000);
    assert_int_equal(s, TURNS_YOUNG_MS / 1000);
    fixture.restarted = false;
    fixture_restart(&fixture, 1 << 21); /* the first broker of a fleet keeps nobody waiting */
    assert_int_equal(says(X, &x), 0);
}

static void nobody_under_way_comes_so_the_first_that_waited_goes(void **state)
{
    struct msg x = learner_of(X, "probe"), y = learner_of(Y, "nightly");

    (void)state;
    x.hello.waited_ms = 100;
    y.hello.waited_ms = 90000;
    for (int i = 0; i < 5; i++) {
        assert_int_equal(says(X, &x), REFUSE_BUSY);
        assert_int_equal(says(Y, &y), REFUSE_BUSY);
        fixture_pass(&fixture, 1000);
    }
    assert_int_equal(says(X, &x), REFUSE_BUSY);
    assert_int_equal(says(Y, &y), 0);
}

static void later_nobody_is_believed_about_how_long_it_waited(void **state)
{
    struct msg x = learner_of(X, "probe"), y = learner_of(Y, "pushes");

    (void)state;
    fixture_learner(&fixture, 1, NULL, 0);
    fixture_pass(&fixture, TURNS_YOUNG_MS);
    assert_int_equal(says(X, &x), REFUSE_BUSY);
    y.hello.waited_ms = LIMIT_MS;
    y.hello.begun = true;
    assert_int_equal(says(Y, &y), REFUSE_BUSY);
    assert_string_equal(fixture_stats(&fixture)->queue[0].name, "probe");
    leaves(L);
    assert_int_equal(says(Y, &y), REFUSE_BUSY);
    assert_int_equal(says(X, &x), 0);
}

static void no_more_than_64_wait(void **state)
{
    struct msg msg;

    (void)state;
    fixture_learner(&fixture, 1, NULL, 0);
    for (uint32_t i = 0; i <= TURNS_MAX; i++) {
        msg = learner_of(X, "many");
        msg.hello.peer.byte[1] = (uint8_t)i;
        assert_int_equal(says(X, &msg), REFUSE_BUSY);
    }
    assert_int_equal(fixture_stats(&fixture)->n_queue, TURNS_MAX);
    assert_non_null(strstr(fixture.words[X], "no more than 64"));
    msg.hello.peer.byte[1] = 0; /* one that has a place keeps it */
    assert_int_equal(says(X, &msg), REFUSE_BUSY);
    assert_string_equal(fixture.words[X], "waits behind 1 run: run 01020300");
}

/* A process that turns to another run goes behind those that wait. */
static void another_run_on_the_same_connection_waits_too(void **state)
{
    const struct msg x = learner_of(X, "probe");
    struct msg other = fixture_hello(L, ROLE_LEARNER);

    (void)state;
    fixture_learner(&fixture, 1, NULL, 0);
    assert_int_equal(says(X, &x), REFUSE_BUSY);
    other.head.run.byte[0] = 77;
    other.hello.incarnation = 6;
    assert_int_equal(says(L, &other), REFUSE_BUSY);
    assert_int_equal(says(X, &x), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(who_came_first_is_served_first, setup, teardown),
        cmocka_unit_test_setup_teardown(who_waits_hears_the_names_of_those_before_it, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(who_is_silent_loses_its_place, setup, teardown),
        cmocka_unit_test_setup_teardown(a_broker_that_stood_still_takes_no_place_away, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(another_process_of_the_same_run_has_no_place, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(
            a_broker_that_was_restarted_goes_on_with_the_run_under_way, setup, teardown),
        cmocka_unit_test_setup_teardown(a_new_run_does_not_take_the_place_of_one_under_way,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(a_broker_that_is_told_so_waits_for_the_run_under_way,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(nobody_under_way_comes_so_the_first_that_waited_goes,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(later_nobody_is_believed_about_how_long_it_waited,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(no_more_than_64_wait, setup, teardown),
        cmocka_unit_test_setup_teardown(another_run_on_the_same_connection_waits_too, setup,
                                        teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
