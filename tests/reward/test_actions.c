#include "reward/rule/actions.h"

#include "reward/rule/rule.h"
#include "tests/support/test.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static void calls_are_read_however_they_are_written(void **state)
{
    static const struct {
        const char *text, *made;
        size_t broken;
    } rows[] = {
        {"<tool_call>\n{\"name\": \"f\", \"arguments\": {\"x\": "
         "1}}\n</tool_call>\n<tool_call>\n"
         "{\"name\": \"g\", \"arguments\": \"{\\\"y\\\": 2}\"}\n</tool_call>",
         "[{\"tool\":\"f\",\"args\":{\"x\":1}},{\"tool\":\"g\",\"args\":{\"y\":2}}]", 0},
        {"{\"name\": \"f\", \"parameters\": {\"x\": \"a\"}}",
         "[{\"tool\":\"f\",\"args\":{\"x\":\"a\"}}]", 0},
        {"Sure [1]: [{\"tool\":\"f\",\"args\":{}},{\"tool\":\"g\"}] done {\"z\":1}",
         "[{\"tool\":\"f\",\"args\":{}},{\"tool\":\"g\",\"args\":{}}]", 0},
        {"{\"name\": \"f\", \"arguments\": {\"x\": }}", "[]", 1},
        {"{\"tool\": \"f\"", "[]", 1},
        {"nothing", "[]", 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        size_t broken;
        json_t *made = actions_read(rows[i].text, &broken);
        char *text = json_dumps(made, JSON_COMPACT);
        assert_string_equal(text, rows[i].made);
        assert_int_equal(broken, rows[i].broken);
        free(text);
        json_decref(made);
    }
}

static void partial_credit_is_as_written(void **state)
{
    static const struct {
        const char *made, *gold;
        double ordered, any;
    } rows[] = {
        {"[]", "[]", 1, 1},
        {"[{\"tool\":\"f\",\"args\":{}}]", "[]", 0, 0},
        {"[]", "[{\"tool\":\"f\",\"args\":{}}]", 0, 0},
        {"[{\"tool\":\"f\",\"args\":{\"x\":1}}]", "[{\"tool\":\"f\",\"args\":{\"x\":1.0}}]", 1,
         1},
        {"[{\"tool\":\"f\",\"args\":{\"x\":2}}]", "[{\"tool\":\"f\",\"args\":{\"x\":1}}]", .5,
         .5},
        {"[{\"tool\":\"f\",\"args\":{\"x\":1,\"y\":2,\"z\":3}}]",
         "[{\"tool\":\"f\",\"args\":{\"x\":1,\"y\":0}}]", .5 + .5 / 3, .5 + .5 / 3},
        {"[{\"tool\":\"g\",\"args\":{\"x\":1}}]", "[{\"tool\":\"f\",\"args\":{\"x\":1}}]", 0,
         0},
        /* swapped: in order only one fits; a call too many costs its share */
        {"[{\"tool\":\"g\",\"args\":{}},{\"tool\":\"f\",\"args\":{}}]",
         "[{\"tool\":\"f\",\"args\":{}},{\"tool\":\"g\",\"args\":{}}]", .5, 1},
        {"[{\"tool\":\"f\",\"args\":{}},{\"tool\":\"h\",\"args\":{}},{\"tool\":\"g\",\"args\":{"
         "}}]",
         "[{\"tool\":\"f\",\"args\":{}},{\"tool\":\"g\",\"args\":{}}]", 2. / 3, 2. / 3},
        {"[{\"tool\":\"f\",\"args\":{\"x\":2}}]",
         "[{\"tool\":\"f\",\"any\":{\"x\":[1,2],\"u\":[\"m\",\"\"]}}]", 1, 1},
        {"[{\"tool\":\"f\",\"args\":{\"x\":2,\"u\":\"n\"}}]",
         "[{\"tool\":\"f\",\"any\":{\"x\":[1,2],\"u\":[\"m\",\"\"]}}]", .75, .75},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        json_t *made = json_loads(rows[i].made, 0, NULL);
        json_t *gold = json_loads(rows[i].gold, 0, NULL);
        if (fabs(actions_score(made, gold, true) - rows[i].ordered) > 1e-12 ||
            fabs(actions_score(made, gold, false) - rows[i].any) > 1e-12)
            fail_msg("row %zu: %g %g", i, actions_score(made, gold, true),
                     actions_score(made, gold, false));
        json_decref(made);
        json_decref(gold);
    }
}

static void the_rule_reads_the_column(void **state)
{
    static const char meta[] = "{\"gold\":[{\"tool\":\"f\",\"args\":{\"x\":1}},"
                               "{\"tool\":\"g\",\"args\":{}}]}";
    static const char said[] = "[{\"tool\":\"g\"},{\"tool\":\"f\",\"args\":{\"x\":1}}]";
    static const struct {
        const char *spec;
        float score;
    } rows[] = {
        {"{\"rule\":\"calls\",\"column\":\"gold\"}", .5f},
        {"{\"rule\":\"calls\",\"column\":\"gold\",\"order\":\"false\"}", 1},
        {"{\"rule\":\"calls\",\"column\":\"gold\",\"credit\":\"exact\"}", 0},
        {"{\"rule\":\"calls\",\"column\":\"gold\",\"credit\":\"exact\",\"order\":\"false\"}",
         1},
    };
    struct rule *rule;
    float score;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_ok(rule_parse(&rule, rows[i].spec));
        assert_ok(rule_score(rule, said, 9, meta, &score));
        assert_true(fabsf(score - rows[i].score) < 1e-6f);
        assert_err(ERR_RANGE, rule_score(rule, said, 9, "{\"gold\":3}", &score));
        rule_free(rule);
    }
    assert_err(ERR_PARSE, rule_parse(&rule, "{\"rule\":\"calls\"}"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(calls_are_read_however_they_are_written),
        cmocka_unit_test(partial_credit_is_as_written),
        cmocka_unit_test(the_rule_reads_the_column),
    };
    return cmocka_run_group_tests_name("actions", tests, NULL, NULL);
}
