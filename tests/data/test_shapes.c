/* Data sets as they are published, one record of each: what a trainer learns of it that is told
 * nothing, and what it says where it cannot. */
#include "data/dataset.h"
#include "data/dialogue.h"
#include "data/example.h"
#include "data/format.h"
#include "tests/data/record.h"
#include "tests/support/scratch.h"
#include "tests/support/test.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define U(text) "{\"role\":\"user\",\"content\":\"" text "\"}"
#define A(text) "{\"role\":\"assistant\",\"content\":\"" text "\"}"
#define S(text) "{\"role\":\"system\",\"content\":\"" text "\"}"

/* As the format of this name; NULL: as its columns say. */
static void as(const char *name, const char *row, const char *wanted)
{
    struct format_rule rule = format_usual();
    json_t *object = json_loads(row, 0, NULL), *out = json_array();
    char *text;

    assert_non_null(object);
    assert_ok(format_named(&rule.format, name));
    assert_ok(format_rows(out, object, &rule));
    text = json_dumps(out, JSON_COMPACT);
    assert_string_equal(text, wanted);
    free(text);
    json_decref(out);
    json_decref(object);
}

static void is_refused(const char *name, const char *row, const char *words)
{
    struct format_rule rule = format_usual();
    json_t *object = json_loads(row, 0, NULL), *out = json_array();

    assert_non_null(object);
    assert_ok(format_named(&rule.format, name));
    assert_err(ERR_PARSE, format_rows(out, object, &rule));
    if (!strstr(err_text(), words))
        fail_msg("'%s' does not say '%s'", err_text(), words);
    json_decref(out);
    json_decref(object);
}

static void instructions_become_a_question_and_its_answer(void **state)
{
    (void)state;
    as(NULL, "{\"instruction\":\"add\",\"input\":\"1 2\",\"output\":\"3\",\"text\":\"Below\"}",
       "[{\"prompt\":[" U("add\\n1 2") "],\"completion\":[" A("3") "]}]");
    as(NULL, "{\"instruction\":\"add\",\"input\":\"\",\"output\":\"3\",\"id\":4}",
       "[{\"prompt\":[" U("add") "],\"completion\":[" A("3") "],\"id\":4}]");
    as(NULL,
       "{\"instruction\":\"c\",\"output\":\"d\",\"system\":\"s\",\"history\":[[\"a\",\"b\"]]}",
       "[{\"prompt\":[" S("s") "," U("a") "," A("b") "," U("c") "],\"completion\":[" A(
           "d") "]}]");
    as(NULL, "{\"instruction\":\"q\",\"context\":\"x\",\"response\":\"r\",\"category\":\"qa\"}",
       "[{\"prompt\":[" U("q\\nx") "],\"completion\":[" A("r") "],\"category\":\"qa\"}]");
    as(NULL, "{\"instruction\":\"q\",\"input\":\"x\",\"chosen\":\"a\",\"rejected\":\"b\"}",
       "[{\"prompt\":[" U("q\\nx") "],\"chosen\":[" A("a") "],\"rejected\":[" A("b") "]}]");
    as(NULL, "{\"system_prompt\":\"s\",\"question\":\"q\",\"response\":\"r\",\"id\":\"i\"}",
       "[{\"prompt\":[" S("s") "," U("q") "],\"completion\":[" A("r") "],\"id\":\"i\"}]");
    is_refused("alpaca", "{\"instruction\":\"q\",\"input\":\"x\"}", "'response'");
    is_refused("alpaca", "{\"instruction\":\"q\",\"output\":\"x\",\"history\":[[\"a\"]]}",
               "'history'[0]");
}

static void dialogues_become_messages(void **state)
{
    (void)state;
    as(NULL,
       "{\"conversations\":[{\"from\":\"human\",\"value\":\"h\"},{\"from\":\"gpt\",\"value\":"
       "\"g\"}],\"system\":\"s\"}",
       "[{\"messages\":[" S("s") "," U("h") "," A("g") "]}]");
    as(NULL,
       "{\"conversations\":[{\"from\":\"system\",\"value\":\"s\"},{\"from\":\"human\","
       "\"value\":\"h\"}],\"chosen\":{\"from\":\"gpt\",\"value\":\"a\"},\"rejected\":{\"from\":"
       "\"gpt\",\"value\":\"b\"}}",
       "[{\"prompt\":[" S("s") "," U("h") "],\"chosen\":[" A("a") "],\"rejected\":[" A(
           "b") "]}]");
    as(NULL,
       "{\"source\":\"x\",\"conversation\":[{\"input\":\"a\",\"output\":\"b\"},{\"input\":"
       "\"c\","
       "\"output\":\"d\"}]}",
       "[{\"messages\":[" U("a") "," A("b") "," U("c") "," A("d") "],\"source\":\"x\"}]");
    as(NULL, "{\"id\":\"0\",\"data\":[\"a\",\"b\",\"c\",\"d\"]}",
       "[{\"messages\":[" U("a") "," A("b") "," U("c") "," A("d") "],\"id\":\"0\"}]");
    /* TRL's own column of another name stays. */
    as(NULL, "{\"conversations\":[{\"from\":\"human\",\"value\":\"h\"}]}",
       "[{\"conversations\":[{\"from\":\"human\",\"value\":\"h\"}]}]");
    is_refused("sharegpt", "{\"conversations\":[{\"from\":\"human\"}]}", "'conversations'[0]");
    is_refused("ultrachat", "{\"data\":[\"a\",7]}", "'data'[1]");
}

static void comparisons_become_pairs(void **state)
{
    (void)state;
    as(NULL,
       "{\"post_id\":\"p\",\"history\":\"q\",\"human_ref_A\":\"a\",\"human_ref_B\":\"b\","
       "\"labels\":0,\"score_A\":1,\"score_B\":9}",
       "[{\"prompt\":[" U("q") "],\"chosen\":[" A("b") "],\"rejected\":[" A(
           "a") "],\"post_id\":\"p\",\"score_A\":1,\"score_B\":9}]");
    is_refused("shp", "{\"history\":\"q\",\"human_ref_A\":\"a\",\"human_ref_B\":\"b\"}",
               "'labels'");
    as(NULL,
       "{\"question\":{\"full_text\":\"q\"},\"answer_0\":\"a\",\"answer_1\":\"b\","
       "\"score_0\":-0.5,\"score_1\":0.5}",
       "[{\"prompt\":[" U("q") "],\"chosen\":[" A("b") "],\"rejected\":[" A("a") "]}]");
    as(NULL,
       "{\"question\":{\"full_text\":\"q\"},\"answer_0\":\"a\",\"answer_1\":\"b\","
       "\"score_0\":0,\"score_1\":0}",
       "[]");
    as("helpsteer", "{\"prompt\":\"q\",\"response\":\"r\",\"helpfulness\":3,\"verbosity\":1}",
       "[{\"prompt\":[" U("q") "],\"completion\":[" A(
           "r") "],\"label\":true,\"helpfulness\":3,\"verbosity\":1}]");
    as("helpsteer",
       "{\"prompt\":\"q\\n<extra_id_1>Assistant\\na\\n<extra_id_1>User\\nr\",\"response_1\":"
       "\"x\",\"response_2\":\"y\",\"preference_strength\":-2}",
       "[{\"prompt\":[" U("q") "," A("a") "," U("r") "],\"chosen\":[" A(
           "x") "],\"rejected\":[" A("y") "],\"preference_strength\":-2}]");
    as(NULL,
       "{\"context\":[" U("q") "],\"response1\":\"x\",\"response2\":\"y\","
                               "\"overall_preference\":3}",
       "[{\"prompt\":[" U("q") "],\"chosen\":[" A("y") "],\"rejected\":[" A(
           "x") "],\"overall_preference\":3}]");
    as(NULL,
       "{\"instruction\":\"q\",\"generations\":[\"a\",\"b\",\"c\"],\"ratings\":[3,null,5]}",
       "[{\"prompt\":[" U("q") "],\"chosen\":[" A("c") "],\"rejected\":[" A("a") "]}]");
    as(NULL, "{\"instruction\":\"q\",\"generations\":[\"a\",\"b\"],\"ratings\":[3,3]}", "[]");
}

#define REPLY(text, rank, more) \
    "{\"text\":\"" text "\",\"role\":\"assistant\",\"rank\":" rank ",\"replies\":[" more "]}"

static void a_thread_gives_its_first_reply_against_the_others(void **state)
{
    (void)state;
    as(NULL,
       "{\"message_tree_id\":\"t\",\"prompt\":{\"text\":\"q\",\"role\":\"prompter\","
       "\"replies\":[" REPLY("b", "1", "") "," REPLY(
           "a", "0",
           "{\"text\":\"r\",\"role\":\"prompter\",\"replies\":[" REPLY("x", "0", "") "," REPLY(
               "y", "2", "") "," REPLY("z", "null", "") "]}") "]}}",
       "[{\"prompt\":[" U("q") "],\"chosen\":[" A("a") "],\"rejected\":[" A(
           "b") "]},"
                "{\"prompt\":[" U("q") "," A("a") "," U("r") "],\"chosen\":[" A(
                    "x") "],\"rejected\":[" A("y") "]}]");
    is_refused("oasst", "{\"message_id\":\"m\",\"text\":\"q\",\"role\":\"prompter\"}",
               "whole files are read");
}

/* A tree that is only deep ends, in words. */
static void a_deep_thread_is_refused(void **state)
{
    struct format_rule rule = format_usual();
    json_t *node = json_object(), *row = json_object(), *out = json_array();
    (void)state;

    json_object_set_new(node, "text", json_string("x"));
    for (int i = 0; i < 2000; i++)
        node = json_pack("{s:s,s:s,s:[o]}", "text", "x", "role", "assistant", "replies", node);
    json_object_set_new(row, "message_tree_id", json_string("t"));
    json_object_set_new(row, "prompt", node);
    assert_err(ERR_PARSE, format_rows(out, row, &rule));
    assert_non_null(strstr(err_text(), "deep"));
    json_decref(row);
    json_decref(out);
}

/* OpenAssistant's table: a message a row, in any order; what hangs nowhere is left out. */
#define ROW(id, parent, role, rank) \
    "{\"message_id\":\"" id "\",\"parent_id\":" parent \
    ",\"message_tree_id\":\"t\",\"text\":\"" id "\",\"role\":\"" role "\",\"rank\":" rank \
    ",\"deleted\":false,\"labels\":{\"x\":1}}\n"

static struct dataset *of_table(const char *rows, bool strict, enum err wanted)
{
    struct dataset_conf conf = {.train = "train",
                                .test = "test",
                                .test_size = NAN,
                                .strict = strict,
                                .format = "oasst"};
    struct dataset *train, *test;
    const char *const path = scratch_at("table.jsonl");
    FILE *file = fopen(path, "w");
    enum err err;

    assert_non_null(file);
    fputs(rows, file);
    fclose(file);
    conf.name = path;
    err = dataset_load(&train, &test, &conf);
    unlink(path);
    assert_int_equal(err, wanted);
    return train;
}

static void a_table_of_messages_is_its_trees(void **state)
{
    static const char rows[] = ROW("y", "\"r\"", "assistant", "2")
        ROW("q", "null", "prompter", "null") ROW("b", "\"q\"", "assistant", "1")
            ROW("a", "\"q\"", "assistant", "0") ROW("r", "\"a\"", "prompter", "0")
                ROW("x", "\"r\"", "assistant", "0") ROW("lost", "\"gone\"", "assistant", "0")
                    ROW("ring", "\"rang\"", "prompter", "0")
                        ROW("rang", "\"ring\"", "assistant", "0")
                            ROW("self", "\"self\"", "assistant", "0")
                                ROW("p", "null", "prompter", "null");
    static const char *const wanted[] = {
        "{\"prompt\":[" U("q") "],\"chosen\":[" A("a") "],\"rejected\":[" A("b") "]}",
        "{\"prompt\":[" U("q") "," A("a") "," U("r") "],\"chosen\":[" A(
            "x") "],\"rejected\":[" A("y") "]}"};
    struct dataset *set = of_table(rows, true, OK);
    (void)state;

    assert_int_equal(set->n, 2);
    for (size_t i = 0; i < 2; i++) {
        json_t *object = NULL;
        char *text;
        assert_ok(dataset_record(&object, set, i));
        text = json_dumps(object, JSON_COMPACT);
        assert_string_equal(text, wanted[i]);
        assert_int_equal(set->row[i].line, 2); /* of the tree's first message */
        free(text);
        json_decref(object);
    }
    dataset_free(set);
    (void)of_table(ROW("q", "null", "prompter", "0") ROW("q", "null", "prompter", "0"), true,
                   ERR_PARSE);
    assert_non_null(strstr(err_text(), "was there before"));
}

/* A chain that is longer than its reader goes is left out behind that, and freed. */
static void a_long_chain_of_messages_ends(void **state)
{
    enum { LINE = 200, LONG = 1000 };
    char *rows = calloc(LONG + 2, LINE);
    struct dataset *set;
    size_t n = 0;
    (void)state;

    assert_non_null(rows);
    for (int i = 0; i < LONG; i++) {
        char parent[16] = "null";
        if (i)
            snprintf(parent, sizeof(parent), "\"%d\"", i - 1);
        n += (size_t)snprintf(rows + n, LINE,
                              "{\"message_id\":\"%d\",\"parent_id\":%s,\"message_tree_id\":"
                              "\"t\",\"text\":\"w\",\"role\":\"assistant\",\"rank\":%d}\n",
                              i, parent, i);
    }
    snprintf(rows + n, 2 * LINE, "%s", ROW("a", "\"0\"", "assistant", "7"));
    set = of_table(rows, false, OK);
    assert_int_equal(set->n, 1);
    assert_int_equal(set->skipped, 0);
    dataset_free(set);
    free(rows);
}

/* What the data set gives to a trainer that was told no format. */
static json_t *loaded(const char *row, const char *text_field)
{
    struct dataset_conf conf = {.train = "train",
                                .test = "test",
                                .test_size = NAN,
                                .strict = true,
                                .text_field = text_field};
    struct dataset *train, *test;
    const char *const path = scratch_at("f.jsonl");
    json_t *object;
    FILE *file;

    file = fopen(path, "w");
    assert_non_null(file);
    fprintf(file, "%s\n", row);
    fclose(file);
    conf.name = path;
    assert_ok(dataset_load(&train, &test, &conf));
    object = record(train, 0);
    dataset_free(train);
    unlink(path);
    return object;
}

/* What no trainer could read is turned; what one could read stays, bit for bit. */
static void untold_it_is_turned_only_where_nothing_else_is_left(void **state)
{
    static const struct {
        const char *row, *text_field;
        bool turned;
    } rows[] = {
        {"{\"instruction\":\"q\",\"output\":\"a\"}", "text", true},
        {"{\"instruction\":\"q\",\"output\":\"a\"}", "output", false},
        {"{\"instruction\":\"q\",\"output\":\"a\",\"text\":\"t\"}", "text", false},
        {"{\"question\":\"q\",\"chosen\":\"a\",\"rejected\":\"b\"}", NULL, true},
        {"{\"question\":{\"problem\":\"q\"},\"label\":{\"steps\":[{\"completions\":[{\"text\":"
         "\"a\",\"rating\":1}],\"chosen_completion\":0}]}}",
         NULL, true},
        {"{\"chosen\":\"\\n\\nHuman: q\\n\\nAssistant: a\",\"rejected\":\"\\n\\nHuman: "
         "q\\n\\nAssistant: b\"}",
         NULL, false},
        {"{\"prompt\":\"q\",\"chosen\":\"a\",\"rejected\":\"b\",\"score_chosen\":2}", NULL,
         false},
        {"{\"conversations\":[{\"from\":\"human\",\"value\":\"h\"}],\"system\":\"s\"}", NULL,
         false},
        {"{\"prompt\":\"q\",\"response\":\"a\",\"helpfulness\":2}", NULL, false},
        {"{\"chosen\":[" A("a") "],\"rejected\":[" A("b") "],\"generations\":[\"a\"],"
                                                          "\"rating\":[1]}",
         NULL, false},
        {"{\"question\":\"q\",\"answer\":\"a\"}", NULL, false},
    };
    (void)state;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        json_t *was = json_loads(rows[i].row, 0, NULL);
        json_t *is = loaded(rows[i].row, rows[i].text_field);
        if (json_equal(was, is) == rows[i].turned)
            fail_msg("row %zu: %s", i, rows[i].row);
        json_decref(was);
        json_decref(is);
    }
}

static void says(const char *row, enum record_want want, const char *words)
{
    const struct example_rule rule = {.want = want, .text_field = "text"};
    json_t *object = json_loads(row, 0, NULL);
    struct example e;

    assert_non_null(object);
    assert_err(ERR_PARSE, example_read(&e, object, &rule));
    if (!strstr(err_text(), words))
        fail_msg("'%s' does not say '%s'", err_text(), words);
    json_decref(object);
}

static void a_refusal_names_the_columns_to_rename(void **state)
{
    struct example e;
    const struct example_rule rule = {.want = RECORD_FOR_SFT, .text_field = "text"};
    json_t *row = json_loads("{\"prompt\":\"q\",\"completion\":\"a\",\"label\":1}", 0, NULL);
    (void)state;

    says("{\"question\":\"q\",\"answer\":\"a\"}", RECORD_FOR_SFT,
         "rename: {question: prompt, answer: completion}");
    says("{\"question\":\"q\",\"answer\":\"a\"}", RECORD_FOR_PROMPTS,
         "rename: {question: prompt}");
    says("{\"query\":\"q\",\"preferred\":\"a\",\"worse\":\"b\"}", RECORD_FOR_PAIRS,
         "rename: {query: prompt, preferred: chosen, worse: rejected}");
    says("{\"prompt\":\"q\",\"output\":\"a\"}", RECORD_FOR_SFT, "rename: {output: completion}");
    says("{\"prompt\":\"q\",\"response\":\"a\",\"helpfulness\":2}", RECORD_FOR_SFT,
         "say format=helpsteer");
    says("{\"conversations\":[{\"from\":\"human\",\"value\":\"h\"}],\"chosen\":{\"from\":"
         "\"gpt\","
         "\"value\":\"a\"},\"rejected\":{\"from\":\"gpt\",\"value\":\"b\"}}",
         RECORD_FOR_PROMPTS, "say format=sharegpt");
    assert_ok(example_read(&e, row, &rule));
    example_free(&e);
    json_decref(row);
}

static void speakers_have_the_names_that_templates_know(void **state)
{
    const struct example_rule rule = {.want = RECORD_FOR_SFT, .text_field = "text"};
    json_t *row =
        json_loads("{\"conversations\":[{\"from\":\"human\",\"value\":\"h\"},{\"from\":"
                   "\"gpt\",\"value\":\"g\"}]}",
                   0, NULL);
    json_t *wanted = json_loads("[" U("h") "," A("g") "]", 0, NULL), *item;
    struct example e;
    size_t i;
    (void)state;

    assert_ok(example_read(&e, row, &rule));
    json_array_foreach(wanted, i, item)
    {
        const json_t *message = json_array_get(e.text, i);
        assert_string_equal(json_string_value(json_object_get(message, "role")),
                            json_string_value(json_object_get(item, "role")));
    }
    assert_string_equal(dialogue_role("critic"), "critic");
    example_free(&e);
    json_decref(row);
    json_decref(wanted);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(instructions_become_a_question_and_its_answer),
        cmocka_unit_test(dialogues_become_messages),
        cmocka_unit_test(comparisons_become_pairs),
        cmocka_unit_test(a_thread_gives_its_first_reply_against_the_others),
        cmocka_unit_test(a_deep_thread_is_refused),
        cmocka_unit_test(a_table_of_messages_is_its_trees),
        cmocka_unit_test(a_long_chain_of_messages_ends),
        cmocka_unit_test(untold_it_is_turned_only_where_nothing_else_is_left),
        cmocka_unit_test(a_refusal_names_the_columns_to_rename),
        cmocka_unit_test(speakers_have_the_names_that_templates_know),
    };

    return cmocka_run_group_tests_name("shapes", tests, scratch_open, scratch_close);
}
