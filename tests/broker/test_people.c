/* Pairs go to the annotator that is here, judgements to the learner; whoever comes anew has all of it
 * said again; and neither side can fill the other's pipe. */

#include "tests/broker/fixture.h"

#include "broker/people.h"

#include <string.h>

enum { L = FIXTURE_LEARNER, N = 5, M = 6 };

static struct broker_fixture fixture;

static int setup(void **state)
{
    (void)state;
    fixture_open(&fixture);
    fixture_learner(&fixture, 1, NULL, 0);
    fixture_other(&fixture, N, ROLE_ANNOTATOR);
    fixture_forget(&fixture);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    fixture_close(&fixture);
    return 0;
}

static struct id id(uint32_t number)
{
    struct id id = {{1}};

    memcpy(id.byte + 1, &number, sizeof number);
    return id;
}

static void export(uint32_t number)
{
    struct msg msg = {.head.type = MSG_EXPORT,
                      .export = {.pair = id(number),
                                 .task = number,
                                 .version = fixture_version(0),
                                 .prompt = "which?",
                                 .a = {0, {{1}}, "this"},
                                 .b = {1, {{2}}, "that"}}};

    assert_ok(fixture_say(&fixture, L, &msg));
}

static void stored(uint32_t from, uint32_t to)
{
    struct id pair[32];
    struct msg msg = {.head.type = MSG_EXPORT_OK, .export_ok = {pair, to - from}};

    for (uint32_t i = from; i < to; i++)
        pair[i - from] = id(i);
    assert_ok(fixture_say(&fixture, N, &msg));
}

static void judge(uint32_t number)
{
    struct msg msg = {.head.type = MSG_JUDGEMENT,
                      .judgement = {.id = id(number),
                                    .pair = id(1),
                                    .a = {{1}},
                                    .b = {{2}},
                                    .verdict = VERDICT_B,
                                    .annotator = "5ea1"}};

    assert_ok(fixture_say(&fixture, N, &msg));
}

static void judged(uint32_t number)
{
    const struct id one = id(number);
    const uint32_t answer = JUDGED_KEPT;
    struct msg msg = {.head.type = MSG_JUDGED, .judged = {&one, &answer, 1}};

    assert_ok(fixture_say(&fixture, L, &msg));
}

static uint64_t told(void)
{
    const struct msg *msg;
    uint64_t number = 0;

    fixture_forget(&fixture);
    fixture_pass(&fixture, 1100);
    while ((msg = fixture_said(&fixture, L, MSG_HB)))
        number = msg->hb.annotator;
    return number;
}

static void what_each_says_comes_to_the_other_whole(void **state)
{
    const struct msg *msg;

    (void)state;
    export(1);
    msg = fixture_said(&fixture, N, MSG_EXPORT);
    assert_non_null(msg);
    assert_memory_equal(msg->export.pair.byte, id(1).byte, ID_BYTES);
    assert_string_equal(msg->export.b.text, "that");
    stored(1, 2);
    msg = fixture_said(&fixture, L, MSG_EXPORT_OK);
    assert_int_equal(msg->export_ok.n_pair, 1);
    judge(7);
    msg = fixture_said(&fixture, L, MSG_JUDGEMENT);
    assert_int_equal(msg->judgement.verdict, VERDICT_B);
    assert_string_equal(msg->judgement.annotator, "5ea1");
    judged(7);
    msg = fixture_said(&fixture, N, MSG_JUDGED);
    assert_int_equal(msg->judged.answer[0], JUDGED_KEPT);
}

static void the_learner_hears_that_another_came(void **state)
{
    const uint64_t first = told();

    (void)state;
    assert_true(first > 0);
    assert_true(told() == first);
    fixture_other(&fixture, N, ROLE_ANNOTATOR); /* a new connection of the same process */
    assert_true(told() > first);
    fixture_gone(&fixture, N, true);
    assert_true(told() == 0);
    export(1); /* to nobody */
    assert_int_equal(fixture_count(&fixture, N, MSG_EXPORT), 0);
    fixture_other(&fixture, M, ROLE_ANNOTATOR);
    assert_true(told() > first);
}

static void one_is_here_at_a_time(void **state)
{
    (void)state;
    fixture_other(&fixture, M, ROLE_ANNOTATOR);
    assert_int_equal(fixture.refused[M], REFUSE_BUSY);
    export(1);
    assert_int_equal(fixture_count(&fixture, N, MSG_EXPORT), 1);
    fixture_gone(&fixture, N, false);
    fixture_other(&fixture, M, ROLE_ANNOTATOR);
    assert_int_equal(fixture.refused[M], 0);
    export(1);
    assert_int_equal(fixture_count(&fixture, M, MSG_EXPORT), 1);
}

/* What was on its way to the one before is lost: who has it in its list shall begin again. */
static void a_learners_hello_has_the_annotator_say_its_own(void **state)
{
    (void)state;
    fixture_pass(&fixture, 300);
    judge(1);
    fixture_learner(&fixture, 1, NULL, 0); /* not even a new epoch: a connection broke */
    assert_int_equal(fixture_count(&fixture, N, MSG_WHO), 1);
    assert_true(told() == 0);
    fixture_forget(&fixture);
    judge(1); /* not before HELLO */
    assert_int_equal(fixture_count(&fixture, L, MSG_JUDGEMENT), 0);
    fixture_other(&fixture, N, ROLE_ANNOTATOR);
    judge(1);
    assert_int_equal(fixture_count(&fixture, L, MSG_JUDGEMENT), 1);
}

static void a_flood_of_judgements_ends_at_the_broker(void **state)
{
    const uint32_t most = 4 * WINDOW_JUDGEMENTS;

    (void)state;
    for (uint32_t i = 0; i < most; i++)
        judge(i);
    assert_int_equal(fixture_count(&fixture, L, MSG_JUDGEMENT), most);
    fixture_pass(&fixture, 1000);
    fixture_forget(&fixture);
    for (uint32_t i = 0; i < 10 * most; i++)
        judge(i);
    assert_int_equal(fixture_count(&fixture, L, MSG_JUDGEMENT), 0);
    assert_int_equal(fixture_count(&fixture, N, MSG_WHO), 1);
    fixture_other(&fixture, N, ROLE_ANNOTATOR); /* which gives it no more than before */
    judge(0);
    assert_int_equal(fixture_count(&fixture, L, MSG_JUDGEMENT), 0);
    judged(0);
    fixture_pass(&fixture, 1000);
    fixture_other(&fixture, N, ROLE_ANNOTATOR);
    fixture_forget(&fixture);
    judge(0);
    assert_int_equal(fixture_count(&fixture, L, MSG_JUDGEMENT), 1);
    judge(1);
    assert_int_equal(fixture_count(&fixture, L, MSG_JUDGEMENT), 1);
}

static void no_more_is_acknowledged_than_was_given(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 8; i++)
        export(i);
    fixture_forget(&fixture);
    stored(0, 9);
    assert_int_equal(fixture_count(&fixture, L, MSG_EXPORT_OK), 0);
    stored(0, 8);
    stored(0, 8);
    stored(0, 1);
    assert_int_equal(fixture_count(&fixture, L, MSG_EXPORT_OK), 1);
}

static void what_is_of_another_run_goes_nowhere(void **state)
{
    struct msg msg = {
        .head = {.type = MSG_JUDGEMENT, .run = {{77}}, .epoch = 1},
        .judgement = {.id = id(1), .pair = id(1), .verdict = VERDICT_A, .annotator = "5ea1"}};

    (void)state;
    assert_ok(broker_take(fixture.broker, fixture.member[N], &msg, fixture.now_ms));
    assert_int_equal(fixture_count(&fixture, L, MSG_JUDGEMENT), 0);
}

static void who_is_no_annotator_brings_no_judgement(void **state)
{
    struct msg msg = {
        .head.type = MSG_JUDGEMENT,
        .judgement = {.id = id(1), .pair = id(1), .verdict = VERDICT_A, .annotator = "5ea1"}};

    (void)state;
    fixture_actor(&fixture, FIXTURE_ACTOR, NULL, 0);
    assert_err(ERR_RANGE, fixture_say(&fixture, FIXTURE_ACTOR, &msg));
    assert_int_equal(fixture_count(&fixture, L, MSG_JUDGEMENT), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_each_says_comes_to_the_other_whole, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(the_learner_hears_that_another_came, setup, teardown),
        cmocka_unit_test_setup_teardown(one_is_here_at_a_time, setup, teardown),
        cmocka_unit_test_setup_teardown(a_learners_hello_has_the_annotator_say_its_own, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_flood_of_judgements_ends_at_the_broker, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(no_more_is_acknowledged_than_was_given, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(what_is_of_another_run_goes_nowhere, setup, teardown),
        cmocka_unit_test_setup_teardown(who_is_no_annotator_brings_no_judgement, setup,
                                        teardown),
    };

    return cmocka_run_group_tests_name("broker/people", tests, NULL, NULL);
}
