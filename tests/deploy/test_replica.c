/* replica: how many, when again, what was said last. And ports. */

#include "tests/support/scratch.h"
#include "tests/support/test.h"

#include "base/fs.h"
#include "deploy/ports.h"
#include "deploy/replica.h"

#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void numbers_of_a_peer_are_checked(void **state)
{
    static const uint32_t many[] = {PLAN_MAX + 1, 1000, INT32_MAX, 1u << 31, UINT32_MAX};
    const long cores = sysconf(_SC_NPROCESSORS_ONLN);

    (void)state;
    for (size_t i = 0; i < sizeof many / sizeof *many; i++)
        assert_err(ERR_RANGE, plan_check("actors", many[i], true));
    assert_ok(plan_check("actors", PLAN_MAX, true));
    assert_ok(plan_check("actors", 0, false));
    assert_ok(plan_check("actors", PLAN_FREE, false));
    if (cores * PLAN_A_CORE >= PLAN_MAX)
        return;
    assert_err(ERR_RANGE, plan_check("rewarders", PLAN_MAX, false));
    assert_non_null(strstr(err_text(), "rewarders: 256 on "));
    assert_non_null(strstr(err_text(), "force=true"));
}

/* The answer to an order has a size, however many there are. */
static void the_list_fits_into_an_answer(void **state)
{
    struct replicas all = {.n = 0};
    char *text;

    (void)state;
    replica_add(&all, NULL, PLAN_BROKER, 0);
    replica_add(&all, NULL, PLAN_LEARNER, 0);
    for (int i = 1; i <= PLAN_MAX; i++) {
        replica_add(&all, NULL, PLAN_ACTOR, i)->restarts = LONG_MAX;
        replica_add(&all, NULL, PLAN_REWARDER, i)->restarts = LONG_MAX;
    }
    for (int i = 1; i <= PLAN_WORKERS * PLAN_WORKER_MAX; i++)
        replica_add(&all, NULL, PLAN_WORKER, i);
    assert_int_equal(all.n, REPLICAS);
    assert_int_equal(replica_count(&all, PLAN_REWARDER), PLAN_MAX);
    assert_int_equal(replica_find(&all, PLAN_ACTOR, PLAN_MAX)->number, PLAN_MAX);
    assert_null(replica_find(&all, PLAN_ACTOR, PLAN_MAX + 1));
    assert_false(replica_living(&all, PLAN_ACTOR));
    text = replica_list(&all);
    assert_true(strlen(text) <= 32 << 10);
    assert_non_null(strstr(text, "{\"left_out\":514}"));
    free(text);
    for (int i = 0; i < all.n; i++)
        free(all.replica[i]);
}

static void five_quick_deaths_are_too_many(void **state)
{
    struct replica p = {.role = PLAN_ACTOR, .number = 1};
    int64_t now = 1000;

    (void)state;
    for (int i = 1; i < REPLICA_QUICK_DEATHS; i++) {
        replica_begin(&p, NULL, now);
        now += 10;
        assert_true(replica_died(&p, NULL, &(struct replica_death){1, 0, false, false}, now));
        assert_int_equal(p.again_ms - now, 200 << i);
    }
    replica_begin(&p, NULL, now);
    assert_int_equal(p.again_ms, 0);
    assert_false(replica_died(&p, NULL, &(struct replica_death){1, 0, false, false}, now + 10));
    /* one that has lived does not count, and what was killed comes back at once */
    replica_begin(&p, NULL, now);
    assert_true(replica_died(&p, NULL, &(struct replica_death){1, 0, false, false},
                             now + REPLICA_QUICK_MS));
    assert_int_equal(p.quick, 0);
    replica_begin(&p, NULL, now);
    assert_true(
        replica_died(&p, NULL, &(struct replica_death){-1, SIGKILL, false, false}, now + 10));
    assert_int_equal(p.again_ms, now + 10);
    assert_int_equal(p.restarts, 7);
}

static void a_worker_of_the_users_comes_back_for_ever_ever_rarer(void **state)
{
    struct replica p = {.role = PLAN_WORKER, .number = 1};
    int64_t before = 0;

    (void)state;
    for (int i = 0; i < 100; i++) {
        replica_begin(&p, NULL, 1000);
        assert_true(
            replica_died(&p, NULL, &(struct replica_death){i % 2, 0, false, false}, 1000));
        assert_true(p.again_ms >= before && p.again_ms <= 1000 + REPLICA_AGAIN_MS);
        before = p.again_ms;
    }
    assert_int_equal(before, 1000 + REPLICA_AGAIN_MS);
}

static void the_last_words_are_this_childs(void **state)
{
    static const char text[] = "old\nTraceback:\n  \033[2J\"bad\"\x80 word\n\n";
    const char *log = scratch_at("log");
    char words[REPLICA_WORDS], whole[9000];

    (void)state;
    replica_words(words, scratch_at("none"), 0);
    assert_string_equal(words, "");
    assert_ok(fs_write(log, text, sizeof text - 1));
    replica_words(words, log, 0);
    assert_string_equal(words, "  \033[2J\"bad\"\x80 word");
    replica_words(words, log, sizeof text - 1); /* it said nothing yet */
    assert_string_equal(words, "");
    memset(whole, 'x', sizeof whole);
    assert_ok(fs_write(log, whole, sizeof whole));
    replica_words(words, log, 0);
    assert_int_equal(strlen(words), REPLICA_WORDS - 1);
}

static void ports_are_free_ones_or_those_that_were_named(void **state)
{
    struct ports any, named, again;
    char text[PORTS_TEXT];

    (void)state;
    assert_ok(ports_open(&any, "127.0.0.1", 0));
    assert_true(any.port > 0);
    snprintf(text, sizeof text, "tcp://127.0.0.1:%d", any.port);
    assert_string_equal(any.control, text);
    ports_close(&any);
    if (any.port > 65530 || ports_open(&named, "0.0.0.0", any.port))
        return;                               /* somebody took one of the three meanwhile */
    assert_string_equal(named.control, text); /* as one dials it from here */
    snprintf(text, sizeof text, "tcp://127.0.0.1:%d", any.port + 5);
    assert_string_equal(named.dashboard, text);
    assert_err(ERR_IO, ports_open(&again, "127.0.0.1", any.port));
    assert_non_null(strstr(err_text(), "is in use"));
    ports_close(&named);
    assert_err(ERR_RANGE, ports_open(&again, "no.such.host.invalid", 0));
    assert_non_null(strstr(err_text(), "fleet.host"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_of_a_peer_are_checked),
        cmocka_unit_test(the_list_fits_into_an_answer),
        cmocka_unit_test(five_quick_deaths_are_too_many),
        cmocka_unit_test(a_worker_of_the_users_comes_back_for_ever_ever_rarer),
        cmocka_unit_test(the_last_words_are_this_childs),
        cmocka_unit_test(ports_are_free_ones_or_those_that_were_named),
    };

    return cmocka_run_group_tests_name("deploy/replica", tests, scratch_open, scratch_close);
}
