/* SentencePiece's kinds against tokenizers and SentencePiece (golden/pieces.py), and files that
 * are broken or hostile. */
#include "tests/lm/ids.h"
#include "tests/support/test.h"

#include "base/mem.h"
#include "lm/text/base64.h"
#include "lm/text/charsmap.h"
#include "lm/text/tokenizer.h"
#include "tests/lm/golden.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct tokenizer *open_file(const char *name)
{
    struct tokenizer *tokenizer;
    size_t n;
    char *text = golden_text(name, &n);

    if (strstr(name, ".model"))
        assert_ok(tokenizer_spm(&tokenizer, text, n, NULL, name));
    else
        assert_ok(tokenizer_json(&tokenizer, text, n, name));
    free(text);
    return tokenizer;
}

static void check_text(const struct tokenizer *tokenizer, const int *ids, size_t count,
                       bool special, char *hex, const char *what)
{
    size_t n, m;
    char *text;

    assert_ok(tokenizer_decode(tokenizer, ids, count, special, &text, &n));
    m = golden_unhex(hex);
    if (n != m || memcmp(text, hex, n) != 0)
        fail_msg("%s: \"%.*s\" and not \"%.*s\"", what, (int)n, text, (int)m, hex);
    free(text);
}

/* "s" or "p", the string, ids, a bar, two texts. */
static void check_line(const struct tokenizer *tokenizer, char *line, const char *what)
{
    const bool special = line[0] == 's';
    char *rest = strchr(line, ' ') + 1, *with = strchr(rest, '|') + 1;
    char *without = strchr(with, ' ') + 1;
    const size_t n = golden_unhex(line + 1);
    size_t count, i = 0;
    int *ids;

    assert_ok(tokenizer_encode(tokenizer, line + 1, n, special, &ids, &count));
    for (char *end; *rest != '|'; rest = *end == ' ' ? end + 1 : end, i++) {
        const long want = strtol(rest, &end, 10);

        if (i >= count || ids[i] != want)
            fail_msg("%s: \"%.*s\": id %zu is not %ld", what, (int)n, line + 1, i, want);
    }
    assert_int_equal(i, count);
    without[-1] = 0;
    check_text(tokenizer, ids, count, true, with, what);
    check_text(tokenizer, ids, count, false, without, what);
    free(ids);
}

static int check_all(const struct tokenizer *tokenizer, const char *name)
{
    size_t n;
    char *text = golden_text(name, &n);
    int lines = 0;

    for (char *line = text, *end; (end = strchr(line, '\n')); line = end + 1, lines++) {
        *end = 0;
        check_line(tokenizer, line, name);
    }
    free(text);
    return lines;
}

static const char *const files[][2] = {{"pieces_bpe.model", "pieces_bpe.z"},
                                       {"pieces_unigram.model", "pieces_unigram.z"},
                                       {"pieces_llama.json", "pieces_llama.z"},
                                       {"pieces_xlm.json", "pieces_xlm.z"},
                                       {"pieces_t5.json", "pieces_t5.z"}};

static void ids_and_texts_are_those_of_others(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        struct tokenizer *tokenizer = open_file(files[i][0]);

        assert_true(check_all(tokenizer, files[i][1]) > 300);
        tokenizer_free(tokenizer);
    }
}

/* What tokenizer_write makes of a model file is a tokenizer.json that means the same. */
static void what_was_written_reads_back_the_same(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        struct tokenizer *tokenizer = open_file(files[i][0]), *again;
        char *text;
        size_t n;

        assert_ok(tokenizer_write(tokenizer, &text, &n));
        assert_ok(tokenizer_json(&again, text, n, "again"));
        assert_true(check_all(again, files[i][1]) > 300);
        tokenizer_free(tokenizer);
        tokenizer_free(again);
        free(text);
    }
}

static void every_end_is_told_in_the_text(void **state)
{
    static const char text[] = "Hello  world <|user|> \n what <|end|>is it?";
    struct tokenizer *tokenizer = open_file("pieces_llama.json");
    const size_t n = strlen(text);
    size_t count, *end;
    int *ids, user = tokenizer_id(tokenizer, "<|user|>"), seen = 0;

    (void)state;
    assert_ok(tokenizer_encode(tokenizer, text, n, true, &ids, &count));
    end = mem_new(count, sizeof *end);
    assert_ok(tokenizer_ends(tokenizer, text, n, ids, count, end));
    for (size_t i = 0; i < count; i++)
        if (ids[i] == user && ++seen)
            assert_int_equal(end[i], strstr(text, " \n") - text);
    assert_int_equal(seen, 1);
    assert_int_equal(end[count - 1], n);
    free(ids);
    free(end);
    tokenizer_free(tokenizer);
    /* A map of characters makes another text: nothing is guessed then. */
    tokenizer = open_file("pieces_t5.json");
    assert_ok(tokenizer_encode(tokenizer, "\xEF\xAC\x81t", 4, true, &ids, &count));
    end = mem_new(count, sizeof *end);
    assert_err(ERR_RANGE, tokenizer_ends(tokenizer, "\xEF\xAC\x81t", 4, ids, count, end));
    free(ids);
    free(end);
    tokenizer_free(tokenizer);
}

static void a_stream_begins_as_the_text_does(void **state)
{
    struct tokenizer *tokenizer = open_file("pieces_llama.json");
    size_t count, n;
    int *ids;
    const char *piece;

    (void)state;
    assert_ok(tokenizer_encode(tokenizer, "the", 3, true, &ids, &count));
    piece = tokenizer_piece(tokenizer, ids[0], &n);
    assert_int_equal(piece[0], ' ');
    assert_int_equal(tokenizer_lead(tokenizer, piece, n), 1);
    free(ids);
    tokenizer_free(tokenizer);
}

/* Cut anywhere, and with any byte changed, a model file is read or refused: nothing else. */
static void a_broken_model_file_is_refused(void **state)
{
    size_t n;
    char *text = golden_text("pieces_unigram.model", &n);
    struct tokenizer *tokenizer;

    (void)state;
    for (size_t cut = 0; cut < n; cut += 61)
        if (!tokenizer_spm(&tokenizer, text, cut, NULL, "cut"))
            tokenizer_free(tokenizer);
    for (size_t at = 0; at < n; at += 59) {
        const char was = text[at];

        text[at] = (char)~was;
        if (!tokenizer_spm(&tokenizer, text, n, NULL, "changed"))
            tokenizer_free(tokenizer);
        text[at] = was;
    }
    assert_err(ERR_PARSE, tokenizer_spm(&tokenizer, "\x0a\xff\xff\xff\xff\x0f", 6, NULL, "x"));
    assert_err(ERR_PARSE, tokenizer_spm(&tokenizer, "{\"model\":1}", 11, NULL, "x"));
    free(text);
}

#define UNIGRAM(vocab, pre, decoder) \
    "{\"added_tokens\":[],\"normalizer\":null,\"pre_tokenizer\":" pre \
    ",\"post_processor\":null,\"decoder\":" decoder \
    ",\"model\":{\"type\":\"Unigram\",\"unk_id\":0,\"vocab\":" vocab "}}"
#define META "{\"type\":\"Metaspace\",\"replacement\":\"_\",\"prepend_scheme\":\"never\"}"
#define ONE "[[\"u\",0.0],[\"a\",-1.0],[\"b\",-1.0],[\"ab\",-2.0],[\"aa\",-2.0]]"

/* "ab" at -2 is offered before "a" and "b" at -1 each: an equal sum does not replace it. */
static void the_first_of_equal_cuts_stays(void **state)
{
    static const int joined[] = {3}, three[] = {1, 4}, unknown[] = {1, 0, 2};

    (void)state;
    assert_ids(UNIGRAM(ONE, META, META), "ab", joined, 1);
    assert_ids(UNIGRAM(ONE, META, META), "aaa", three, 2);
    assert_ids(UNIGRAM(ONE, META, META), "a??b", unknown, 3);
}

static void what_is_unknown_is_refused_by_name(void **state)
{
    static const struct {
        const char *file, *words;
    } list[] = {
        {"{\"model\":{\"type\":\"WordPiece\",\"vocab\":{\"a\":0}}}", "WordPiece"},
        {UNIGRAM("[[\"a\",0.0]]", "{\"type\":\"BertPreTokenizer\"}", META), "BertPreTokenizer"},
        {UNIGRAM("[[\"a\",0.0]]", META, "{\"type\":\"WordPiece\"}"), "WordPiece"},
        {UNIGRAM("[[\"a\",0.0]]", META, "null"), "no type"},
        {UNIGRAM("[[\"a\",0.0]]", META,
                 "{\"type\":\"Sequence\",\"decoders\":[{\"type\":\"Fuse\"}," META "]}"),
         "Fuse"},
        {UNIGRAM("[[\"a\"]]", META, META), "token 0"},
        {UNIGRAM("[]", META, META), "0 tokens"},
        {UNIGRAM("[[\"\",0.0]]", META, META), "empty"},
        {UNIGRAM("[[\"a\",0.0],[\"a\",0.0]]", META, META), "ids 0 and 1"},
    };
    struct tokenizer *tokenizer;

    (void)state;
    for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
        if (!tokenizer_json(&tokenizer, list[i].file, strlen(list[i].file), "x"))
            fail_msg("%zu was read", i);
        if (!strstr(err_text(), list[i].words))
            fail_msg("\"%s\" without \"%s\"", err_text(), list[i].words);
    }
}

/* A trie whose offsets lead out of it, and one that is all children of itself. */
static void a_hostile_map_of_characters_ends(void **state)
{
    char bytes[4 + 64 + 4];
    struct charsmap *map;
    char *out;
    size_t n;

    (void)state;
    for (int fill = 0; fill < 256; fill++) {
        memset(bytes, fill, sizeof bytes);
        memcpy(bytes, (const char[]){64, 0, 0, 0}, 4);
        memcpy(bytes + 68, "a\0b", 4);
        assert_ok(charsmap_new(&map, bytes, sizeof bytes));
        assert_ok(charsmap_run(map, "abc\xC3\xA9", 5, 100, &out, &n));
        free(out);
        charsmap_free(map);
    }
    assert_err(ERR_PARSE, charsmap_new(&map, "\xff\xff\xff\xff....", 8));
    assert_err(ERR_PARSE, charsmap_new(&map, "\x05\0\0\0........", 12));
}

static void base64_is_read_and_written(void **state)
{
    unsigned char *bytes;
    size_t n;

    (void)state;
    for (size_t m = 0; m < 9; m++) {
        char *text = base64_write((const unsigned char *)"\0\xff\x80"
                                                         "abcde",
                                  m);

        assert_ok(base64_read(&bytes, &n, text, strlen(text)));
        assert_int_equal(n, m);
        assert_memory_equal(bytes,
                            "\0\xff\x80"
                            "abcde",
                            m);
        free(bytes);
        free(text);
    }
    assert_err(ERR_PARSE, base64_read(&bytes, &n, "abc", 3));
    assert_err(ERR_PARSE, base64_read(&bytes, &n, "a=cd", 4));
}

/* vocab.json and merges.txt with a configuration beside them. */
static void a_slow_folder_is_its_class(void **state)
{
    static const char vocab[] = "{\"a\":0,\"b\":1,\"ab\":2,\"\\u0120\":3,\"<|endoftext|>\":4}";
    static const char merges[] = "#version: 0.2\na b\n";
    json_t *config =
        json_pack("{s:s, s:{s:{s:s, s:b, s:b}}}", "tokenizer_class", "GPT2Tokenizer",
                  "added_tokens_decoder", "5", "content", "<x>", "special", 1, "rstrip", 1);
    struct tokenizer_slow parts = {vocab, merges, strlen(vocab), strlen(merges), config, NULL};
    struct tokenizer *tokenizer;
    size_t count;
    int *ids;

    (void)state;
    assert_ok(tokenizer_slow(&tokenizer, &parts, "x"));
    assert_ok(tokenizer_encode(tokenizer, "ab<x>  a<|endoftext|>", 21, true, &ids, &count));
    assert_int_equal(count, 4);
    assert_memory_equal(ids, ((const int[]){2, 5, 0, 4}), 4 * sizeof *ids);
    assert_true(tokenizer_is_special(tokenizer, 4));
    free(ids);
    tokenizer_free(tokenizer);
    json_object_set_new(config, "tokenizer_class", json_string("BertTokenizer"));
    assert_err(ERR_RANGE, tokenizer_slow(&tokenizer, &parts, "x"));
    assert_non_null(strstr(err_text(), "BertTokenizer"));
    json_decref(config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ids_and_texts_are_those_of_others),
        cmocka_unit_test(what_was_written_reads_back_the_same),
        cmocka_unit_test(every_end_is_told_in_the_text),
        cmocka_unit_test(a_stream_begins_as_the_text_does),
        cmocka_unit_test(a_broken_model_file_is_refused),
        cmocka_unit_test(the_first_of_equal_cuts_stays),
        cmocka_unit_test(what_is_unknown_is_refused_by_name),
        cmocka_unit_test(a_hostile_map_of_characters_ends),
        cmocka_unit_test(base64_is_read_and_written),
        cmocka_unit_test(a_slow_folder_is_its_class),
    };

    return cmocka_run_group_tests_name("pieces", tests, NULL, NULL);
}
