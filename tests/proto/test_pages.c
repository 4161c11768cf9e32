/* One pull a host: who gives, who waits, what becomes of both. */

#define _GNU_SOURCE /* MSG_NOSIGNAL */

#include "tests/support/test.h"

#include "base/log.h"
#include "proto/handover.h"
#include "tests/proto/household.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int descriptors(void)
{
    DIR *const dir = opendir("/proc/self/fd");
    int n = 0;

    assert_non_null(dir);
    while (readdir(dir))
        n++;
    closedir(dir);
    return n;
}

static void six(struct household *house)
{
    household_open(house);
    for (int i = 0; i < 6; i++)
        household_join(house, PULLS);
}

static void of_six_one_pulls(void **state)
{
    struct household house;
    struct artifact what = household_what(3, HOUSEHOLD_SIZE);

    (void)state;
    six(&house);
    for (int m = 0; m < 6; m++)
        household_want(&house.member[m], 3);
    household_turns(&house, 3);
    assert_int_equal(house.pulls, 1);
    assert_string_equal(pages_note(house.member[0].pages, &what.hash), "");
    for (int m = 1; m < 6; m++) {
        const char *const note = pages_note(house.member[m].pages, &what.hash);
        char words[64];
        snprintf(words, sizeof words, "of 0.3 MB, pulled by process %d of this host", getpid());
        assert_non_null(strstr(note, words));
        assert_null(strstr(note, ": 0.0 of"));
        assert_true(pages_moved(house.member[m].pages) > 0);
    }
    household_until(&house, 3, 10);
    assert_int_equal(house.pulls, 1);
    assert_int_equal(house.wire_bytes, HOUSEHOLD_SIZE);
    household_close(&house);
}

/* A giver that ends before it pulls, while it does, and when all have it: whoever comes later
 * gets what the host has. */
static void a_giver_that_ends_is_followed(void **state)
{
    (void)state;
    for (int turns = 0; turns <= 12; turns++) {
        struct household house;
        six(&house);
        for (int m = 0; m < 5; m++)
            household_want(&house.member[m], 1);
        household_turns(&house, turns);
        household_kill(&house.member[0]);
        household_want(&house.member[5], 1);
        assert_true(household_until(&house, 1, 12) <= 8);
        assert_true(house.pulls <= 2);    /* begun, until somebody puts what it holds */
        assert_int_equal(house.whole, 1); /* what is complete is not pulled anew */
        household_close(&house);
    }
}

/* The giver has what only others hold; when all who hold it have gone, it is gone. */
static void pages_live_as_long_as_a_holder(void **state)
{
    struct household house;

    (void)state;
    six(&house);
    for (int m = 0; m < 3; m++)
        household_want(&house.member[m], 0);
    household_turns(&house, 8);
    household_let_go(&house.member[0], 0); /* the giver itself */
    household_turns(&house, 3);
    assert_int_equal(house.member[0].released, 1);
    household_want(&house.member[3], 0);
    household_turns(&house, 3);
    assert_non_null(house.member[3].got[0]);
    assert_int_equal(house.pulls, 1);
    for (int m = 1; m < 4; m++)
        household_let_go(&house.member[m], 0);
    household_turns(&house, 3);
    household_want(&house.member[4], 0);
    household_turns(&house, 10);
    assert_int_equal(house.pulls, 2);
    household_close(&house);
}

static void a_stopped_giver_costs_a_second(void **state)
{
    struct household house;
    int turns;

    (void)state;
    six(&house);
    for (int m = 0; m < 6; m++)
        household_want(&house.member[m], 2);
    household_turns(&house, 2);
    house.member[0].stopped = true;
    turns = household_until(&house, 2, 40);
    print_message("a stopped giver: %d ms\n", turns * 100);
    assert_true(turns <= 12 + HOUSEHOLD_WIRE + 4);
    assert_int_equal(house.pulls, 2); /* its own, and one of all the others */
    house.member[0].stopped = false;  /* gets what the others have pulled: it is put there */
    assert_int_equal(household_until(&house, 2, 4) <= 3, 1);
    assert_int_equal(house.whole, 1);
    for (int m = 1; m < 6; m++) /* they ask it again */
        household_want(&house.member[m], 4);
    household_turns(&house, 30);
    household_want(&house.member[0], 4);
    household_until(&house, 4, 40);
    assert_int_equal(house.pulls, 3);
    household_close(&house);
}

/* Silent for want of a processor: the others wait, and do not pull the same beside it. */
static void a_starved_giver_is_waited_for(void **state)
{
    struct household house;

    (void)state;
    six(&house);
    household_starve();
    for (int m = 0; m < 6; m++)
        household_want(&house.member[m], 2);
    household_turns(&house, 2);
    house.member[0].stopped = true;
    household_turns(&house, 50);
    house.member[0].stopped = false;
    household_until(&house, 2, 20);
    assert_int_equal(house.pulls, 1);
    for (int m = 0; m < 6; m++)
        household_want(&house.member[m], 4);
    household_turns(&house, 2);
    house.member[0].stopped = true;
    household_turns(&house, PAGES_STARVED_MS / 100 + 3); /* not for ever */
    assert_int_equal(house.pulls, 3);
    house.member[0].stopped = false;
    household_until(&house, 4, 20);
    household_close(&house);
}

/* Between bind and listen of whoever takes a place: nobody takes the next one for that. */
static void a_place_that_opens_is_waited_for(void **state)
{
    struct household house;
    int fd, lock;

    (void)state;
    household_open(&house);
    for (int round = 0; round < 2; round++) {
        assert_ok(handover_listen(&fd, &lock, &house.run, 0));
        assert_int_equal(shutdown(fd, SHUT_RDWR), 0); /* bound, and refuses */
        household_join(&house, PULLS);
        household_want(&house.member[round], 2 + round);
        household_turns(&house, PAGES_OPENS_TICKS - 2);
        assert_int_equal(house.pulls, round);
        if (!round) /* who was to listen is gone: it is free */
            handover_unlisten(fd, lock, &house.run, 0);
        household_turns(&house, round ? 4 : 1);
        assert_int_equal(house.pulls, round + 1);
        household_until(&house, 2 + round, 20);
        if (!round)
            household_kill(&house.member[0]);
    }
    handover_unlisten(fd, lock, &house.run, 0);
    household_close(&house);
}

/* Silent by a cut line, not stopped: it says that it lives, and nothing more comes. */
static void who_brings_nothing_is_passed_over_late(void **state)
{
    struct household house;

    (void)state;
    six(&house);
    house.cut = true;
    for (int m = 0; m < 6; m++)
        household_want(&house.member[m], 2);
    household_turns(&house, PAGES_STILL_MS / 100 - 10);
    assert_int_equal(house.pulls, 1);
    household_turns(&house, 40);
    assert_int_equal(house.pulls, 2); /* the next place: one of them, for all */
    house.cut = false;
    household_until(&house, 2, 20);
    assert_int_equal(house.pulls, 2);
    household_close(&house);
}

static void what_another_made_ends_the_pull(void **state)
{
    struct household house;

    (void)state;
    six(&house);
    for (int m = 0; m < 4; m++)
        household_want(&house.member[m], 5);
    household_turns(&house, 2);
    household_put(&house.member[5], 5);
    household_turns(&house, 2);
    for (int m = 0; m < 4; m++)
        assert_non_null(house.member[m].got[5]);
    assert_int_equal(house.whole, 0);
    household_close(&house);
}

/* A learner holds and pulls nothing: what it has comes from it, what not from the next place. */
static void who_does_not_pull_says_so(void **state)
{
    struct household house;
    struct household_member *learner;

    (void)state;
    household_open(&house);
    learner = household_join(&house, HOLDS);
    household_put(learner, 6);
    for (int m = 1; m < 5; m++)
        household_want(household_join(&house, PULLS), 6);
    household_turns(&house, 2);
    assert_int_equal(house.pulls, 0);
    for (int m = 1; m < 5; m++) {
        assert_non_null(house.member[m].got[6]);
        household_want(&house.member[m], 7);
    }
    household_turns(&house, 10);
    for (int m = 1; m < 5; m++)
        assert_non_null(house.member[m].got[7]);
    assert_int_equal(house.pulls, 1);
    household_kill(learner); /* and another, after its restart */
    household_turns(&house, 2);
    learner = household_join(&house, HOLDS);
    household_put(learner, 8);
    household_turns(&house, 1);
    household_want(&house.member[2], 8);
    household_want(&house.member[1], 8);
    household_turns(&house, 3);
    assert_non_null(house.member[1].got[8]);
    assert_non_null(house.member[2].got[8]);
    assert_int_equal(house.pulls, 1);
    household_close(&house);
}

static void a_guest_gets_what_is_there_now(void **state)
{
    struct household house;
    struct household_member *broker, *learner, *actor;

    (void)state;
    household_open(&house);
    broker = household_join(&house, ASKS);
    household_want(broker, 1);
    assert_int_equal(house.pulls, 1); /* nobody is there: it has to ask the learner */
    household_drop(broker, 1);
    learner = household_join(&house, HOLDS);
    household_put(learner, 9);
    actor = household_join(&house, PULLS);
    household_want(actor, 11);
    household_want(broker, 9);
    household_want(broker, 11); /* an actor's pull would wait for the broker */
    household_turns(&house, 4);
    assert_non_null(broker->got[9]);
    assert_int_equal(broker->nones, 1);
    household_close(&house);
}

static void what_guests_left_is_not_pulled(void **state)
{
    struct household house;

    (void)state;
    six(&house);
    household_want(&house.member[0], 0);
    household_turns(&house, 8);
    house.cut = true;
    household_want(&house.member[1], 2);
    household_want(&house.member[2], 2);
    household_turns(&house, 2);
    assert_true(house.member[0].want[0].wire);
    household_drop(&house.member[1], 2);
    household_turns(&house, 2);
    assert_true(house.member[0].want[0].wire);
    household_kill(&house.member[2]);
    household_turns(&house, 2);
    assert_false(house.member[0].want[0].used);
    household_want(&house.member[0], 4); /* and what its owner left goes on for others */
    household_want(&house.member[1], 4);
    household_turns(&house, 2);
    household_drop(&house.member[0], 4);
    household_turns(&house, 2);
    house.cut = false;
    household_turns(&house, 8);
    assert_non_null(house.member[1].got[4]);
    assert_null(house.member[0].got[4]);
    household_close(&house);
}

/* Fifty versions, two of them alive: descriptors stay as they are. */
static void versions_that_went_are_let_go(void **state)
{
    struct household house;
    int before = 0;

    (void)state;
    six(&house);
    for (int v = 0; v < 50; v++) {
        for (int m = 0; m < 6; m++)
            household_want(&house.member[m], v);
        household_until(&house, v, 12);
        if (v >= 2)
            for (int m = 0; m < 6; m++)
                household_let_go(&house.member[m], v - 2);
        household_turns(&house, 3);
        if (v == 10)
            before = descriptors();
    }
    /* cards are small and stay, up to a table of them; these are images and cards in turn */
    print_message("descriptors: %d after 10 versions, %d after 50\n", before, descriptors());
    assert_true(descriptors() <= before + 60);
    assert_int_equal(house.pulls, 50);
    household_close(&house);
}

static void another_run_is_another_house(void **state)
{
    struct household house;

    (void)state;
    six(&house);
    household_want(&house.member[0], 1);
    household_turns(&house, 8);
    household_run_other(&house.member[1]);
    household_want(&house.member[1], 1);
    assert_int_equal(house.pulls, 2);
    household_turns(&house, 8);
    assert_int_equal(house.member[1].gots, 1);
    household_run_other(&house.member[0]); /* it lets go of all, and asks there */
    household_let_go(&house.member[0], 1);
    household_want(&house.member[0], 1);
    household_turns(&house, 2);
    assert_int_equal(house.pulls, 2);
    assert_int_equal(house.member[0].gots, 2);
    household_close(&house);
}

static void whoever_wants_the_wire_gets_it(void **state)
{
    struct household house;

    (void)state;
    six(&house);
    setenv("DROVER_HANDOVER", "off", 1);
    for (int m = 0; m < 6; m++)
        household_want(&house.member[m], 1);
    household_until(&house, 1, 8);
    unsetenv("DROVER_HANDOVER");
    assert_int_equal(house.pulls, 6);
    household_close(&house);
}

/* ---- others than ours */

/* Guests that say nothing, too little, nonsense, or too much of what is in order. */
static void bad_guests_do_no_harm(void **state)
{
    static const char junk[1000] = "junk";
    struct household house;
    int fd[300], n = 0;

    (void)state;
    six(&house);
    household_want(&house.member[0], 0);
    for (int i = 0; i < 300; i++) {
        struct handover_packet packet = {.kind = (uint32_t)i % 8, .bytes = UINT64_MAX};
        struct handover_who who;
        bool nobody;
        const int guest = handover_dial(&house.run, 0, &who, &nobody);
        if (guest < 0)
            continue;
        fd[n++] = guest;
        for (int k = 0; k < 4 * i; k++) {
            packet.ticket = (uint32_t)k;
            packet.hash.byte[k % 32]++;
            if (i % 5 && !handover_send(guest, &packet, i % 3 ? -1 : guest))
                break;
        }
        if (i % 5 == 0)
            (void)!send(guest, junk, (size_t)i * 3, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (i % 16 == 0)
            household_turns(&house, 1);
    }
    assert_true(n > 200);
    for (int i = 0; i < n; i += 2)
        close(fd[i]);
    household_turns(&house, 20);
    household_want(&house.member[1], 0);
    household_turns(&house, 20);
    assert_non_null(house.member[1].got[0]);
    for (int i = 1; i < n; i += 2)
        close(fd[i]);
    household_turns(&house, 2);
    household_close(&house);
}

static int quiet(void **state)
{
    (void)state;
    return log_level("error") != OK;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(of_six_one_pulls),
        cmocka_unit_test(a_giver_that_ends_is_followed),
        cmocka_unit_test(pages_live_as_long_as_a_holder),
        cmocka_unit_test(a_stopped_giver_costs_a_second),
        cmocka_unit_test(a_starved_giver_is_waited_for),
        cmocka_unit_test(a_place_that_opens_is_waited_for),
        cmocka_unit_test(who_brings_nothing_is_passed_over_late),
        cmocka_unit_test(what_another_made_ends_the_pull),
        cmocka_unit_test(who_does_not_pull_says_so),
        cmocka_unit_test(a_guest_gets_what_is_there_now),
        cmocka_unit_test(what_guests_left_is_not_pulled),
        cmocka_unit_test(versions_that_went_are_let_go),
        cmocka_unit_test(another_run_is_another_house),
        cmocka_unit_test(whoever_wants_the_wire_gets_it),
        cmocka_unit_test(bad_guests_do_no_harm),
    };
    return cmocka_run_group_tests_name("proto/pages", tests, quiet, NULL);
}
