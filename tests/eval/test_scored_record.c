#include "tests/support/test.h"

#include "eval/scored_record.h"

#include <stdlib.h>
#include <string.h>

static struct scored_record read(const char *text)
{
    json_t *row = json_loads(text, 0, NULL);
    struct scored_record s;

    assert_non_null(row);
    assert_ok(scored_record_read(&s, row));
    json_decref(row);
    return s;
}

static void refused(const char *text, const char *words)
{
    json_t *row = json_loads(text, 0, NULL);
    struct scored_record s;

    assert_non_null(row);
    assert_err(ERR_PARSE, scored_record_read(&s, row));
    assert_non_null(strstr(err_text(), words));
    scored_record_free(&s);
    json_decref(row);
}

static void an_answer_is_told_as_it_stands(void **state)
{
    struct scored_record s = read("{\"prompt\":\"Q\",\"completion\":\" one  two\",\"gold\":7}");

    (void)state;
    assert_false(s.pair);
    assert_string_equal(json_string_value(s.a.prompt), "Q");
    assert_string_equal(s.a.answer, " one  two");
    assert_int_equal(s.a.tokens, 2); /* words, where nobody counted tokens */
    assert_true(s.a.finished);
    assert_int_equal(json_integer_value(json_object_get(s.a.meta, "gold")), 7);
    scored_record_free(&s);
    s = read(
        "{\"prompt\":\"Q\",\"completion\":\"x\",\"ids\":[1,2,3],\"finish_reason\":\"length\"}");
    assert_int_equal(s.a.tokens, 3); /* as `drover generate` wrote it */
    assert_false(s.a.finished);
    scored_record_free(&s);
    s = read("{\"text\":\"all of it\"}");
    assert_null(s.a.prompt);
    assert_string_equal(s.a.answer, "all of it");
    scored_record_free(&s);
}

static void the_assistants_last_turn_is_the_answer(void **state)
{
    struct scored_record s =
        read("{\"messages\":[{\"role\":\"user\",\"content\":\"a\"},{\"role\":"
             "\"assistant\",\"content\":"
             "\"b\"},{\"role\":\"user\",\"content\":\"c\"},{\"role\":"
             "\"assistant\",\"content\":\"d\"}]}");

    (void)state;
    assert_int_equal(json_array_size(s.a.prompt), 3);
    assert_string_equal(s.a.answer, "d");
    scored_record_free(&s);
    refused("{\"messages\":[{\"role\":\"user\",\"content\":\"a\"}]}",
            "no answer of the assistant");
}

static void a_pair_has_two_answers_to_one_prompt(void **state)
{
    struct scored_record s = read("{\"prompt\":\"Q\",\"chosen\":\"a\",\"rejected\":\"b\"}");
    uint64_t prompt = s.prompt;

    (void)state;
    assert_true(s.pair);
    assert_string_equal(s.a.answer, "a");
    assert_string_equal(s.b.answer, "b");
    scored_record_free(&s);
    s = read("{\"chosen\":\"Q: yes\",\"rejected\":\"Q: no\"}"); /* the prompt is implicit */
    assert_string_equal(json_string_value(s.a.prompt), "Q:");
    assert_string_equal(s.a.answer, " yes");
    assert_true(s.prompt != prompt);
    scored_record_free(&s);
    s = read("{\"prompt\":\" q \",\"completion\":\"x\"}"); /* the same but for blanks, size */
    assert_true(s.prompt == prompt);
    scored_record_free(&s);
}

static void steps_are_kept_and_are_lines_of_a_text(void **state)
{
    static const char *const rows[] = {
        "{\"prompt\":\"Q\",\"completions\":[\"a\",\"b c\"],\"labels\":[true,false]}",
        "{\"prompt\":\"Q\",\"completions\":[\"a\",\"b c\"]}"}; /* nobody labelled them */

    (void)state;
    for (int i = 0; i < 2; i++) {
        struct scored_record s = read(rows[i]);
        assert_string_equal(s.a.answer, "a\nb c");
        assert_int_equal(json_array_size(s.a.steps), 2);
        scored_record_free(&s);
    }
}

static void what_has_no_answer_is_refused(void **state)
{
    (void)state;
    refused("{\"prompt\":\"Q\"}", "no answer to score");
    refused("{\"input_ids\":[1,2]}", "token ids");
    refused("{\"what\":1}", "columns of no known kind");
    refused("{\"prompt\":\"Q\",\"completion\":7}", "'completion'");
    refused("{\"chosen\":\"same\",\"rejected\":\"same\"}", "the same");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_is_told_as_it_stands),
        cmocka_unit_test(the_assistants_last_turn_is_the_answer),
        cmocka_unit_test(a_pair_has_two_answers_to_one_prompt),
        cmocka_unit_test(steps_are_kept_and_are_lines_of_a_text),
        cmocka_unit_test(what_has_no_answer_is_refused),
    };

    return cmocka_run_group_tests_name("scored_record", tests, NULL, NULL);
}
