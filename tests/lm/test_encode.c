/* Prompts and completions to ids, against transformers (golden/encode.py). */

#include "tests/support/test.h"

#include "lm/text/encode.h"
#include "tests/lm/chats.h"
#include "tests/lm/golden.h"

#include <stdlib.h>
#include <string.h>

struct encode_golden {
    const char *tokenizer, *prompt, *completion; /* JSON */
    const int *head;
    int heads;
    const int *both;
    int boths, start;
};
#include "tests/golden/encode.inc"

static json_t *value(const char *text)
{
    json_t *v = json_loads(text, JSON_DECODE_ANY, NULL);

    assert_non_null(v);
    return v;
}

static struct tokenizer *tokenizer_named(const char *name)
{
    struct tokenizer *tokenizer;
    size_t n;
    char *text = golden_text(name, &n);

    assert_ok(tokenizer_json(&tokenizer, text, n, name));
    free(text);
    return tokenizer;
}

static void ids_and_the_start_are_those_of_transformers(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof golden / sizeof *golden; i++) {
        const struct encode_golden *g = &golden[i];
        struct tokenizer *tokenizer = tokenizer_named(g->tokenizer);
        struct chat *chat = chats_named("chatml");
        const struct encode encode = {tokenizer, chat, NULL, NULL};
        json_t *prompt = value(g->prompt), *completion = value(g->completion);
        struct encoded head, both;

        assert_ok(encode_prompt(&encode, prompt, NULL, &head));
        assert_int_equal(head.n, g->heads);
        assert_int_equal(head.start, head.n);
        if (head.n)
            assert_memory_equal(head.ids, g->head, (size_t)head.n * sizeof *head.ids);
        assert_ok(encode_pair(&encode, prompt, completion, NULL, &both));
        assert_int_equal(both.n, g->boths);
        assert_memory_equal(both.ids, g->both, (size_t)both.n * sizeof *both.ids);
        assert_int_equal(both.start, g->start);
        chat_free(chat);
        encoded_free(&head);
        encoded_free(&both);
        json_decref(prompt);
        json_decref(completion);
        tokenizer_free(tokenizer);
    }
}

/* A deliberate difference from transformers, which would put a second one before it. */
static void a_bos_in_the_text_is_not_doubled(void **state)
{
    struct tokenizer *tokenizer = tokenizer_named("tokenizer_llama3.json");
    const struct encode encode = {tokenizer, NULL, NULL, NULL};
    json_t *with = value("\"<|begin_of_text|>The answer is\""),
           *without = value("\"The answer is\"");
    struct encoded a, b;

    (void)state;
    assert_ok(encode_prompt(&encode, with, NULL, &a));
    assert_ok(encode_prompt(&encode, without, NULL, &b));
    assert_int_equal(a.ids[0], tokenizer_id(tokenizer, "<|begin_of_text|>"));
    assert_int_equal(a.n, b.n);
    assert_memory_equal(a.ids, b.ids, (size_t)a.n * sizeof *a.ids);
    encoded_free(&a);
    encoded_free(&b);
    json_decref(with);
    json_decref(without);
    tokenizer_free(tokenizer);
}

static void refused(const struct encode *encode, enum err want, const char *prompt,
                    const char *completion, const char *words)
{
    json_t *a = value(prompt), *b = value(completion);
    struct encoded out;

    assert_err(want, encode_pair(encode, a, b, NULL, &out));
    if (!strstr(err_text(), words))
        fail_msg("'%s' does not say '%s'", err_text(), words);
    json_decref(a);
    json_decref(b);
}

static void what_is_neither_text_nor_messages_is_refused(void **state)
{
    static const char *const said = "[{\"role\":\"user\",\"content\":\"a\"}]";
    struct tokenizer *tokenizer = tokenizer_named("tokenizer_smollm.json");
    struct chat *chat = chats_named("chatml");
    struct encode encode = {tokenizer, chat, NULL, NULL};

    (void)state;
    refused(&encode, ERR_PARSE, "7", "\"a\"", "a string or a list of messages");
    refused(&encode, ERR_PARSE, "\"a\"", said, "both strings or both lists");
    refused(&encode, ERR_PARSE, said, "\"a\"", "both strings or both lists");
    encode.chat = NULL;
    refused(&encode, ERR_STATE, said, said, "no chat template");
    encode.chat_error = "a template of another family";
    refused(&encode, ERR_STATE, said, said, "of another family");
    chat_free(chat);
    tokenizer_free(tokenizer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ids_and_the_start_are_those_of_transformers),
        cmocka_unit_test(a_bos_in_the_text_is_not_doubled),
        cmocka_unit_test(what_is_neither_text_nor_messages_is_refused),
    };

    return cmocka_run_group_tests_name("lm/encode", tests, NULL, NULL);
}
