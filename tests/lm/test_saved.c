/* What a saved model says of itself: its hash, its head, how it is to be sampled from. */
#include "base/fs.h"
#include "base/mem.h"
#include "lm/file/weights.h"
#include "tests/lm/edit.h"
#include "tests/lm/opened.h"
#include "tests/support/scratch.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

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
        hash = weights_write_hash(a->params, dtype);
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
        "{\"do_sample\": true, \"eos_token_id\": [0, 2], \"repetition_penalty\": 1.1,"
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

static json_t *json_of(const char *file)
{
    char *text;
    size_t n;
    json_t *json;

    assert_ok(fs_read(&text, &n, scratch_at(file), 1 << 20));
    json = json_loadb(text, n, 0, NULL);
    assert_non_null(json);
    free(text);
    return json;
}

static void put(const char *file, const char *text)
{
    assert_ok(fs_write(scratch_at(file), text, strlen(text)));
}

/* Keys that nobody here knows, a limit that no integer holds, tokens in their own spelling, files
 * that only others read; a pad that training chose and a class that transformers 4 lacks change,
 * another model's card stays behind. */
static void what_training_does_not_change_travels(void **state)
{
    static const char start[] =
        "{\"tokenizer_class\": \"TokenizersBackend\", \"model_max_length\": "
        "1000000000000000019884624838656, \"padding_side\": \"left\", \"legacy\": false, "
        "\"n\": 7,"
        " \"eos_token\": {\"content\": \"<|im_end|>\", \"lstrip\": true}, \"pad_token\": "
        "\"x\"}";
    struct model_files *files = opened(GOLDEN "/model/llama5");
    json_t *config;
    char *text;
    size_t n;

    (void)state;
    assert_ok(model_files_save(scratch_at("start"), files, files->params, "float32"));
    model_files_free(files);
    put("start/tokenizer_config.json", start);
    put("start/tokenizer.model", "pieces");
    put("start/LICENSE", "mine");
    put("start/README.md", "how it was trained");
    files = opened(scratch_at("start"));
    assert_ok(model_files_save(scratch_at("went"), files, files->params, "float32"));
    assert_ok(
        model_files_save(scratch_at("went"), files, files->params, "float32")); /* over it */
    model_files_free(files);
    config = json_of("went/tokenizer_config.json");
    assert_string_equal(json_string_value(json_object_get(config, "tokenizer_class")),
                        "PreTrainedTokenizerFast");
    assert_true(json_real_value(json_object_get(config, "model_max_length")) == 1e30);
    assert_string_equal(json_string_value(json_object_get(config, "padding_side")), "left");
    assert_true(json_is_false(json_object_get(config, "legacy")));
    assert_int_equal(json_integer_value(json_object_get(config, "n")), 7);
    assert_true(json_is_true(json_object_get(json_object_get(config, "eos_token"), "lstrip")));
    assert_string_equal(json_string_value(json_object_get(config, "pad_token")), "<|im_end|>");
    assert_null(json_object_get(config, "clean_up_tokenization_spaces"));
    json_decref(config);
    assert_ok(fs_read(&text, &n, scratch_at("went/tokenizer.model"), 99));
    assert_string_equal(text, "pieces");
    free(text);
    assert_true(fs_exists(scratch_at("went/LICENSE")));
    assert_false(fs_exists(scratch_at("went/README.md")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_training_does_not_change_travels),
        cmocka_unit_test(the_hash_of_half_weights_is_the_files),
        cmocka_unit_test(a_head_in_the_file_is_never_dropped),
        cmocka_unit_test(what_the_start_says_of_generation_is_kept),
    };

    return cmocka_run_group_tests_name("lm/saved", tests, scratch_open, scratch_close);
}
