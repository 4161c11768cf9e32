/* Which images an actor keeps: as many as overlap may name at once, and never one that a sample
 * in hand needs, over every lag that is allowed. */

#include "tests/support/test.h"

#include "actor/compute.h"
#include "actor/weights.h"

#include <string.h>

static struct version version_of(uint64_t number)
{
    return (struct version){number, {{1, (uint8_t)number}}};
}

/* What samples in hand want: versions first .. last. */
struct window {
    uint64_t first, last;
};

static bool in_window(const void *self, const struct version *v)
{
    const struct window *w = self;

    return v->number >= w->first && v->number <= w->last;
}

static bool has(const struct actor_weights *w, uint64_t number)
{
    for (uint32_t i = 0; i < w->n_loaded; i++)
        if (w->loaded[i].number == number)
            return true;
    return false;
}

/* What was wanted first arrives, as if it had been asked for. */
static void arrive(struct actor_weights *w)
{
    const struct artifact what = {.hash = w->wanted[0].hash};
    struct compute_item *item = weights_got(w, &what, NULL);

    assert_non_null(item);
    compute_item_free(item);
}

static void open_weights(struct actor_weights *w)
{
    memset(w, 0, sizeof *w);
    w->have_card = true;
}

/* The learner announces versions; samples of V-lag .. V are in hand while V+1 comes. */
static void no_image_in_use_goes_at_any_lag(void **state)
{
    (void)state;
    for (uint64_t lag = 0; lag <= MAX_LAG; lag++) {
        struct actor_weights w;

        open_weights(&w);
        for (uint64_t v = 0; v < 4 * MAX_LIVE; v++) {
            const struct version newest = version_of(v);
            const struct window hand = {v > lag + 1 ? v - lag - 1 : 0, v ? v - 1 : 0};
            struct compute_item *item;

            weights_newest(&w, &newest);
            item = weights_spare(&w, in_window, &hand);
            if (item) {
                assert_int_equal(item->kind, ITEM_FORGET);
                assert_false(in_window(&hand, &item->version));
                compute_item_free(item);
            }
            assert_true(w.n_loaded < MAX_LIVE); /* there is room for the one that comes */
            arrive(&w);
            for (uint64_t k = hand.first; v && k <= hand.last; k++)
                assert_true(has(&w, k));
            assert_true(has(&w, v));
        }
    }
}

/* As many versions as it may hold. */
static void open_full(struct actor_weights *w)
{
    open_weights(w);
    for (uint64_t v = 0; v < MAX_LIVE; v++) {
        const struct version newest = version_of(v);

        weights_newest(w, &newest);
        arrive(w);
    }
}

/* A learner that says nothing of what it needs no more (an evaluation of version 0 is under way)
 * and whose tasks name the first version again: it comes back. */
static void what_was_forgotten_is_wanted_again(void **state)
{
    const struct window none = {1, 0};
    struct version first = version_of(0), last = version_of(MAX_LIVE);
    struct compute_item *item;
    struct actor_weights w;

    (void)state;
    open_full(&w);
    assert_null(weights_spare(&w, in_window, &none)); /* nobody wants another */
    weights_newest(&w, &last);
    item = weights_spare(&w, in_window, &none);
    assert_int_equal(item->version.number, 0);
    compute_item_free(item);
    assert_false(has(&w, 0));
    arrive(&w);
    weights_want(&w, &first); /* a lease names it */
    item = weights_spare(&w, in_window, &none);
    assert_int_equal(item->version.number, 1);
    compute_item_free(item);
    arrive(&w);
    assert_true(has(&w, 0));
}

static void all_in_use_and_another_waits(void **state)
{
    const struct window all = {0, MAX_LIVE};
    const struct version more = version_of(MAX_LIVE);
    struct actor_weights w;

    (void)state;
    open_full(&w);
    weights_newest(&w, &more);
    assert_null(weights_spare(&w, in_window, &all));
    assert_int_equal(w.n_loaded, MAX_LIVE);
    assert_int_equal(w.n_wanted, 1);
}

/* What is on its way and needed by nobody makes place for the newest. */
static void the_latest_wins(void **state)
{
    const struct version one = version_of(1), two = version_of(2), three = version_of(3);
    const struct window needs = {2, 2};
    const struct fetch_conf conf = {.role = ROLE_ACTOR, .name = "child"};
    struct actor_weights w;
    struct fetch *fetch;

    (void)state;
    open_weights(&w);
    fetch_new(&fetch, &conf);
    weights_newest(&w, &one);
    weights_want(&w, &two); /* a task names it */
    weights_latest(&w, fetch, in_window, &needs);
    assert_int_equal(w.n_wanted, 2); /* one is still the newest */
    assert_ok(weights_ask(&w, fetch));
    assert_true(fetch_wants(fetch, &one.hash) && fetch_wants(fetch, &two.hash));
    weights_newest(&w, &three);
    weights_latest(&w, fetch, in_window, &needs);
    assert_int_equal(w.n_wanted, 2);
    assert_false(fetch_wants(fetch, &one.hash));
    assert_true(fetch_wants(fetch, &two.hash));
    assert_ok(weights_ask(&w, fetch));
    assert_true(fetch_wants(fetch, &three.hash));
    fetch_free(fetch);
}

/* A slow line: each version dies before it is here. Each next one is asked for. */
static void what_died_is_let_go(void **state)
{
    const struct fetch_conf conf = {.role = ROLE_ACTOR, .name = "child"};
    struct actor_weights w;
    struct fetch *fetch;

    (void)state;
    open_weights(&w);
    fetch_new(&fetch, &conf);
    for (uint64_t v = 1; v <= 2 * FETCH_MAX; v++) {
        const struct version newest = version_of(v), before = version_of(v - 1);
        struct compute_item *item;

        weights_newest(&w, &newest);
        item = weights_drop(&w, fetch, v);
        assert_int_equal(item->kind, ITEM_DROP);
        compute_item_free(item);
        assert_false(fetch_wants(fetch, &before.hash));
        assert_ok(weights_ask(&w, fetch));
        assert_true(fetch_wants(fetch, &newest.hash));
    }
    fetch_free(fetch);
}

/* One that died and is not made of another any more: nobody has it, so nobody waits for it. */
static void what_died_late_is_let_go(void **state)
{
    const struct fetch_conf conf = {.role = ROLE_ACTOR, .name = "child"};
    const struct version one = version_of(1), two = {2, one.hash};
    const struct window none = {1, 0};
    struct actor_weights w;
    struct fetch *fetch;

    (void)state;
    for (int same = 0; same < 2; same++) {
        open_weights(&w);
        fetch_new(&fetch, &conf);
        weights_newest(&w, &one);
        assert_ok(weights_ask(&w, fetch));
        w.late = one;
        w.n_wanted = 0;
        if (same) /* but one that lives has its bytes */
            weights_newest(&w, &two);
        weights_latest(&w, fetch, in_window, &none);
        assert_int_equal(fetch_wants(fetch, &one.hash), same);
        assert_false(hash_same(&w.late.hash, &one.hash));
        fetch_free(fetch);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_latest_wins),
        cmocka_unit_test(what_died_is_let_go),
        cmocka_unit_test(what_died_late_is_let_go),
        cmocka_unit_test(no_image_in_use_goes_at_any_lag),
        cmocka_unit_test(what_was_forgotten_is_wanted_again),
        cmocka_unit_test(all_in_use_and_another_waits),
    };

    return cmocka_run_group_tests_name("actor/weights", tests, NULL, NULL);
}
