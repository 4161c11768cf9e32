/* Which tasks are sent again: what the broker has not got for a whole heartbeat. */
#include "learner/fleet/fleet_tasks.h"

#include "tests/support/test.h"

static void what_is_on_its_way_is_not_sent_again(void **state)
{
    struct fleet_tasks tasks = {.opened = 0};
    (void)state;

    fleet_tasks_welcome(&tasks, 3);
    assert_int_equal(tasks.opened, 3);
    tasks.opened = 10; /* sent */
    fleet_tasks_hear(&tasks, 5);
    assert_int_equal(tasks.opened, 10); /* it moves: the rest is on its way */
    fleet_tasks_hear(&tasks, 10);
    assert_int_equal(tasks.opened, 10);
    fleet_tasks_hear(&tasks, 10); /* it has all of them */
    assert_int_equal(tasks.opened, 10);
}

static void what_was_lost_is_sent_again(void **state)
{
    struct fleet_tasks tasks = {.opened = 0};
    (void)state;

    fleet_tasks_welcome(&tasks, 3);
    tasks.opened = 10;
    fleet_tasks_hear(&tasks, 5);
    fleet_tasks_hear(&tasks, 5); /* a heartbeat later it knows no more */
    assert_int_equal(tasks.opened, 5);
    tasks.opened = 10;
    fleet_tasks_hear(&tasks, 7);
    assert_int_equal(tasks.opened, 10);
}

static void a_new_broker_begins_where_it_says(void **state)
{
    struct fleet_tasks tasks = {.opened = 10, .acked = 10};
    (void)state;

    fleet_tasks_welcome(&tasks, 0);
    assert_int_equal(tasks.opened, 0);
    tasks.opened = 4;
    fleet_tasks_hear(&tasks, 0); /* it has said 0 before */
    assert_int_equal(tasks.opened, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_on_its_way_is_not_sent_again),
        cmocka_unit_test(what_was_lost_is_sent_again),
        cmocka_unit_test(a_new_broker_begins_where_it_says),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
