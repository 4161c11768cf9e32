/* What the processes of a run were. */

#include "tests/support/test.h"

#include "base/mem.h"
#include "learner/run/process_stats.h"

#include <stdlib.h>
#include <string.h>

static double at(const json_t *list, size_t row, const char *key)
{
    return json_number_value(json_object_get(json_array_get(list, row), key));
}

static void rates_are_of_the_time_in_which_it_was_seen(void **state)
{
    struct process_stats *stats;
    json_t *list;

    (void)state;
    process_stats_new(&stats);
    /* 1000 tokens were another run's */
    process_stats_hear(stats,
                       "[{\"role\":\"actor\",\"name\":\"a\",\"tokens\":1000,\"rss_bytes\":5},"
                       "{\"role\":\"rewarder\",\"name\":\"a\",\"tokens\":7,\"rss_bytes\":50}]",
                       10000);
    process_stats_hear(
        stats, "[{\"role\":\"actor\",\"name\":\"a\",\"tokens\":3000,\"rss_bytes\":9}]", 12000);
    process_stats_hear(
        stats, "[{\"role\":\"actor\",\"name\":\"a\",\"tokens\":3400,\"rss_bytes\":6}]", 14000);
    list = process_stats_json(stats);
    assert_int_equal(json_array_size(list), 2);
    assert_int_equal(at(list, 0, "tokens"), 2400);
    assert_float_equal(at(list, 0, "tokens_per_second"), 600, 1e-9);
    assert_int_equal(at(list, 0, "peak_memory_bytes"), 9);
    assert_int_equal(at(list, 1, "tokens"), 0);
    assert_float_equal(at(list, 1, "tokens_per_second"), 0, 1e-9);
    json_decref(list);
    process_stats_free(stats);
}

static void see(struct process_stats *stats, uint64_t process, uint64_t tokens, int64_t now_ms)
{
    process_stats_see(
        stats, &(struct process_stats_row){"actor", "a", process, tokens, 10, 0, 0}, now_ms);
}

/* Of lives of one name together, as tokens; the line says the share. */
static void guesses_are_counted_over_lives(void **state)
{
    struct process_stats *stats;
    uint64_t drafted, accepted;
    json_t *list;
    char *text = NULL;
    size_t n;
    FILE *to = open_memstream(&text, &n);

    (void)state;
    process_stats_new(&stats);
    for (int life = 1; life <= 2; life++)
        for (int beat = 0; beat < 3; beat++) {
            char *said = mem_print("[{\"role\":\"actor\",\"name\":\"a\",\"process\":%d,"
                                   "\"tokens\":%d,\"drafted\":%d,\"accepted\":%d}]",
                                   life, 1 + beat, 40 * beat, 10 * beat);

            process_stats_hear(stats, said, 1000 * (3 * life + beat));
            free(said);
        }
    process_stats_drafts(stats, &drafted, &accepted);
    assert_int_equal(drafted, 160);
    assert_int_equal(accepted, 40);
    list = process_stats_json(stats);
    assert_int_equal(at(list, 0, "drafted"), 160);
    assert_int_equal(at(list, 0, "accepted"), 40);
    process_stats_print(list, to);
    fclose(to);
    assert_non_null(strstr(text, "25 % of 160 guesses right"));
    free(text);
    json_decref(list);
    process_stats_free(stats);
}

static void a_restarted_process_counts_on(void **state)
{
    struct process_stats *stats;
    json_t *list;

    (void)state;
    process_stats_new(&stats);
    see(stats, 7, 0, 0);
    see(stats, 7, 500, 1000);
    see(stats, 8, 100, 2000); /* killed; a new one has made 100 */
    see(stats, 8, 300, 4000);
    list = process_stats_json(stats);
    assert_int_equal(at(list, 0, "tokens"), 800);
    assert_float_equal(at(list, 0, "tokens_per_second"), 200, 1e-9);
    json_decref(list);
    process_stats_free(stats);
}

/* The broker names the killed one, too, until it takes it for dead. */
static void an_old_and_a_new_process_of_one_name_count_once_each(void **state)
{
    struct process_stats *stats;
    json_t *list;

    (void)state;
    process_stats_new(&stats);
    see(stats, 7, 0, 0);
    for (int64_t s = 1; s <= 30; s++) {
        see(stats, 7, 6000, 1000 * s);
        see(stats, 8, 100 * (uint64_t)s, 1000 * s);
    }
    list = process_stats_json(stats);
    assert_int_equal(json_array_size(list), 1);
    assert_int_equal(at(list, 0, "tokens"), 9000);
    assert_float_equal(at(list, 0, "tokens_per_second"), 300, 1e-9);
    json_decref(list);
    for (int round = 0; round < 50; round++) /* more than are remembered: never twice */
        for (uint64_t process = 0; process < 40; process++)
            see(stats, process, 6000, 40000);
    list = process_stats_json(stats);
    assert_true(at(list, 0, "tokens") <= 40 * 6000);
    json_decref(list);
    process_stats_free(stats);
}

static void two_of_one_name_from_before_the_run_have_done_nothing(void **state)
{
    struct process_stats *stats;
    json_t *list;

    (void)state;
    process_stats_new(&stats);
    process_stats_hear(stats,
                       "[{\"role\":\"actor\",\"name\":\"a\",\"tokens\":900,\"process\":1},"
                       "{\"role\":\"actor\",\"name\":\"a\",\"tokens\":50,\"process\":2}]",
                       10000);
    list = process_stats_json(stats);
    assert_int_equal(at(list, 0, "tokens"), 0);
    json_decref(list);
    process_stats_free(stats);
}

static void what_is_no_list_of_processes_is_passed_over(void **state)
{
    static const char *const words[] = {
        "",
        "{",
        "7",
        "{\"role\":\"actor\"}",
        "[7,null,[],{}]",
        "[{\"role\":\"actor\"},{\"name\":\"a\"},{\"role\":1,\"name\":2}]",
    };
    char name[200];
    struct process_stats *stats;
    json_t *list;

    (void)state;
    process_stats_new(&stats);
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        process_stats_hear(stats, words[i], 5);
    memset(name, 'x', sizeof name);
    name[sizeof name - 1] = 0;
    process_stats_see(stats, &(struct process_stats_row){"actor", name, 0, 1, 1, 0, 0}, 5);
    list = process_stats_json(stats);
    assert_int_equal(json_array_size(list), 0);
    json_decref(list);
    for (int i = 0; i < PROCESS_STATS_MAX + 10; i++) { /* no more than there is room for */
        snprintf(name, sizeof name, "%d", i);
        process_stats_see(stats, &(struct process_stats_row){"actor", name, 0, 1, 1, 0, 0}, 5);
    }
    process_stats_hear(
        stats, "[{\"role\":\"actor\",\"name\":\"0\",\"tokens\":-5,\"rss_bytes\":-1}]", 6);
    list = process_stats_json(stats);
    assert_int_equal(json_array_size(list), PROCESS_STATS_MAX);
    assert_int_equal(at(list, 0, "tokens"), 0);
    assert_int_equal(at(list, 0, "peak_memory_bytes"), 1);
    json_decref(list);
    process_stats_free(stats);
}

static void lines_for_people(void **state)
{
    json_t *list = process_stats_alone("sft", 1000, 2000);
    char *text = NULL;
    size_t n;
    FILE *to = open_memstream(&text, &n);

    (void)state;
    assert_true(at(list, 0, "peak_memory_bytes") > 1e6);
    assert_float_equal(at(list, 0, "tokens_per_second"), 500, 1e-9);
    process_stats_print(list, to);
    fclose(to);
    assert_non_null(strstr(text, "sft "));
    assert_non_null(strstr(text, " MB        1000 tokens       500 tokens/s\n"));
    free(text);
    json_decref(list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rates_are_of_the_time_in_which_it_was_seen),
        cmocka_unit_test(guesses_are_counted_over_lives),
        cmocka_unit_test(a_restarted_process_counts_on),
        cmocka_unit_test(an_old_and_a_new_process_of_one_name_count_once_each),
        cmocka_unit_test(two_of_one_name_from_before_the_run_have_done_nothing),
        cmocka_unit_test(what_is_no_list_of_processes_is_passed_over),
        cmocka_unit_test(lines_for_people),
    };

    return cmocka_run_group_tests_name("learner/process_stats", tests, NULL, NULL);
}
