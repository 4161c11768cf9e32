/* An image that is itself in the making, as the base of the next one. */

#include "tests/proto/ways_owner.h"
#include "tests/support/test.h"

/* The version before died while its patch came: what is made of that is what the next is made of. */
static void one_in_the_making_is_a_base(void **state)
{
    struct ways_owner *const o = ways_owner_make(1 * MB);
    struct fetch_rebuild *first;
    struct artifact what;
    static const struct hash LATER = {{13}};

    (void)state;
    ways_owner_hold(o, &V0);
    ways_owner_begin(o, &V1, 1000);
    ways_owner_offer(o, &PATCH, ARTIFACT_PATCH, 10 * MB, &V1, &V0);
    assert_true(o->paused);
    ways_owner_begin(o, &V2, 2000);
    assert_true(hash_same(&o->ask.hash, &V2));
    assert_true(hash_same(&o->ask.base, &V1)); /* and not what is here */
    ways_owner_offer(o, &LATER, ARTIFACT_PATCH, 10 * MB, &V2, &V1);
    assert_true(ways_owner_got_way(o, &LATER, ARTIFACT_PATCH));
    assert_null(o->job); /* its base is not here */
    assert_true(ways_owner_got_way(o, &PATCH, ARTIFACT_PATCH));
    assert_non_null(o->job);
    first = o->job;
    o->job = NULL;
    assert_true(fetch_ways_built(o->ways, first));
    what = ways_owner_image(&V1);
    first->made = ways_owner_pages();
    fetch_ways_hold(o->ways, &what, first->made);
    fetch_ways_end(o->ways, &V1);
    assert_non_null(o->job);
    assert_true(hash_same(&o->job->of.hash, &V2));
    fetch_ways_rebuild_free(first);
    ways_owner_end(o);
}

/* And if that fails the image is pulled. */
static void a_base_that_is_not_made_is_not_waited_for(void **state)
{
    struct ways_owner *const o = ways_owner_make(1 * MB);
    static const struct hash LATER = {{13}};

    (void)state;
    ways_owner_hold(o, &V0);
    ways_owner_begin(o, &V1, 1000);
    ways_owner_offer(o, &PATCH, ARTIFACT_PATCH, 10 * MB, &V1, &V0);
    ways_owner_begin(o, &V2, 2000);
    ways_owner_offer(o, &LATER, ARTIFACT_PATCH, 10 * MB, &V2, &V1);
    assert_true(o->paused);
    fetch_ways_end(o->ways, &V1);
    assert_false(o->paused);
    ways_owner_end(o);
}

/* What is here already does not go with its offer. */
static void a_way_that_is_here_is_used(void **state)
{
    struct ways_owner *const o = ways_owner_make(1 * MB);
    static const struct hash LATER = {{13}};

    (void)state;
    ways_owner_hold(o, &V0);
    ways_owner_begin(o, &V1, 1000);
    ways_owner_offer(o, &PATCH, ARTIFACT_PATCH, 10 * MB, &V1, &V0);
    ways_owner_begin(o, &V2, 2000);
    ways_owner_offer(o, &LATER, ARTIFACT_PATCH, 10 * MB, &V2, &V1);
    assert_true(ways_owner_got_way(o, &LATER, ARTIFACT_PATCH));
    fetch_ways_none(o->ways, &LATER);
    assert_true(o->paused); /* it waits for its base, which is in the making */
    assert_int_equal(o->dropped, 0);
    ways_owner_end(o);
}

/* The base of adapters, which is pulled for them. */
static void a_base_that_nobody_offers_is_not_waited_for(void **state)
{
    struct ways_owner *const o = ways_owner_make(10 * MB);

    (void)state;
    ways_owner_begin(o, &V1, 1000);
    ways_owner_offer(o, &ADAPTER, ARTIFACT_ADAPTER, 5 * MB, &V1, &V0);
    assert_true(o->paused);
    assert_true(ways_owner_got_way(o, &ADAPTER, ARTIFACT_ADAPTER));
    fetch_ways_none(o->ways, &V0);
    assert_false(o->paused);
    assert_true(hash_same(&o->last, &V0));
    ways_owner_end(o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_in_the_making_is_a_base),
        cmocka_unit_test(a_base_that_is_not_made_is_not_waited_for),
        cmocka_unit_test(a_way_that_is_here_is_used),
        cmocka_unit_test(a_base_that_nobody_offers_is_not_waited_for),
    };

    return cmocka_run_group_tests_name("proto/fetch_base", tests, NULL, NULL);
}
