/* commands: each word leads to one row, and a row says what people need. */

#include "tests/support/test.h"

#include "cli/commands.h"
#include "data/lint_rule.h"
#include "learner/methods/methods.h"

#include <string.h>

static void every_word_has_one_row(void **state)
{
    (void)state;
    for (int i = 0; i < commands_count(); i++) {
        const struct command c = commands_at(i);
        assert_int_equal(commands_find(c.name), i); /* the first of that name */
        assert_non_null(c.run);
        assert_true(c.usage && *c.usage && c.help && *c.help && c.group && *c.group);
        assert_true(strlen(c.name) <= 14); /* the column of `drover help` */
    }
    assert_int_equal(commands_find("nothing"), -1);
    assert_int_equal(commands_find(NULL), -1);
}

static void a_word_typed_wrong_has_a_neighbour(void **state)
{
    (void)state;
    assert_string_equal(commands_nearest("tokenise"), "tokenize");
    assert_string_equal(commands_nearest("gro"), "grpo");
    assert_null(commands_nearest("xylophone"));
}

/* `drover data lint method=M` reads records as the method does: every method has a row there. */
static void lint_knows_every_method(void **state)
{
    struct lint_rule rule = {.max_length = 0};

    (void)state;
    for (size_t i = 0; methods_at(i); i++)
        assert_ok(lint_rule_method(&rule, methods_at(i)->name));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_word_has_one_row),
        cmocka_unit_test(lint_knows_every_method),
        cmocka_unit_test(a_word_typed_wrong_has_a_neighbour),
    };

    return cmocka_run_group_tests_name("cli/commands", tests, NULL, NULL);
}
