/* A model whose weights stay as its file holds them computes what it computes in f32: the same bits of
 * every log-probability, whichever family, head and storage. */
#include "base/mem.h"
#include "lm/file/open_model.h"
#include "lm/kernel/isa.h"
#include "tests/support/scratch.h"
#include "tests/support/test.h"

#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TOKENS = 61 };

static struct model_files *opened(const char *path)
{
    struct model_files *files;

    assert_ok(model_files_open(&files, path, MODEL_FILES_ALL));
    return files;
}

/* What a model makes of some tokens: one sequence of them, or values where it has no head for tokens. */
static void score(const struct model *model, float out[TOKENS])
{
    const int seq[3] = {0, 20, TOKENS}; /* two sequences: rows in a tile of both */
    int token[TOKENS];

    for (int i = 0; i < TOKENS; i++)
        token[i] = (int)((unsigned)i * 2654435761u % (unsigned)model_shape(model)->vocab);
    const bool words = model_shape(model)->head == HEAD_LM;

    memset(out, 0, TOKENS * sizeof *out);
    assert_ok(
        forward_score(model, token, seq, 2, 1, words ? out : NULL, NULL, words ? NULL : out));
}

/* The folder once in memory as params packed in f32, once as its file has it. */
static void compare(const char *folder, enum head head, enum packed_store store)
{
    struct model_files *files = opened(folder);
    struct packed_layout *layout;
    struct open_model own;
    struct model *whole;
    float *image, want[TOKENS], got[TOKENS];

    assert_ok(packed_layout_new(&layout, &files->shape));
    assert_ok(mem_big(&image, layout->size, sizeof *image, "image"));
    packed_fill(image, layout, files->params);
    assert_ok(model_new(&whole, &files->shape, image, packed_size(&files->shape)));
    score(whole, want);
    assert_ok(open_model_all(&own, folder, head, NULL));
    assert_null(own.files->params);
    assert_int_equal(own.files->layout->store, store);
    if (store == PACKED_PAIRS) /* tiny models are mostly what fills pages up */
        assert_true(own.files->layout->size < layout->size);
    else
        assert_memory_equal(own.files->image, image, layout->size * sizeof *image);
    for (int isa = 0; isa_at(isa) && isa < 3; isa++) {
        assert_ok(isa_force(isa_at(isa)->name));
        score(own.model, got);
        assert_memory_equal(got, want, sizeof got);
    }
    open_model_close(&own);
    model_free(whole);
    free(image);
    packed_layout_free(layout);
    model_files_free(files);
}

static void half_weights_give_the_same_bits(void **state)
{
    static const char *const names[] = {"llama5", "qwen5",  "mistral4",
                                        "phi3_4", "gpt2_5", "gemma3_5"};

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char path[256];
        struct model_files *files;

        snprintf(path, sizeof path, GOLDEN "/model/%s", names[i]);
        files = opened(path);
        for (int half = 0; half < 2; half++) {
            assert_ok(model_files_save(scratch_at("as"), files, files->params,
                                       half ? "bfloat16" : "float32"));
            compare(scratch_at("as"), HEAD_LM, half ? PACKED_PAIRS : PACKED_F32);
        }
        model_files_free(files);
    }
}

static void a_reward_model_may_be_half(void **state)
{
    struct model_files *files = opened(GOLDEN "/model/reward4");

    (void)state;
    assert_ok(model_files_save(scratch_at("as"), files, files->params, "bfloat16"));
    compare(scratch_at("as"), HEAD_SCALAR, PACKED_PAIRS);
    model_files_free(files);
}

static void gguf_is_packed_as_it_is_read(void **state)
{
    static const char *const names[] = {"llama", "qwen", "phi3", "gpt2", "gemma3"};

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char path[256];

        snprintf(path, sizeof path, GOLDEN "/model/%s.gguf", names[i]);
        compare(path, HEAD_LM, PACKED_F32);
    }
}

/* Half the memory is for reading only: a block that is asked for by another size is refused. */
static void a_name_is_that_of_one_thread(void **state)
{
    static const size_t size[] = {0, 1, HASH_CHUNK - 1, HASH_CHUNK, 5 * HASH_CHUNK / 2};
    uint8_t *bytes = malloc(5 * HASH_CHUNK / 2);
    (void)state;

    assert_non_null(bytes);
    for (size_t i = 0; i < 5 * HASH_CHUNK / 2; i++)
        bytes[i] = (uint8_t)(i * 2654435761u >> 24);
    for (size_t i = 0; i < sizeof size / sizeof *size; i++) {
        const struct hash want = hash_of(bytes, size[i]), got = packed_hash(bytes, size[i]);

        assert_true(hash_same(&want, &got));
    }
    free(bytes);
}

static void an_image_of_the_other_size_is_refused(void **state)
{
    struct model_files *files = opened(GOLDEN "/model/llama5");
    const size_t whole = packed_size(&files->shape);
    const size_t half = packed_size_as(&files->shape, PACKED_PAIRS);
    struct model *model;
    float *image;

    (void)state;
    assert_ok(mem_big(&image, whole, 1, "image"));
    assert_err(ERR_RANGE, model_new_as(&model, &files->shape, PACKED_PAIRS, image, whole));
    assert_err(ERR_RANGE, model_new(&model, &files->shape, image, half));
    free(image);
    model_files_free(files);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(half_weights_give_the_same_bits),
        cmocka_unit_test(a_reward_model_may_be_half),
        cmocka_unit_test(gguf_is_packed_as_it_is_read),
        cmocka_unit_test(a_name_is_that_of_one_thread),
        cmocka_unit_test(an_image_of_the_other_size_is_refused),
    };

    omp_set_num_threads(2);
    return cmocka_run_group_tests_name("lm/packed_model", tests, scratch_open, scratch_close);
}
