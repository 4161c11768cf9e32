/* What a saved model says of itself: its hash, its head, how it is to be sampled from. */
#include "base/fs.h"
#include "base/mem.h"
#include "lm/file/weights.h"
#include "tests/lm/opened.h"
#include "tests/support/scratch.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

/* In a file of the scratch folder: the first `old` becomes `new`. */
static void edit(const char *file, const char *old, const char *new)
{
    char *text, *found, *whole;
    size_t n;

    assert_ok(fs_read(&text, &n, scratch_at(file), 1 << 20));
    found = strstr(text, old);
    assert_non_null(found);
    whole = mem_print("%.*s%s%s", (int)(found - text), text, new, found + strlen(old));
    assert_ok(fs_write(scratch_at(file), whole, strlen(whole)));
    free(whole);
    free(text);
}

static void hash_of_params(char out[HASH_TEXT], const struct params *params)
{
    const struct hash hash = params_hash(params);

    hash_text(out, &hash);
}

/* The hash that is told of a model is that of its file. */
static void the_hash_of_half_weights_is_the_files(void **state)
{
    struct model_files *a = opened(GOLDEN "/model/llama5"), *b;
    char told[HASH_TEXT], found[HASH_TEXT];
    struct hash hash;

    (void)state;
    for (size_t i = 0; i < a->params->count; i++)
        a->params->data[i] *= 1.0001f;
    for (int half = 0; half < 2; half++) {
        const char *dtype = half ? "bfloat16" : "float32";
        assert_ok(model_files_save(scratch_at("told"), a, a->params, dtype));
        b = opened(scratch_at("told"));
        hash = weights_hash(a->params, dtype);
        hash_text(told, &hash);
        hash_of_params(found, b->params);
        assert_string_equal(told, found);
        model_files_free(b);
    }
    hash_of_params(found, a->params);
    assert_string_not_equal(told, found);
    model_files_free(a);
}

/* As transformers 5.24: a head that differs from the embedding is used, one that does not is
 * not counted twice. */
static void a_head_in_the_file_is_never_dropped(void **state)
{
    struct model_files *apart = opened(GOLDEN "/model/mistral4"), *b;
    char was[HASH_TEXT], is[HASH_TEXT];
    const struct tensor *head = params_name(apart->params, "lm_head.weight");
    const struct tensor *embedding = params_name(apart->params, "model.embed_tokens.weight");

    (void)state;
    hash_of_params(was, apart->params);
    assert_ok(model_files_save(scratch_at("head"), apart, apart->params, "float32"));
    edit("head/config.json", "\"tie_word_embeddings\": false", "\"tie_word_embeddings\": true");
    b = opened(scratch_at("head"));
    hash_of_params(is, b->params);
    assert_string_equal(was, is);
    assert_false(b->shape.tied);
    model_files_free(b);
    assert_ok(model_files_open(&b, scratch_at("head"), MODEL_FILES_META));
    assert_false(b->shape.tied);
    model_files_free(b);
    memcpy(apart->params->data + head->at, apart->params->data + embedding->at,
           (size_t)head->rows * (size_t)head->cols * sizeof(float));
    assert_ok(model_files_save(scratch_at("same"), apart, apart->params, "float32"));
    edit("same/config.json", "\"tie_word_embeddings\": false", "\"tie_word_embeddings\": true");
    b = opened(scratch_at("same"));
    assert_true(b->shape.tied);
    model_files_free(b);
    edit("same/config.json", "\"vocab_size\": ", "\"vocab_size\": 1");
    refused(scratch_at("same"), "tensor");
    model_files_free(apart);
}

static void what_the_start_says_of_generation_is_kept(void **state)
{
    static const char *const kept =
        "{\"do_sample\": true, \"eos_token_id\": [2, 0], \"repetition_penalty\": 1.1,"
        " \"temperature\": 0.6, \"top_p\": 0.95}";
    struct model_files *files;
    json_t *found, *wanted = json_loads(kept, 0, NULL);
    char *text;
    size_t n;

    (void)state;
    files = opened(GOLDEN "/model/llama5");
    assert_ok(model_files_save(scratch_at("gen"), files, files->params, "float32"));
    model_files_free(files);
    assert_ok(fs_write(scratch_at("gen/generation_config.json"), kept, strlen(kept)));
    files = opened(scratch_at("gen"));
    assert_ok(model_files_save(scratch_at("kept-gen"), files, files->params, "float32"));
    model_files_free(files);
    assert_ok(fs_read(&text, &n, scratch_at("kept-gen/generation_config.json"), 1 << 20));
    found = json_loads(text, 0, NULL);
    json_object_set_new(wanted, "bos_token_id", json_integer(1));
    json_object_set_new(wanted, "pad_token_id", json_integer(2));
    assert_true(json_equal(found, wanted));
    free(text);
    json_decref(found);
    json_decref(wanted);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_hash_of_half_weights_is_the_files),
        cmocka_unit_test(a_head_in_the_file_is_never_dropped),
        cmocka_unit_test(what_the_start_says_of_generation_is_kept),
    };

    return cmocka_run_group_tests_name("lm/saved", tests, scratch_open, scratch_close);
}
