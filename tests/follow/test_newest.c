/* Which version a follower asks for, and when it gives one up. */

#include "tests/support/test.h"

#include "follow/newest.h"

static struct version version_of(uint8_t number)
{
    return (struct version){.number = number, .hash = {{number, 7}}};
}

static void hear(struct newest *n, uint8_t number, uint8_t live)
{
    const struct version v = version_of(number);

    newest_hear(n, &v, live);
}

static void it_comes_and_the_next_one(void **state)
{
    struct newest n = {.told = false};
    const struct version first = version_of(1);

    (void)state;
    assert_int_equal(newest_next(&n, false, 0, false, 0), NEWEST_REST); /* none is known */
    hear(&n, 1, 1);
    assert_int_equal(newest_next(&n, false, 0, false, 10), NEWEST_ASK);
    assert_int_equal(newest_next(&n, false, 0, false, 20),
                     NEWEST_ASK); /* as long as it is not */
    assert_int_equal(newest_next(&n, true, .2, false, 30), NEWEST_REST);
    assert_true(newest_got(&n, &first.hash, 40));
    assert_int_equal(n.held.number, 1);
    assert_false(newest_got(&n, &first.hash, 40));
    assert_int_equal(newest_next(&n, false, 0, false, 50), NEWEST_REST);
    hear(&n, 2, 1);
    assert_int_equal(newest_next(&n, false, 0, false, 60), NEWEST_ASK);
    assert_int_equal(n.wanted.number, 2);
}

/* Less than half of it is here: the newest comes sooner without. */
static void the_latest_wins(void **state)
{
    struct newest n = {.told = false};
    const struct version second = version_of(2);

    (void)state;
    hear(&n, 1, 1);
    assert_int_equal(newest_next(&n, false, 0, false, 10), NEWEST_ASK);
    hear(&n, 2, 1);
    assert_int_equal(newest_next(&n, true, .4, false, 20), NEWEST_DROP);
    newest_dropped(&n);
    assert_int_equal(newest_next(&n, false, 0, false, 30), NEWEST_ASK);
    assert_int_equal(n.wanted.number, 2);
    hear(&n, 3, 1);
    assert_int_equal(newest_next(&n, true, .6, false, 40), NEWEST_REST);
    assert_true(newest_got(&n, &second.hash, 50));
    assert_int_equal(newest_next(&n, false, 0, false, 60), NEWEST_ASK);
    assert_int_equal(n.wanted.number, 3);
}

/* Nobody has a dead one any more; what makes it of another may be nearly here. */
static void who_died_is_dropped(void **state)
{
    struct newest n = {.told = false};

    (void)state;
    hear(&n, 4, 4);
    assert_int_equal(newest_next(&n, false, 0, false, 10), NEWEST_ASK);
    hear(&n, 5, 5);
    assert_int_equal(newest_next(&n, true, .9, true, 20), NEWEST_REST);
    assert_int_equal(newest_next(&n, true, .9, false, 30), NEWEST_DROP);
}

/* An older state of the run is served again; the same number has other weights there. */
static void an_older_one_may_be_the_newest(void **state)
{
    struct newest n = {.told = false};
    struct version v = version_of(9);

    (void)state;
    hear(&n, 9, 9);
    assert_int_equal(newest_next(&n, false, 0, false, 10), NEWEST_ASK);
    assert_true(newest_got(&n, &v.hash, 20));
    v.hash.byte[1] ^= 1;
    newest_hear(&n, &v, 7);
    assert_int_equal(newest_next(&n, false, 0, false, 30), NEWEST_ASK);
    newest_forget(&n);
    assert_int_equal(newest_next(&n, false, 0, false, 40), NEWEST_REST);
    assert_int_equal(n.held.number, 9);
    hear(&n, 3, 3);
    assert_int_equal(newest_next(&n, false, 0, false, 50), NEWEST_ASK);
}

static void what_does_not_come_is_told_once(void **state)
{
    struct newest n = {.told = false};
    const struct version first = version_of(1), third = version_of(3);

    (void)state;
    hear(&n, 1, 1);
    for (int t = 1; t < 100; t++) /* nothing is served yet, so nothing goes on: not told */
        assert_int_not_equal(newest_next(&n, true, 0, false, t * 1000), NEWEST_BEHIND);
    assert_true(newest_got(&n, &first.hash, 100000));
    assert_int_equal(newest_next(&n, false, 0, false, 100000), NEWEST_REST);
    for (int t = 1; t <= 200; t++) { /* each dies before it has come */
        const int at = 100000 + t * 1000;

        if (t % 20 == 0)
            hear(&n, (uint8_t)(2 + t % 40 / 20), 2);
        else if (t == 1)
            hear(&n, 2, 2);
        while (newest_next(&n, true, .3, false, at) == NEWEST_DROP)
            newest_dropped(&n);
        if (t < NEWEST_SLOW_MS / 1000)
            assert_false(n.told);
    }
    assert_true(n.told);
    assert_int_equal(newest_next(&n, true, .3, false, 400000), NEWEST_REST); /* not again */
    hear(&n, 3, 2);
    while (newest_next(&n, true, .3, false, 400000) == NEWEST_DROP)
        newest_dropped(&n);
    assert_true(newest_got(&n, &third.hash, 400000));
    assert_int_equal(newest_next(&n, false, 0, false, 400000), NEWEST_REST);
    assert_false(n.told);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_comes_and_the_next_one),
        cmocka_unit_test(the_latest_wins),
        cmocka_unit_test(who_died_is_dropped),
        cmocka_unit_test(an_older_one_may_be_the_newest),
        cmocka_unit_test(what_does_not_come_is_told_once),
    };

    return cmocka_run_group_tests_name("follow/newest", tests, NULL, NULL);
}
