#include "base/pen.h"

#include "tests/support/test.h"

#include <stdlib.h>
#include <string.h>

static void it_writes_what_it_is_given(void **state)
{
    struct pen pen = {0};

    (void)state;
    assert_null(pen.text);
    pen_put(&pen, "", 0);
    assert_string_equal(pen.text, "");
    pen_print(&pen, "%d, ", 7);
    pen_put(&pen, "a\0bc", 3);
    assert_int_equal(pen.n, 6);
    assert_memory_equal(pen.text, "7, a\0b", 7);
    free(pen.text);
}

/* Each length from both functions, so that every one meets the end of the room once. */
static void it_grows_at_every_length(void **state)
{
    char piece[300];

    (void)state;
    memset(piece, 'x', sizeof piece);
    for (size_t n = 0; n < sizeof piece; n++)
        for (int printed = 0; printed < 2; printed++) {
            struct pen pen = {0};
            for (int i = 0; i < 5; i++) {
                if (printed)
                    pen_print(&pen, "%.*s", (int)n, piece);
                else
                    pen_put(&pen, piece, n);
                assert_int_equal(pen.n, n * (size_t)(i + 1));
                assert_int_equal(strlen(pen.text), pen.n);
                assert_true(pen.n < pen.room);
            }
            free(pen.text);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_writes_what_it_is_given),
        cmocka_unit_test(it_grows_at_every_length),
    };
    return cmocka_run_group_tests_name("pen", tests, NULL, NULL);
}
