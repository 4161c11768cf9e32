#include "data/dialogue.h"

#include "tests/support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Values of trl 1.16's extract_prompt on the same input. */
static void strings_split_as_trl_splits_them(void **state)
{
    static const struct {
        const char *chosen, *rejected, *prompt, *a, *b;
    } rows[] = {
        {"The sky is blue.", "The sky is green.", "The sky is", " blue.", " green."},
        {"ab", "cd", "", "ab", "cd"},
        {"one two", "one two three", "one tw", "o", "o three"},
        {"xé1", "xè2", "x", "é1", "è2"},
        {"pré", "pré!", "pr", "é", "é!"},
    };
    (void)state;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        json_t *prompt, *a = json_string(rows[i].chosen), *b = json_string(rows[i].rejected);
        assert_ok(dialogue_split(&prompt, &a, &b));
        assert_string_equal(json_string_value(prompt), rows[i].prompt);
        assert_string_equal(json_string_value(a), rows[i].a);
        assert_string_equal(json_string_value(b), rows[i].b);
        json_decref(prompt);
        json_decref(a);
        json_decref(b);
    }
}

static void messages_split_at_the_first_that_differs(void **state)
{
    json_t *a = json_loads("[{\"role\":\"user\",\"content\":\"q\"},{\"role\":\"assistant\","
                           "\"content\":\"x\"}]",
                           0, NULL);
    json_t *b = json_loads("[{\"role\":\"user\",\"content\":\"q\"},{\"role\":\"assistant\","
                           "\"content\":\"y\"},{\"role\":\"user\",\"content\":\"z\"}]",
                           0, NULL);
    json_t *same = json_deep_copy(a), *whole, *prompt;
    (void)state;

    assert_err(ERR_PARSE, dialogue_split(&prompt, &a, &same));
    assert_ok(dialogue_split(&prompt, &a, &b));
    assert_int_equal(json_array_size(prompt), 1);
    assert_int_equal(json_array_size(a), 1);
    assert_int_equal(json_array_size(b), 2);
    whole = dialogue_join(prompt, a);
    assert_true(json_equal(whole, same));
    json_decref(whole);
    assert_null(dialogue_join(prompt, json_null()));
    json_decref(prompt);
    json_decref(a);
    json_decref(b);
    json_decref(same);
}

static const char *at(const json_t *list, size_t i, const char *key)
{
    return json_string_value(json_object_get(json_array_get(list, i), key));
}

static void hh_splits_at_the_last_assistant(void **state)
{
    json_t *prompt, *answer;
    (void)state;

    assert_ok(dialogue_hh("\n\nHuman: hi\n\nAssistant: yes?\n\nHuman: a\n\nb \n\nHuman: "
                          "c\n\nAssistant: No.\n\nReally ",
                          &prompt, &answer));
    assert_int_equal(json_array_size(prompt), 4);
    assert_string_equal(at(prompt, 0, "content"), "hi");
    assert_string_equal(at(prompt, 1, "role"), "assistant");
    assert_string_equal(at(prompt, 2, "content"), "a\n\nb");
    assert_string_equal(at(prompt, 3, "role"), "user");
    assert_int_equal(json_array_size(answer), 1);
    assert_string_equal(at(answer, 0, "content"), "No.\n\nReally");
    json_decref(prompt);
    json_decref(answer);
    assert_ok(dialogue_hh("\n\nHuman: hi\n\nAssistant:", &prompt, &answer));
    assert_string_equal(at(answer, 0, "content"), "");
    json_decref(prompt);
    json_decref(answer);
    assert_err(ERR_PARSE, dialogue_hh("Human: hi Assistant: ho", &prompt, &answer));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(strings_split_as_trl_splits_them),
        cmocka_unit_test(messages_split_at_the_first_that_differs),
        cmocka_unit_test(hh_splits_at_the_last_assistant),
    };

    return cmocka_run_group_tests_name("dialogue", tests, NULL, NULL);
}
