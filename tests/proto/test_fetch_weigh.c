/* Which is sooner, and how long a pull waits for the answer that decides it. */

#include "tests/support/test.h"

#include "proto/fetch_weigh.h"

enum { MB = 1000000 };

static void before_the_first_answer_a_tenth_is_risked(void **state)
{
    struct fetch_weigh w;

    (void)state;
    fetch_weigh_new(&w);
    assert_int_equal(fetch_weigh_patience(&w, 0), 0);
    assert_int_equal(fetch_weigh_patience(&w, 2900), 0);
    assert_int_equal(fetch_weigh_patience(&w, 8000), 800);
    assert_int_equal(fetch_weigh_patience(&w, 1e6), 2000);
}

/* A host that pulls half an image while a patch is made has half of its line's time for nothing. */
static void later_as_long_as_answers_take(void **state)
{
    struct fetch_weigh w;

    (void)state;
    fetch_weigh_new(&w);
    fetch_weigh_answered(&w, 1000, .5);
    assert_int_equal(fetch_weigh_patience(&w, 8000), 2200);
    assert_int_equal(fetch_weigh_patience(&w, 1000), 400); /* not beyond what a way saves */
    fetch_weigh_answered(&w, 3000, .99);
    assert_true(fetch_weigh_patience(&w, 8000) < 100);
}

static void bytes_and_coding_count(void **state)
{
    const struct artifact of = {.hash = {{1}}, .bytes = 100 * MB, .kind = ARTIFACT_IMAGE};
    struct artifact way = {
        .hash = {{2}}, .bytes = 40 * MB, .kind = ARTIFACT_PATCH, .base = {{3}}};
    struct fetch_weigh w;

    (void)state;
    fetch_weigh_new(&w);
    assert_true(fetch_weigh_way(&w, &of, &way, 0, 10 * MB) > 4.4);
    assert_true(fetch_weigh_way(&w, &of, &way, 0, 10 * MB) < 4.6);
    assert_true(fetch_weigh_way(&w, &of, &way, 20 * MB, 10 * MB) > 6.4);
    assert_true(fetch_weigh_way(&w, &of, &way, -1, 10 * MB) < 0);
    fetch_weigh_coded(&w, ARTIFACT_PATCH, 100 * MB, 10000); /* a slow machine */
    assert_true(fetch_weigh_way(&w, &of, &way, 0, 10 * MB) > 4.9);
    assert_true(fetch_weigh_sooner(&way, true, 8.9, 10));
    assert_false(fetch_weigh_sooner(&way, true, 9.1, 10));
    assert_false(fetch_weigh_sooner(&way, false, 9.1, 10));
    way.kind = ARTIFACT_ADAPTER;
    assert_true(fetch_weigh_sooner(&way, false, 12, 10)); /* its base is pulled once */
    way.base = of.hash;
    assert_true(fetch_weigh_way(&w, &of, &way, 0, 10 * MB) < 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(before_the_first_answer_a_tenth_is_risked),
        cmocka_unit_test(later_as_long_as_answers_take),
        cmocka_unit_test(bytes_and_coding_count),
    };

    return cmocka_run_group_tests_name("proto/fetch_weigh", tests, NULL, NULL);
}
