/* Who failed what: a worker counts once, no worker's word ends a run, the learner's own actor
 * does what nobody else may. */

#include "tests/broker/fixture_setup.h"

#include <string.h>

enum { C = FIXTURE_ACTOR + 2, OWN = FIXTURE_OWN };

/* A learner that can start an actor, and n workers with room. */
static void begin(uint32_t workers)
{
    struct msg msg = fixture_hello(L, ROLE_LEARNER);

    msg.hello.newest = fixture_version(0);
    msg.hello.settled.epoch = 1;
    msg.hello.table = 1;
    msg.hello.own = fixture_own;
    fixture_say_hello(&fixture, L, &msg);
    for (uint32_t at = A; at < A + workers; at++)
        fixture_actor(&fixture, at, NULL, 0);
    fixture_learner_hb(&fixture, 1 << 20, 0, 0, NULL, 0);
    fixture_pass(&fixture, 1000);
    fixture_forget(&fixture);
}

static void own_comes(void)
{
    struct msg msg = fixture_hello(OWN, ROLE_ACTOR);

    msg.hello.peer = fixture_own;
    fixture_say_hello(&fixture, OWN, &msg);
    fixture_credit(&fixture, OWN, 8, UINT64_MAX);
}

/* It gets the sample, and refuses it. */
static void refuses(uint32_t at, const char *reason)
{
    struct msg fail = {.head.type = MSG_FAIL, .fail.reason = reason};

    fixture_credit(&fixture, at, 1, UINT64_MAX);
    fixture_pass(&fixture, 3000);
    if (!fixture_said(&fixture, at, MSG_LEASE))
        fail_msg("member %u got no lease", at);
    assert_ok(fixture_say(&fixture, at, &fail));
    fixture_credit(&fixture, at, 1, UINT64_MAX);
}

static const char *wanted(void)
{
    const struct msg *msg;

    fixture_forget(&fixture);
    fixture_pass(&fixture, 1000);
    msg = fixture_said(&fixture, L, MSG_HB);
    assert_non_null(msg);
    return msg->hb.wants_own;
}

static void three_workers_then_the_learners_own(void **state)
{
    (void)state;
    begin(3);
    fixture_open_task(&fixture, 0, 1, 0);
    refuses(A, "too long");
    fixture_pass(&fixture, 20000);
    assert_int_equal(fixture_count(&fixture, A, MSG_LEASE), 0); /* once is enough */
    assert_string_equal(wanted(), "");
    refuses(B, "no memory");
    assert_string_equal(wanted(), "");
    refuses(C, "no mood");
    assert_string_equal(
        wanted(), "task 0 sample 0: fixture-1: too long; fixture-2: no memory; fixture-3: "
                  "no mood");
    assert_string_equal(fixture_stats(&fixture)->wait[0].name,
                        "the learner's own actor has not come");
    own_comes();
    assert_int_equal(fixture_count(&fixture, OWN, MSG_LEASE), 1);
    assert_string_not_equal(wanted(), ""); /* while it is at work, too */
    assert_ok(fixture_rollout(&fixture, OWN, 0, 0, 1, 0));
    assert_int_equal(fixture_count(&fixture, L, MSG_SAMPLE), 1);
    assert_string_equal(wanted(), "");
}

static void all_that_are_here_then_the_learners_own(void **state)
{
    (void)state;
    begin(1);
    fixture_open_task(&fixture, 0, 1, 0);
    refuses(A, "no");
    assert_string_equal(wanted(), "task 0 sample 0: fixture-1: no");
    fixture_actor(&fixture, B, NULL, 0); /* one more worker: it is asked first */
    fixture_credit(&fixture, B, 1, 0);
    assert_string_equal(wanted(), "");
}

/* The only actor lied and is gone: also what nobody has tried yet is for the learner's own. */
static void where_liars_were_and_nobody_is_left_it_does_all(void **state)
{
    struct msg msg = {.head.type = MSG_REFUSED, .refused.words = "its text is not its tokens'"};
    (void)state;

    begin(1);
    fixture_open_task(&fixture, 0, 1, 0);
    fixture_credit(&fixture, A, 1, 0);
    assert_ok(fixture_rollout(&fixture, A, 0, 0, 1, 0));
    msg.refused.hash = fixture_hash(0, 0, 1);
    msg.refused.writer = (struct writer){.peer = {{A + 1}}, .address = "", .name = "fixture"};
    assert_ok(fixture_say(&fixture, L, &msg));
    fixture_gone(&fixture, A, true);
    fixture_open_task(&fixture, 1, 1, 0);
    fixture_pass(&fixture, 6000);
    assert_string_not_equal(wanted(), "");
    own_comes();
    fixture_pass(&fixture, 1000);
    fixture_credit(&fixture, OWN, 8, UINT64_MAX);
    assert_int_equal(fixture_stats(&fixture)->leased, 2);
}

static void a_worker_that_comes_back_counts_once(void **state)
{
    struct msg msg = fixture_hello(A, ROLE_ACTOR);

    (void)state;
    begin(2);
    fixture_open_task(&fixture, 0, 1, 0);
    refuses(A, "no");
    fixture_gone(&fixture, A, true);
    msg.hello.peer.byte[5] = 77; /* another id, the same name */
    msg.hello.incarnation++;
    fixture_say_hello(&fixture, A, &msg);
    fixture_credit(&fixture, A, 1, 0);
    fixture_pass(&fixture, 10000);
    assert_int_equal(fixture_count(&fixture, A, MSG_LEASE), 0);
    fixture_credit(&fixture, B, 1, 0);
    assert_int_equal(fixture_count(&fixture, B, MSG_LEASE), 1);
}

static void what_all_of_them_cannot_do_is_poison(void **state)
{
    const struct msg *msg;

    (void)state;
    begin(1);
    fixture_open_task(&fixture, 0, 1, 0);
    refuses(A, "too long");
    assert_string_not_equal(wanted(), "");
    own_comes();
    refuses(OWN, "no memory");
    assert_int_equal(fixture_count(&fixture, L, MSG_DROPPED), 0); /* once may be chance */
    refuses(OWN, "no memory");
    msg = fixture_said(&fixture, L, MSG_DROPPED);
    assert_non_null(msg);
    assert_int_equal(msg->dropped.reason, DROP_POISON);
    assert_string_equal(msg->dropped.error,
                        "fixture-1: too long; the learner's own actor: no memory");
    assert_int_equal(msg->dropped.attempts, 3);
}

/* The same command again: it ends only if nobody can do it now, either. */
static void poison_is_tried_again_by_the_next_learner(void **state)
{
    struct msg msg = fixture_hello(L, ROLE_LEARNER);

    (void)state;
    begin(1);
    fixture_open_task(&fixture, 0, 1, 0);
    refuses(A, "too long");
    assert_string_not_equal(wanted(), "");
    own_comes();
    refuses(OWN, "no memory");
    refuses(OWN, "no memory");
    assert_int_equal(fixture_count(&fixture, L, MSG_DROPPED), 1);
    fixture_gone(&fixture, OWN, false);
    fixture_gone(&fixture, L, true);
    fixture_forget(&fixture);
    msg.head.epoch = msg.hello.settled.epoch = 2;
    msg.hello.incarnation++;
    msg.hello.newest = fixture_version(0);
    msg.hello.table = 1;
    msg.hello.own = fixture_own;
    msg.hello.vocabulary = FIXTURE_VOCABULARY;
    fixture_say_hello(&fixture, L, &msg);
    fixture.epoch = 2;
    fixture_open_task(&fixture, 0, 1, 0);
    assert_int_equal(fixture_stats(&fixture)->waiting, 1);
    fixture_pass(&fixture, 1000);
    assert_int_equal(fixture_count(&fixture, L, MSG_DROPPED), 0);
    assert_int_equal(fixture_count(&fixture, L, MSG_FAIL),
                     1); /* who failed it is known still */
    own_comes();
    fixture_pass(&fixture, 5000);
    assert_int_equal(fixture_count(&fixture, OWN, MSG_LEASE), 1);
}

static void a_learner_without_an_actor_has_it_tried_again(void **state)
{
    (void)state;
    fixture_learner(&fixture, 1, NULL, 0);
    fixture_actor(&fixture, A, NULL, 0);
    fixture_pass(&fixture, 1000);
    fixture_open_task(&fixture, 0, 1, 0);
    for (int i = 0; i < 20; i++) {
        refuses(A, "no");
        fixture_pass(&fixture, 20000);
        assert_int_equal(fixture_count(&fixture, L, MSG_DROPPED), 0);
        fixture_forget(&fixture);
        fixture_hb_lease(&fixture, A, 0, UINT64_MAX, NULL,
                         0); /* what it got meanwhile it gives up */
    }
}

static void the_learners_own_gets_nothing_else_and_nobody_learns_its_id(void **state)
{
    const struct msg_stats *s;
    static const struct id none;

    (void)state;
    begin(1);
    own_comes();
    fixture_open_task(&fixture, 0, 4, 0);
    fixture_pass(&fixture, 5000);
    assert_int_equal(fixture_count(&fixture, OWN, MSG_LEASE), 0);
    refuses(A, "no");
    assert_string_not_equal(wanted(), "");
    fixture_credit(&fixture, OWN, 8, UINT64_MAX);
    s = fixture_stats(&fixture);
    assert_int_equal(s->n_lease, 2); /* A goes on with the others */
    for (uint32_t i = 0; i < s->n_peer; i++)
        assert_memory_not_equal(&s->peer[i].id, &fixture_own, sizeof fixture_own);
    for (uint32_t i = 0; i < s->n_lease; i++)
        assert_memory_not_equal(&s->lease[i].peer, &fixture_own, sizeof fixture_own);
    assert_memory_equal(&s->peer[2].id, &none, sizeof none);
}

/* The learner hears of each try once, and says it to a broker that knows nothing. */
static void a_try_outlives_the_broker(void **state)
{
    struct msg fail = {.head.type = MSG_FAIL};
    const struct msg *msg;

    (void)state;
    begin(2);
    fixture_open_task(&fixture, 0, 1, 0);
    refuses(A, "too long");
    assert_int_equal(fixture_count(&fixture, L, MSG_FAIL), 1);
    msg = fixture_said(&fixture, L, MSG_FAIL);
    assert_string_equal(msg->fail.who, "fixture-1");
    assert_string_equal(msg->fail.reason, "too long");
    fixture_restart(&fixture, 5000);
    begin(2);
    fixture_open_task(&fixture, 0, 1, 0);
    fail.fail.who = "fixture-1";
    fail.fail.reason = "too long";
    assert_ok(fixture_say(&fixture, L, &fail));
    assert_ok(fixture_say(&fixture, L, &fail)); /* twice is once */
    fixture_credit(&fixture, A, 1, 0);
    assert_int_equal(fixture_count(&fixture, A, MSG_LEASE), 0);
    fixture_credit(&fixture, B, 1, 0);
    assert_int_equal(fixture_count(&fixture, B, MSG_LEASE), 1);
    assert_ok(fixture_rollout(&fixture, B, 0, 0, 1, 0));
    assert_int_equal(fixture_said(&fixture, L, MSG_SAMPLE)->sample.attempts, 1);
}

/* Or else a worker that lies would keep the only place at the table. */
static void a_wrong_answer_is_a_try(void **state)
{
    struct msg msg = {.head.type = MSG_ROLLOUT};

    (void)state;
    begin(1);
    fixture_open_task(&fixture, 0, 1, 0);
    fixture_credit(&fixture, A, 1, UINT64_MAX);
    assert_int_equal(fixture_count(&fixture, A, MSG_LEASE), 1);
    msg.rollout.rollout = fixture_answer(0, 0, 1, 0);
    msg.rollout.rollout.hash.byte[0] ^= 1;
    assert_err(ERR_RANGE, fixture_say(&fixture, A, &msg));
    assert_non_null(strstr(wanted(), "task 0 sample 0: fixture-1: "));
    own_comes();
    assert_ok(fixture_rollout(&fixture, OWN, 0, 0, 1, 0));
    assert_int_equal(fixture_count(&fixture, L, MSG_SAMPLE), 1);
}

/* A worker says FAIL of what it has; of a learner it is a try of before. */
static void a_failed_sample_rests(void **state)
{
    (void)state;
    begin(2);
    fixture_open_task(&fixture, 0, 1, 0);
    refuses(A, "no");
    fixture_credit(&fixture, B, 1, 0);
    assert_int_equal(fixture_count(&fixture, B, MSG_LEASE), 0);
    fixture_pass(&fixture, 300);
    assert_int_equal(fixture_count(&fixture, B, MSG_LEASE), 1);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(three_workers_then_the_learners_own),
        T(all_that_are_here_then_the_learners_own),
        T(where_liars_were_and_nobody_is_left_it_does_all),
        T(a_worker_that_comes_back_counts_once),
        T(what_all_of_them_cannot_do_is_poison),
        T(poison_is_tried_again_by_the_next_learner),
        T(a_learner_without_an_actor_has_it_tried_again),
        T(the_learners_own_gets_nothing_else_and_nobody_learns_its_id),
        T(a_try_outlives_the_broker),
        T(a_failed_sample_rests),
        T(a_wrong_answer_is_a_try),
    };

    return cmocka_run_group_tests_name("blame", tests, NULL, NULL);
}
