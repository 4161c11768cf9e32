#include "lm/file/model_files.h"

#include "base/fs.h"
#include "base/mem.h"
#include "tests/lm/golden_copy.h"

#include <fcntl.h>
#include <unistd.h>

/* Opened for its card, then for its weights: what opening it whole gives. */
static void in_two(const char *path, enum precision compute)
{
    struct model_files *card, *all, *weights, *packed, *image;

    assert_ok(model_files_open_as(&card, path, MODEL_FILES_META, compute));
    assert_null(card->params);
    assert_ok(model_files_open_as(&all, path, MODEL_FILES_ALL, compute));
    assert_ok(model_files_weights(&weights, card, path, MODEL_FILES_ALL));
    assert_memory_equal(&weights->shape, &all->shape, sizeof all->shape);
    assert_memory_equal(&weights->params->shape, &all->params->shape, sizeof all->shape);
    assert_int_equal(weights->params->count, all->params->count);
    assert_memory_equal(weights->params->data, all->params->data,
                        all->params->count * sizeof *all->params->data);
    assert_ok(model_files_open_as(&packed, path, MODEL_FILES_PACKED, compute));
    assert_ok(model_files_weights(&image, card, path, MODEL_FILES_PACKED));
    assert_int_equal(image->layout->store, packed->layout->store);
    assert_int_equal(image->layout->size, packed->layout->size);
    assert_memory_equal(image->image, packed->image,
                        packed->layout->size * sizeof *packed->image);
    model_files_free(card);
    model_files_free(all);
    model_files_free(weights);
    model_files_free(packed);
    model_files_free(image);
}

static void weights_are_those_of_the_whole(void **state)
{
    static const char *const models[] = {"llama5",     "mistral4",  "gemma3_5",
                                         "gpt2_5",     "reward4",   "qwen5",
                                         "llama.gguf", "gpt2.gguf", "gemma3.gguf"};

    (void)state;
    for (size_t i = 0; i < sizeof models / sizeof *models; i++)
        for (enum precision compute = PRECISION_FLOAT32; compute <= PRECISION_BFLOAT16;
             compute++)
            in_two(golden_path(models[i]), compute);
    in_two(GOLDEN "/adapter/policy", PRECISION_FLOAT32);
    in_two(GOLDEN "/adapter/reward", PRECISION_BFLOAT16);
}

/* How often `word` is said on stderr while a model is opened for its card, and then for its weights. */
static int said(const char *word, const char *folder)
{
    struct model_files *card, *weights;
    const int before = dup(STDERR_FILENO);
    int there, times = 0;
    char *text;
    size_t n;

    fflush(stderr);
    there = open(scratch_at("said"), O_CREAT | O_TRUNC | O_WRONLY, 0600);
    assert_true(dup2(there, STDERR_FILENO) >= 0);
    assert_ok(model_files_open(&card, folder, MODEL_FILES_META));
    assert_ok(model_files_weights(&weights, card, folder, MODEL_FILES_ALL));
    fflush(stderr);
    assert_true(dup2(before, STDERR_FILENO) >= 0);
    close(before);
    close(there);
    model_files_free(card);
    model_files_free(weights);
    assert_ok(fs_read(&text, &n, scratch_at("said"), 1 << 16));
    for (const char *at = text; (at = strstr(at, word)); at++)
        times++;
    free(text);
    return times;
}

/* Whatever the config says, a head of its own is used, and that is said once. */
static void a_head_of_its_own_is_said(void **state)
{
    char *const folder = mem_text(copied("phi3_4", "m"));

    (void)state;
    assert_int_equal(said("event=untied", folder), 0);
    edit("m/config.json", "\"tie_word_embeddings\": false", "\"tie_word_embeddings\": true");
    assert_int_equal(said("event=untied", folder), 1);
    free(folder);
}

/* They are read by the card's shape, and by nothing that the run has read of the folder already. */
static void only_weights_are_read_again(void **state)
{
    struct model_files *card, *weights, *all;
    char *const folder = mem_text(scratch_at("m"));

    (void)state;
    assert_ok(model_files_open(&all, golden_path("llama5"), MODEL_FILES_ALL));
    copied("llama5", "m");
    assert_ok(model_files_open(&card, folder, MODEL_FILES_META));
    card->shape.eos[0] = 7; /* as the run has chosen */
    assert_ok(fs_remove(scratch_at("m/tokenizer.json")));
    edit("m/config.json", "\"eos_token_id\": 2", "\"eos_token_id\": 3");
    assert_ok(model_files_weights(&weights, card, folder, MODEL_FILES_ALL));
    assert_null(weights->tokenizer);
    assert_int_equal(weights->params->shape.eos[0], 7);
    assert_memory_equal(weights->params->data, all->params->data,
                        all->params->count * sizeof *all->params->data);
    model_files_free(weights);
    /* weights that are another model's by now */
    copy("qwen5", "model.safetensors", "m");
    assert_err(ERR_RANGE, model_files_weights(&weights, card, folder, MODEL_FILES_ALL));
    assert_null(weights);
    assert_err(ERR_RANGE, model_files_weights(&weights, card, folder, MODEL_FILES_PACKED));
    assert_ok(fs_remove(scratch_at("m/model.safetensors")));
    assert_err(ERR_IO, model_files_weights(&weights, card, folder, MODEL_FILES_PACKED));
    model_files_free(card);
    model_files_free(all);
    free(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(weights_are_those_of_the_whole),
        cmocka_unit_test_setup_teardown(a_head_of_its_own_is_said, scratch_open, scratch_close),
        cmocka_unit_test_setup_teardown(only_weights_are_read_again, scratch_open,
                                        scratch_close),
    };

    return cmocka_run_group_tests_name("model_files_weights", tests, NULL, NULL);
}
