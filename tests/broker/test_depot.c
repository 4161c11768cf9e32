/* The bulk port's state machine among simulated hosts: how often an image leaves the learner and
 * the broker, how long it takes, what a slow, dead, lying or undialled host costs the others. */

#include "tests/support/test.h"

#include "tests/broker/hosts.h"

#include <stdlib.h>
#include <string.h>

#define MIB (1 << 20)
#define MBIT(n) ((n)*1e6 / 8)

static struct hosts *hosts;

static int close_hosts(void **state)
{
    (void)state;
    hosts_free(hosts);
    hosts = NULL;
    return 0;
}

static void open_hosts(size_t image, size_t cache, int n, double rate, bool serve)
{
    hosts = hosts_new(image, cache);
    hosts_add(hosts, rate, rate, false);
    hosts_start(hosts, HOSTS_LEARNER, 1000);
    for (int i = 1; i <= n; i++)
        hosts_start(hosts, hosts_add(hosts, rate, rate, serve), 1500);
}

static int64_t slowest(int n)
{
    int64_t last = 0;

    for (int i = 1; i <= n; i++)
        if (hosts_result(hosts, i)->done_ms > last)
            last = hosts_result(hosts, i)->done_ms;
    return last;
}

static void print(const char *what, int n)
{
    const struct depot_stats *s = hosts_stats(hosts);

    print_message("%s: learner %.1f MB, broker to hosts %.1f MB, moves %d;", what,
                  (double)s->from_learners / 1e6, (double)s->bytes / 1e6, (int)s->moved);
    for (int i = 1; i <= n && i <= 10; i++)
        print_message(" %.1fs", (double)(hosts_result(hosts, i)->done_ms - 1500) / 1e3);
    print_message("\n");
}

static void eight_hosts_take_it_once(void **state)
{
    const size_t image = 110 * MIB;
    int64_t one;

    (void)state;
    open_hosts(image, 1 << 30, 1, MBIT(100), true);
    assert_true(hosts_run(hosts, 100000));
    one = slowest(1) - 1500;
    print("one host", 1);
    hosts_free(hosts);
    open_hosts(image, 1 << 30, 8, MBIT(100), true);
    hosts_broker(hosts, MBIT(100));
    assert_true(hosts_run(hosts, 100000));
    print("eight hosts", 8);
    assert_in_range(hosts_stats(hosts)->from_learners, image, image * 105 / 100);
    assert_in_range(hosts_stats(hosts)->bytes, image, image * 110 / 100);
    for (int i = 1; i <= 8; i++)
        assert_in_range(hosts_result(hosts, i)->in, image, image * 105 / 100);
    assert_true((slowest(8) - 1500) * 10 <= one * 13);
    /* the next version: who is where is known */
    for (int v = 0; v < 2; v++) {
        const uint64_t before = hosts_stats(hosts)->bytes;
        const int64_t from = hosts_now(hosts);
        hosts_publish(hosts);
        assert_true(hosts_run(hosts, from + 100000));
        print_message("again: broker to hosts %.1f MB, %.1f s\n",
                      (double)(hosts_stats(hosts)->bytes - before) / 1e6,
                      (double)(slowest(8) - from) / 1e3);
        assert_in_range(hosts_stats(hosts)->bytes - before, image, image * 105 / 100);
        assert_true((slowest(8) - from) * 10 <= one * 13);
    }
}

static int64_t noisy_hosts(int n, uint32_t seed)
{
    const size_t image = 110 * MIB;
    int64_t took;

    open_hosts(image, 1 << 30, n, MBIT(100), true);
    hosts_broker(hosts, MBIT(100));
    hosts_noise(hosts, seed);
    assert_true(hosts_run(hosts, 400000));
    took = slowest(n) - 1500;
    print_message("noise %u, %d hosts: %.1f s, broker to hosts %.2f, moves %d\n", seed, n,
                  (double)took / 1e3, (double)hosts_stats(hosts)->bytes / (double)image,
                  (int)hosts_stats(hosts)->moved);
    for (int i = 1; i <= n; i++)
        assert_in_range(hosts_result(hosts, i)->in, image, image * 105 / 100);
    return took;
}

/* Lines and processes as real ones are: the row stands, nobody takes anything twice, and all wait
 * at most twice as long as one alone would (one by one, each at its own noise, up to four times:
 * the eighth waits for the slowest of sixteen lines). */
static void a_row_stands_in_a_noisy_network(void **state)
{
    int64_t one = 0, eight = 0;

    for (uint32_t seed = 1; seed <= 10; seed++) {
        int64_t alone, all;
        if (hosts)
            close_hosts(state);
        alone = noisy_hosts(1, seed);
        close_hosts(state);
        all = noisy_hosts(8, seed);
        assert_in_range(hosts_stats(hosts)->moved, 7, 10);
        assert_in_range(hosts_stats(hosts)->bytes, 110 * MIB, 121 * MIB);
        assert_true(all <= 4 * alone);
        one += alone;
        eight += all;
    }
    print_message("all seeds: %.2f of one alone\n", (double)eight / (double)one);
    assert_true(eight <= 2 * one);
}

/* Slow ones, who ask first, beside fast ones: those end as if the slow were not there. */
static void slow_hosts_hold_nobody_up(void **state)
{
    const size_t image = 64 * MIB;
    const double slow[] = {MBIT(5), MBIT(1), MBIT(.5)};

    (void)state;
    open_hosts(image, 1 << 30, 6, MBIT(100), true);
    hosts_broker(hosts, MBIT(100));
    for (int i = 0; i < 3; i++)
        hosts_start(hosts, hosts_add(hosts, slow[i], slow[i], true), 1400);
    hosts_until(hosts, 30000);
    print("six fast, three slow", 6);
    for (int i = 1; i <= 6; i++)
        assert_true(hosts_result(hosts, i)->whole);
    assert_true(slowest(6) - 1500 <= 8000);
    assert_true(hosts_run(hosts, 3000000)); /* and the slow ones have it in the end */
    print("all", 9);
    assert_in_range(hosts_stats(hosts)->from_learners, image, image * 105 / 100);
    /* from now on their place is known */
    const uint64_t before = hosts_stats(hosts)->bytes;
    const int64_t from = hosts_now(hosts);
    hosts_publish(hosts);
    hosts_until(hosts, from + 30000);
    print_message("again: %.1f s, broker to hosts %.1f MB\n", (double)(slowest(6) - from) / 1e3,
                  (double)(hosts_stats(hosts)->bytes - before) / 1e6);
    assert_true(slowest(6) > from && slowest(6) - from <= 8000);
    assert_in_range(hosts_stats(hosts)->bytes - before, image, image * 110 / 100);
}

static void a_line_that_grows_slow_is_passed_over(void **state)
{
    (void)state;
    open_hosts(64 * MIB, 1 << 30, 4, MBIT(100), true);
    hosts_until(hosts, 5000);
    for (int i = 1; i <= 4; i++) /* whoever is first in the row */
        if (hosts_result(hosts, i)->parents == 0)
            hosts_rate(hosts, i, MBIT(4), MBIT(4));
    hosts_until(hosts, 25000);
    print("one of four grows slow", 4);
    int whole = 0;
    for (int i = 1; i <= 4; i++)
        whole += hosts_result(hosts, i)->whole;
    assert_int_equal(whole, 3);
    assert_true(hosts_run(hosts, 2000000));
}

static void dead_parents_are_replaced(void **state)
{
    const size_t image = 60 * MIB;

    (void)state;
    open_hosts(image, 1 << 30, 6, MBIT(100), true);
    hosts_kill(hosts, 1, 3000);
    hosts_kill(hosts, 2, 4000);
    hosts_kill(hosts, 4, 4500);
    assert_true(hosts_run(hosts, 100000));
    print("three of six die", 6);
    assert_true(slowest(6) < 10000);
    assert_in_range(hosts_stats(hosts)->from_learners, image, image * 105 / 100);
}

static void who_cannot_be_dialled_gives_to_nobody(void **state)
{
    (void)state;
    open_hosts(60 * MIB, 1 << 30, 4, MBIT(100), true);
    for (int i = 1; i <= 4; i++)
        hosts_undialled(hosts, i);
    assert_true(hosts_run(hosts, 100000));
    print("nobody gets through", 4);
    assert_in_range(hosts_stats(hosts)->failed_ms, 1, INT64_MAX);
    assert_non_null(strstr(hosts_stats(hosts)->failed, "takes no weights from "));
    assert_true(slowest(4) < 60000);
}

/* What fell out of the cache is asked of the hosts that have it. */
static void four_times_the_cache_leaves_the_learner_once(void **state)
{
    const size_t image = 64 * MIB, cache = 16 * MIB;
    const double rate[] = {MBIT(100), MBIT(40), MBIT(15)};

    (void)state;
    open_hosts(image, cache, 0, MBIT(100), false);
    for (int i = 0; i < 3; i++)
        hosts_start(hosts, hosts_add(hosts, rate[i], rate[i], false), 1500);
    for (int i = 0; i < 2; i++)
        hosts_start(hosts, hosts_add(hosts, MBIT(100), MBIT(100), false), 4000 + 14000 * i);
    for (int t = 2000; t < 60000; t += 500) {
        hosts_until(hosts, t);
        assert_in_range(hosts_stats(hosts)->held, 0, cache);
    }
    assert_true(hosts_run(hosts, 200000));
    print("four times the cache", 5);
    assert_in_range(hosts_stats(hosts)->from_learners, image, image * 110 / 100);
    assert_int_equal(hosts_bad(hosts), 0);
}

/* A host whose chunks are false is found out, and asked for nothing of this any more. */
static void a_liar_is_asked_once(void **state)
{
    const size_t image = 64 * MIB;

    (void)state;
    open_hosts(image, 8 * MIB, 2, MBIT(100), false);
    assert_true(hosts_run(hosts, 60000));
    hosts_lie(hosts, 1);
    hosts_lie(hosts, 2);
    hosts_start(hosts, hosts_add(hosts, MBIT(100), MBIT(100), false), hosts_now(hosts));
    assert_true(hosts_run(hosts, 200000));
    print("two liars", 3);
    assert_true(hosts_result(hosts, 3)->whole);
    assert_int_equal(hosts_bad(hosts), 0);
    assert_in_range(hosts_strikes(hosts), 1, 2);
    assert_int_equal(hosts_stats(hosts)->chunks_false, hosts_strikes(hosts));
}

/* A host that has it and gives nothing: the learner is asked after two seconds. */
static void a_silent_host_is_passed_over(void **state)
{
    int64_t from;

    (void)state;
    open_hosts(30 * MIB, 4 * MIB, 1, MBIT(100), false);
    assert_true(hosts_run(hosts, 60000));
    from = hosts_now(hosts);
    hosts_stop(hosts, 1, from);
    hosts_start(hosts, hosts_add(hosts, MBIT(100), MBIT(100), false), from + 100);
    assert_true(hosts_run(hosts, from + 60000));
    assert_true(hosts_result(hosts, 2)->done_ms - from < 15000);
}

/* It asked for much, says heartbeats no more and reads nothing; the cache is small. */
static void who_reads_nothing_holds_nobody_up(void **state)
{
    (void)state;
    open_hosts(64 * MIB, 8 * MIB, 4, MBIT(100), false);
    hosts_stop(hosts, 1, 2500);
    hosts_stop(hosts, 2, 3000);
    assert_true(hosts_run(hosts, 100000));
    print("two stand still", 4);
    assert_in_range(hosts_stats(hosts)->held, 0, 8 * MIB);
    assert_true(slowest(4) < 30000);
}

static void a_broker_started_again_has_lost_a_cache(void **state)
{
    const size_t image = 60 * MIB;

    (void)state;
    open_hosts(image, 1 << 30, 5, MBIT(100), true);
    hosts_forget(hosts, 3000);
    hosts_forget(hosts, 5000);
    assert_true(hosts_run(hosts, 100000));
    print("broker started again twice", 5);
    assert_true(slowest(5) < 20000);
    assert_int_equal(hosts_bad(hosts), 0);
}

static void a_revoked_key_is_nobody_s_guest(void **state)
{
    int guests = 0;

    (void)state;
    open_hosts(60 * MIB, 1 << 30, 3, MBIT(100), true);
    hosts_until(hosts, 4000);
    for (int i = 1; i <= 3; i++)
        guests += hosts_guests(hosts, i);
    assert_int_equal(guests, 2); /* a row of three */
    for (int i = 1; i <= 3; i++)
        hosts_revoke(hosts, i);
    hosts_until(hosts, 4100);
    for (int i = 1; i <= 3; i++)
        assert_int_equal(hosts_guests(hosts, i), 0);
    assert_true(hosts_run(hosts, 100000));
}

/* A new key, and before it the learner's restart: who waits is served when it is back. */
static void a_learner_that_comes_back_goes_on(void **state)
{
    (void)state;
    open_hosts(60 * MIB, 8 * MIB, 3, MBIT(100), true);
    hosts_kill(hosts, HOSTS_LEARNER, 3000);
    hosts_start(hosts, HOSTS_LEARNER, 15000);
    assert_true(hosts_run(hosts, 100000));
    print("learner away for 12 s", 3);
    assert_true(slowest(3) < 35000);
}

/* The learner's own pages, where both are on one machine: only digests come over the wire. */
static void pages_of_this_machine_cost_nothing(void **state)
{
    const size_t image = 20 * MIB;

    (void)state;
    open_hosts(image, 4 * MIB, 2, MBIT(100), false);
    hosts_share(hosts, true);
    assert_true(hosts_run(hosts, 30000));
    assert_int_equal(hosts_stats(hosts)->from_learners, 20 * HASH_BYTES);
    assert_int_equal(hosts_stats(hosts)->held, 0);
    assert_int_equal(hosts_bad(hosts), 0);
    close_hosts(state);
    open_hosts(image, 4 * MIB, 2, MBIT(100), false);
    hosts_share(hosts, false); /* not what its name says: from the wire then */
    assert_true(hosts_run(hosts, 30000));
    assert_true(hosts_stats(hosts)->from_learners >= image);
    assert_int_equal(hosts_bad(hosts), 0);
}

#define FACT(f) cmocka_unit_test_teardown(f, close_hosts)

int main(void)
{
    const struct CMUnitTest tests[] = {
        FACT(eight_hosts_take_it_once),
        FACT(a_row_stands_in_a_noisy_network),
        FACT(slow_hosts_hold_nobody_up),
        FACT(a_line_that_grows_slow_is_passed_over),
        FACT(dead_parents_are_replaced),
        FACT(who_cannot_be_dialled_gives_to_nobody),
        FACT(four_times_the_cache_leaves_the_learner_once),
        FACT(a_liar_is_asked_once),
        FACT(a_silent_host_is_passed_over),
        FACT(who_reads_nothing_holds_nobody_up),
        FACT(a_broker_started_again_has_lost_a_cache),
        FACT(a_revoked_key_is_nobody_s_guest),
        FACT(a_learner_that_comes_back_goes_on),
        FACT(pages_of_this_machine_cost_nothing),
    };
    return cmocka_run_group_tests_name("broker/depot", tests, NULL, NULL);
}
