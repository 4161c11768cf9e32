/* commands: each word leads to one row, and a row says what people need. */

#include "tests/support/test.h"

#include "cli/commands.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_word_has_one_row),
        cmocka_unit_test(a_word_typed_wrong_has_a_neighbour),
    };

    return cmocka_run_group_tests_name("cli/commands", tests, NULL, NULL);
}
