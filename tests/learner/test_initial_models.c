#include "tests/support/test.h"

#include "base/fs.h"
#include "base/mem.h"
#include "learner/inputs/initial_models.h"
#include "lm/model/packed.h"
#include "tests/support/scratch.h"

#include <stdlib.h>
#include <string.h>

/* Version 0 of a run that begins with this model is the image of its f32 weights, however it was read. */
static void begins_with_its_image(const char *model, enum precision compute)
{
    struct keys keys = {.model_name_or_path = mem_text(model),
                        .output_dir = mem_text(scratch_at("run")),
                        .compute = mem_text(precision_name(compute))};
    const struct rewards none = {.n = 0};
    struct model_files *files;
    struct packed_layout *layout;
    struct initial_models *models;
    struct hash hash;
    float *image;

    assert_ok(model_files_open_as(&files, model, MODEL_FILES_ALL, compute));
    assert_ok(packed_layout_new(&layout, &files->shape));
    image = mem_new(layout->size, sizeof *image);
    packed_fill(image, layout, files->params);
    hash = packed_hash(image, layout->size * sizeof *image);
    assert_ok(fs_mkdir(keys.output_dir));
    for (int again = 0; again < 2; again++) {
        assert_ok(initial_models_open(&models, &keys, &none, 64, false));
        assert_int_equal(models->n_model, 1);
        assert_int_equal(models->model[0].image.bytes, layout->size * sizeof *image);
        assert_true(hash_same(&models->model[0].image.hash, &hash));
        assert_memory_equal(models->model[0].image_bytes, image, layout->size * sizeof *image);
        assert_int_equal(models->policy->shape.compute, compute);
        assert_int_equal(models->policy->card_size, files->card_size);
        assert_memory_equal(models->policy->card, files->card, files->card_size);
        if (!again)
            assert_ok(initial_models_seal(models, json_null(), &hash));
        initial_models_close(models);
    }
    assert_ok(fs_remove(keys.output_dir));
    free(image);
    packed_layout_free(layout);
    model_files_free(files);
    free(keys.model_name_or_path);
    free(keys.output_dir);
    free(keys.compute);
}

static void version_0_is_the_models_image(void **state)
{
    (void)state;
    for (enum precision compute = PRECISION_FLOAT32; compute <= PRECISION_INT8; compute++) {
        begins_with_its_image(GOLDEN "/model/llama5", compute);
        begins_with_its_image(GOLDEN "/model/llama.gguf", compute);
        begins_with_its_image(GOLDEN "/adapter/policy", compute);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(version_0_is_the_models_image, scratch_open,
                                        scratch_close),
    };

    return cmocka_run_group_tests_name("initial_models", tests, NULL, NULL);
}
