/* Where a reward model reads an answer: at the end token, at a dialogue's end, or where an
 * answer was cut off. */

#include "tests/support/test.h"

#include "lm/text/reading.h"
#include "tests/lm/chats.h"
#include "tests/lm/golden.h"

#include <stdlib.h>
#include <string.h>

static struct tokenizer *tokenizer;
static struct chat *chat;
static struct encode encode;

static int opened(void **state)
{
    size_t n;
    char *text = golden_text("tokenizer_smollm.json", &n);

    (void)state;
    assert_ok(tokenizer_json(&tokenizer, text, n, "tokenizer_smollm.json"));
    chat = chats_named("chatml");
    encode = (struct encode){tokenizer, chat, NULL, NULL};
    free(text);
    return 0;
}

static int closed(void **state)
{
    (void)state;
    tokenizer_free(tokenizer);
    chat_free(chat);
    return 0;
}

/* The ids of `text` (JSON), read as finished or not. */
static struct encoded ids(const char *text, const char *eos, bool finished)
{
    json_t *value = json_loads(text, JSON_DECODE_ANY, NULL);
    struct encoded out;

    assert_non_null(value);
    assert_ok(reading_answer(&encode, eos, value, NULL, finished, &out));
    json_decref(value);
    return out;
}

static void same(struct encoded a, struct encoded b)
{
    assert_int_equal(a.n, b.n);
    assert_memory_equal(a.ids, b.ids, (size_t)a.n * sizeof *a.ids);
    encoded_free(&a);
    encoded_free(&b);
}

static void a_text_is_read_at_its_end_token(void **state)
{
    const int id = tokenizer_id(tokenizer, "<|endoftext|>");
    char *eos = reading_end(tokenizer, id);
    struct encoded e = ids("\"How? So.\"", eos, true);
    const int seq[] = {0, e.n};

    (void)state;
    assert_true(id >= 0);
    assert_string_equal(eos, "<|endoftext|>");
    assert_int_equal(e.ids[reading_at(seq, 0)], id);
    same(e, ids("\"How? So.<|endoftext|>\"", eos, true));
    e = ids("\"How? So.\"", eos, false);
    assert_int_not_equal(e.ids[e.n - 1], id);
    same(e, ids("\"How? So.\"", NULL, true));
    assert_null(reading_end(tokenizer, -1));
    free(eos);
}

/* A rollout's tokens end in <|im_end|> when it stopped, and the tail follows. */
static void a_dialogue_is_read_behind_its_last_turn(void **state)
{
    static const char *const talk = "[{\"role\":\"user\",\"content\":\"How?\"},{\"role\":"
                                    "\"assistant\",\"content\":\"So.\"}]";
    struct encoded whole = ids(talk, "<|endoftext|>", true),
                   cut = ids(talk, "<|endoftext|>", false);
    size_t tails;
    int *tail;

    (void)state;
    assert_ok(reading_tail(&encode, &tail, &tails));
    assert_int_equal(tails, 1);
    assert_int_equal(whole.n, cut.n + 1 + (int)tails);
    assert_memory_equal(whole.ids, cut.ids, (size_t)cut.n * sizeof *cut.ids);
    assert_int_equal(whole.ids[cut.n], tokenizer_id(tokenizer, "<|im_end|>"));
    assert_int_equal(whole.ids[cut.n + 1], tail[0]);
    free(tail);
    encoded_free(&whole);
    encoded_free(&cut);
}

static void nothing_to_read_is_an_error(void **state)
{
    json_t *value = json_string("");
    struct encoded out;

    (void)state;
    assert_err(ERR_PARSE, reading_answer(&encode, "<|endoftext|>", value, NULL, false, &out));
    encoded_free(&out);
    json_decref(value);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_text_is_read_at_its_end_token),
        cmocka_unit_test(a_dialogue_is_read_behind_its_last_turn),
        cmocka_unit_test(nothing_to_read_is_an_error),
    };

    return cmocka_run_group_tests_name("lm/reading", tests, opened, closed);
}
