#include "tests/lm/ids.h"
#include "tests/support/test.h"

#include "base/mem.h"
#include "lm/text/tokenizer.h"
#include "lm/text/vocab.h"
#include "tests/lm/golden.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const kinds[] = {"gpt2", "smollm", "qwen2", "llama3"};

static struct tokenizer *open_kind(const char *kind)
{
    char *name = mem_print("tokenizer_%s.json", kind);
    struct tokenizer *tokenizer;
    size_t n;
    char *text = golden_text(name, &n);

    assert_ok(tokenizer_json(&tokenizer, text, n, name));
    free(text);
    free(name);
    return tokenizer;
}

/* One line: s or p, hexadecimal, ids. */
static void check_line(const struct tokenizer *tokenizer, char *line, const char *what)
{
    const bool special = line[0] == 's';
    char *rest = strchr(line, ' ') + 1;
    const size_t n = golden_unhex(line + 1);
    size_t count, i = 0;
    int *ids;

    assert_ok(tokenizer_encode(tokenizer, line + 1, n, special, &ids, &count));
    for (char *end; *rest; rest = *end ? end + 1 : end, i++) {
        const long want = strtol(rest, &end, 10);

        if (i >= count || ids[i] != want)
            fail_msg("%s: \"%.*s\": id %zu is not %ld", what, (int)n, line + 1, i, want);
    }
    assert_int_equal(i, count);
    free(ids);
}

static int check_all(const struct tokenizer *tokenizer, const char *kind)
{
    char *name = mem_print("tokenizer_%s.z", kind);
    size_t n;
    char *text = golden_text(name, &n);
    int lines = 0;

    for (char *line = text, *end; (end = strchr(line, '\n')); line = end + 1, lines++) {
        *end = 0;
        check_line(tokenizer, line, kind);
    }
    free(text);
    free(name);
    return lines;
}

static void ids_are_those_of_hugging_face(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        struct tokenizer *tokenizer = open_kind(kinds[i]);

        assert_int_equal(check_all(tokenizer, kinds[i]), 700);
        tokenizer_free(tokenizer);
    }
}

static void what_was_written_reads_back_the_same(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        struct tokenizer *tokenizer = open_kind(kinds[i]), *again;
        char *text, *text2;
        size_t n, m;

        assert_ok(tokenizer_write(tokenizer, &text, &n));
        assert_ok(tokenizer_json(&again, text, n, "written"));
        assert_int_equal(check_all(again, kinds[i]), 700);
        assert_ok(tokenizer_write(again, &text2, &m));
        assert_string_equal(text, text2);
        free(text);
        free(text2);
        tokenizer_free(again);
        tokenizer_free(tokenizer);
    }
}

static void assert_round_trip(const struct tokenizer *tokenizer, const char *text, size_t n,
                              bool special)
{
    size_t count, m;
    int *ids;
    char *back;

    assert_ok(tokenizer_encode(tokenizer, text, n, special, &ids, &count));
    assert_ok(tokenizer_decode(tokenizer, ids, count, true, &back, &m));
    assert_int_equal(n, m);
    assert_memory_equal(text, back, n);
    assert_int_equal(back[m], 0);
    free(ids);
    free(back);
}

static void text_comes_back_exactly(void **state)
{
    static const char text[] =
        "It's 12345 tokens,\r\n\r\n  d\xc3\xa9j\xc3\xa0 vu \xe6\x9d\xb1\xe4\xba\xac\t"
        "\xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x91\xa7 <|im_end|> \0 zero\n";

    (void)state;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        struct tokenizer *tokenizer = open_kind(kinds[i]);

        for (size_t n = 0; n < sizeof text; n++) {
            if (((unsigned char)text[n] & 0xc0) == 0x80)
                continue; /* not in the middle of a character */
            assert_round_trip(tokenizer, text, n, true);
            assert_round_trip(tokenizer, text, n, false);
        }
        tokenizer_free(tokenizer);
    }
}

static void special_tokens_in_a_users_text_stay_text(void **state)
{
    struct tokenizer *tokenizer = open_kind("smollm");
    const int end = tokenizer_id(tokenizer, "<|im_end|>");
    size_t count, n;
    int *ids;
    char *text;

    (void)state;
    assert_true(tokenizer_is_special(tokenizer, end));
    assert_ok(tokenizer_encode(tokenizer, "a<|im_end|>b", 12, true, &ids, &count));
    assert_int_equal(count, 3);
    assert_int_equal(ids[1], end);
    assert_ok(tokenizer_decode(tokenizer, ids, count, false, &text, &n));
    assert_string_equal(text, "ab");
    free(text);
    free(ids);
    assert_ok(tokenizer_encode(tokenizer, "a<|im_end|>b", 12, false, &ids, &count));
    for (size_t i = 0; i < count; i++)
        assert_int_not_equal(ids[i], end);
    free(ids);
    assert_int_equal(tokenizer_id(tokenizer, "<|nothing|>"), -1);
    tokenizer_free(tokenizer);
}

static void bos_is_noted_but_never_added(void **state)
{
    struct tokenizer *tokenizer = open_kind("llama3");
    size_t count;
    int *ids, bos;

    (void)state;
    assert_true(tokenizer_adds_bos(tokenizer, &bos));
    assert_int_equal(bos, tokenizer_id(tokenizer, "<|begin_of_text|>"));
    assert_ok(tokenizer_encode(tokenizer, "", 0, true, &ids, &count));
    assert_int_equal(count, 0);
    free(ids);
    tokenizer_free(tokenizer);
    tokenizer = open_kind("gpt2");
    assert_false(tokenizer_adds_bos(tokenizer, &bos));
    tokenizer_free(tokenizer);
}

static void bytes_are_tokens_of_their_own(void **state)
{
    static const char *const special[] = {"<pad>", "<end>"}, *const twice[] = {"<a>", "<a>"};
    static const char *const letter[] = {"a"};
    struct tokenizer *tokenizer, *again;
    size_t count, n;
    char *text;
    int *ids;

    (void)state;
    assert_ok(tokenizer_bytes(&tokenizer, special, 2));
    assert_int_equal(tokenizer_count(tokenizer), 258);
    assert_ok(tokenizer_encode(tokenizer, "a\xc3\xa9 <end>\n", 10, true, &ids, &count));
    assert_int_equal(count, 6);
    assert_int_equal(ids[0], 2 + 'a');
    assert_int_equal(ids[1], 2 + 0xc3);
    assert_int_equal(ids[2], 2 + 0xa9);
    assert_int_equal(ids[4], 1);
    assert_int_equal(ids[5], 2 + '\n');
    free(ids);
    for (int c = 0; c < 256; c++) {
        const char *piece = tokenizer_piece(tokenizer, 2 + c, &n);

        assert_int_equal(n, 1);
        assert_int_equal((unsigned char)*piece, c);
    }
    assert_ok(tokenizer_write(tokenizer, &text, &n));
    assert_ok(tokenizer_json(&again, text, n, "bytes"));
    assert_int_equal(tokenizer_count(again), 258);
    assert_round_trip(again, "x\ty <pad>", 9, true);
    free(text);
    tokenizer_free(again);
    tokenizer_free(tokenizer);
    assert_err(ERR_PARSE, tokenizer_bytes(&tokenizer, twice, 2));
    assert_err(ERR_PARSE, tokenizer_bytes(&tokenizer, letter, 1));
}

static void a_hundred_thousand_letters_take_no_time(void **state)
{
    struct tokenizer *tokenizer = open_kind("gpt2");
    const size_t n = 1 << 20;
    char *text = mem_new(n, 1);

    (void)state;
    memset(text, 'a', n);
    assert_round_trip(tokenizer, text, n, true);
    memset(text, ' ', n);
    assert_round_trip(tokenizer, text, n, true);
    memset(text, '\n', n);
    assert_round_trip(tokenizer, text, n, true);
    free(text);
    tokenizer_free(tokenizer);
}

/* A GGUF's metadata out of a tokenizer.json: the same ids must come of it. */
static void gguf_metadata_means_the_same(const char *kind, const char *pre)
{
    char *name = mem_print("tokenizer_%s.json", kind), merges[1000][64];
    const char *merge[1000], *tokens[1100] = {NULL}, *key;
    struct tokenizer_gguf parts = {
        .model = "gpt2", .pre = pre, .token = tokens, .merge = merge};
    int32_t types[1100] = {0};
    size_t n, i;
    char *text = golden_text(name, &n);
    json_t *root = json_loadb(text, n, 0, NULL), *model = json_object_get(root, "model"), *item;
    struct tokenizer *tokenizer;

    json_object_foreach(json_object_get(model, "vocab"), key, item)
    {
        tokens[json_integer_value(item)] = key;
        types[json_integer_value(item)] = 1;
    }
    json_array_foreach(json_object_get(root, "added_tokens"), i, item)
    {
        const json_int_t id = json_integer_value(json_object_get(item, "id"));

        tokens[id] = json_string_value(json_object_get(item, "content"));
        types[id] = json_is_true(json_object_get(item, "special")) ? 3 : 4;
    }
    json_array_foreach(json_object_get(model, "merges"), i, item)
    {
        snprintf(merges[i], sizeof merges[i], "%s %s",
                 json_string_value(json_array_get(item, 0)),
                 json_string_value(json_array_get(item, 1)));
        merge[i] = merges[i];
    }
    parts.merges = i;
    while (tokens[parts.tokens])
        parts.tokens++;
    tokens[parts.tokens] = "[PAD7]"; /* rows of the embedding that are no token */
    types[parts.tokens] = 5;
    parts.tokens++;
    parts.type = types;
    parts.add_bos = !strcmp(kind, "llama3");
    parts.bos = (int)parts.tokens - 6;
    assert_ok(tokenizer_gguf(&tokenizer, &parts, name));
    assert_int_equal(tokenizer_count(tokenizer), parts.tokens - 1);
    assert_int_equal(check_all(tokenizer, kind), 700);
    if (parts.add_bos) {
        int bos;

        assert_true(tokenizer_adds_bos(tokenizer, &bos));
        assert_int_equal(bos, tokenizer_id(tokenizer, "<|begin_of_text|>"));
    }
    tokenizer_free(tokenizer);
    json_decref(root);
    free(text);
    free(name);
}

static void a_gguf_means_what_its_pre_says(void **state)
{
    struct tokenizer_gguf parts = {.model = "bert"};
    struct tokenizer *tokenizer;

    (void)state;
    gguf_metadata_means_the_same("gpt2", NULL);
    gguf_metadata_means_the_same("smollm", "smollm");
    gguf_metadata_means_the_same("llama3", "llama-bpe");
    assert_err(ERR_RANGE, tokenizer_gguf(&tokenizer, &parts, "x"));
    assert_non_null(strstr(err_text(), "bert"));
    parts.model = "gpt2";
    parts.pre = "kimi-k2";
    assert_err(ERR_RANGE, tokenizer_gguf(&tokenizer, &parts, "x"));
    assert_non_null(strstr(err_text(), "kimi-k2"));
    parts.pre = "smollm";
    assert_err(ERR_PARSE, tokenizer_gguf(&tokenizer, &parts, "x"));
}

#define LEVEL "{\"type\":\"ByteLevel\",\"add_prefix_space\":false,\"use_regex\":true}"
#define FILE_(model, norm, pre, post, decoder, added) \
    "{\"model\":{" model "},\"normalizer\":" norm ",\"pre_tokenizer\":" pre \
    ",\"post_processor\":" post ",\"decoder\":" decoder ",\"added_tokens\":" added "}"
#define AB "\"type\":\"BPE\",\"vocab\":{\"a\":0,\"b\":1,\"ab\":2},\"merges\":[\"a b\"]"

static void what_is_unknown_is_refused_by_name(void **state)
{
    static const struct {
        const char *text, *word;
    } cases[] = {
        {"", "line"},
        {"[]", "object"},
        {"{}", "vocab"},
        {FILE_("\"type\":\"Unigram\",\"vocab\":[]", "null", LEVEL, "null", LEVEL, "[]"),
         "0 tokens"},
        {FILE_("\"type\":\"WordPiece\",\"vocab\":{}", "null", LEVEL, "null", LEVEL, "[]"),
         "WordPiece"},
        {FILE_(AB ",\"byte_fallback\":true", "null", LEVEL, "null", LEVEL, "[]"),
         "byte_fallback"},
        {FILE_(AB ",\"dropout\":0.1", "null", LEVEL, "null", LEVEL, "[]"), "dropout"},
        {FILE_(AB ",\"end_of_word_suffix\":\"</w>\"", "null", LEVEL, "null", LEVEL, "[]"),
         "end_of_word_suffix"},
        {FILE_(AB ",\"unk_token\":\"?\"", "null", LEVEL, "null", LEVEL, "[]"), "unk_token"},
        {FILE_(AB, "{\"type\":\"Nmt\"}", LEVEL, "null", LEVEL, "[]"), "Nmt"},
        {FILE_(AB, "{\"type\":\"Sequence\",\"normalizers\":[{\"type\":\"Prepend\"}]}", LEVEL,
               "null", LEVEL, "[]"),
         "Prepend"},
        {FILE_(AB, "null", "{\"type\":\"Metaspace\"}", "null", LEVEL, "[]"), "Metaspace"},
        {FILE_(AB, "null", "null", "null", LEVEL, "[]"), "pre_tokenizer"},
        {FILE_(AB, "null", "{\"type\":\"Digits\"}", "null", LEVEL, "[]"), "ByteLevel"},
        {FILE_(AB, "null", LEVEL, "{\"type\":\"BertProcessing\"}", LEVEL, "[]"),
         "BertProcessing"},
        {FILE_(AB, "null", LEVEL, "null", "{\"type\":\"Metaspace\"}", "[]"), "decoder"},
        {FILE_(AB, "null", LEVEL, "null", "null", "[]"), "decoder"},
        {FILE_(AB, "null", LEVEL, "null", LEVEL, "[{\"id\":7,\"content\":\"<x>\"}]"),
         "gives it 3"},
        {FILE_(AB, "null", LEVEL, "null", LEVEL, "[{\"id\":3,\"content\":\"\"}]"), "content"},
        {FILE_("\"vocab\":{\"a\":0,\"b\":0},\"merges\":[]", "null", LEVEL, "null", LEVEL, "[]"),
         "twice"},
        {FILE_("\"vocab\":{\"a\":0,\"b\":-1},\"merges\":[]", "null", LEVEL, "null", LEVEL,
               "[]"),
         "id not in"},
        {FILE_("\"vocab\":{\"a\":0,\"b\":1},\"merges\":[\"a b\"]", "null", LEVEL, "null", LEVEL,
               "[]"),
         "merge 0"},
        {FILE_("\"vocab\":{\"a\":0},\"merges\":[\"a\"]", "null", LEVEL, "null", LEVEL, "[]"),
         "merge 0"},
    };
    struct tokenizer *tokenizer;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const enum err err =
            tokenizer_json(&tokenizer, cases[i].text, strlen(cases[i].text), "f.json");

        if (err != ERR_PARSE && err != ERR_RANGE)
            fail_msg("case %zu was accepted", i);
        assert_null(tokenizer);
        if (!strstr(err_text(), cases[i].word) || strncmp(err_text(), "f.json: ", 8) != 0)
            fail_msg("case %zu: \"%s\" does not say %s", i, err_text(), cases[i].word);
    }
}

static void merges_load_in_both_spellings(void **state)
{
    static const char *const files[] = {
        FILE_(AB, "null", LEVEL, "null", LEVEL, "[]"),
        FILE_("\"vocab\":{\"a\":0,\"b\":1,\"ab\":2},\"merges\":[[\"a\",\"b\"]]", "null", LEVEL,
              "null", LEVEL, "[]")};
    struct tokenizer *tokenizer;
    size_t count;
    int *ids;

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        assert_ok(tokenizer_json(&tokenizer, files[i], strlen(files[i]), "x"));
        assert_ok(tokenizer_encode(tokenizer, "a?bab", 5, true, &ids, &count));
        assert_int_equal(count, 3); /* "a", "?" of no token vanishes, "b" "a" "b" */
        assert_int_equal(ids[2], 2);
        free(ids);
        tokenizer_free(tokenizer);
    }
}

#define NO_MERGES "\"vocab\":{\"a\":0,\"b\":1,\"ba\":2,\"\\u0120\":3},\"merges\":[]"

static void a_whole_piece_is_one_token_only_with_ignore_merges(void **state)
{
    static const int merged[] = {1, 0}, whole[] = {2};

    (void)state;
    assert_ids(FILE_(NO_MERGES, "null", LEVEL, "null", LEVEL, "[]"), "ba", merged, 2);
    assert_ids(FILE_(NO_MERGES ",\"ignore_merges\":true", "null", LEVEL, "null", LEVEL, "[]"),
               "ba", whole, 1);
}

#define STRIP(side) "[{\"id\":4,\"content\":\"<x>\",\"" side "\":true}]"

static void each_side_of_an_added_token_is_stripped_by_its_own_flag(void **state)
{
    static const int neither[] = {0, 3, 4, 3, 1}, left[] = {0, 4, 3, 1}, right[] = {0, 3, 4, 1};

    (void)state;
    assert_ids(FILE_(NO_MERGES, "null", LEVEL, "null", LEVEL, STRIP("special")), "a <x> b",
               neither, 5);
    assert_ids(FILE_(NO_MERGES, "null", LEVEL, "null", LEVEL, STRIP("lstrip")), "a <x> b", left,
               4);
    assert_ids(FILE_(NO_MERGES, "null", LEVEL, "null", LEVEL, STRIP("rstrip")), "a <x> b",
               right, 4);
}

static void a_text_is_not_found_for_its_prefix(void **state)
{
    struct vocab *vocab = vocab_new();
    char text[VOCAB_TOKEN_BYTES_MAX + 1];

    (void)state;
    memset(text, 'a', sizeof text);
    for (int n = VOCAB_TOKEN_BYTES_MAX; n > 0; n--)
        assert_ok(vocab_put(vocab, n, text, (size_t)n));
    for (int n = 1; n <= VOCAB_TOKEN_BYTES_MAX; n++)
        assert_int_equal(vocab_find(vocab, text, (size_t)n), n);
    assert_int_equal(vocab_find(vocab, "", 0), -1);
    assert_err(ERR_RANGE, vocab_put(vocab, 0, text, VOCAB_TOKEN_BYTES_MAX + 1));
    assert_err(ERR_RANGE, vocab_put(vocab, VOCAB_TOKENS_MAX, "b", 1));
    vocab_free(vocab);
}

static void every_truncation_is_refused(void **state)
{
    size_t n;
    char *text = golden_text("tokenizer_smollm.json", &n);
    struct tokenizer *tokenizer;

    (void)state;
    for (size_t cut = 0; cut < n; cut += cut < 2000 ? 1 : 97)
        assert_err(ERR_PARSE, tokenizer_json(&tokenizer, text, cut, "cut"));
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ids_are_those_of_hugging_face),
        cmocka_unit_test(what_was_written_reads_back_the_same),
        cmocka_unit_test(text_comes_back_exactly),
        cmocka_unit_test(special_tokens_in_a_users_text_stay_text),
        cmocka_unit_test(bos_is_noted_but_never_added),
        cmocka_unit_test(bytes_are_tokens_of_their_own),
        cmocka_unit_test(a_hundred_thousand_letters_take_no_time),
        cmocka_unit_test(a_gguf_means_what_its_pre_says),
        cmocka_unit_test(what_is_unknown_is_refused_by_name),
        cmocka_unit_test(merges_load_in_both_spellings),
        cmocka_unit_test(a_whole_piece_is_one_token_only_with_ignore_merges),
        cmocka_unit_test(each_side_of_an_added_token_is_stripped_by_its_own_flag),
        cmocka_unit_test(a_text_is_not_found_for_its_prefix),
        cmocka_unit_test(every_truncation_is_refused),
    };

    return cmocka_run_group_tests_name("tokenizer", tests, NULL, NULL);
}
