#include "data/format.h"

#include "data/record_kind.h"
#include "data/rows.h"
#include "tests/support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What a row gives, as JSON text without blanks. */
static void gives(const char *row, const char *wanted)
{
    const struct format_rule rule = format_usual();
    json_t *object = json_loads(row, 0, NULL), *out = json_array();
    char *text;

    assert_non_null(object);
    assert_ok(format_rows(out, object, &rule));
    text = json_dumps(out, JSON_COMPACT);
    assert_string_equal(text, wanted);
    free(text);
    json_decref(out);
    json_decref(object);
}

static void is_refused(const char *row, const char *words)
{
    const struct format_rule rule = format_usual();
    json_t *object = json_loads(row, 0, NULL), *out = json_array();

    assert_non_null(object);
    assert_err(ERR_PARSE, format_rows(out, object, &rule));
    if (!strstr(err_text(), words))
        fail_msg("'%s' does not say '%s'", err_text(), words);
    json_decref(out);
    json_decref(object);
}

static void a_mistake_is_the_last_thing_known(void **state)
{
    (void)state;
    gives("{\"input\":\"q\",\"steps\":[\"a\",\"b\",\"c\",\"d\"],\"mistake_index\":2}",
          "[{\"prompt\":\"q\",\"completions\":[\"a\",\"b\",\"c\",\"d\"],"
          "\"labels\":[true,true,false,null]}]");
    gives("{\"input\":\"q\",\"steps\":[\"a\"],\"mistake_index\":0}",
          "[{\"prompt\":\"q\",\"completions\":[\"a\"],\"labels\":[false]}]");
    gives("{\"input\":\"q\",\"steps\":[\"a\",\"b\"],\"mistake_index\":null}",
          "[{\"prompt\":\"q\",\"completions\":[\"a\",\"b\"],\"labels\":[true,true]}]");
    is_refused("{\"input\":\"q\",\"steps\":[\"a\"],\"mistake_index\":1}", "there are 1 steps");
    is_refused("{\"input\":\"q\",\"steps\":[\"a\",\"\"],\"mistake_index\":1}", "'steps'[1]");
}

static void error_steps_count_from_one(void **state)
{
    (void)state;
    gives(
        "{\"original_question\":\"o\",\"modified_question\":\"m\",\"original_process\":[\"x\"],"
        "\"modified_process\":[\"a\",\"b\"],\"error_steps\":[2],\"classification\":\"k\"}",
        "[{\"prompt\":\"m\",\"completions\":[\"a\",\"b\"],\"labels\":[true,false],"
        "\"classification\":\"k\"},"
        "{\"prompt\":\"o\",\"completions\":[\"x\"],\"labels\":[true]}]");
    is_refused("{\"original_question\":\"o\",\"modified_question\":\"m\","
               "\"modified_process\":[\"a\"],\"error_steps\":[2]}",
               "'error_steps'[0]: not a step from 1 to 1");
}

static void ratings_become_labels(void **state)
{
    (void)state;
    gives("{\"question\":{\"problem\":\"q\"},\"label\":{\"steps\":["
          "{\"completions\":[{\"text\":\"w\",\"rating\":-1},{\"text\":\"a\",\"rating\":1}],"
          "\"chosen_completion\":1},"
          "{\"completions\":[{\"text\":\"n\",\"rating\":0}],\"human_completion\":"
          "{\"text\":\"h\"},\"chosen_completion\":null},"
          "{\"completions\":[{\"text\":\"z\",\"rating\":-1},{\"text\":\"y\",\"rating\":null}],"
          "\"chosen_completion\":null}]}}",
          "[{\"prompt\":\"q\",\"completions\":[\"w\"],\"labels\":[false]},"
          "{\"prompt\":\"q\",\"completions\":[\"a\",\"n\"],\"labels\":[null,true]},"
          "{\"prompt\":\"q\",\"completions\":[\"a\",\"h\",\"z\"],"
          "\"labels\":[true,true,false]}]");
    is_refused("{\"question\":{\"problem\":\"q\"},\"label\":{}}", "'label.steps'");
}

static void hh_and_ultrafeedback_are_pairs(void **state)
{
    (void)state;
    gives("{\"chosen\":\"\\n\\nHuman: hi\\n\\nAssistant: yes\","
          "\"rejected\":\"\\n\\nHuman: hi\\n\\nAssistant: no\"}",
          "[{\"prompt\":[{\"role\":\"user\",\"content\":\"hi\"}],"
          "\"chosen\":[{\"role\":\"assistant\",\"content\":\"yes\"}],"
          "\"rejected\":[{\"role\":\"assistant\",\"content\":\"no\"}]}]");
    gives("{\"instruction\":\"q\",\"completions\":["
          "{\"response\":\"b\",\"overall_score\":3},{\"response\":\"a\",\"overall_score\":9},"
          "{\"response\":\"c\",\"overall_score\":1.5}]}",
          "[{\"prompt\":[{\"role\":\"user\",\"content\":\"q\"}],"
          "\"chosen\":[{\"role\":\"assistant\",\"content\":\"a\"}],"
          "\"rejected\":[{\"role\":\"assistant\",\"content\":\"c\"}],"
          "\"score_chosen\":9.0,\"score_rejected\":1.5}]");
    gives("{\"instruction\":\"q\",\"completions\":["
          "{\"response\":\"b\",\"overall_score\":3},{\"response\":\"a\",\"overall_score\":3}]}",
          "[]");
    gives("{\"prompt\":\"q\",\"score_chosen\":8.0,\"score_rejected\":2.0,\"chosen\":["
          "{\"role\":\"user\",\"content\":\"q\"},{\"role\":\"assistant\",\"content\":\"a\"}],"
          "\"rejected\":["
          "{\"role\":\"user\",\"content\":\"q\"},{\"role\":\"assistant\",\"content\":\"b\"}]}",
          "[{\"prompt\":[{\"role\":\"user\",\"content\":\"q\"}],"
          "\"chosen\":[{\"role\":\"assistant\",\"content\":\"a\"}],"
          "\"rejected\":[{\"role\":\"assistant\",\"content\":\"b\"}],"
          "\"score_chosen\":8.0,\"score_rejected\":2.0}]");
}

#define NODE(type, words, more) \
    "{\"node_type\":\"" type "\",\"description\":\"" words "\"," more "}"
#define TREE(arguments) \
    "{\"win\":true,\"answer_generation\":{\"query\":\"q\",\"function\":[{\"name\":\"f\"}]}," \
    "\"tree\":{\"tree\":" NODE( \
        "Action Input", "", \
        "\"children\":[" NODE( \
            "Action", "f", \
            "\"children\":[" NODE( \
                "Action Input", arguments, \
                "\"observation\":\"no\",\"children\":[]") "]") "," NODE("Thought", "hm", \
                                                                        "\"children\":[" NODE( \
                                                                            "Action", \
                                                                            "Finish", \
                                                                            "\"children\":" \
                                                                            "[" NODE( \
                                                                                "Action " \
                                                                                "Input", \
                                                                                "{}", \
                                                                                "\"observatio" \
                                                                                "n\":\"ok\"," \
                                                                                "\"finished\"" \
                                                                                ":true," \
                                                                                "\"children\"" \
                                                                                ":[]") "]") "]") "]") "}}"

/* Datasets that name the question otherwise: trained on as answers to nothing. */
static void questions_of_other_names_are_prompts(void **state)
{
    (void)state;
    gives("{\"system\":\"s\",\"question\":\"q\",\"chosen\":\"a\",\"rejected\":\"b\",\"id\":3}",
          "[{\"prompt\":[{\"role\":\"system\",\"content\":\"s\"},{\"role\":\"user\","
          "\"content\":\"q\"}],\"chosen\":[{\"role\":\"assistant\",\"content\":\"a\"}],"
          "\"rejected\":[{\"role\":\"assistant\",\"content\":\"b\"}],\"id\":3}]");
    gives("{\"system\":\"\",\"input\":\"q\",\"chosen\":\"a\",\"rejected\":\"b\"}",
          "[{\"prompt\":[{\"role\":\"user\",\"content\":\"q\"}],\"chosen\":[{\"role\":"
          "\"assistant\",\"content\":\"a\"}],\"rejected\":[{\"role\":\"assistant\","
          "\"content\":\"b\"}]}]");
    gives("{\"instruction\":\"q\",\"chosen_response\":\"a\",\"rejected_response\":\"b\"}",
          "[{\"prompt\":[{\"role\":\"user\",\"content\":\"q\"}],\"chosen\":[{\"role\":"
          "\"assistant\",\"content\":\"a\"}],\"rejected\":[{\"role\":\"assistant\","
          "\"content\":\"b\"}]}]");
}

static void a_tree_gives_the_winner_against_each_loser(void **state)
{
    (void)state;
    gives(TREE("{\\\"x\\\": 1}"),
          "[{\"prompt\":[{\"role\":\"user\",\"content\":\"q\"}],"
          "\"chosen\":[{\"role\":\"assistant\",\"content\":\"hm\",\"tool_calls\":[{\"type\":"
          "\"function\",\"function\":{\"name\":\"Finish\",\"arguments\":\"{}\"}}]},"
          "{\"role\":\"tool\",\"content\":\"ok\"}],"
          "\"rejected\":[{\"role\":\"assistant\",\"content\":\"\",\"tool_calls\":[{\"type\":"
          "\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"{\\\"x\\\": 1}\"}}]},"
          "{\"role\":\"tool\",\"content\":\"no\"}],"
          "\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\"}}]}]");
    is_refused(TREE("{\\\"x\\\": 1"), "rejected[1]: tool_calls[0] (f): arguments: not JSON");
}

static void results_become_labelled_trajectories(void **state)
{
    (void)state;
    gives("{\"task_id\":7,\"reward\":1.0,\"info\":{\"task\":{\"actions\":[{\"name\":\"f\","
          "\"kwargs\":{\"x\":1}}]}},\"traj\":[{\"role\":\"user\",\"content\":\"q\"},"
          "{\"role\":\"assistant\",\"content\":\"a\"},{\"role\":\"user\",\"content\":\"r\"}]}",
          "[{\"prompt\":[{\"role\":\"user\",\"content\":\"q\"}],"
          "\"completion\":[{\"role\":\"assistant\",\"content\":\"a\"},"
          "{\"role\":\"user\",\"content\":\"r\"}],\"label\":true,\"task_id\":7,"
          "\"gold\":[{\"tool\":\"f\",\"args\":{\"x\":1}}]}]");
    gives(
        "{\"messages_display\":\"user: a\\nb\\nassistant: None\\ntool: t\\nassistant: c\"}",
        "[{\"messages\":[{\"role\":\"user\",\"content\":\"a\\nb\"},"
        "{\"role\":\"tool\",\"content\":\"t\"},{\"role\":\"assistant\",\"content\":\"c\"}]}]");
    is_refused("{\"traj\":[],\"reward\":1}", "'traj'");
}

/* BFCL: the answers are another file's, by id. */
static void a_task_gets_its_gold_calls(void **state)
{
    struct format_rule rule = format_usual();
    json_t *row = json_loads("{\"id\":\"i\",\"question\":[[{\"role\":\"user\",\"content\":"
                             "\"q\"}]],\"function\":[{\"name\":\"f\",\"parameters\":{\"type\":"
                             "\"dict\",\"properties\":{\"x\":{\"type\":\"float\"}}}}]}",
                             0, NULL);
    json_t *answers = json_loads("{\"i\":[{\"f\":{\"x\":[2.5],\"y\":[\"\",3]}}]}", 0, NULL);
    json_t *out = json_array();
    char *text;

    (void)state;
    rule.answers = answers;
    assert_ok(format_rows(out, row, &rule));
    text = json_dumps(out, JSON_COMPACT);
    assert_string_equal(
        text,
        "[{\"prompt\":[{\"role\":\"user\",\"content\":\"q\"}],\"completion\":[{\"role\":"
        "\"assistant\",\"content\":\"\",\"tool_calls\":[{\"type\":\"function\",\"function\":{"
        "\"name\":\"f\",\"arguments\":{\"x\":2.5}}}]}],\"tools\":[{\"type\":\"function\","
        "\"function\":{\"name\":\"f\",\"parameters\":{\"type\":\"object\",\"properties\":{"
        "\"x\":{\"type\":\"number\"}}}}}],\"gold\":[{\"tool\":\"f\",\"any\":{\"x\":[2.5],"
        "\"y\":[\"\",3]}}],\"id\":\"i\"}]");
    free(text);
    json_object_clear(answers);
    assert_err(ERR_PARSE, format_rows(out, row, &rule));
    json_decref(out);
    json_decref(answers);
    json_decref(row);
}

struct sum {
    long rows, bad, made, steps, wrong;
};

static struct sum sum_of(const char *path)
{
    const struct format_rule rule = format_usual();
    struct sum sum = {0};
    struct rows *rows;
    json_t *row = NULL;

    assert_ok(rows_open(&rows, path));
    while (!rows_next(rows, &row) && row) {
        json_t *out = json_array(), *item, *label;
        size_t i, k;
        bool mistake = false;
        sum.rows++;
        sum.bad += format_rows(out, row, &rule) != OK;
        json_array_foreach(out, i, item)
        {
            sum.made++;
            sum.steps += (long)json_array_size(json_object_get(item, "completions"));
            json_array_foreach(json_object_get(item, "labels"), k, label) mistake =
                mistake || json_is_false(label);
        }
        sum.wrong += mistake;
        json_decref(out);
        json_decref(row);
    }
    rows_close(rows);
    return sum;
}

/* Counts that the data's own papers and readers give. */
static void the_real_files_hold_what_is_known_of_them(void **state)
{
    static const struct {
        const char *name;
        struct sum sum;
    } files[] = {
        {"bigbench-mistake/word_sorting.jsonl", {300, 0, 300, 3508, 266}},
        {"bigbench-mistake/multistep_arithmetic.jsonl", {300, 0, 300, 1506, 238}},
        /* of 24,178 steps, the 57 of the trace with an empty one are left out */
        {"bigbench-mistake/dyck_languages.jsonl", {986, 1, 985, 24121, 649}},
    };
    const char *folder = getenv("DROVER_TEST_DATA");
    char path[1024];
    FILE *there;

    (void)state;
    snprintf(path, sizeof(path), "%s/%s", folder ? folder : "", files[0].name);
    there = fopen(path, "r");
    if (!there) {
        print_message("skipped: no test data\n");
        skip();
    }
    fclose(there);
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        struct sum sum;
        snprintf(path, sizeof(path), "%s/%s", folder, files[i].name);
        sum = sum_of(path);
        assert_int_equal(sum.rows, files[i].sum.rows);
        assert_int_equal(sum.bad, files[i].sum.bad);
        assert_int_equal(sum.made, files[i].sum.made);
        assert_int_equal(sum.steps, files[i].sum.steps);
        assert_int_equal(sum.wrong, files[i].sum.wrong);
    }
}

/* What people read of formats and kinds is all that there are. */
static void the_lists_of_names_are_whole(void **state)
{
    enum format format;

    (void)state;
    for (int i = 0; i < FORMATS; i++)
        assert_non_null(strstr(FORMAT_NAMES, format_name((enum format)i)));
    for (int i = 0; i < KINDS; i++)
        if (i != KIND_TOKENS)
            assert_non_null(strstr(RECORD_KIND_NAMES, record_kind_name((enum record_kind)i)));
    assert_err(ERR_RANGE, format_named(&format, "parquet"));
    assert_non_null(strstr(err_text(), "'parquet': known are auto, trl, hh,"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_mistake_is_the_last_thing_known),
        cmocka_unit_test(the_lists_of_names_are_whole),
        cmocka_unit_test(error_steps_count_from_one),
        cmocka_unit_test(ratings_become_labels),
        cmocka_unit_test(hh_and_ultrafeedback_are_pairs),
        cmocka_unit_test(questions_of_other_names_are_prompts),
        cmocka_unit_test(a_tree_gives_the_winner_against_each_loser),
        cmocka_unit_test(results_become_labelled_trajectories),
        cmocka_unit_test(a_task_gets_its_gold_calls),
        cmocka_unit_test(the_real_files_hold_what_is_known_of_them),
    };
    return cmocka_run_group_tests_name("format", tests, NULL, NULL);
}
