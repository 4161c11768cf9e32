/* The screen of `drover top` at any size: what matters is there, nothing is beyond its edges, rows
 * scroll, sort and fold. */
#include "tests/support/test.h"

#include "cli/top_screen.h"
#include "proto/role.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MANY = 60 };
static struct top_line line[TOP_SCREEN_LINES];
static struct msg_stats_peer peer[MANY];
static struct msg_stats_host host[20];
static char name[MANY][16], at[20][16];
static const struct msg_wait wait[] = {{"a", 1000, "", false, "start it"},
                                       {"b", 2000, "", false, ""},
                                       {"weights to far", 3000, "", false, ""}};
static const struct msg_stats_event event[] = {
    {.role = ROLE_ACTOR, .name = "ant", .host = "far", .cause = "silent", .died = true}};
static struct msg_stats stats;
static int lines;

/* Sixty on twenty hosts, one after another in no order. */
static int setup(void **state)
{
    for (uint32_t i = 0; i < 20; i++) {
        snprintf(at[i], sizeof at[i], "host-%02u", i);
        host[i] = (struct msg_stats_host){
            .name = at[i], .processes = 3, .actors = 3, .tokens_s = i, .metrics = ""};
    }
    for (uint32_t i = 0; i < MANY; i++) {
        snprintf(name[i], sizeof name[i], "peer-%02u", i);
        peer[i] = (struct msg_stats_peer){.role = i ? ROLE_ACTOR : ROLE_LEARNER,
                                          .name = name[i],
                                          .host = at[i * 7 % 20],
                                          .isa = "avx2",
                                          .tokens_s = i * 37 % 61,
                                          .busy_ms = i,
                                          .idle_ms = MANY - i,
                                          .rss_bytes = 1000000 * (uint64_t)i,
                                          .version = 8,
                                          .note = "decodes",
                                          .error = ""};
    }
    stats = (struct msg_stats){.run = true,
                               .step = 7,
                               .steps_total = 90,
                               .left_ms = 3900000,
                               .peer = peer,
                               .n_peer = MANY,
                               .host = host,
                               .n_host = 20,
                               .wait = wait,
                               .n_wait = 3,
                               .event = event,
                               .n_event = 1,
                               .bottleneck = "the link to far",
                               .advice = "a faster link",
                               .metrics = ""};
    return (void)state, 0;
}

static void draw(struct top_view *view)
{
    lines = top_screen(&stats, view, line);
}

/* The number of the line that has these words; -1. */
static int says(const char *words)
{
    for (int i = 0; i < lines; i++)
        if (strstr(line[i].text, words))
            return i;
    return -1;
}

static void eighty_by_twenty_four_has_what_matters(void **state)
{
    struct top_view view = {.height = 24, .width = 80};

    (void)state;
    draw(&view);
    assert_int_equal(lines, 24);
    for (int i = 0; i < lines; i++)
        assert_in_range(strlen(line[i].text), 1, 80);
    assert_int_equal(says("running  iteration 7 of 90  version 0  left 1:05 h"), 0);
    assert_int_equal(line[0].colour, TOP_GOOD);
    assert_true(says("the link to far") > 0 && says("a faster link") > 0);
    assert_true(says("and 1 more") > 0);
    assert_int_equal(line[says("died     actor ant at far")].colour, TOP_BAD);
    assert_true(says("HOST            ROLE       STATE    TOK/S BUSY  VERS.  WAITS FOR") > 0);
    assert_int_equal(says("host-00         learner    "), says("HOST  ") + 1);
    assert_true(view.shown >= 11);
    assert_int_equal(view.rows, MANY);
    assert_int_equal(says("q quits"), 23);
}

static void a_wide_one_has_more(void **state)
{
    struct top_view view = {.height = 50, .width = 200};

    (void)state;
    draw(&view);
    assert_int_equal(lines, 50);
    assert_true(says("MEMORY") > 0 && says("WIRE MB") > 0 && says("ISA") > 0);
    assert_true(says("avx2") > 0);
    assert_true(view.shown > 35);
    view.height = 100;
    draw(&view);
    assert_int_equal(view.shown, MANY);
}

static void it_scrolls_to_both_ends(void **state)
{
    struct top_view view = {.height = 24, .width = 80};
    int last;

    (void)state;
    draw(&view);
    assert_true(top_screen_key(&view, TOP_UP));
    draw(&view);
    assert_int_equal(view.first, 0);
    assert_true(top_screen_key(&view, TOP_DOWN));
    draw(&view);
    assert_int_equal(view.first, 1);
    assert_true(top_screen_key(&view, TOP_PAGE_DOWN));
    draw(&view);
    assert_int_equal(view.first, view.shown);
    for (int i = 0; i < 20; i++) {
        top_screen_key(&view, TOP_PAGE_DOWN);
        draw(&view);
    }
    last = view.first;
    assert_int_equal(last + view.shown, MANY);
    assert_true(says("host-19") > 0);
    stats.n_peer = 30; /* half of them leave */
    draw(&view);
    assert_int_equal(view.first + view.shown, 30);
    top_screen_key(&view, TOP_HOME);
    draw(&view);
    assert_int_equal(view.first, 0);
    assert_false(top_screen_key(&view, 'x'));
}

static void it_sorts_by_what_the_keys_say(void **state)
{
    struct top_view view = {.height = 100, .width = 200};
    int top;

    (void)state;
    assert_true(top_screen_key(&view, 't'));
    draw(&view);
    top = says("HOST  ") + 1;
    for (int i = top; i < top + MANY - 1; i++) {
        unsigned more, less;

        assert_int_equal(sscanf(line[i].text + 60, "%u", &more), 1);
        assert_int_equal(sscanf(line[i + 1].text + 60, "%u", &less), 1);
        assert_true(more >= less);
    }
    top_screen_key(&view, 'm');
    draw(&view);
    assert_non_null(strstr(line[top].text, "peer-59"));
    top_screen_key(&view, 'r');
    draw(&view);
    assert_non_null(strstr(line[top].text, "peer-00"));
}

static void it_folds_by_host(void **state)
{
    struct top_view view = {.height = 24, .width = 80};

    (void)state;
    host[4].lacking = 2;
    host[4].left_ms = 41000;
    assert_true(top_screen_key(&view, 'f'));
    draw(&view);
    assert_int_equal(view.rows, 20);
    assert_true(says("host-00              3    3") > 0);
    assert_true(says("lacks the newest, 41 s left") > 0);
    assert_int_equal(line[says("41 s left")].colour, TOP_WARN);
    assert_true(says("f unfolds") > 0);
    top_screen_key(&view, 't');
    draw(&view);
    assert_int_equal(says("host-19"), says("HOST  ") + 1);
}

/* No size is too small, and no word of others leaves its line. */
/* Why a process died its machine's supervisor knows; who is down, or was, stands below it. */
static void a_machine_has_its_dead(void **state)
{
    static const char machine[] =
        "{\"cores\":8,\"load\":1.5,\"memory_free\":2e9,\"disk_free\":3e9,\"children\":["
        "{\"name\":\"ant\",\"role\":\"actor\",\"state\":\"again\",\"restarts\":2,\"age_s\":4,"
        "\"cause\":\"ended by the kernel: memory ran out\",\"last\":\"out of \\u001b[2J\"},"
        "{\"name\":\"bee\",\"state\":\"up\",\"restarts\":0}]}";
    static const struct msg_stats_event dead[] = {{.role = ROLE_ACTOR,
                                                   .name = "ant",
                                                   .host = "host-03",
                                                   .cause = "its connection ended",
                                                   .died = true}};
    struct top_view view = {.height = 24, .width = 120, .fold = true};

    (void)state;
    host[3].metrics = machine;
    stats.event = dead;
    draw(&view);
    assert_int_equal(view.rows, 21);
    assert_true(says("CORES   LOAD   MEM FREE  DISK FREE") > 0);
    assert_true(says("8    1.5     2000 M      3.0 G") > 0);
    assert_int_equal(
        says("  ant            again  started 3 times, last 4 s ago: ended by the"),
        says("host-03   ") + 1);
    assert_true(
        says("died     actor ant at host-03 0 s ago: ended by the kernel: memory ran out; "
             "it said: out of") > 0);
    assert_int_equal(says("bee"), -1);
    assert_int_equal(says("\x1b"), -1);
}

static void what_was_refused_and_how_late_it_was_is_shown(void **state)
{
    static const struct msg_stats_reason refusal[] = {{"this key was revoked", 3}};
    static const uint64_t late[] = {7, 0, 2};
    struct top_view view = {.height = 50, .width = 80};

    (void)state;
    stats.refusal = refusal;
    stats.n_refusal = 1;
    stats.staleness_minute = late;
    stats.n_staleness_minute = 3;
    draw(&view);
    assert_true(says("refused  3 times: this key was revoked") > 0);
    assert_true(says("stale    last minute  0 late: 7  2 late: 2") > 0);
    assert_true(says("waits    a for 1 s: start it") > 0);
}

static void the_keys_are_told(void **state)
{
    struct top_view view = {.height = 24, .width = 80};

    (void)state;
    assert_true(top_screen_key(&view, '?'));
    draw(&view);
    assert_true(says("f   fold: a row a machine") >= 0);
    for (int i = 0; i < lines; i++)
        assert_in_range(strlen(line[i].text), 0, 80);
    assert_true(top_screen_key(&view, '?'));
    draw(&view);
    assert_true(says("HOST  ") > 0);
}

static void nothing_leaves_the_screen(void **state)
{
    static char longest[1000];
    struct top_view view = {.sort = 'b'};

    (void)state;
    memset(longest, 'x', sizeof longest - 1);
    for (int i = 0; i < MANY; i++) {
        peer[i].note = "\033[2J\r\n";
        peer[i].error = longest;
        peer[i].host = i % 2 ? longest : "\xe2\x80\xae";
    }
    for (view.height = 1; view.height < 60; view.height++)
        for (view.width = 1; view.width < 240; view.width += 7) {
            draw(&view);
            assert_in_range(lines, 1, view.height);
            for (int i = 0; i < lines; i++) {
                assert_true(strlen(line[i].text) <= (view.width < 7 ? 7 : (size_t)view.width));
                for (const char *c = line[i].text; *c; c++)
                    assert_true((unsigned char)*c >= ' ' && (unsigned char)*c < 127);
            }
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(eighty_by_twenty_four_has_what_matters, setup),
        cmocka_unit_test_setup(a_wide_one_has_more, setup),
        cmocka_unit_test_setup(it_scrolls_to_both_ends, setup),
        cmocka_unit_test_setup(it_sorts_by_what_the_keys_say, setup),
        cmocka_unit_test_setup(it_folds_by_host, setup),
        cmocka_unit_test_setup(a_machine_has_its_dead, setup),
        cmocka_unit_test_setup(what_was_refused_and_how_late_it_was_is_shown, setup),
        cmocka_unit_test_setup(the_keys_are_told, setup),
        cmocka_unit_test_setup(nothing_leaves_the_screen, setup),
    };
    return cmocka_run_group_tests_name("top_screen", tests, NULL, NULL);
}
