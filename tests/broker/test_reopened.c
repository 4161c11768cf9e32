/* A task is taken back and opened again with another shape while tickets, queues and leases
 * still speak of the first one: they lead nowhere, and the second one is served. */

#include "tests/broker/fixture_ticket.h"

#include "broker/fifo.h"

#include <stdlib.h>
#include <string.h>

enum { S = FIXTURE_REWARDER + 1 };

/* Sample 7 of 8 is with a rewarder; then a new start of the run opens the task with 7. */
static struct msg_ask reopened(void)
{
    struct msg_ask ask;

    all_here(&fixture_rule, 1);
    fixture_open_task(&fixture, 0, 8, 0);
    assert_ok(fixture_rollout(&fixture, A, 0, 7, 1, 0));
    ask = ticket(R);
    assert_int_equal(ask.item[0].sample, 7);
    fixture_learner(&fixture, 2, &fixture_rule, 1);
    fixture_open_task(&fixture, 0, 7, 0);
    return ask;
}

static void a_score_of_the_first_shape_is_only_late(void **state)
{
    struct msg_ask ask = reopened();

    (void)state;
    assert_ok(fixture_score(&fixture, R, &ask, 1, 0));
    assert_int_equal(fixture_stats(&fixture)->waiting, 7);
}

static void a_ticket_of_the_first_shape_runs_out(void **state)
{
    (void)state;
    reopened();
    fixture_pass(&fixture, 60000);
    assert_int_equal(fixture_stats(&fixture)->waiting, 7);
}

static void a_refusal_of_the_first_shape_blames_nobody(void **state)
{
    struct msg_ask ask = reopened();
    struct msg fail = {.head.type = MSG_FAIL, .fail = {.ticket = ask.ticket, .reason = "no"}};

    (void)state;
    assert_ok(fixture_say(&fixture, R, &fail));
    fixture_pass(&fixture, 1000);
    assert_int_equal(fixture_stats(&fixture)->waiting, 7);
}

static void a_rewarder_that_comes_back_holds_nothing_of_it(void **state)
{
    (void)state;
    reopened();
    fixture_rewarder(&fixture, R, SCORER_RULE, "");
    fixture_gone(&fixture, R, true);
    assert_int_equal(fixture_stats(&fixture)->waiting, 7);
}

static void a_queue_of_the_first_shape_is_passed_over(void **state)
{
    struct msg_ask ask;

    (void)state;
    all_here(&fixture_rule, 1);
    fixture_gone(&fixture, R, false);
    fixture_open_task(&fixture, 0, 8, 0);
    assert_ok(fixture_rollout(&fixture, A, 0, 7, 1, 0)); /* nobody can score it yet */
    fixture_learner(&fixture, 2, &fixture_rule, 1);
    fixture_open_task(&fixture, 0, 2, 0);
    fixture_actor(&fixture, A, NULL, 0);
    assert_ok(fixture_rollout(&fixture, A, 0, 1, 1, 0));
    fixture_rewarder(&fixture, R, SCORER_RULE, "");
    ask = ticket(R);
    assert_int_equal(ask.n_item, 1);
    assert_int_equal(ask.item[0].sample, 1);
}

static void leases_of_the_first_shape_are_over(void **state)
{
    uint64_t lease;

    (void)state;
    all_here(NULL, 0);
    fixture_open_task(&fixture, 0, 8, 0);
    fixture_credit(&fixture, A, 8, 0);
    lease = fixture_said(&fixture, A, MSG_LEASE)->lease.lease;
    fixture_learner(&fixture, 2, NULL, 0);
    fixture_open_task(&fixture, 0, 2, 0);
    assert_int_equal(fixture_count(&fixture, A, MSG_WHO), 1);
    fixture_actor(&fixture, A, NULL, 0);
    fixture_hb_lease(&fixture, A, 1, lease, NULL, 0);
    fixture_pass(&fixture, 60000);
    assert_int_equal(fixture_stats(&fixture)->waiting, 2);
}

/* A new life of the learner has others, or none: the leases stay, and bring those of the first. */
static void earlier_answers_are_no_part_of_a_task(void **state)
{
    static const uint32_t each[] = {2, 1}, other[] = {1};
    static const int32_t token[] = {5, 6, 7};
    static const uint8_t share[] = {255, 3, 0};
    const struct msg *lease;

    (void)state;
    all_here(NULL, 0);
    fixture.earlier = (struct earlier){each, 2, token, 3, share};
    fixture_open_task(&fixture, 0, 4, 0);
    fixture_credit(&fixture, A, 4, 0);
    lease = fixture_said(&fixture, A, MSG_LEASE);
    assert_int_equal(lease->lease.task.earlier.n_each, 2);
    assert_memory_equal(lease->lease.task.earlier.each, each, sizeof each);
    assert_int_equal(lease->lease.task.earlier.n_token, 3);
    assert_memory_equal(lease->lease.task.earlier.token, token, sizeof token);
    assert_memory_equal(lease->lease.task.earlier.share, share, sizeof share);
    assert_int_equal(fixture_stats(&fixture)->leased, 4);
    fixture_learner(&fixture, 2, NULL, 0);
    fixture.earlier = (struct earlier){other, 1, token, 1, share};
    fixture_open_task(&fixture, 0, 4, 0);
    assert_int_equal(fixture_stats(&fixture)->leased, 4);
    assert_int_equal(fixture_stats(&fixture)->opened, 4);
}

/* Tasks that fill half of their room leave no more of it to what only helps them. */
static void earlier_answers_give_way_to_tasks(void **state)
{
    static int32_t token[1000];
    static uint8_t share[1000];
    const uint32_t each = 1000;
    const int32_t prompt = 1;
    struct task def = {.samples = 1,
                       .prompt = &prompt,
                       .n_prompt = 1,
                       .prompt_text = "",
                       .meta = "",
                       .earlier = {&each, 1, token, 1000, share}};
    struct open_tasks tasks;
    int with = 0, without = 0;

    (void)state;
    tasks_init(&tasks, 64, 60 << 10, 1 << 20);
    for (int i = 0; i < 30; i++) {
        def.id = (uint64_t)i;
        assert_ok(tasks_add(&tasks, &def, 0, 0));
        assert_true(!without || !tasks_find(&tasks, def.id)->def->earlier.n_token);
        with += tasks_find(&tasks, def.id)->def->earlier.n_token == 1000;
        without += !tasks_find(&tasks, def.id)->def->earlier.n_each;
    }
    assert_int_equal(with + without, 30);
    assert_in_range(with, 4, 7); /* of 5 KiB and what a task takes in 30 KiB */
    tasks_fini(&tasks);
}

/* Each start of the run opens the task anew; no rewarder ever empties the queue. */
static void a_queue_is_no_longer_than_tasks_are_many(void **state)
{
    struct open_tasks tasks;
    struct fifo fifo = {.n = 0};
    const int32_t prompt = 1;
    struct task def = {
        .samples = 4, .prompt = &prompt, .n_prompt = 1, .prompt_text = "", .meta = ""};

    (void)state;
    tasks_init(&tasks, 8, 1 << 20, 1 << 20);
    for (int i = 0; i < 10000; i++) {
        def.id = (uint64_t)i % 8;
        tasks_remove(&tasks, def.id);
        assert_ok(tasks_add(&tasks, &def, 0, 0));
        for (uint32_t k = 0; k < 4; k++)
            fifo_push(&tasks, &fifo, tasks_find(&tasks, def.id), k);
    }
    assert_in_range(fifo.capacity, 32, 128);
    for (int i = 0; i < 32; i++) { /* the last 32 are those that are open, in order */
        while (!tasks_named(&tasks, fifo_head(&fifo), NULL))
            fifo_pop(&fifo);
        assert_int_equal(fifo_head(&fifo)->sample, i % 4);
        assert_int_equal(fifo_head(&fifo)->task, i / 4);
        fifo_pop(&fifo);
    }
    assert_int_equal(fifo.n, 0);
    free(fifo.item);
    tasks_fini(&tasks);
}

static void another_table_under_the_same_hash_forgets_the_tasks(void **state)
{
    struct scorer group = fixture_group;

    (void)state;
    all_here(&fixture_group, 1);
    fixture_open_task(&fixture, 0, 2, 0);
    group.unit = UNIT_ROLLOUT;
    fixture_learner(&fixture, 2, &group, 1);
    assert_int_equal(fixture_stats(&fixture)->opened, 0);
}

static void a_score_counts_only_from_who_was_asked(void **state)
{
    struct msg_ask ask;

    (void)state;
    all_here(&fixture_rule, 1);
    fixture_open_task(&fixture, 0, 1, 0);
    assert_ok(fixture_rollout(&fixture, A, 0, 0, 1, 0));
    ask = ticket(R);
    fixture_rewarder(&fixture, S, SCORER_RULE, "");
    assert_err(ERR_RANGE, fixture_score(&fixture, S, &ask, 9, 0));
    assert_int_equal(fixture_count(&fixture, L, MSG_SAMPLE), 0);
    fixture_pass(&fixture, 2100); /* it ran out: its holder's answer still counts, no other's */
    fixture_gone(&fixture, S, false);
    fixture_rewarder(&fixture, S, SCORER_RULE, "");
    assert_err(ERR_RANGE, fixture_score(&fixture, S, &ask, 9, 0));
    assert_int_equal(fixture_count(&fixture, L, MSG_SAMPLE), 0);
    assert_ok(fixture_score(&fixture, R, &ask, 1, 0));
    assert_int_equal(fixture_count(&fixture, L, MSG_SAMPLE), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_score_of_the_first_shape_is_only_late, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_ticket_of_the_first_shape_runs_out, setup, teardown),
        cmocka_unit_test_setup_teardown(a_refusal_of_the_first_shape_blames_nobody, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_rewarder_that_comes_back_holds_nothing_of_it, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_queue_of_the_first_shape_is_passed_over, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(leases_of_the_first_shape_are_over, setup, teardown),
        cmocka_unit_test_setup_teardown(earlier_answers_are_no_part_of_a_task, setup, teardown),
        cmocka_unit_test(earlier_answers_give_way_to_tasks),
        cmocka_unit_test(a_queue_is_no_longer_than_tasks_are_many),
        cmocka_unit_test_setup_teardown(another_table_under_the_same_hash_forgets_the_tasks,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(a_score_counts_only_from_who_was_asked, setup,
                                        teardown),
    };

    return cmocka_run_group_tests_name("reopened", tests, NULL, NULL);
}
