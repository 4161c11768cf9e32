/* Versions side by side in the compute thread: as many as overlap: lag may need. */

#include "tests/actor/compute_fixture.h"

/* As many versions as tasks may name at once, with a job of the oldest under way and one of each
 * waiting: what comes last must not push out what is in use (lag, its allowed maximum). */
static void as_many_versions_as_lag_allows_are_in_use_at_once(void **state)
{
    struct compute_fixture d;

    (void)state;
    fixture_open(&d, 1);
    fixture_post_card(&d);
    fixture_post_image(&d, 0);
    fixture_post_job(&d, 1, 0, 1, 4, 600); /* long: the others come while it runs */
    for (uint64_t v = 1; v <= MAX_LAG + 1; v++) {
        fixture_post_image(&d, v);
        fixture_post_job(&d, 1 + v, v, 1, 4, 4);
    }
    fixture_await(&d, MAX_LAG + 2);
    for (uint64_t v = 0; v <= MAX_LAG + 1; v++)
        fixture_same_as_alone(&d, 1 + v, v, 1, 4, v ? 4 : 600);
    fixture_close(&d);
}

static void a_forgotten_image_may_come_again(void **state)
{
    struct compute_item *item = compute_item(ITEM_FORGET);
    struct compute_fixture d;

    (void)state;
    fixture_open(&d, 1);
    fixture_post_card(&d);
    fixture_post_image(&d, 0);
    fixture_post_image(&d, 1);
    item->version = fixture_version(0);
    fixture_post(&d, item);
    fixture_post_job(&d, 1, 0, 1, 4, 4); /* waits */
    fixture_post_job(&d, 2, 1, 1, 4, 4);
    fixture_await(&d, 1);
    fixture_find(&d, 2, 0);
    fixture_post_image(&d, 0);
    fixture_await(&d, 2);
    fixture_same_as_alone(&d, 1, 0, 1, 4, 4);
    fixture_close(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_many_versions_as_lag_allows_are_in_use_at_once),
        cmocka_unit_test(a_forgotten_image_may_come_again),
    };

    return cmocka_run_group_tests_name("actor/lag", tests, NULL, NULL);
}
