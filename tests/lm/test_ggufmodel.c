#include "lm/file/ggufmodel.h"

#include "base/fs.h"
#include "lm/file/model_files.h"

#include "tests/support/test.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct model_files *opened(const char *path)
{
    struct model_files *files;

    assert_ok(model_files_open(&files, path, MODEL_FILES_ALL));
    return files;
}

static void same_models(const char *folder, const char *file)
{
    static const char text[] = "the 2024 hat\n\tin <|im_end|> \xE6\x97\xA5";
    struct model_files *a = opened(folder), *b = opened(file);
    int *x, *y;
    size_t n, m;

    assert_int_equal(a->params->count, b->params->count);
    assert_memory_equal(a->params->data, b->params->data, a->params->count * sizeof(float));
    assert_memory_equal(&a->shape, &b->shape, sizeof a->shape);
    assert_string_equal(chat_source(a->chat), chat_source(b->chat));
    assert_ok(tokenizer_encode(a->tokenizer, text, strlen(text), true, &x, &n));
    assert_ok(tokenizer_encode(b->tokenizer, text, strlen(text), true, &y, &m));
    assert_int_equal(n, m);
    assert_memory_equal(x, y, n * sizeof *x);
    free(x);
    free(y);
    model_files_free(a);
    model_files_free(b);
}

/* Rows of a Llama's q and k are put back, rope factors become the scaling they were made from;
 * a Qwen2 has biases and rows as they are. */
static void a_gguf_is_the_folder_it_was_made_from(void **state)
{
    (void)state;
    same_models(GOLDEN "/model/llama5", GOLDEN "/model/llama.gguf");
    same_models(GOLDEN "/model/qwen5", GOLDEN "/model/qwen.gguf");
    same_models(GOLDEN "/model/gpt2_5", GOLDEN "/model/gpt2.gguf");
    same_models(GOLDEN "/model/phi3_4", GOLDEN "/model/phi3.gguf");
    same_models(GOLDEN "/model/gemma3_5", GOLDEN "/model/gemma3.gguf");
}

/* The first `old` becomes `new`, of the same length, in a copy of the golden file. */
static void spoilt_gguf(const char *old, const char *new, const char *why)
{
    char path[] = "/tmp/drover-gguf-XXXXXX", *bytes, *found = NULL;
    const int fd = mkstemp(path);
    struct model_files *files;
    size_t n;
    enum err err;

    assert_int_equal(strlen(old), strlen(new));
    assert_ok(fs_read(&bytes, &n, GOLDEN "/model/llama.gguf", 1 << 20));
    for (size_t i = 0; !found && i + strlen(old) < n; i++)
        if (!memcmp(bytes + i, old, strlen(old)))
            found = bytes + i;
    assert_non_null(found);
    memcpy(found, new, strlen(new));
    assert_true(fd >= 0);
    close(fd);
    assert_ok(fs_write(path, bytes, n));
    free(bytes);
    err = model_files_open(&files, path, MODEL_FILES_ALL);
    unlink(path);
    if (!err || files || !strstr(err_text(), why) || !strstr(err_text(), path))
        fail_msg("wanted '%s', got: %d %s", why, err, err ? err_text() : "opened");
}

static void spoilt_ggufs_are_refused_in_one_clear_line(void **state)
{
    (void)state;
    spoilt_gguf("llama", "bloom", "'bloom' is not supported; llama, qwen2");
    spoilt_gguf("blk.1.ffn_up.weight", "blk.1.ffn_xx.weight", "blk.1.ffn_up.weight is missing");
    spoilt_gguf("rope_freqs.weight", "rope_freqz.weight", "'rope_freqz.weight' has no place");
    spoilt_gguf("llama.block_count", "llama.block_xxxxx", "llama.block_count: is missing");
    spoilt_gguf("llama.rope.freq_base", "llama.rope.freq_xxxx", "rope_freqs.weight");
    spoilt_gguf("token_embd.weight", "token_embx.weight", "no token_embd.weight");
    spoilt_gguf("tokenizer.ggml.tokens", "tokenizer.ggml.xxxxxx", "0 tokens");
    spoilt_gguf("smollm", "smollx", "smollx");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_gguf_is_the_folder_it_was_made_from),
        cmocka_unit_test(spoilt_ggufs_are_refused_in_one_clear_line),
    };

    return cmocka_run_group_tests_name("ggufmodel", tests, NULL, NULL);
}
