#include "tests/support/test.h"

#include "bench/texts.h"
#include "tests/support/scratch.h"

static const char lines[] = "{\"chosen\": \"abcdef\", \"rejected\": \"x\"}\n"
                            "{\"chosen\": [{\"role\": \"user\", \"content\": \"no text\"}]}\n"
                            "not JSON\n"
                            "{\"text\": \"g\"}\n"
                            "{\"text\": \"hi\"}\n"
                            "{\"prompt\": \"jkl\"}\n";

/* One behind the other, cut off, and what is no text is counted. */
static void texts_stand_one_behind_the_other(void **state)
{
    const char *path = scratch_at("texts.jsonl");
    struct tokenizer *tokenizer = NULL;
    struct texts texts;

    (void)state;
    scratch_put("texts.jsonl", lines);
    assert_ok(tokenizer_bytes(&tokenizer, NULL, 0)); /* ids are bytes */
    assert_ok(texts_read(&texts, path, tokenizer, 10, 4));
    assert_int_equal(texts.n, 3);
    assert_int_equal(texts.unread, 3);
    assert_int_equal(texts.start[1], 4);
    assert_int_equal(texts.start[2], 6);
    assert_int_equal(texts.start[3], 9);
    for (int i = 0; i < 9; i++)
        assert_int_equal(texts.token[i], "abcdhijkl"[i]);
    texts_fini(&texts);
    assert_ok(texts_read(&texts, path, tokenizer, 1, 100)); /* no more than were asked for */
    assert_int_equal(texts.n, 1);
    assert_int_equal(texts.start[1], 6);
    texts_fini(&texts);
    assert_int_equal(texts_read(&texts, path, tokenizer, 0, 4), ERR_RANGE);
    texts_fini(&texts);
    tokenizer_free(tokenizer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_stand_one_behind_the_other),
    };

    return cmocka_run_group_tests_name("texts", tests, scratch_open, scratch_close);
}
