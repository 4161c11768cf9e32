/* Folders without a tokenizer.json: which files count, and what they become. */
#include "tests/support/scratch.h"
#include "tests/support/test.h"

#include "base/fs.h"
#include "lm/file/slow_folder.h"
#include "lm/text/tokenizer.h"

#include <stdlib.h>
#include <string.h>

static void put(const char *name, const char *bytes, size_t n)
{
    assert_ok(fs_write(scratch_at(name), bytes, n));
}

static void drop(const char *name)
{
    assert_ok(fs_remove(scratch_at(name)));
}

/* Ids of a text by what the folder's files mean. */
static void check(const char *text, const int *want, size_t n)
{
    struct tokenizer *tokenizer;
    size_t count;
    char *json;
    int *ids;

    assert_ok(slow_folder_read(&json, scratch_at("."), NULL));
    assert_ok(tokenizer_json(&tokenizer, json, strlen(json), "made"));
    assert_ok(tokenizer_encode(tokenizer, text, strlen(text), true, &ids, &count));
    assert_int_equal(count, n);
    assert_memory_equal(ids, want, n * sizeof *ids);
    free(ids);
    free(json);
    tokenizer_free(tokenizer);
}

static void each_kind_of_folder_is_read(void **state)
{
    static const char vocab[] = "{\"a\":0,\"b\":1,\"ab\":2,\"<|x|>\":3}";
    static const char merges[] = "#version: 0.2\na b\n", added[] = "{\"<|x|>\":3}";
    /* "<unk>" of type unknown and the mark with "a" joined, in SentencePiece's wire. */
    static const char model[] = "\x0a\x09\x0a\x05<unk>\x18\x02"
                                "\x0a\x0a\x0a\x03\xE2\x96\x81\x15\0\0\x80\xbf"
                                "\x0a\x08\x0a\x01"
                                "a"
                                "\x15\0\0\0\xc0"
                                "\x0a\x0b\x0a\x04\xE2\x96\x81"
                                "a"
                                "\x15\0\0\0\xbf"
                                "\x12\x02\x18\x02";
    static const int slow[] = {2, 3, 0}, pieces[] = {3, 2};
    char *json;

    (void)state;
    assert_false(slow_folder_has(scratch_at(".")));
    put("vocab.json", vocab, strlen(vocab));
    assert_false(slow_folder_has(scratch_at("."))); /* not without its merges */
    put("merges.txt", merges, strlen(merges));
    assert_true(slow_folder_has(scratch_at(".")));
    put("added_tokens.json", added, strlen(added));
    check("ab<|x|>a", slow, 3);
    put("tokenizer.model", model, sizeof model - 1);
    check("aa", pieces, 2); /* SentencePiece's file goes first */
    put("tokenizer.model", model, 5);
    assert_err(ERR_PARSE, slow_folder_read(&json, scratch_at("."), NULL));
    assert_null(json);
    assert_non_null(strstr(err_text(), "tokenizer.model"));
    drop("tokenizer.model");
    put("added_tokens.json", "[]", 2);
    assert_err(ERR_PARSE, slow_folder_read(&json, scratch_at("."), NULL));
    drop("added_tokens.json");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_kind_of_folder_is_read),
    };

    return cmocka_run_group_tests_name("slow_folder", tests, scratch_open, scratch_close);
}
