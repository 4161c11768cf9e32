/* Published templates and tokenizers, as far as $DROVER_TEST_DATA has them: their texts are not in
 * the repository, what the reference makes of them is, as a digest for each (published.json, made
 * by golden/published.py, which also says where each is from). Files are known by what is in them,
 * so it does not matter what they are called. */
#define _XOPEN_SOURCE 700 /* nftw */

#include "base/fs.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "lm/text/template/jinja.h"
#include "lm/text/tokenizer.h"
#include "tests/support/test.h"

#include <ftw.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { FILE_MAX = 64 << 20, OPEN_MAX = 16 };

static json_t *published;
static int templates, tokenizers;

static const char *hex_of(char out[HASH_TEXT], const void *bytes, size_t n)
{
    struct hash_sha256 state;
    struct hash sum;

    hash_sha256_init(&state);
    hash_sha256_add(&state, bytes, n);
    sum = hash_sha256_end(&state);
    return hash_text(out, &sum);
}

/* The entry of a file of this text, or NULL. */
static const json_t *entry_of(const char *list, const char *text, size_t n)
{
    char name[HASH_TEXT];

    return json_object_get(json_object_get(published, list), hex_of(name, text, n));
}

static void compared(const json_t *entry, const char *path, const struct strbuf *all)
{
    const char *want = json_string_value(json_object_get(entry, "digest"));
    char got[HASH_TEXT];

    assert_non_null(want);
    hex_of(got, all->text, all->n);
    if (strncmp(got, want, strlen(want)) != 0)
        fail_msg("%s (%s): other than the reference: golden/published.py tells where", path,
                 json_string_value(json_object_get(entry, "name")));
}

/* Text, spans, or that it fails: all that can be told of one rendering. */
static void put_rendering(struct strbuf *to, const struct jinja *jinja, json_t *messages,
                          unsigned how)
{
    const struct tm now = {.tm_year = 124,
                           .tm_mon = 6,
                           .tm_mday = 26,
                           .tm_hour = 13,
                           .tm_min = 5,
                           .tm_sec = 9,
                           .tm_wday = 5,
                           .tm_yday = 207};
    json_t *tools = how & 4 ? json_object_get(published, "tools") : json_null();
    json_t *variables =
        json_pack("{s:O,s:O,s:n,s:b,s:s,s:s,s:s,s:s}", "messages", messages, "tools", tools,
                  "documents", "add_generation_prompt", how & 2, "bos_token", "<s>",
                  "eos_token", "</s>", "pad_token", "<pad>", "unk_token", "<unk>");
    struct jinja_text text;
    enum err err;

    if (how & 1)
        json_object_set_new(variables, "enable_thinking", json_false());
    err = jinja_run(jinja, variables, &now, &text);
    json_decref(variables);
    if (err == ERR_RANGE)
        fail_msg("%s", err_text());
    if (err) {
        strbuf_put(to, "raises\0", 7);
        return;
    }
    strbuf_put(to, text.text, text.n + 1);
    for (size_t i = 0; i < 2 * text.spans; i++)
        strbuf_print(to, "%zu,", text.span[i]);
    strbuf_put(to, "", 1);
    jinja_text_free(&text);
}

static void try_template(const char *path, const char *text, size_t n)
{
    const json_t *entry = entry_of("templates", text, n);
    struct strbuf all = {0};
    struct jinja *jinja;
    json_t *messages;
    size_t i;

    if (!entry)
        return;
    templates++;
    if (jinja_open(&jinja, text, n))
        fail_msg("%s: %s", path, err_text());
    /* with and without tools, generation prompt, thinking */
    json_array_foreach(json_object_get(published, "conversations"), i,
                       messages) for (unsigned how = 0; how < 8; how++)
        put_rendering(&all, jinja, messages, how);
    compared(entry, path, &all);
    jinja_free(jinja);
    free(all.text);
}

/* chat_template of a recipe, a text in double quotes on one line: JSON, too. */
static void try_recipe(const char *path, const char *text)
{
    static const char key[] = "\nchat_template: ";
    const char *at = strstr(text, key), *end = at ? strchr(at + 1, '\n') : NULL;
    json_t *value = end ? json_loadb(at + strlen(key), (size_t)(end - at) - strlen(key),
                                     JSON_DECODE_ANY, NULL)
                        : NULL;

    if (json_is_string(value))
        try_template(path, json_string_value(value), json_string_length(value));
    json_decref(value);
}

/* To SentencePiece itself the name of a special token is text like any other. */
static void try_tokenizer(const char *path, const char *text, size_t n, bool pieces)
{
    const json_t *entry = entry_of("tokenizers", text, n);
    struct strbuf all = {0};
    struct tokenizer *tokenizer;
    json_t *string;
    size_t i;

    if (!entry)
        return;
    tokenizers++;
    if (pieces ? tokenizer_spm(&tokenizer, text, n, NULL, path)
               : tokenizer_json(&tokenizer, text, n, path))
        fail_msg("%s", err_text());
    json_array_foreach(json_object_get(published, "strings"), i, string)
    {
        size_t count, bytes;
        char *back;
        int *ids;

        assert_ok(tokenizer_encode(tokenizer, json_string_value(string),
                                   json_string_length(string), !pieces, &ids, &count));
        assert_ok(tokenizer_decode(tokenizer, ids, count, true, &back, &bytes));
        for (size_t k = 0; k < count; k++)
            strbuf_print(&all, "%d ", ids[k]);
        strbuf_put(&all, back, bytes + 1);
        free(back);
        free(ids);
    }
    compared(entry, path, &all);
    tokenizer_free(tokenizer);
    free(all.text);
}

static bool ends(const char *path, const char *with)
{
    const size_t n = strlen(path), m = strlen(with);

    return n >= m && !strcmp(path + n - m, with);
}

static int try_file(const char *path, const struct stat *stat, int kind, struct FTW *at)
{
    const bool jinja = ends(path, ".jinja"), recipe = ends(path, ".yaml");
    const bool pieces = ends(path, ".model");
    char *text;
    size_t n;

    (void)at;
    if (kind != FTW_F || stat->st_size > FILE_MAX ||
        !(jinja || recipe || pieces || ends(path, "tokenizer.json")))
        return 0;
    assert_ok(fs_read(&text, &n, path, FILE_MAX));
    if (jinja)
        try_template(path, text, n);
    else if (recipe)
        try_recipe(path, text);
    else
        try_tokenizer(path, text, n, pieces);
    free(text);
    return 0;
}

static void what_others_published_is_read_as_the_reference_reads_it(void **state)
{
    const char *data = getenv("DROVER_TEST_DATA");
    char *beside = data ? mem_print("%s/../faults", data) : NULL;

    (void)state;
    if (data && fs_is_dir(data))
        assert_int_equal(nftw(data, try_file, OPEN_MAX, FTW_PHYS), 0);
    if (beside && fs_is_dir(beside))
        assert_int_equal(nftw(beside, try_file, OPEN_MAX, FTW_PHYS), 0);
    free(beside);
    printf("%d published templates, %d tokenizers compared\n", templates, tokenizers);
    if (!templates && !tokenizers) {
        printf("SKIPPED: none in $DROVER_TEST_DATA\n");
        skip();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_others_published_is_read_as_the_reference_reads_it),
    };
    int status;

    published = json_load_file(GOLDEN_FOLDER "/published.json", 0, NULL);
    if (!published)
        return 1;
    status = cmocka_run_group_tests_name("published", tests, NULL, NULL);
    json_decref(published);
    return status;
}
