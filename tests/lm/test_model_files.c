#include "lm/file/model_files.h"

#include "base/fs.h"
#include "base/mem.h"
#include "lm/file/chat_choice.h"
#include "lm/file/half.h"
#include "lm/file/inspect.h"
#include "lm/file/safetensors.h"
#include "tests/lm/chats.h"
#include "tests/lm/golden_copy.h"
#include "tests/lm/opened.h"
#include "tests/support/scratch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct {
    const char *name, *hash; /* by Python */
} golden[] = {
#include "tests/golden/model/hashes.inc"
};

static void hash_of_params(char out[HASH_TEXT], const struct params *params)
{
    const struct hash hash = params_hash(params);

    hash_text(out, &hash);
}

static void folders_hold_the_weights_python_sees(void **state)
{
    char hash[HASH_TEXT];

    (void)state;
    for (size_t i = 0; i < sizeof golden / sizeof *golden; i++) {
        struct model_files *files = opened(golden_path(golden[i].name));
        hash_of_params(hash, files->params);
        assert_string_equal(hash, golden[i].hash);
        assert_string_equal(chat_name(files->chat), "smollm2");
        assert_null(files->chat_error);
        assert_int_equal(tokenizer_count(files->tokenizer), 264);
        model_files_free(files);
    }
}

static void stops_come_from_both_configs_the_tokenizers_first(void **state)
{
    struct model_files *files = opened(golden_path("mistral4"));

    (void)state;
    assert_int_equal(files->shape.eos_count, 2);
    assert_int_equal(files->shape.eos[0], 2);
    assert_int_equal(files->shape.eos[1], 0);
    model_files_free(files);
    copied("llama5", "m");
    edit("m/config.json", "\"eos_token_id\": 2", "\"eos_token_id\": [0, 1, 2]");
    files = opened(scratch_at("m"));
    assert_int_equal(files->shape.eos_count, 3);
    assert_int_equal(files->shape.eos[0] * 100 + files->shape.eos[1] * 10 + files->shape.eos[2],
                     201);
    model_files_free(files);
}

static void what_was_saved_opens_the_same(void **state)
{
    char before[HASH_TEXT], after[HASH_TEXT];

    (void)state;
    for (size_t i = 0; i <= sizeof golden / sizeof *golden; i++) {
        const char *name = i < sizeof golden / sizeof *golden ? golden[i].name : "llama.gguf";
        struct model_files *a = opened(golden_path(name)), *b;
        assert_ok(model_files_save(scratch_at("saved"), a, a->params,
                                   "float32")); /* each over the last */
        b = opened(scratch_at("saved"));
        hash_of_params(before, a->params);
        hash_of_params(after, b->params);
        assert_string_equal(before, after);
        assert_memory_equal(&a->shape, &b->shape, sizeof a->shape);
        assert_int_equal(a->card_size, b->card_size);
        assert_memory_equal(a->card, b->card, a->card_size);
        assert_false(fs_exists(scratch_at("saved.new")) || fs_exists(scratch_at("saved.old")));
        model_files_free(a);
        model_files_free(b);
    }
}

static void bf16_rounds_once(void **state)
{
    struct model_files *a = opened(golden_path("llama5")), *b;

    (void)state;
    for (size_t i = 0; i < a->params->count; i++)
        a->params->data[i] *= 1.0001f;
    assert_ok(model_files_save(scratch_at("half"), a, a->params, "bfloat16"));
    b = opened(scratch_at("half"));
    for (size_t i = 0; i < a->params->count; i++)
        if (b->params->data[i] != half_bf16(half_to_bf16(a->params->data[i])))
            fail_msg("weight %zu", i);
    assert_err(ERR_RANGE, model_files_save(scratch_at("half"), a, a->params, "int4"));
    model_files_free(a);
    model_files_free(b);
}

/* transformers reads a reward at the last token that is not the pad. */
static void a_reward_models_pad_is_no_stop(void **state)
{
    struct model_files *a = opened(golden_path("llama5")), *b;
    struct params *params;

    (void)state;
    assert_int_equal(a->shape.pad, a->shape.eos[0]);
    assert_ok(params_reheaded(&params, a->params, HEAD_SCALAR, 5, false));
    assert_ok(model_files_save(scratch_at("rm"), a, params, "float32"));
    b = opened(scratch_at("rm"));
    assert_int_equal(b->shape.head, HEAD_SCALAR);
    assert_int_equal(b->shape.pad, tokenizer_id(b->tokenizer, "<|endoftext|>"));
    assert_int_equal(b->shape.eos[0], 2);
    assert_false(b->shape.tied);
    assert_memory_equal(b->params->data, params->data, params->count * sizeof(float));
    assert_false(fs_exists(scratch_at("rm/generation_config.json")));
    params_free(params);
    model_files_free(a);
    model_files_free(b);
}

static void run_folders_mean_their_model(void **state)
{
    char *found;

    (void)state;
    copied("llama5", "run/checkpoints/step-9/model");
    copied("llama5", "run/checkpoints/step-10/model");
    assert_ok(fs_mkdir(scratch_at("run/checkpoints/step-11"))); /* not finished */
    assert_ok(model_files_find(&found, scratch_at("run")));
    assert_string_equal(found, scratch_at("run/checkpoints/step-10/model"));
    free(found);
    copied("llama5", "run/model");
    assert_ok(model_files_find(&found, scratch_at("run")));
    assert_string_equal(found, scratch_at("run/model"));
    free(found);
    model_files_free(opened(scratch_at("run")));
    copied("llama5", "hf/checkpoint-500");
    model_files_free(opened(scratch_at("hf")));
    assert_ok(fs_mkdir(scratch_at("empty")));
    refused(scratch_at("empty"), "no config.json here");
    refused(scratch_at("nowhere"), "no such file or folder");
}

/* The moment between two renames where a file system cannot exchange names. */
static void a_crash_between_the_renames_loses_nothing(void **state)
{
    struct model_files *files;

    (void)state;
    copied("llama5", "m.old");
    assert_ok(fs_mkdir(scratch_at("m.new"))); /* what a save that was killed leaves */
    assert_ok(fs_write(scratch_at("m.new/half"), "x", 1));
    files = opened(scratch_at("m"));
    assert_ok(model_files_save(scratch_at("m"), files, files->params, "float32"));
    assert_false(fs_exists(scratch_at("m.old")) || fs_exists(scratch_at("m/half")));
    model_files_free(files);
    model_files_free(opened(scratch_at("m")));
}

static void saving_never_destroys_what_is_not_a_model(void **state)
{
    struct model_files *files = opened(golden_path("llama5"));

    (void)state;
    copied("llama5", "home");
    assert_ok(fs_write(scratch_at("home/thesis.tex"), "x", 1));
    assert_err(ERR_STATE,
               model_files_save(scratch_at("home"), files, files->params, "float32"));
    assert_non_null(strstr(err_text(), "thesis.tex"));
    assert_true(fs_exists(scratch_at("home/thesis.tex")) && !fs_exists(scratch_at("home.new")));
    assert_ok(fs_write(scratch_at("file"), "x", 1));
    assert_err(ERR_STATE,
               model_files_save(scratch_at("file"), files, files->params, "float32"));
    assert_err(ERR_IO,
               model_files_save(scratch_at("file/below"), files, files->params, "float32"));
    model_files_free(files);
}

static void cards_carry_all_but_the_weights(void **state)
{
    static const char text[] = "in the\n 12";
    struct model_files *a = opened(golden_path("llama.gguf")), *b, *c;
    int *x, *y;
    size_t n, m;

    (void)state;
    assert_ok(model_files_from_meta(&b, a->card, a->card_size, "card"));
    assert_null(b->params);
    assert_memory_equal(&a->shape, &b->shape, sizeof a->shape);
    assert_string_equal(chat_name(b->chat), "smollm2");
    assert_int_equal(a->card_size, b->card_size);
    assert_memory_equal(a->card, b->card, a->card_size);
    assert_ok(tokenizer_encode(a->tokenizer, text, strlen(text), true, &x, &n));
    assert_ok(tokenizer_encode(b->tokenizer, text, strlen(text), true, &y, &m));
    assert_int_equal(n, m);
    assert_memory_equal(x, y, n * sizeof *x);
    chat_free(b->chat);
    b->chat = chats_named("chatml"); /* chosen by name: the card says so */
    assert_ok(model_files_make_meta(b));
    assert_ok(model_files_from_meta(&c, b->card, b->card_size, "card"));
    assert_string_equal(chat_name(c->chat), "chatml");
    for (size_t cut = 0; cut < a->card_size; cut += 13) {
        struct model_files *none;
        assert_err(ERR_PARSE, model_files_from_meta(&none, a->card, cut, "card"));
    }
    free(x);
    free(y);
    model_files_free(a);
    model_files_free(b);
    model_files_free(c);
}

/* Who does nothing but compute holds no card, whatever is chosen later. */
static void what_runs_has_no_card(void **state)
{
    struct model_files *files;

    (void)state;
    assert_ok(model_files_open_as(&files, golden_path("llama.gguf"), MODEL_FILES_RUN,
                                  PRECISION_INT8));
    assert_non_null(files->image);
    assert_null(files->card);
    assert_ok(chat_choice(files, "chatml"));
    assert_string_equal(chat_name(files->chat), "chatml");
    assert_null(files->card);
    model_files_free(files);
}

static void a_world_made_from_nothing_has_a_card(void **state)
{
    static const char *const special[] = {"<pad>", "<|im_start|>", "<|im_end|>"};
    struct model_files *files = mem_new(1, sizeof *files), *again;

    (void)state;
    files->shape = (struct shape){.layers = 1,
                                  .width = 32,
                                  .heads = 2,
                                  .kv_heads = 1,
                                  .head_dim = 16,
                                  .ffn = 32,
                                  .vocab = 264,
                                  .context = 64,
                                  .norm_eps = 1e-5f,
                                  .rope_theta = 1e4,
                                  .init_std = 0.02,
                                  .tied = true,
                                  .bos = -1,
                                  .eos = {2},
                                  .eos_count = 1};
    files->chat = chats_named("chatml");
    assert_ok(tokenizer_bytes(&files->tokenizer, special, 3));
    assert_ok(params_new(&files->params, &files->shape));
    params_init(files->params, 1, false);
    assert_ok(model_files_make_meta(files));
    assert_ok(model_files_from_meta(&again, files->card, files->card_size, "card"));
    assert_memory_equal(&again->shape, &files->shape, sizeof files->shape);
    assert_string_equal(chat_name(again->chat), "chatml");
    model_files_free(again);
    assert_ok(model_files_save(scratch_at("world"), files, files->params, "float32"));
    model_files_free(opened(scratch_at("world")));
    model_files_free(files);
}

static void spoilt_folders_are_refused_in_one_clear_line(void **state)
{
    static const struct {
        const char *file, *old, *new, *why;
    } spoilt[] = {
        {"m/config.json", "\"vocab_size\": 272", "\"vocab_size\": 256",
         "tokenizer has 264 tokens, the model's embedding 256 rows"},
        {"m/config.json", "\"vocab_size\": 272", "\"vocab_size\": 271", "model.embed_tokens"},
        {"m/config.json", "\"hidden_size\": 32", "\"hidden_size\": 32000",
         "the configuration makes a model of"},
        {"m/config.json", "\"num_hidden_layers\": 2", "\"num_hidden_layers\": 1",
         "'model.layers.1.input_layernorm.weight' has no place"},
        {"m/config.json", "\"tie_word_embeddings\": true", "\"tie_word_embeddings\": false",
         "lm_head.weight is missing and tie_word_embeddings is false"},
        {"m/config.json", "LlamaForCausalLM", "LlamaForQuestionAnswering", "not supported"},
        {"m/config.json", "{", "[", "config.json:"},
        {"m/tokenizer.json", "\"BPE\"", "\"Unigram\"", "tokenizer.json"},
        {"m/tokenizer_config.json", "{", "{{", "tokenizer_config.json:1"},
        {"m/generation_config.json", "\"eos_token_id\"", "\"eos_token_id\": 999, \"x\"",
         "generation_config.json: eos_token_id 999"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof spoilt / sizeof *spoilt; i++) {
        copied("llama5", "m");
        edit(spoilt[i].file, spoilt[i].old, spoilt[i].new);
        refused(scratch_at("m"), spoilt[i].why);
    }
    copied("llama5", "m");
    assert_int_equal(unlink(scratch_at("m/tokenizer.json")), 0);
    refused(scratch_at("m"), "tokenizer.json");
    copied("llama5", "m");
    assert_int_equal(unlink(scratch_at("m/model.safetensors")), 0);
    refused(scratch_at("m"), "no model.safetensors");
    assert_ok(fs_write(scratch_at("m/pytorch_model.bin"), "\x80\x02}q", 4));
    refused(scratch_at("m"), "pytorch_model.bin: a Python pickle");
    refused(scratch_at("m"), ".save_pretrained(");
    refused(scratch_at("m/pytorch_model.bin"), "/m/pytorch_model.bin: a Python pickle");
    refused(scratch_at("m/config.json"), "a model is a .gguf file or a folder");
    refused("/dev/zero", "not a regular file");
}

static void a_shard_is_a_bare_name_that_holds_what_it_should(void **state)
{
    static const char index[] = "s/model.safetensors.index.json";
    static const char *const evil[] = {
        "../s/model-00001-of-00002.safetensors", "/etc/passwd", "..", ".", "", "a/b"};

    (void)state;
    for (size_t i = 0; i < sizeof evil / sizeof *evil; i++) {
        copied("mistral4", "s");
        edit(index, "model-00001-of-00002.safetensors", evil[i]);
        refused(scratch_at("s"), "not the bare name of a file");
    }
    copied("mistral4", "s");
    edit(index, "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors");
    refused(scratch_at("s"), "has no tensor");
    copied("mistral4", "s");
    edit(index, "\"weight_map\"", "\"map\"");
    refused(scratch_at("s"), "no weight_map");
    copied("mistral4", "s");
    assert_int_equal(unlink(scratch_at("s/model-00002-of-00002.safetensors")), 0);
    refused(scratch_at("s"), "model-00002-of-00002.safetensors");
}

static void a_spoilt_template_only_stops_chat(void **state)
{
    struct model_files *files, *again;

    (void)state;
    copied("llama5", "m");
    assert_ok(fs_write(scratch_at("m/chat_template.jinja"), "{{ magic }", 10));
    files = opened(scratch_at("m"));
    assert_null(files->chat);
    assert_non_null(files->chat_error);
    assert_ok(model_files_save(scratch_at("kept"), files, files->params, "float32"));
    again = opened(scratch_at("kept"));
    assert_non_null(again->chat_error);
    assert_non_null(strstr(again->card, "{{ magic }"));
    model_files_free(files);
    model_files_free(again);
}

/* What the template writes of nothing said. */
static void writes(const struct model_files *files, const char *want)
{
    json_t *none = json_pack("[{s:s,s:s}]", "role", "user", "content", "");
    size_t n;
    char *text;

    assert_ok(chat_render(files->chat, none, NULL, NULL, false, &text, &n));
    assert_string_equal(text, want);
    free(text);
    json_decref(none);
}

/* transformers gives a template what tokenizer_config.json names, whatever the ids of config.json
 * say; so do we, and so does an actor, which has the card alone. */
static void a_template_gets_the_tokens_of_the_tokenizers_config(void **state)
{
    static const char text[] = "{{ bos_token is defined }} {{ eos_token }} {{ unk_token }} "
                               "{{ image_token }} {{ call_token }}";
    static const char says[] = "False <|im_end|> <|endoftext|> <i> <c>";
    struct model_files *files, *far, *again;
    size_t plain;

    (void)state;
    copied("llama5", "m");
    files = opened(scratch_at("m"));
    plain = files->card_size;
    assert_null(strstr(files->card, "\"tokens\""));
    model_files_free(files);
    edit("m/tokenizer_config.json", "\"bos_token\": \"<|im_start|>\"",
         "\"bos_token\": null, \"image_token\": \"<i>\","
         "\"extra_special_tokens\": {\"call_token\": {\"content\": \"<c>\"}}");
    /* nothing that its template writes: the card, and with it the model's name, is as it was */
    files = opened(scratch_at("m"));
    assert_int_equal(files->card_size, plain);
    model_files_free(files);
    assert_ok(fs_write(scratch_at("m/chat_template.jinja"), text, strlen(text)));
    files = opened(scratch_at("m"));
    writes(files, says);
    assert_ok(model_files_from_meta(&far, files->card, files->card_size, "card"));
    writes(far, says);
    assert_ok(model_files_save(scratch_at("kept"), files, files->params, "float32"));
    again = opened(scratch_at("kept"));
    writes(again, says);
    assert_string_equal(again->card, files->card);
    model_files_free(again);
    /* another template, which names others */
    assert_ok(chat_choice_text(files, "{{ mask_token }}{{ image_token }}"));
    writes(files, "<i>");
    assert_null(strstr(files->card, "call_token"));
    assert_ok(chat_choice_text(files, text));
    writes(files, says);
    /* another end */
    assert_ok(chat_choice_end(files, tokenizer_id(files->tokenizer, "<|endoftext|>")));
    writes(files, "False <|endoftext|> <|endoftext|> <i> <c>");
    model_files_free(far);
    assert_ok(model_files_from_meta(&far, files->card, files->card_size, "card"));
    writes(far, "False <|endoftext|> <|endoftext|> <i> <c>");
    model_files_free(far);
    model_files_free(files);
}

static void inspect_says_what_it_is(void **state)
{
    static const char *const words[] = {"LlamaForCausalLM",      "24224",    "weights hash",
                                        "264 tokens, 3 special", "smollm2",  "rope llama3",
                                        "blk.1.ffn_down.weight", "[32, 48]", "BF16"};
    char *text;

    (void)state;
    assert_ok(inspect_model(&text, golden_path("llama.gguf"), false, PRECISION_FLOAT32));
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (!strstr(text, words[i]))
            fail_msg("%s is not in\n%s", words[i], text);
    free(text);
    assert_ok(inspect_model(&text, golden_path("reward4"), true, PRECISION_FLOAT32));
    json_t *json = json_loads(text, 0, NULL);
    assert_int_equal(json_integer_value(json_object_get(json, "parameters")), 24256);
    assert_int_equal(json_array_size(json_object_get(json, "tensors")), 21);
    json_decref(json);
    free(text);
    assert_ok(inspect_headers(&text, golden_path("reward4"), true));
    json = json_loads(text, 0, NULL);
    assert_true(json_is_null(json_object_get(json, "hash")));
    assert_int_equal(json_array_size(json_object_get(json, "tensors")), 21);
    json_decref(json);
    free(text);
    assert_err(ERR_IO, inspect_model(&text, "/nowhere", true, PRECISION_FLOAT32));
    assert_null(text);
}

/* inspect reads the weights in pieces; the hash is that of the weights in memory. */
static void inspect_hashes_what_opens(void **state)
{
    static const char *const models[] = {"llama5",  "qwen5",      "mistral4",
                                         "reward4", "llama.gguf", "qwen.gguf"};

    (void)state;
    for (size_t i = 0; i < sizeof models / sizeof *models; i++) {
        struct model_files *files = opened(golden_path(models[i]));
        const struct hash sum = params_hash(files->params);
        char want[HASH_TEXT], *text;
        json_t *json;

        assert_ok(inspect_model(&text, golden_path(models[i]), true, PRECISION_FLOAT32));
        json = json_loads(text, 0, NULL);
        assert_string_equal(json_string_value(json_object_get(json, "hash")),
                            hash_text(want, &sum));
        assert_int_equal(json_integer_value(json_object_get(json, "parameters")),
                         files->params->count);
        json_decref(json);
        free(text);
        model_files_free(files);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scratch_open, scratch_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(folders_hold_the_weights_python_sees),
        TEST(stops_come_from_both_configs_the_tokenizers_first),
        TEST(what_was_saved_opens_the_same),
        TEST(bf16_rounds_once),
        TEST(a_reward_models_pad_is_no_stop),
        TEST(run_folders_mean_their_model),
        TEST(a_crash_between_the_renames_loses_nothing),
        TEST(saving_never_destroys_what_is_not_a_model),
        TEST(cards_carry_all_but_the_weights),
        TEST(what_runs_has_no_card),
        TEST(a_world_made_from_nothing_has_a_card),
        TEST(spoilt_folders_are_refused_in_one_clear_line),
        TEST(a_shard_is_a_bare_name_that_holds_what_it_should),
        TEST(a_spoilt_template_only_stops_chat),
        TEST(a_template_gets_the_tokens_of_the_tokenizers_config),
        TEST(inspect_says_what_it_is),
        TEST(inspect_hashes_what_opens),
    };

    return cmocka_run_group_tests_name("model_files", tests, NULL, NULL);
}
