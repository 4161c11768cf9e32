#include "tests/support/test.h"

#include "actor/inflight.h"
#include "base/mem.h"

#include <stdlib.h>

static const struct version any;

static int dropped_count;

static void dropped(void *self, uint64_t task, uint32_t sample)
{
    (void)self, (void)task, (void)sample;
    dropped_count++;
}

static int open_book(void **state)
{
    struct inflight *inflight;

    inflight_new(&inflight);
    for (uint32_t s = 0; s < 4; s++)
        assert_true(inflight_add(inflight, 7, s, 100 + s / 2, &any, false));
    assert_true(inflight_add(inflight, 9, 0, 102, &any, true));
    *state = inflight;
    return 0;
}

static int close_book(void **state)
{
    inflight_free(*state);
    return 0;
}

static void finish(struct inflight *inflight, uint64_t task, uint32_t sample)
{
    struct rollout *r = mem_new(1, sizeof *r);

    r->hash.byte[0] = (uint8_t)(10 * task + sample);
    inflight_find(inflight, task, sample)->rollout = r;
}

static void a_sample_is_leased_once(void **state)
{
    assert_false(inflight_add(*state, 7, 3, 200, &any, false));
    assert_int_equal(inflight_running(*state), 5);
    assert_int_equal(inflight_done(*state), 0);
}

static void a_rollout_is_kept_until_it_is_settled(void **state)
{
    const struct range above[] = {{9, 0, 1}};
    struct settled settled = {.epoch = 1, .watermark = 7};

    finish(*state, 7, 1);
    dropped_count = 0;
    assert_int_equal(inflight_settle(*state, &settled, dropped, NULL), 0);
    assert_int_equal(inflight_done(*state), 1);
    settled.range = above;
    settled.n_range = 1;
    assert_int_equal(inflight_settle(*state, &settled, dropped, NULL), 1); /* 9/0 ran still */
    assert_int_equal(dropped_count, 1);
    settled.watermark = 8;
    assert_int_equal(inflight_settle(*state, &settled, dropped, NULL), 4);
    assert_int_equal(dropped_count, 4);
    assert_int_equal(inflight_running(*state) + inflight_done(*state), 0);
}

static void a_range_settles_only_its_samples(void **state)
{
    const struct range middle[] = {{7, 1, 2}};
    const struct settled settled = {.epoch = 1, .range = middle, .n_range = 1};

    assert_int_equal(inflight_settle(*state, &settled, dropped, NULL), 2);
    assert_non_null(inflight_find(*state, 7, 0));
    assert_null(inflight_find(*state, 7, 1));
    assert_null(inflight_find(*state, 7, 2));
    assert_non_null(inflight_find(*state, 7, 3));
}

static void claims_say_what_is_held(void **state)
{
    const struct claim *claim;
    uint32_t n, done = 0;

    finish(*state, 7, 2);
    claim = inflight_claims(*state, &n);
    assert_int_equal(n, 5);
    for (uint32_t i = 0; i < n; i++)
        if (claim[i].state == CLAIM_DONE) {
            done++;
            assert_int_equal(claim[i].task, 7);
            assert_int_equal(claim[i].sample, 2);
            assert_int_equal(claim[i].hash.byte[0], 72);
        }
    assert_int_equal(done, 1);
}

static void each_lease_is_named_once(void **state)
{
    const uint32_t *unbegun;
    uint32_t n;
    const uint64_t *lease = inflight_leases(*state, &unbegun, &n);

    assert_int_equal(n, 3);
    assert_int_equal(lease[0], 100);
    assert_int_equal(lease[1], 101);
    assert_int_equal(lease[2], 102);
}

/* Lease 100: samples 0, 1; lease 101: 2, 3; lease 102: task 9. */
static void what_has_not_begun_is_counted(void **state)
{
    const uint32_t *unbegun;
    uint32_t n;

    inflight_begun(*state, 7, 0, 3);
    inflight_begun(*state, 8, 0, 3); /* not here */
    finish(*state, 9, 0);
    inflight_leases(*state, &unbegun, &n);
    assert_int_equal(n, 3);
    assert_int_equal(unbegun[0], 0);
    assert_int_equal(unbegun[1], 1);
    assert_int_equal(unbegun[2], 0);
}

static void the_last_of_a_lease_is_found(void **state)
{
    assert_int_equal(inflight_last(*state, 101, 0, false)->sample, 3);
    assert_null(inflight_last(*state, 100, 2, false));
    inflight_begun(*state, 7, 3, 1);
    assert_int_equal(inflight_last(*state, 101, 0, false)->sample, 2);
    assert_int_equal(inflight_last(*state, 101, 0, true)->sample, 3);
    finish(*state, 7, 3);
    assert_int_equal(inflight_last(*state, 101, 0, true)->sample, 2);
    assert_int_equal(inflight_remove_task(*state, 7), 4);
    assert_int_equal(inflight_remove_task(*state, 7), 0); /* of what is not here */
    assert_null(inflight_last(*state, 101, 0, true));
    assert_int_equal(inflight_running(*state), 1);
}

#define WITH_BOOK(test) cmocka_unit_test_setup_teardown(test, open_book, close_book)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_BOOK(a_sample_is_leased_once),
        WITH_BOOK(a_rollout_is_kept_until_it_is_settled),
        WITH_BOOK(a_range_settles_only_its_samples),
        WITH_BOOK(claims_say_what_is_held),
        WITH_BOOK(each_lease_is_named_once),
        WITH_BOOK(what_has_not_begun_is_counted),
        WITH_BOOK(the_last_of_a_lease_is_found),
    };
    return cmocka_run_group_tests_name("inflight", tests, NULL, NULL);
}
