#include "base/strbuf.h"

#include "tests/support/test.h"

#include <stdlib.h>
#include <string.h>

static void it_writes_what_it_is_given(void **state)
{
    struct strbuf buf = {0};

    (void)state;
    assert_null(buf.text);
    strbuf_put(&buf, "", 0);
    assert_string_equal(buf.text, "");
    strbuf_print(&buf, "%d, ", 7);
    strbuf_put(&buf, "a\0bc", 3);
    assert_int_equal(buf.n, 6);
    assert_memory_equal(buf.text, "7, a\0b", 7);
    free(buf.text);
}

/* Each length from both functions, so that every one meets the end of the room once. */
static void it_grows_at_every_length(void **state)
{
    char piece[300];

    (void)state;
    memset(piece, 'x', sizeof piece);
    for (size_t n = 0; n < sizeof piece; n++)
        for (int printed = 0; printed < 2; printed++) {
            struct strbuf buf = {0};
            for (int i = 0; i < 5; i++) {
                if (printed)
                    strbuf_print(&buf, "%.*s", (int)n, piece);
                else
                    strbuf_put(&buf, piece, n);
                assert_int_equal(buf.n, n * (size_t)(i + 1));
                assert_int_equal(strlen(buf.text), buf.n);
                assert_true(buf.n < buf.room);
            }
            free(buf.text);
        }
}

static void markup_is_text(void **state)
{
    struct strbuf buf = {0};

    (void)state;
    strbuf_put_markup(&buf, "a<b> & \"c\" d'é\n", 16);
    assert_string_equal(buf.text, "a&lt;b&gt; &amp; &quot;c&quot; d'é\n");
    free(buf.text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_writes_what_it_is_given),
        cmocka_unit_test(it_grows_at_every_length),
        cmocka_unit_test(markup_is_text),
    };
    return cmocka_run_group_tests_name("strbuf", tests, NULL, NULL);
}
