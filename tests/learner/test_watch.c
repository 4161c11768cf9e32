/* What the learner's terminal says of the others: each thing once, with what helps. */

#include "tests/support/test.h"

#include "learner/fleet/watch.h"

#include <stdio.h>
#include <string.h>

static char said[16][512];
static int lines;
static struct watch *watch;

static void say(void *self, const char *line)
{
    (void)self;
    assert_true(lines < 16);
    snprintf(said[lines++], sizeof said[0], "%s", line);
}

static const char *command(const void *self, const char *scorer, int *number)
{
    (void)self;
    *number = 2;
    return strcmp(scorer, "theirs") ? NULL : "python3 a.py";
}

static const struct scorer table[] = {
    {.name = "rm", .hash = {{1}}, .kind = SCORER_REWARD_MODEL},
    {.name = "mine", .hash = {{2}}, .kind = SCORER_WORKER},
    {.name = "theirs", .hash = {{3}}, .kind = SCORER_WORKER},
};

static int setup(void **state)
{
    const struct watch_conf conf = {.broker = "tcp://h:1",
                                    .key = "k.key",
                                    .scorer = table,
                                    .n_scorer = 3,
                                    .command = command,
                                    .say = say};

    (void)state;
    lines = 0;
    watch_new(&watch, &conf);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    watch_free(watch);
    return 0;
}

static void hear(const char *name, uint32_t age_ms, const char *scorer, bool paused)
{
    const struct msg_wait wait = {name, age_ms, scorer, paused, ""};

    watch_waits(watch, &wait, *name ? 1 : 0);
}

static void a_wait_is_said_once_after_five_seconds_with_what_helps(void **state)
{
    (void)state;
    hear("mine: nobody offers this scorer", 4900, "mine", false);
    assert_int_equal(lines, 0);
    for (uint32_t age = 5000; age < 90000; age += 1000)
        hear("mine: nobody offers this scorer", age, "mine", false);
    assert_int_equal(lines, 1);
    assert_string_equal(said[0], "waits for scorer `mine`: nobody offers it; start: python3 "
                                 "mine.py tcp://h:1 k.key  (your worker, as "
                                 "examples/reward.py)");
    hear("", 0, "", false);
    assert_int_equal(lines, 2);
    assert_string_equal(said[1], "scorer `mine` is there: the run goes on");
    hear("mine: nobody offers this scorer", 6000, "mine", false);
    assert_int_equal(lines, 3);
}

static void a_command_of_the_configuration_is_named(void **state)
{
    (void)state;
    hear("theirs: nobody offers this scorer", 5000, "theirs", false);
    assert_string_equal(said[0], "waits for scorer `theirs`: nobody offers it; start: "
                                 "DROVER_BROKER=tcp://h:1 DROVER_KEY=k.key "
                                 "DROVER_WORKER=theirs python3 a.py");
}

static void under_a_supervisor_it_is_said_what_that_does(void **state)
{
    const struct watch_conf conf = {.broker = "tcp://h:1",
                                    .key = "k.key",
                                    .scorer = table,
                                    .n_scorer = 3,
                                    .command = command,
                                    .folder = "out",
                                    .say = say};

    (void)state;
    watch_free(watch);
    watch_new(&watch, &conf);
    hear("theirs: nobody offers this scorer", 5000, "theirs", false);
    assert_string_equal(said[0], "waits for scorer `theirs`: nobody offers it; `python3 a.py` "
                                 "is started here, and again whenever it ends; what it says is "
                                 "in out/logs/worker-2.log");
    hear("rm: nobody offers this scorer", 5000, "rm", false);
    assert_string_equal(said[1], "waits for scorer `rm`: nobody offers it; start one: drover "
                                 "scale rewarders=1 run=out");
    hear("no actor", 5000, "", false);
    assert_string_equal(said[lines - 2], "waits for an actor: none is there; start one: drover "
                                         "scale actors=1 run=out");
    hear("mine: nobody offers this scorer", 5000, "mine", false); /* started elsewhere */
    assert_non_null(strstr(said[lines - 2], "start: python3 mine.py tcp://h:1 k.key"));
}

static void processes_of_drovers_are_named(void **state)
{
    (void)state;
    hear("rm: nobody offers this scorer", 5000, "rm", false);
    hear("no actor", 5000, "", false);
    assert_int_equal(lines, 3);
    assert_string_equal(said[0], "waits for scorer `rm`: nobody offers it; start: "
                                 "drover-rewarder --broker=tcp://h:1 --key=k.key");
    assert_string_equal(said[1], "waits for an actor: none is there; start: drover-actor "
                                 "--broker=tcp://h:1 --key=k.key");
    hear("no space for more answers", 7000, "", false);
    assert_string_equal(said[3], "waits: no space for more answers");
    hear("the learner has no room", 7000, "", false); /* nothing for a person to do */
    assert_int_equal(lines, 6);
    assert_string_equal(said[5], "goes on: waited for 'no space for more answers'");
}

static void a_pause_is_said_at_once_and_so_is_its_end(void **state)
{
    (void)state;
    hear("mine is paused: it failed 3 times in a row, last at py: nan", 10, "mine", true);
    assert_int_equal(lines, 1);
    hear("mine is paused: it failed 4 times in a row, last at py: inf", 2010, "mine", true);
    assert_int_equal(lines, 1);
    hear("mine: nobody offers this scorer", 9000, "mine", false); /* another reason, no end */
    assert_int_equal(lines, 2);
    hear("mine is paused: it failed 5 times in a row, last at py: inf", 9000, "mine", true);
    hear("", 0, "", false);
    assert_string_equal(said[0],
                        "scorer mine is paused: it failed 3 times in a row, last at py: "
                        "nan; the run waits, tries it now and then, and goes on by "
                        "itself");
    assert_string_equal(said[lines - 1],
                        "scorer `mine` is there and works again: the run goes on");
}

static void failures_are_said_now_and_then(void **state)
{
    struct msg_fail fail = {.task = 3, .sample = 1, .who = "a", .reason = "no"};

    (void)state;
    for (int64_t now_ms = 0; now_ms < 10000; now_ms += 100)
        watch_fail(watch, &fail, now_ms);
    assert_int_equal(lines, 1);
    fail.scorer = table[1].hash;
    watch_fail(watch, &fail, 9999);
    assert_int_equal(lines, 2);
    fail.scorer = (struct hash){{0}};
    watch_fail(watch, &fail, 10000);
    assert_string_equal(said[0], "task 3 sample 1 failed at a: no; another tries it");
    assert_string_equal(said[1], "scorer `mine` failed at a: no; it is asked again");
    assert_string_equal(said[2],
                        "task 3 sample 1 failed at a: no; another tries it (99 more before)");
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(a_wait_is_said_once_after_five_seconds_with_what_helps),
        T(a_command_of_the_configuration_is_named),
        T(under_a_supervisor_it_is_said_what_that_does),
        T(processes_of_drovers_are_named),
        T(a_pause_is_said_at_once_and_so_is_its_end),
        T(failures_are_said_now_and_then),
    };

    return cmocka_run_group_tests_name("watch", tests, NULL, NULL);
}
