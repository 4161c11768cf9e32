/* Answers found false: what is here of them goes, and who wrote them gets no work while another
 * can do it; in every case somebody does. */

#include "tests/broker/fixture_setup.h"

#include <string.h>

enum { C = FIXTURE_ACTOR + 2 };

static struct writer writer_of(uint32_t at)
{
    return (struct writer){{{(uint8_t)(at + 1)}},
                           {{0}},
                           fixture.address[at] ? fixture.address[at] : "",
                           "fixture",
                           ""};
}

static enum err refuse(uint64_t task, uint32_t sample, struct hash hash, uint32_t by)
{
    struct msg msg = {.head.type = MSG_REFUSED,
                      .refused = {.task = task,
                                  .sample = sample,
                                  .hash = hash,
                                  .writer = writer_of(by),
                                  .words = "its text is not its tokens'"}};

    return fixture_say(&fixture, L, &msg);
}

/* Two actors of the given addresses; A has brought sample 0 of task 0, which has a second one.
 */
static void brought(const char *a, const char *b)
{
    fixture.address[A] = a;
    fixture.address[B] = b;
    all_here(NULL, 0);
    fixture_credit(&fixture, A, 2, 0);
    fixture_open_task(&fixture, 0, 2, 0);
    assert_int_equal(fixture_count(&fixture, A, MSG_LEASE), 1);
    assert_ok(fixture_rollout(&fixture, A, 0, 0, 1, 0));
    assert_ok(fixture_rollout(&fixture, A, 0, 1, 1, 0));
    assert_int_equal(fixture_count(&fixture, L, MSG_SAMPLE), 2);
    fixture_forget(&fixture);
}

static void it_is_taken_back_and_given_to_another(void **state)
{
    const struct msg *said;
    const struct msg_stats *stats;
    (void)state;

    brought("10.0.0.1", "10.0.0.2");
    fixture_credit(&fixture, A, 8, UINT64_MAX);
    fixture_credit(&fixture, B, 8, 0);
    assert_ok(refuse(0, 0, fixture_hash(0, 0, 1), A));
    stats = fixture_stats(&fixture);
    assert_int_equal(stats->leased, 1);
    assert_int_equal(stats->unsettled, 1);
    assert_int_equal(stats->found_false, 1);
    assert_int_equal(stats->n_suspect, 1);
    assert_string_equal(stats->suspect[0].writer.address, "10.0.0.1");
    assert_string_equal(stats->suspect[0].words, "its text is not its tokens'");
    assert_true(stats->suspect[0].aside);
    said = fixture_said(&fixture, A, MSG_REFUSED);
    assert_non_null(said);
    assert_int_equal(said->refused.sample, 0);
    assert_int_equal(fixture.strikes[A], 1);
    assert_int_equal(fixture_count(&fixture, B, MSG_LEASE), 1);
    assert_int_equal(fixture_count(&fixture, A, MSG_LEASE), 0);
    assert_ok(fixture_rollout(&fixture, B, 0, 0, 2, 0));
    assert_int_equal(fixture_count(&fixture, L, MSG_SAMPLE), 1);
}

/* Alone, the liar has the others of the group again, by a letter behind the strike: which is void
 * once the strike was one too many. */
static void nothing_more_is_said_to_who_is_dropped(void **state)
{
    (void)state;
    all_here(&fixture_group, 1);
    fixture_gone(&fixture, B, false);
    fixture_credit(&fixture, A, 2, 0);
    fixture_open_task(&fixture, 0, 2, 0);
    assert_ok(fixture_rollout(&fixture, A, 0, 0, 1, 0));
    assert_ok(fixture_rollout(&fixture, A, 0, 1, 1, 0));
    fixture_credit(&fixture, A, 8, UINT64_MAX);
    fixture_forget(&fixture);
    fixture.drops[A] = true;
    assert_ok(refuse(0, 1, fixture_hash(0, 1, 1), A));
    assert_int_equal(fixture.strikes[A], 1);
    assert_null(fixture.member[A]);
    assert_int_equal(fixture_count(&fixture, A, MSG_REFUSED), 1);
    assert_int_equal(fixture_count(&fixture, A, MSG_LEASE), 0);
    assert_int_equal(fixture_stats(&fixture)->waiting, 2);
}

/* What the learner found false counts at once for what its writer has in hand, too. */
static void what_it_has_in_hand_goes_to_another(void **state)
{
    (void)state;
    brought("10.0.0.1", "10.0.0.2");
    fixture_open_task(&fixture, 1, 1, 0);
    fixture_credit(&fixture, A, 8, UINT64_MAX);
    assert_int_equal(fixture_count(&fixture, A, MSG_LEASE), 1);
    fixture_credit(&fixture, B, 8, 0);
    assert_int_equal(fixture_count(&fixture, B, MSG_LEASE), 0);
    assert_ok(refuse(0, 0, fixture_hash(0, 0, 1), A));
    assert_int_equal(fixture_count(&fixture, A, MSG_REVOKE), 1);
    assert_int_equal(fixture_count(&fixture, B, MSG_LEASE), 2);
}

/* Nothing but the very answer is taken back; what was settled counts all the same, once. */
static void another_answer_stays(void **state)
{
    (void)state;
    brought("10.0.0.1", "10.0.0.2");
    assert_ok(refuse(0, 0, fixture_hash(0, 0, 9), A));
    assert_ok(refuse(0, 0, fixture_hash(0, 0, 9), A));
    assert_ok(refuse(7, 0, fixture_hash(7, 0, 1), A));
    assert_int_equal(fixture_stats(&fixture)->unsettled, 2);
    assert_int_equal(fixture_stats(&fixture)->found_false, 2);
    assert_int_equal(fixture.strikes[A],
                     0); /* the bits of another machine are no bad manners */
    assert_int_equal(fixture_count(&fixture, A, MSG_REFUSED), 2);
}

/* Who stood at the address before goes on working; who comes from there later does not, nor
 * does the liar under a new name. */
static void workers_of_one_machine_share_an_address(void **state)
{
    (void)state;
    brought("127.0.0.1", "127.0.0.1");
    fixture_credit(&fixture, A, 8, UINT64_MAX);
    fixture_credit(&fixture, B, 1, 0);
    assert_ok(refuse(0, 0, fixture_hash(0, 0, 1), A));
    assert_int_equal(fixture_count(&fixture, B, MSG_LEASE), 1);
    fixture.address[C] = "127.0.0.1";
    fixture_pass(&fixture, 100);
    fixture_actor(&fixture, C, NULL, 0);
    fixture_credit(&fixture, C, 8, 0);
    fixture_open_task(&fixture, 1, 4, 0);
    assert_int_equal(fixture_count(&fixture, C, MSG_LEASE), 0); /* B is able, if busy */
    assert_int_equal(fixture_count(&fixture, A, MSG_LEASE), 0);
    fixture_gone(&fixture, B, false);
    fixture_pass(&fixture, 100);
    assert_true(fixture_count(&fixture, C, MSG_LEASE) > 0);
    assert_int_equal(fixture_count(&fixture, A, MSG_LEASE), 0);
    fixture_gone(&fixture, C, false);
    fixture_pass(&fixture, 100);
    assert_true(fixture_count(&fixture, A, MSG_LEASE) > 0); /* nobody else is there */
}

/* Neither a claim nor an answer that nobody asked for is a way around. */
static void nothing_is_taken_of_it_unasked(void **state)
{
    const struct claim claim = {1, 0, CLAIM_DONE, {{7}}};
    (void)state;

    brought("10.0.0.1", "10.0.0.2");
    fixture_credit(&fixture, B, 1, 0);
    assert_ok(refuse(0, 0, fixture_hash(0, 0, 1), A));
    assert_int_equal(fixture_count(&fixture, B, MSG_LEASE), 1);
    assert_ok(fixture_rollout(&fixture, A, 0, 0, 2, 0));
    assert_int_equal(fixture_stats(&fixture)->unsettled, 1);
    fixture_open_task(&fixture, 1, 2, 0); /* B is able, and has no room for it */
    fixture_actor(&fixture, A, &claim, 1);
    assert_int_not_equal(fixture_said(&fixture, A, MSG_WELCOME)->welcome.verdict[0].state,
                         CLAIM_WANT);
}

/* All of a group is made again: its scores spoke of all of it. */
static void a_group_goes_as_a_whole(void **state)
{
    const struct msg *ask;
    (void)state;

    all_here(&fixture_group, 1);
    fixture_credit(&fixture, A, 2, 0);
    fixture_credit(&fixture, R, 8, 0);
    fixture_open_task(&fixture, 0, 2, 0);
    assert_ok(fixture_rollout(&fixture, A, 0, 0, 1, 0));
    assert_ok(fixture_rollout(&fixture, A, 0, 1, 1, 0));
    ask = fixture_said(&fixture, R, MSG_ASK);
    assert_non_null(ask);
    assert_ok(fixture_score(&fixture, R, &ask->ask, 1, 0));
    assert_int_equal(fixture_count(&fixture, L, MSG_SAMPLE), 2);
    assert_ok(refuse(0, 1, fixture_hash(0, 1, 1), A));
    assert_int_equal(fixture_stats(&fixture)->waiting, 2);
    fixture_credit(&fixture, B, 2, 0);
    assert_ok(fixture_rollout(&fixture, B, 0, 0, 3, 0));
    assert_ok(fixture_rollout(&fixture, B, 0, 1, 3, 0));
    assert_non_null(fixture_said(&fixture, R, MSG_ASK));
}

/* What the broker itself does not take, the learner hears of, with who wrote it. */
static void the_learner_hears_of_what_is_not_taken(void **state)
{
    struct rollout bad;
    const struct msg *said;
    (void)state;

    fixture.address[A] = "10.0.0.1";
    all_here(NULL, 0);
    fixture_credit(&fixture, A, 1, 0);
    fixture_open_task(&fixture, 0, 1, 0);
    bad = fixture_answer(0, 0, 1, 0);
    bad.hash.byte[3] ^= 1;
    assert_err(ERR_RANGE, fixture_bring(&fixture, A, &bad));
    assert_non_null(strstr(err_text(), "hash"));
    said = fixture_said(&fixture, L, MSG_REFUSED);
    assert_non_null(said);
    assert_string_equal(said->refused.writer.address, "10.0.0.1");
    assert_non_null(strstr(said->refused.words, "hash"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(it_is_taken_back_and_given_to_another, setup, teardown),
        cmocka_unit_test_setup_teardown(nothing_more_is_said_to_who_is_dropped, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(what_it_has_in_hand_goes_to_another, setup, teardown),
        cmocka_unit_test_setup_teardown(another_answer_stays, setup, teardown),
        cmocka_unit_test_setup_teardown(workers_of_one_machine_share_an_address, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(nothing_is_taken_of_it_unasked, setup, teardown),
        cmocka_unit_test_setup_teardown(a_group_goes_as_a_whole, setup, teardown),
        cmocka_unit_test_setup_teardown(the_learner_hears_of_what_is_not_taken, setup,
                                        teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
