#include "lm/file/unopened.h"

#include "lm/file/model_files.h"
#include "lm/file/safetensors.h"
#include "tests/lm/golden_copy.h"
#include "tests/lm/opened.h"

/* models--OWNER--NAME of huggingface_hub: refs/main says which snapshot; without it an only one is
 * meant, of several none. */
static void hub_cache_folders_mean_their_snapshot(void **state)
{
    char *found;

    (void)state;
    copied("llama5", "models--a--b/snapshots/c1");
    assert_ok(model_files_find(&found, scratch_at("models--a--b")));
    assert_string_equal(found, scratch_at("models--a--b/snapshots/c1"));
    free(found);
    copied("llama5", "models--a--b/snapshots/c2");
    refused(scratch_at("models--a--b"), "snapshots/");
    assert_ok(fs_mkdir(scratch_at("models--a--b/refs")));
    assert_ok(fs_write(scratch_at("models--a--b/refs/main"), "c2", 2));
    assert_ok(model_files_find(&found, scratch_at("models--a--b")));
    assert_string_equal(found, scratch_at("models--a--b/snapshots/c2"));
    free(found);
    model_files_free(opened(scratch_at("models--a--b")));
    /* a name that leads elsewhere, and one that is not there */
    assert_ok(fs_write(scratch_at("models--a--b/refs/main"), "../snapshots/c1", 15));
    refused(scratch_at("models--a--b"), "snapshots/");
    assert_ok(fs_write(scratch_at("models--a--b/refs/main"), "c3", 2));
    refused(scratch_at("models--a--b"), "snapshots/");
}

static void what_is_not_read_has_its_name(void **state)
{
    static const struct {
        const char *method, *why;
    } packed[] = {
        {"{\"quant_method\": \"gptq\"}", "quantization_config: GPTQ"},
        {"{\"quant_method\": \"awq\"}", "quantization_config: AWQ"},
        {"{\"quant_method\": \"fp8\"}", "quantization_config: FP8 (F8_E4M3"},
        {"{\"quant_method\": \"mine\"}", "quantization_config: mine checkpoints"},
        {"{}", "quantization_config: quantised checkpoints"},
        {"7", "quantization_config: quantised checkpoints"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof packed / sizeof *packed; i++) {
        char *key = mem_print("{\"quantization_config\": %s,", packed[i].method);

        copied("llama5", "m");
        edit("m/config.json", "{", key);
        refused(scratch_at("m"), packed[i].why);
        free(key);
    }
    copied("llama5", "m");
}

/* A weight under the name that GPTQ and AWQ give their integers, in a header of its own. */
static void packed_integers_have_their_makers_name(void **state)
{
    static const float zero[64 * 32];
    struct safetensors_put put[] = {
        {.name = "model.layers.0.mlp.up_proj.qweight", .rows = 48, .cols = 32, .data = zero},
        {.name = "model.layers.0.mlp.up_proj.g_idx", .cols = 32, .data = zero},
    };
    struct model_files *a = opened(golden_path("llama5"));
    struct safetensors_put *all = mem_new((size_t)a->params->n + 2, sizeof *all);

    (void)state;
    for (int gptq = 0; gptq < 2; gptq++) {
        size_t n = 0;

        for (int i = 0; i < a->params->n; i++) {
            const struct tensor *t = &a->params->tensor[i];

            if (strcmp(t->name, "model.layers.0.mlp.up_proj.weight") != 0)
                all[n++] = (struct safetensors_put){
                    .name = t->name,
                    .rows = part_is_vector(t->row) ? 0 : (size_t)t->rows,
                    .cols = (size_t)t->cols,
                    .data = a->params->data + t->at};
        }
        all[n++] = put[0];
        if (gptq)
            all[n++] = put[1];
        copied("llama5", "m");
        assert_ok(safetensors_write(scratch_at("m/model.safetensors"), all, n, NULL));
        refused(scratch_at("m"), gptq ? "up_proj.weight is missing: a GPTQ checkpoint"
                                      : "up_proj.weight is missing: an AWQ checkpoint");
    }
    free(all);
    model_files_free(a);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scratch_open, scratch_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(hub_cache_folders_mean_their_snapshot),
        TEST(what_is_not_read_has_its_name),
        TEST(packed_integers_have_their_makers_name),
    };

    return cmocka_run_group_tests_name("unopened", tests, NULL, NULL);
}
