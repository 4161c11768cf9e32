#include "tests/support/test.h"

#include "cli/metrics_page.h"
#include "cli/snapshot.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char line[SNAPSHOT_LINES][SNAPSHOT_WIDTH];
static int lines;

static bool says(const char *text)
{
    for (int i = 0; i < lines; i++)
        if (strstr(line[i], text))
            return true;
    return false;
}

static const uint64_t staleness[] = {90, 6};
static const struct msg_stats_reason drop[] = {{.reason = "too old", .count = 3}};
static const struct msg_stats_reason refusal[] = {
    {.reason = "an answer from who holds no lease for it", .count = 2},
    {.reason = "a \"key\"\n", .count = 1}};
static const struct msg_wait wait[] = {{.name = "weights 8", .age_ms = 2500}};
static const struct msg_stats_peer peer[] = {
    {.role = ROLE_ACTOR,
     .name = "actor-1",
     .host = "far",
     .age_ms = 400,
     .tokens = 4321,
     .busy_ms = 750,
     .idle_ms = 250,
     .rss_bytes = 41000000,
     .version = 8,
     .tokens_s = 512,
     .note = "decoding",
     .error = ""},
    {.role = ROLE_LEARNER,
     .name = "learner",
     .host = "far",
     .age_ms = 9000,
     .note = "",
     .error = "disk full"},
    {.role = 77, .name = "stranger", .host = "near\n", .age_ms = 4200, .note = "", .error = ""},
};
static const struct msg_stats_lease lease[] = {
    {.lease = 5, .task = 9, .count = 4, .age_ms = 1500, .quiet_ms = 100}};

static const struct msg_stats_host host[] = {{.name = "far",
                                              .processes = 3,
                                              .tokens_s = 40,
                                              .wire_bytes = 31500000,
                                              .wire_rate = 600000,
                                              .lacking = 2},
                                             {.name = "near\n", .processes = 1}};

/* All that a page can say of one. */
static const struct msg_stats at_work = {.uptime_ms = 61500,
                                         .step = 7,
                                         .run = true,
                                         .newest = {.number = 8},
                                         .opened = 130,
                                         .settled = 100,
                                         .trained = 96,
                                         .waiting = 10,
                                         .leased = 11,
                                         .scoring = 4,
                                         .unsettled = 5,
                                         .duplicates = 1,
                                         .expired = 2,
                                         .tokens_s = 987.6,
                                         .samples_s = 12.34,
                                         .actor_busy = 0.5,
                                         .rewarder_busy = 0.25,
                                         .learner_busy = 1,
                                         .staleness = staleness,
                                         .n_staleness = 2,
                                         .drop = drop,
                                         .n_drop = 1,
                                         .refusal = refusal,
                                         .n_refusal = 2,
                                         .peer = peer,
                                         .n_peer = 3,
                                         .lease = lease,
                                         .n_lease = 1,
                                         .wait = wait,
                                         .n_wait = 1,
                                         .advice = "add 2 actors",
                                         .bottleneck = "actors are 95 % busy, the learner 40 %",
                                         .steps_total = 20,
                                         .left_ms = 754000,
                                         .host = host,
                                         .n_host = 2,
                                         .metrics = "{\"rewards/ai/without_verdict\":0.125,"
                                                    "\"rewards/b/without_verdict\":0,"
                                                    "\"rewards/\\u001bc/without_verdict\":1}"};

static void a_fleet_at_work_is_told(void **state)
{
    (void)state;
    lines = snapshot_lines(&at_work, line);
    assert_string_equal(line[0], "running  iteration 7  version 8  up 61 s");
    assert_true(says("opened 130  waiting 10  leased 11  scoring 4  unsettled 5"));
    assert_true(says("settled 100  trained 96"));
    assert_true(says("988 tokens/s  12.34 samples/s   busy: actors 50%  rewarders 25%"));
    assert_true(says("0 late: 90  1 late: 6"));
    assert_true(says("duplicates 1  disputed 0  expired 2"));
    assert_true(says("too old: 3"));
    assert_true(says("refused    an answer from who holds no lease for it: 2"));
    assert_true(says("           a \"key\"\\n: 1"));
    assert_true(says("judge      ai: no verdict on 12.5 % of what it was asked"));
    assert_true(says("judge      \\x1bc: no verdict on 100.0 %"));
    assert_false(says("b: no verdict"));
    assert_true(says("weights 8 for 2.5 s"));
    assert_true(says("add 2 actors"));
    assert_true(says("holds      actors are 95 % busy, the learner 40 %"));
    assert_true(says("left       12 min for iterations 8 to 20"));
    assert_true(
        says("hosts      far                    3 processes  40 tokens/s  weights 31.5 MB "
             "at 0.6 MB/s  lacks the newest"));
    assert_true(
        says("           near\\n                 1 processes  0 tokens/s  weights 0.0 MB "
             "at 0.0 MB/s  silent for 4.2 s"));
    assert_false(says("lacks the newest  silent")); /* one process of it was heard */
    assert_true(says("actor       actor-1                     512      4321   75%       8     "
                     "41 M  decoding"));
    assert_true(says("! disk full"));
    assert_true(says("?           stranger"));
    assert_true(says("lease 5: task 9, 4 samples, 1.5 s old, quiet for 0.1 s"));
}

static void what_was_refused_is_a_figure(void **state)
{
    static const char first[] =
        "drover_refused_total{reason=\"an answer from who holds no lease "
        "for it\"} 2\n",
                      second[] = "drover_refused_total{reason=\"a \\\"key\\\"\\n\"} 1\n";
    struct strbuf page = {NULL, 0, 0}, none = {NULL, 0, 0};
    const struct id run = {{1}};
    struct msg_stats s = at_work;

    (void)state;
    metrics_page(&page, &s, &run);
    s.n_refusal = 0;
    metrics_page(&none, &s, &run);
    assert_non_null(strstr(page.text, first));
    assert_non_null(strstr(page.text, second));
    assert_null(strstr(none.text, "refused_total"));
    free(page.text);
    free(none.text);
}

static void no_run_and_an_end_are_told(void **state)
{
    struct msg_stats s = {.advice = "", .metrics = "[\"rewards/"};

    (void)state;
    lines = snapshot_lines(&s, line);
    assert_memory_equal(line[0], "no run", 6);
    assert_true(says("nothing trained yet"));
    s.run = true; /* whose learner is not here */
    lines = snapshot_lines(&s, line);
    assert_memory_equal(line[0], "stands still: no learner", 24);
    s.done = true;
    lines = snapshot_lines(&s, line);
    assert_memory_equal(line[0], "done", 4);
}

/* More peers, longer names and wilder words than there is room for. */
static void what_peers_say_stays_within_its_place(void **state)
{
    static struct msg_stats_peer crowd[2 * SNAPSHOT_LINES];
    static char longest[1000];
    const struct msg_stats s = {
        .peer = crowd, .n_peer = 2 * SNAPSHOT_LINES, .advice = longest, .metrics = ""};

    (void)state;
    memset(longest, 'x', sizeof longest - 1);
    for (int i = 0; i < 2 * SNAPSHOT_LINES; i++)
        crowd[i] = (struct msg_stats_peer){
            .role = ROLE_ACTOR, .name = longest, .note = "\033[2J\r\n", .error = longest};
    lines = snapshot_lines(&s, line);
    assert_int_equal(lines, SNAPSHOT_LINES);
    for (int i = 0; i < lines; i++) {
        assert_true(strlen(line[i]) < SNAPSHOT_WIDTH);
        for (const char *c = line[i]; *c; c++)
            assert_true((unsigned char)*c >= ' ' && *c != 127);
    }
    assert_true(says("\\x1b[2J\\r\\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_fleet_at_work_is_told),
        cmocka_unit_test(what_was_refused_is_a_figure),
        cmocka_unit_test(no_run_and_an_end_are_told),
        cmocka_unit_test(what_peers_say_stays_within_its_place),
    };
    return cmocka_run_group_tests_name("stats", tests, NULL, NULL);
}
