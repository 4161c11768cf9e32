/* Which way an image is come by, and that whatever goes wrong ends with the image being pulled. */

#include "base/mem.h"
#include "tests/proto/ways_owner.h"
#include "tests/support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void test_a_patch_on_a_slow_line(void **state)
{
    struct ways_owner *const o = ways_owner_make(1 * MB); /* 100 s for the image */
    struct shared_memory *made;

    (void)state;
    ways_owner_hold(o, &V1);
    ways_owner_begin(o, &V2, 0);
    assert_true(o->paused); /* an answer may come: nothing of the image yet */
    assert_int_equal(o->asked, 1);
    assert_true(hash_same(&o->ask.hash, &V2) && hash_same(&o->ask.base, &V1));
    assert_int_equal(o->ask.kind, CHUNK_WAYS);
    ways_owner_offer(o, &PATCH, ARTIFACT_PATCH, 40 * MB, &V2, &V1);
    assert_true(o->paused);
    assert_int_equal(o->n_wanted, 1);
    fetch_ways_tick(o->ways, 10000);
    assert_true(o->paused); /* on its way: not any more by the clock */
    assert_true(ways_owner_got_way(o, &PATCH, ARTIFACT_PATCH));
    assert_false(ways_owner_got_way(o, &PATCH, ARTIFACT_PATCH)); /* once */
    assert_non_null(o->job);
    assert_true(fetch_ways_builds(o->ways, &V2));
    assert_false(fetch_ways_builds(o->ways, &V1));
    made = ways_owner_built(o, true, 100);
    assert_non_null(made);
    shared_memory_free(made);
    fetch_ways_end(o->ways, &V2);
    assert_int_equal(o->blamed + o->dropped, 0);
    ways_owner_end(o);
}

/* 100 MB: at 1 Gbit/s 0.8 s; a patch of 60 MB and coding at 200 MB/s takes 1.0 s. */
static void test_a_fast_line_pulls_the_image(void **state)
{
    static const struct {
        double rate;
        uint64_t left, patch;
        bool taken;
    } row[] = {{125 * MB, 100 * MB, 60 * MB, false},  {12.5 * MB, 100 * MB, 60 * MB, true},
               {12.5 * MB, 65 * MB, 60 * MB, false}, /* most of it has come meanwhile */
               {12.5 * MB, 100 * MB, 90 * MB, false}, {0, 100 * MB, 1 * MB, false},
               {1 * MB, 100 * MB, 101 * MB, false},   {1 * MB, 100 * MB, 0, false}};

    (void)state;
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        struct ways_owner *const o = ways_owner_make(row[i].rate);
        ways_owner_hold(o, &V1);
        ways_owner_begin(o, &V2, 0);
        fetch_ways_tick(o->ways, 2000);
        assert_false(o->paused); /* nothing came: it goes on */
        o->left = row[i].left;
        ways_owner_offer(o, &PATCH, ARTIFACT_PATCH, row[i].patch, &V2, &V1);
        assert_int_equal(o->paused, row[i].taken);
        assert_int_equal(o->n_wanted, row[i].taken);
        ways_owner_end(o);
    }
}

static void test_what_leads_nowhere_is_passed_over(void **state)
{
    struct ways_owner *const o = ways_owner_make(1 * MB);

    (void)state;
    ways_owner_hold(o, &V1);
    ways_owner_begin(o, &V2, 0);
    fetch_ways_tick(o->ways, 2000);
    ways_owner_offer(o, &PATCH, ARTIFACT_PATCH, 1 * MB, &V2, &V0); /* of what is not here */
    ways_owner_offer(o, &PATCH, ARTIFACT_PATCH, 1 * MB, &V1, &V0); /* to what is not wanted */
    ways_owner_offer(o, &PATCH, ARTIFACT_PATCH, 1 * MB, &V2, &V2); /* of itself */
    ways_owner_offer(o, &PATCH, ARTIFACT_PATCH, 1 * MB, &V2, &none);
    ways_owner_offer(o, &PATCH, ARTIFACT_IMAGE, 1 * MB, &V2, &V1); /* of no such kind */
    ways_owner_offer(o, &PATCH, 99, 1 * MB, &V2, &V1);
    ways_owner_offer(o, &ADAPTER, ARTIFACT_ADAPTER, 20 * MB, &V2,
                     &V0); /* too large to pull a base for */
    assert_false(o->paused);
    assert_int_equal(o->n_wanted, 0);
    ways_owner_end(o);
}

static void test_a_false_one_costs_the_image(void **state)
{
    struct ways_owner *const o = ways_owner_make(1 * MB);

    (void)state;
    ways_owner_hold(o, &V1);
    ways_owner_begin(o, &V2, 0);
    ways_owner_offer(o, &PATCH, ARTIFACT_PATCH, 1 * MB, &V2, &V1);
    assert_true(ways_owner_got_way(o, &PATCH, ARTIFACT_PATCH));
    assert_null(ways_owner_built(o, false, 100));
    assert_int_equal(o->blamed, 0); /* its bytes were those of its name */
    assert_false(o->paused);
    ways_owner_offer(o, &PATCH, ARTIFACT_PATCH, 1 * MB, &V2, &V1); /* not a second time */
    assert_false(o->paused);
    fetch_ways_again(o->ways);
    fetch_ways_tick(o->ways, 100);
    assert_int_equal(o->asked, 1);
    ways_owner_end(o);
}

static void test_whatever_fails_ends_with_the_image(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct ways_owner *const o = ways_owner_make(1 * MB);
        ways_owner_hold(o, &V1);
        ways_owner_begin(o, &V2, 0);
        o->refuses = i == 0; /* no room to pull it; the thread takes none */
        o->busy = i == 1;
        ways_owner_offer(o, &PATCH, ARTIFACT_PATCH, 1 * MB, &V2, &V1);
        if (i == 1)
            assert_true(ways_owner_got_way(o, &PATCH, ARTIFACT_PATCH));
        assert_false(o->paused);
        assert_null(o->job);
        ways_owner_end(o);
    }
}

/* The learner keeps few patches: the image is pulled in its place. */
static void test_a_patch_that_is_gone(void **state)
{
    struct ways_owner *const o = ways_owner_make(1 * MB);

    (void)state;
    ways_owner_hold(o, &V1);
    ways_owner_begin(o, &V2, 0);
    ways_owner_offer(o, &PATCH, ARTIFACT_PATCH, 1 * MB, &V2, &V1);
    assert_true(o->paused);
    fetch_ways_none(o->ways, &V2); /* no way is called so */
    assert_true(o->paused);
    fetch_ways_none(o->ways, &PATCH);
    assert_false(o->paused);
    assert_int_equal(o->dropped, 1);
    ways_owner_offer(o, &PATCH, ARTIFACT_PATCH, 1 * MB, &V2, &V1); /* not a second time */
    assert_false(o->paused);
    ways_owner_end(o);
}

/* The owner drops the image, or has it from elsewhere, at each state. */
static void test_dropped_at_any_time(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++) {
        struct ways_owner *const o = ways_owner_make(1 * MB);
        ways_owner_hold(o, &V1);
        ways_owner_begin(o, &V2, 0);
        if (i > 0)
            ways_owner_offer(o, &PATCH, ARTIFACT_PATCH, 1 * MB, &V2, &V1);
        if (i > 1)
            assert_true(ways_owner_got_way(o, &PATCH, ARTIFACT_PATCH));
        if (i < 3)
            fetch_ways_end(o->ways, &V2);
        else
            fetch_ways_forget(o->ways);
        assert_int_equal(o->dropped, i == 1); /* the patch that nobody needs now */
        if (i > 1)
            assert_null(ways_owner_built(o, true, 100));
        ways_owner_end(o);
    }
}

static void test_an_adapter_brings_its_base(void **state)
{
    struct ways_owner *const o = ways_owner_make(10 * MB);
    const struct artifact base = ways_owner_image(&V0);
    struct shared_memory *made;

    (void)state;
    ways_owner_begin(o, &V1, 0); /* a host that came late: it holds nothing */
    assert_false(o->paused);
    assert_true(hash_same(&o->ask.base, &none));
    ways_owner_offer(o, &ADAPTER, ARTIFACT_ADAPTER, 5 * MB, &V1, &V0);
    assert_true(o->paused);
    assert_int_equal(o->n_wanted, 2);
    assert_true(ways_owner_got_way(o, &ADAPTER, ARTIFACT_ADAPTER));
    assert_null(o->job); /* the base is not here yet */
    assert_true(ways_owner_got(o, &base));
    made = ways_owner_built(o, true, 500);
    assert_non_null(made);
    shared_memory_free(made);
    fetch_ways_end(o->ways, &V1);
    ways_owner_hold(o, &V1);
    o->n_wanted = 0;
    ways_owner_begin(o, &V2, 100); /* the next: of the same base, which stayed */
    ways_owner_offer(o, &PATCH, ARTIFACT_ADAPTER, 5 * MB, &V2, &V0);
    assert_int_equal(o->n_wanted, 1);
    assert_true(ways_owner_got_way(o, &PATCH, ARTIFACT_ADAPTER));
    assert_non_null(o->job);
    ways_owner_end(o);
}

/* Two wait for the base, and one ends; then all do, and the next finds it half here. */
static void test_a_base_outlives_who_waited_for_it(void **state)
{
    const struct hash second = {{13}};
    const struct artifact base = ways_owner_image(&V0);
    struct ways_owner *const o = ways_owner_make(10 * MB);

    (void)state;
    ways_owner_begin(o, &V1, 0);
    ways_owner_begin(o, &V2, 0);
    ways_owner_offer(o, &ADAPTER, ARTIFACT_ADAPTER, 5 * MB, &V1, &V0);
    ways_owner_offer(o, &second, ARTIFACT_ADAPTER, 5 * MB, &V2, &V0);
    fetch_ways_end(o->ways, &V1);
    assert_int_equal(o->dropped, 1);
    assert_true(hash_same(&o->last, &ADAPTER));
    fetch_ways_end(o->ways, &V2);
    assert_int_equal(o->dropped, 2);
    assert_true(hash_same(&o->last, &second));
    ways_owner_begin(o, &V2, 0);
    ways_owner_offer(o, &second, ARTIFACT_ADAPTER, 5 * MB, &V2, &V0);
    assert_true(ways_owner_got(o, &base));
    assert_true(ways_owner_got_way(o, &second, ARTIFACT_ADAPTER));
    assert_non_null(o->job);
    shared_memory_free(ways_owner_built(o, true, 100));
    ways_owner_begin(o, &V1, 0);
    fetch_ways_forget(o->ways);
    assert_int_equal(o->dropped, 2); /* nothing is pulled any more */
    ways_owner_begin(o, &V1, 0);
    ways_owner_offer(o, &ADAPTER, ARTIFACT_ADAPTER, 5 * MB, &V1, &V0);
    fetch_ways_forget(o->ways);
    assert_int_equal(o->dropped, 4); /* the adapter, and the base */
    ways_owner_end(o);
}

/* The first version is come by as an image, and becomes the base of all that follow. */
static void test_the_first_image_is_the_base(void **state)
{
    struct ways_owner *const o = ways_owner_make(10 * MB);

    (void)state;
    ways_owner_hold(o, &V0);
    ways_owner_begin(o, &V1, 0);
    ways_owner_offer(o, &ADAPTER, ARTIFACT_ADAPTER, 5 * MB, &V1, &V0);
    assert_true(ways_owner_got_way(o, &ADAPTER, ARTIFACT_ADAPTER));
    shared_memory_free(ways_owner_built(o, true, 500));
    fetch_ways_end(o->ways, &V1);
    ways_owner_hold(o, &V1);
    o->n_wanted = 0;
    ways_owner_begin(o, &V2, 0);
    ways_owner_offer(o, &PATCH, ARTIFACT_ADAPTER, 5 * MB, &V2, &V0);
    assert_int_equal(o->n_wanted, 1);
    ways_owner_end(o);
}

/* Another image comes whole while the patch is on its way. */
static void test_a_base_stays_while_its_patch_comes(void **state)
{
    struct ways_owner *const o = ways_owner_make(1 * MB);

    (void)state;
    ways_owner_hold(o, &V1);
    ways_owner_begin(o, &V2, 0);
    ways_owner_offer(o, &PATCH, ARTIFACT_PATCH, 1 * MB, &V2, &V1);
    ways_owner_hold(o, &V0);
    assert_true(ways_owner_got_way(o, &PATCH, ARTIFACT_PATCH));
    assert_non_null(o->job);
    shared_memory_free(ways_owner_built(o, true, 100));
    ways_owner_end(o);
}

/* A machine that rebuilds slowly learns that it does. */
static void test_it_learns_how_fast_it_rebuilds(void **state)
{
    struct ways_owner *const o =
        ways_owner_make(10 * MB); /* 10 s; a patch of 40 MB: 4 s and coding */

    (void)state;
    for (int i = 0; i < 6; i++) {
        struct shared_memory *made;
        ways_owner_hold(o, &V1);
        ways_owner_begin(o, &V2, 0);
        fetch_ways_tick(o->ways, 20000); /* longer than it waits for an answer */
        ways_owner_offer(o, &PATCH, ARTIFACT_PATCH, 40 * MB, &V2, &V1);
        if (!o->paused)
            break;
        assert_true(ways_owner_got_way(o, &PATCH, ARTIFACT_PATCH));
        made = ways_owner_built(o, true, 20000);
        shared_memory_free(made);
        fetch_ways_end(o->ways, &V2);
        o->paused = false;
        assert_true(i < 5);
    }
    ways_owner_end(o);
}

static void test_asked_again_on_a_new_connection(void **state)
{
    struct ways_owner *const o = ways_owner_make(0);

    (void)state;
    o->mute = true;
    ways_owner_begin(o, &V1, 0);
    assert_int_equal(o->asked, 0);
    o->mute = false;
    fetch_ways_tick(o->ways, 100);
    fetch_ways_tick(o->ways, 200);
    assert_int_equal(o->asked, 1);
    fetch_ways_again(o->ways);
    fetch_ways_tick(o->ways, 300);
    assert_int_equal(o->asked, 2);
    ways_owner_end(o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_patch_on_a_slow_line),
        cmocka_unit_test(test_a_fast_line_pulls_the_image),
        cmocka_unit_test(test_what_leads_nowhere_is_passed_over),
        cmocka_unit_test(test_a_false_one_costs_the_image),
        cmocka_unit_test(test_whatever_fails_ends_with_the_image),
        cmocka_unit_test(test_a_patch_that_is_gone),
        cmocka_unit_test(test_dropped_at_any_time),
        cmocka_unit_test(test_an_adapter_brings_its_base),
        cmocka_unit_test(test_a_base_outlives_who_waited_for_it),
        cmocka_unit_test(test_the_first_image_is_the_base),
        cmocka_unit_test(test_a_base_stays_while_its_patch_comes),
        cmocka_unit_test(test_it_learns_how_fast_it_rebuilds),
        cmocka_unit_test(test_asked_again_on_a_new_connection),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
