#include "tests/support/test.h"

#include "cli/bar.h"

#include <string.h>

static void a_bar_says_how_long(void **state)
{
    char text[96];

    (void)state;
    bar_text(text, 25, 100, 30000);
    assert_string_equal(text, "[#####...............] 25 of 100, 01:30 left");
    bar_text(text, 0, 100, 0);
    assert_string_equal(text, "[....................] 0 of 100");
    bar_text(text, 0, 0, 0);
    assert_non_null(strstr(text, "[####################]"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_bar_says_how_long)};

    return cmocka_run_group_tests_name("bar", tests, NULL, NULL);
}
