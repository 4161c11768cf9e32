/* PEFT folders: as peft wrote them, as we write them, and as nobody should. */

#include "lm/file/adapter.h"

#include "base/fs.h"
#include "base/mem.h"
#include "lm/file/inspect.h"
#include "lm/file/model_files.h"
#include "lm/file/safetensors.h"
#include "lm/model/forward.h"
#include "tests/golden/adapter/logits.inc"
#include "tests/lm/opened.h"
#include "tests/support/scratch.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TOKENS = sizeof adapter_tokens / sizeof *adapter_tokens };

static const char *golden(const char *name)
{
    static char path[2][512];
    static int turn;
    char *to = path[turn++ % 2];

    snprintf(to, sizeof *path, GOLDEN "/%s", name);
    return to;
}

/* adapter_config.json of a golden adapter with `old` made `new` and the golden base, and its
 * tensors, into scratch/to. */
static const char *copied(const char *from, const char *to, const char *old, const char *new)
{
    static const char relative[] = "../../model/llama5";
    char path[400], name[600], *text, *found, *whole;
    size_t n;

    assert_ok(fs_mkdir(scratch_at(to)));
    snprintf(name, sizeof name, "%s/adapter_config.json", golden(from));
    assert_ok(fs_read(&text, &n, name, 1 << 20));
    found = strstr(text, relative);
    assert_non_null(found);
    whole = mem_print("%.*s%s%s", (int)(found - text), text, golden("model/llama5"),
                      found + strlen(relative));
    free(text);
    text = whole;
    found = strstr(text, old);
    assert_non_null(found);
    whole = mem_print("%.*s%s%s", (int)(found - text), text, new, found + strlen(old));
    snprintf(path, sizeof path, "%s/adapter_config.json", scratch_at(to));
    assert_ok(fs_write(path, whole, strlen(whole)));
    free(whole);
    free(text);
    snprintf(name, sizeof name, "%s/adapter_model.safetensors", golden(from));
    assert_ok(fs_read(&text, &n, name, 1 << 20));
    snprintf(path, sizeof path, "%s/adapter_model.safetensors", scratch_at(to));
    assert_ok(fs_write(path, text, n));
    free(text);
    return scratch_at(to);
}

static void close_to(const float *got, const float *want, int n)
{
    for (int i = 0; i < n; i++)
        if (!(fabsf(got[i] - want[i]) < 1e-5f))
            fail_msg("%d: %.9g, not %.9g", i, (double)got[i], (double)want[i]);
}

/* Logits of the last token, or the values of all, as a program would compute them. */
static void compute(const struct model_files *files, float *out)
{
    const struct shape *shape = &files->shape;
    struct packed_layout *layout;
    struct model *model;
    struct cache *cache;
    struct forward_work *work;
    float *image, hidden[TOKENS * 32];
    struct forward_row rows[TOKENS];

    assert_ok(packed_layout_new(&layout, shape));
    assert_ok(mem_big(&image, packed_size(shape), 1, "image"));
    packed_fill(image, layout, files->params);
    assert_ok(model_new(&model, shape, image, packed_size(shape)));
    assert_ok(cache_new(&cache, shape, TOKENS, NULL));
    assert_ok(forward_work_new(&work, shape, TOKENS));
    for (int i = 0; i < TOKENS; i++)
        rows[i] = (struct forward_row){cache, adapter_tokens[i], i};
    forward_hidden(model, work, rows, TOKENS, hidden);
    if (shape->head == HEAD_SCALAR)
        forward_scalar(model, hidden, TOKENS, out);
    else
        forward_logits(model, work, hidden + (size_t)(TOKENS - 1) * 32, 1, out);
    forward_work_free(work);
    cache_free(cache);
    model_free(model);
    free(image);
    packed_layout_free(layout);
}

static void has_the_numbers_of_peft(const char *path)
{
    struct model_files *files = opened(path), *card;
    float out[272];

    compute(files, out);
    if (files->shape.head == HEAD_SCALAR)
        close_to(out, adapter_values, TOKENS);
    else
        close_to(out, adapter_logits, 272);
    assert_ok(model_files_open(&card, path, MODEL_FILES_META));
    assert_null(card->params);
    assert_memory_equal(&card->shape, &files->shape, sizeof card->shape);
    assert_int_equal(card->card_size, files->card_size);
    assert_memory_equal(card->card, files->card, card->card_size);
    model_files_free(card);
    model_files_free(files);
}

static void adapters_of_peft_give_its_numbers(void **state)
{
    (void)state;
    has_the_numbers_of_peft(golden("adapter/policy"));
    has_the_numbers_of_peft(golden("adapter/older"));
    has_the_numbers_of_peft(golden("adapter/reward"));
}

static void what_is_written_is_read(void **state)
{
    static const char *const names[] = {"adapter/policy", "adapter/reward"};

    (void)state;
    for (int i = 0; i < 2; i++) {
        struct adapter *adapter;
        struct lora *lora;
        struct model_files *base = opened(golden("model/llama5")),
                           *merged = opened(golden(names[i]));
        struct params *params = base->params;
        struct hash want = params_hash(merged->params), got;

        if (i)
            assert_ok(params_reheaded(&params, base->params, HEAD_SCALAR, 5, false));
        assert_ok(adapter_open(&adapter, golden(names[i])));
        assert_ok(adapter_load(&lora, adapter, params, false));
        got = lora_hash(lora);
        assert_true(hash_same(&want, &got));
        for (int k = 0; k < 2; k++) /* over itself, too */
            assert_ok(model_files_save_adapter(scratch_at("mine"), base, lora,
                                               golden("model/llama5"), "float32"));
        model_files_free(merged);
        merged = opened(scratch_at("mine"));
        got = params_hash(merged->params);
        assert_true(hash_same(&want, &got));
        has_the_numbers_of_peft(scratch_at("mine"));
        lora_free(lora);
        adapter_close(adapter);
        if (i)
            params_free(params);
        model_files_free(merged);
        model_files_free(base);
    }
}

static void run_folders_and_adapters_on_adapters(void **state)
{
    char text[700];
    struct model_files *files;

    (void)state;
    copied("adapter/policy", "run/model", "\"r\": 2", "\"r\": 2");
    has_the_numbers_of_peft(scratch_at("run"));
    copied("adapter/policy", "second", "\"r\": 2", "\"r\": 2");
    snprintf(text, sizeof text,
             "{\"peft_type\": \"LORA\", \"r\": 2, \"lora_alpha\": 3, "
             "\"base_model_name_or_path\": \"../run\"}");
    assert_ok(fs_write(scratch_at("second/adapter_config.json"), text, strlen(text)));
    files = opened(scratch_at("second"));
    model_files_free(files);
    snprintf(text, sizeof text,
             "{\"peft_type\": \"LORA\", \"r\": 2, \"lora_alpha\": 3, "
             "\"base_model_name_or_path\": \"../second\"}");
    assert_ok(fs_write(scratch_at("second/adapter_config.json"), text, strlen(text)));
    refused(scratch_at("second"), "an adapter on 4 others");
}

static void another_model_is_one_clear_line(void **state)
{
    struct model_files *base = opened(golden("model/llama5"));
    struct params *params;
    struct adapter *adapter;
    struct shape shape;
    struct lora *lora;

    (void)state;
    assert_ok(adapter_open(&adapter, golden("adapter/policy")));
    assert_ok(adapter_load(&lora, adapter, base->params, false));
    adapter_close(adapter);
    assert_ok(model_files_save_adapter(scratch_at("own"), base, lora, golden("model/llama5"),
                                       "bfloat16"));
    model_files_free(opened(scratch_at("own")));
    lora_free(lora);
    base->params->data[0] += 1.0f; /* other numbers */
    assert_err(ERR_RANGE, model_files_adapt(base, scratch_at("own"), false));
    assert_non_null(strstr(err_text(), "an adapter for another model: its base has the hash"));
    assert_ok(model_files_adapt(base, scratch_at("own"), true));
    shape = base->shape;
    model_files_free(base);
    shape.ffn = 64; /* other sizes */
    assert_ok(params_new(&params, &shape));
    assert_ok(adapter_open(&adapter, golden("adapter/policy")));
    assert_err(ERR_RANGE, adapter_load(&lora, adapter, params, false));
    assert_non_null(strstr(err_text(), "[64, 2]: an adapter for another model"));
    params_free(params);
    shape.ffn = 48;
    shape.layers = 1;
    assert_ok(params_new(&params, &shape));
    assert_err(ERR_RANGE, adapter_load(&lora, adapter, params, false));
    assert_non_null(strstr(err_text(), "has no place in the base model"));
    params_free(params);
    adapter_close(adapter);
    base = opened(golden("model/reward4"));
    assert_err(ERR_RANGE, model_files_adapt(base, golden("adapter/policy"), false));
    assert_non_null(strstr(err_text(), "an adapter for a model with another head"));
    model_files_free(base);
}

/* The adapter in `folder` with one tensor more. */
static void add_tensor(const char *folder, const char *name)
{
    char path[512];
    struct safetensors *file;
    struct safetensors_put put[64];
    float *data[64];
    size_t n;

    snprintf(path, sizeof path, "%s/adapter_model.safetensors", folder);
    assert_ok(safetensors_open(&file, path));
    n = safetensors_count(file);
    assert_true(n < 63);
    for (size_t i = 0; i < n; i++) {
        const struct safetensors_tensor *t = safetensors_at(file, i);
        data[i] = calloc(t->values, sizeof *data[i]);
        put[i] = (struct safetensors_put){
            .name = t->name, .rows = t->dim[0], .cols = t->dim[1], .data = data[i]};
    }
    data[n] = calloc(64, sizeof *data[n]);
    put[n] = (struct safetensors_put){.name = name, .rows = 2, .cols = 32, .data = data[n]};
    assert_ok(safetensors_write(path, put, n + 1, NULL));
    for (size_t i = 0; i <= n; i++)
        free(data[i]);
    safetensors_close(file);
}

/* It was called one for another model, which it is not. */
static void a_tied_head_has_nothing_to_adapt(void **state)
{
    (void)state;
    copied("adapter/policy", "tied", "{", "{");
    add_tensor(scratch_at("tied"), "base_model.model.lm_head.lora_A.weight");
    refused(scratch_at("tied"), "changes the head, and the base has none of its own "
                                "(tie_word_embeddings)");
    copied("adapter/policy", "tied", "{", "{");
    add_tensor(scratch_at("tied"), "base_model.model.lm_tail.lora_A.weight");
    refused(scratch_at("tied"), "has no place in the base model");
}

static void what_cannot_be_done_is_refused_by_name(void **state)
{
    static const struct {
        const char *from, *old, *new, *why;
    } bad[] = {
        {"policy", "\"LORA\"", "\"IA3\"", "peft_type: only LORA"},
        {"policy", "\"CAUSAL_LM\"", "\"SEQ_2_SEQ_LM\"", "task_type: 'SEQ_2_SEQ_LM'"},
        {"policy", "\"CAUSAL_LM\"", "\"SEQ_CLS\"", "score.weight is missing"},
        {"reward", "\"SEQ_CLS\"", "\"CAUSAL_LM\"", "'base_model.model.score.weight' has no"},
        {"policy", "\"use_dora\": false", "\"use_dora\": true", "use_dora"},
        {"policy", "\"rank_pattern\": {}", "\"rank_pattern\": {\"q_proj\": 4}", "rank_pattern"},
        {"policy", "\"bias\": \"none\"", "\"bias\": \"all\"", "bias: only none"},
        {"policy", "\"init_lora_weights\": true", "\"init_lora_weights\": \"pissa_niter_4\"",
         "pissa changes the base"},
        {"policy", "\"r\": 2", "\"r\": 3", "rank and base model make it [3, 32]"},
        {"policy", "\"r\": 2", "\"r\": 0", "r: not a whole number"},
        {"policy", "\"r\": 2", "\"r\": 1000000", "r: not a whole number"},
        {"policy", "\"lora_alpha\": 3", "\"lora_alpha\": \"3\"", "lora_alpha: not a number"},
        {"policy", "\"lora_alpha\": 3", "\"lora_alpha\": -1", "lora_alpha"},
        {"policy", "model/llama5", "model/gone", "is not here: put it there"},
        {"policy", "{", "[", "adapter_config.json"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char from[40];

        snprintf(from, sizeof from, "adapter/%s", bad[i].from);
        refused(copied(from, "bad", bad[i].old, bad[i].new), bad[i].why);
    }
    assert_ok(fs_remove(scratch_at("bad/adapter_model.safetensors")));
    copied("adapter/policy", "bad", "{", "{");
    assert_ok(fs_remove(scratch_at("bad/adapter_model.safetensors")));
    refused(scratch_at("bad"), "adapter_model.safetensors");
    assert_ok(fs_write(scratch_at("bad/adapter_model.bin"), "x", 1));
    refused(scratch_at("bad"), "pickle");
}

/* Every length but the whole one. */
static void cut_files_are_refused(void **state)
{
    static const char *const written[] = {"adapter_config.json", "adapter_model.safetensors"};
    char path[300], *text;
    size_t n;

    (void)state;
    for (int f = 0; f < 2; f++) {
        snprintf(path, sizeof path, "%s/%s", copied("adapter/policy", "cut", "{", "{"),
                 written[f]);
        assert_ok(fs_read(&text, &n, path, 1 << 20));
        for (size_t k = 0; k < n; k += k < n - 90 ? 83 : 1) {
            struct model_files *files;

            if (f == 0 && strspn(text + k, " \n") == n - k)
                continue; /* all but the last newline */
            assert_ok(fs_write(path, text, k));
            if (!model_files_open(&files, scratch_at("cut"), MODEL_FILES_ALL))
                fail_msg("%s opened with %zu of %zu bytes", written[f], k, n);
        }
        free(text);
    }
}

static void inspect_knows_adapters(void **state)
{
    char *text;

    (void)state;
    assert_ok(inspect_model(&text, golden("adapter/policy"), false, PRECISION_FLOAT32));
    assert_non_null(strstr(text, "LoRA r 2, alpha 3, dropout 0.1: "));
    assert_non_null(strstr(text, "../../model/llama5"));
    assert_non_null(strstr(text, "q_proj.lora_A.weight"));
    free(text);
    assert_ok(inspect_model(&text, golden("adapter/reward"), true, PRECISION_FLOAT32));
    assert_non_null(strstr(text, "\"use_rslora\": true"));
    assert_non_null(strstr(text, "LlamaForSequenceClassification"));
    free(text);
    assert_ok(inspect_headers(&text, golden("adapter/policy"), false));
    assert_non_null(strstr(text, "LoRA r 2, alpha 3, dropout 0.1: "));
    assert_non_null(strstr(text, "weights hash  not asked for"));
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(adapters_of_peft_give_its_numbers),
        cmocka_unit_test_setup_teardown(what_is_written_is_read, scratch_open, scratch_close),
        cmocka_unit_test_setup_teardown(run_folders_and_adapters_on_adapters, scratch_open,
                                        scratch_close),
        cmocka_unit_test_setup_teardown(another_model_is_one_clear_line, scratch_open,
                                        scratch_close),
        cmocka_unit_test_setup_teardown(a_tied_head_has_nothing_to_adapt, scratch_open,
                                        scratch_close),
        cmocka_unit_test_setup_teardown(what_cannot_be_done_is_refused_by_name, scratch_open,
                                        scratch_close),
        cmocka_unit_test_setup_teardown(cut_files_are_refused, scratch_open, scratch_close),
        cmocka_unit_test(inspect_knows_adapters),
    };
    return cmocka_run_group_tests_name("adapter", tests, NULL, NULL);
}
