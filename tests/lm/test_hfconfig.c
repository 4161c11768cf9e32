#include "lm/file/hfconfig.h"
#include "lm/file/hfconfig_write.h"

#include "base/fs.h"

#include "tests/support/test.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static enum err read_text(struct shape *out, const char *text)
{
    json_t *config;
    enum err err = hfconfig_parse(&config, text, strlen(text), "config.json", 0);

    if (!err)
        err = hfconfig_read(out, config, "config.json");
    if (config)
        json_decref(config);
    return err;
}

#define SIZES \
    "\"hidden_size\":64,\"intermediate_size\":96,\"num_hidden_layers\":3," \
    "\"num_attention_heads\":4,\"vocab_size\":300"
#define LLAMA "\"architectures\":[\"LlamaForCausalLM\"]," SIZES

#define GEMMA2 "\"architectures\":[\"Gemma2ForCausalLM\"]," SIZES ",\"num_key_value_heads\":2"
#define PHI3 "\"architectures\":[\"Phi3ForCausalLM\"]," SIZES
#define LISTS "\"short_factor\":[1,1,1,1,1,1,1,1],\"long_factor\":[1,2,3,4,5,6,7,8]"
#define GPT2 \
    "\"architectures\":[\"GPT2LMHeadModel\"],\"n_embd\":64,\"n_layer\":2,\"n_head\":4," \
    "\"vocab_size\":300"

static void golden(const char *name, struct shape *shape)
{
    char path[512], *text;
    json_t *config;
    size_t n;

    snprintf(path, sizeof path, GOLDEN "/model/%s/config.json", name);
    assert_ok(fs_read(&text, &n, path, 1 << 20));
    assert_ok(hfconfig_parse(&config, text, n, path, 0));
    assert_ok(hfconfig_read(shape, config, path));
    json_decref(config);
    free(text);
}

static void transformers_5_writes_rope_parameters(void **state)
{
    struct shape s;

    (void)state;
    golden("llama5", &s);
    assert_int_equal(s.family, FAMILY_LLAMA);
    assert_int_equal(s.head, HEAD_LM);
    assert_int_equal(s.layers, 2);
    assert_int_equal(s.width, 32);
    assert_int_equal(s.heads * 100 + s.kv_heads * 10, 210);
    assert_int_equal(s.head_dim, 16);
    assert_int_equal(s.ffn, 48);
    assert_int_equal(s.vocab, 272);
    assert_int_equal(s.context, 128);
    assert_true(s.tied);
    assert_true(s.norm_eps == 1e-6f && s.init_std == 0.02);
    assert_int_equal(s.rope, ROPE_LLAMA3);
    assert_true(s.rope_theta == 500000 && s.rope_factor == 8 && s.rope_low == 1);
    assert_true(s.rope_high == 4 && s.rope_original == 64);
    assert_int_equal(s.bos * 100 + s.eos[0] * 10 + s.pad, 122);
    assert_int_equal(s.eos_count, 1);
    golden("qwen5", &s);
    assert_int_equal(s.family, FAMILY_QWEN2);
    assert_true(s.tied && s.rope == ROPE_PLAIN && s.rope_theta == 10000);
}

static void transformers_4_writes_rope_theta(void **state)
{
    struct shape s;

    (void)state;
    golden("mistral4", &s);
    assert_int_equal(s.family, FAMILY_MISTRAL);
    assert_int_equal(s.head_dim, 16); /* null in the file */
    assert_false(s.tied);
    golden("reward4", &s);
    assert_int_equal(s.head, HEAD_SCALAR);
    assert_int_equal(s.pad, 0);
    assert_ok(read_text(&s,
                        "{" LLAMA ",\"rope_theta\":1e5,\"rope_scaling\":{\"type\":\"linear\","
                        "\"factor\":2}}"));
    assert_int_equal(s.rope, ROPE_LINEAR);
    assert_true(s.rope_theta == 1e5 && s.rope_factor == 2);
}

static void missing_keys_are_transformers_defaults(void **state)
{
    struct shape s;

    (void)state;
    assert_ok(read_text(&s, "{" LLAMA "}"));
    assert_int_equal(s.kv_heads, 4);
    assert_int_equal(s.head_dim, 16);
    assert_int_equal(s.context, 2048);
    assert_true(s.rope_theta == 10000 && s.norm_eps == 1e-6f);
    assert_int_equal(s.bos, -1);
    assert_int_equal(s.eos_count, 0);
    assert_false(s.tied);
    assert_ok(read_text(&s, "{\"model_type\":\"qwen2\"," SIZES ",\"num_key_value_heads\":2}"));
    assert_int_equal(s.family, FAMILY_QWEN2);
    assert_int_equal(s.context, 32768);
}

static const struct {
    const char *text, *why;
} refusals[] = {
    {"{" LLAMA ",\"attention_bias\":\"yes\"}", "attention_bias"},
    {"{" LLAMA ",\"mlp_bias\":1}", "mlp_bias"},
    {"{" LLAMA ",\"hidden_act\":\"gelu\"}", "hidden_act"},
    {"{" LLAMA ",\"quantization_config\":{}}", "quantization_config"},
    {"{" LLAMA ",\"partial_rotary_factor\":0.5}", "partial_rotary_factor"},
    {"{" LLAMA ",\"rope_scaling\":{\"rope_type\":\"ntk\",\"factor\":4}}",
     "rope_type ntk is not supported; default, linear, llama3, dynamic and yarn"},
    {"{" LLAMA ",\"rope_scaling\":{\"rope_type\":\"yarn\",\"factor\":4,\"beta_slow\":64}}",
     "beta_slow 64, beta_fast 32"},
    {"{" LLAMA ",\"rope_scaling\":{\"rope_type\":\"yarn\",\"factor\":-1}}", "factor"},
    {"{" LLAMA ",\"rope_scaling\":{\"rope_type\":\"dynamic\",\"factor\":0.5}}", "factor"},
    {"{" LLAMA ",\"rope_scaling\":{\"rope_type\":\"dynamic\"}}", "factor: is missing"},
    {"{\"model_type\":\"stablelm\"," SIZES ",\"partial_rotary_factor\":0.01}",
     "partial_rotary_factor: leaves no column"},
    {"{\"model_type\":\"stablelm\"," SIZES ",\"partial_rotary_factor\":1.5}",
     "partial_rotary_factor: is not in"},
    {"{\"model_type\":\"stablelm\"," SIZES ",\"qk_layernorm\":true}", "qk_layernorm"},
    {"{\"model_type\":\"gpt_neox\"," SIZES ",\"hidden_act\":\"mish\"}", "hidden_act: other"},
    {"{\"model_type\":\"smollm3\"," SIZES ",\"no_rope_layers\":[1,2]}", "no_rope_layers"},
    {"{\"model_type\":\"smollm3\"," SIZES ",\"no_rope_layer_interval\":0}", "no_rope_layer_i"},
    {"{\"model_type\":\"falcon\"," SIZES ",\"alibi\":true}", "alibi: true"},
    {"{\"model_type\":\"falcon\"," SIZES ",\"num_ln_in_parallel_attn\":2}",
     "num_ln_in_parallel_attn"},
    {"{\"model_type\":\"falcon\"," SIZES ",\"new_decoder_architecture\":true,"
     "\"num_kv_heads\":3}",
     "num_key_value_heads 3"},
    {"{\"model_type\":\"opt\"," SIZES ",\"ffn_dim\":64,\"word_embed_proj_dim\":32}",
     "word_embed_proj_dim"},
    {"{\"model_type\":\"opt\"," SIZES ",\"ffn_dim\":64,\"do_layer_norm_before\":false}",
     "do_layer_norm_before: false"},
    {"{\"model_type\":\"olmo\"," SIZES ",\"clip_qkv\":8}", "clip_qkv"},
    {"{\"model_type\":\"granite\"," SIZES ",\"residual_multiplier\":-1}",
     "residual_multiplier -1"},
    {"{" LLAMA ",\"rope_parameters\":{\"rope_type\":\"longrope\",\"factor\":4}}", "longrope"},
    {"{" LLAMA ",\"rope_scaling\":{\"rope_type\":\"llama3\",\"factor\":4}}", "low_freq_factor"},
    {"{" LLAMA ",\"rope_scaling\":{\"rope_type\":\"linear\"}}", "factor: is missing"},
    {"{" LLAMA ",\"rope_scaling\":7}", "not an object"},
    {"{" LLAMA ",\"eos_token_id\":300}", "eos_token_id 300"},
    {"{" LLAMA ",\"eos_token_id\":[1,\"x\"]}", "eos_token_id"},
    {"{" LLAMA ",\"eos_token_id\":[1,2,3,4,5,6,7,8,9]}", "more than 8"},
    {"{" LLAMA ",\"pad_token_id\":300}", "pad_token_id"},
    {"{" LLAMA ",\"num_key_value_heads\":3}", "num_key_value_heads"},
    {"{" LLAMA ",\"head_dim\":17}", "head_dim"},
    {"{" LLAMA ",\"num_key_value_heads\":0}", "num_key_value_heads"},
    {"{" LLAMA ",\"vocab_size\":-5}", "vocab_size"},
    {"{" LLAMA ",\"hidden_size\":1e3}", "hidden_size"},
    {"{" LLAMA ",\"rope_theta\":\"big\"}", "rope_theta"},
    {"{\"architectures\":[\"BloomForCausalLM\"]," SIZES "}",
     "BloomForCausalLM is not supported"},
    {"{\"architectures\":[\"BloomForCausalLM\"],\"model_type\":\"bloom\"," SIZES "}",
     "BloomForCausalLM places tokens by ALiBi, which is not supported; model_type llama, mi"},
    {"{\"architectures\":[\"X\"]," SIZES ",\"vision_config\":{}}",
     "X reads images, too, which"},
    {"{\"architectures\":[\"X\"]," SIZES ",\"is_encoder_decoder\":false}",
     "X is not supported"},
    {"{\"model_type\":\"exaone4\"," SIZES ",\"num_key_value_heads\":2,\"sliding_window\":9,"
     "\"layer_types\":[\"full_attention\",\"full_attention\",\"full_attention\"]}",
     "sliding_window: beside layer_types without sliding_attention"},
    {"{\"model_type\":\"olmo3\"," SIZES
     ",\"rope_parameters\":{\"full_attention\":{\"rope_type\":"
     "\"default\",\"rope_theta\":5e5},\"sliding_attention\":{\"rope_type\":\"default\"}}}",
     "rope_parameters.sliding_attention.rope_theta: other"},
    {"{\"model_type\":\"cohere\"," SIZES ",\"use_qk_norm\":true}",
     "use_qk_norm: true (norms of"},
    {"{\"architectures\":[\"MixtralForCausalLM\"]," SIZES ",\"num_local_experts\":8}",
     "MixtralForCausalLM is a mixture of experts, which is not supported; model_type llama, "},
    {"{\"architectures\":[\"LlamaForTokenClassification\"]," SIZES ",\"num_labels\":3}",
     "num_labels: a process reward model has 2 labels"},
    {"{\"architectures\":[\"LlamaForQuestionAnswering\"]," SIZES "}", "QuestionAnswering"},
    {"{\"architectures\":[\"LlamaModel\"]," SIZES "}", "LlamaModel"},
    {"{\"architectures\":[\"Llama\\u001b[2J\"]," SIZES "}", "Llama?[2J"},
    {"{\"model_type\":\"gpt2\"," SIZES "}", "n_head: is missing"},
    {"{" SIZES "}", "none"},
    {"{\"architectures\":[\"LlamaForCausalLM\"]}", "is missing"},
    {"{\"architectures\":[\"LlamaForSequenceClassification\"]," SIZES "}", "num_labels"},
    {"{\"architectures\":[\"LlamaForSequenceClassification\"]," SIZES ",\"id2label\":{\"0\":"
     "\"A\",\"1\":\"B\"}}",
     "num_labels"},
    {"{\"architectures\":[\"Gemma3ForConditionalGeneration\"]," SIZES "}",
     "Gemma3ForConditionalGeneration is not supported"},
    {"{\"architectures\":[\"Qwen2ForCausalLM\"]," SIZES ",\"num_key_value_heads\":2,"
     "\"use_sliding_window\":true,\"sliding_window\":64,\"layer_types\":[\"full_attention\"]}",
     "layer_types: other than"},
    {"{\"architectures\":[\"MistralForCausalLM\"]," SIZES ",\"num_key_value_heads\":2,"
     "\"sliding_window\":64,\"layer_types\":[\"full_attention\",\"full_attention\","
     "\"sliding_attention\"]}",
     "layer_types: full_attention beside"},
    {"{" GEMMA2 ",\"sliding_window\":null}", "sliding_window: is missing"},
    {"{" GEMMA2 ",\"hidden_activation\":\"silu\"}", "hidden_activation: other than gelu"},
    {"{" GEMMA2 ",\"use_bidirectional_attention\":true}", "use_bidirectional_attention"},
    {"{" PHI3 ",\"rope_scaling\":{\"type\":\"longrope\",\"short_factor\":[1],"
     "\"long_factor\":[1]}}",
     "short_factor: is not a list of head_dim / 2"},
    {"{" PHI3 ",\"rope_scaling\":{\"type\":\"longrope\",\"factor\":3," LISTS "}}",
     "rope_scaling.factor: other than max_position_embeddings / original"},
    {"{" PHI3 ",\"rope_scaling\":{\"type\":\"linear\",\"factor\":3}}",
     "rope_type linear is not supported; default and longrope"},
    {"{" PHI3 ",\"partial_rotary_factor\":0}", "partial_rotary_factor"},
    {"{" GPT2 ",\"activation_function\":\"relu\"}", "activation_function"},
    {"{" GPT2 ",\"scale_attn_weights\":false}", "scale_attn_weights: false"},
    {"{" GPT2 ",\"scale_attn_by_inverse_layer_idx\":true}", "scale_attn_by_inverse_layer_idx"},
    {"[]", "not a JSON object"},
    {"{", "config.json:1: "},
    {"", "config.json:"},
};

static void what_is_not_done_is_refused_by_name(void **state)
{
    struct shape s;

    (void)state;
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        const enum err err = read_text(&s, refusals[i].text);
        if (!err || !strstr(err_text(), refusals[i].why) ||
            strncmp(err_text(), "config.json", 11))
            fail_msg("%s: %d %s", refusals[i].text, err, err ? err_text() : "read");
    }
}

static void windows_that_never_slide_are_fine(void **state)
{
    struct shape s;

    (void)state;
    assert_ok(read_text(&s, "{\"architectures\":[\"MistralForCausalLM\"]," SIZES
                            ",\"num_key_value_heads\":2,\"sliding_window\":null}"));
    assert_ok(read_text(&s, "{\"architectures\":[\"MistralForCausalLM\"]," SIZES
                            ",\"num_key_value_heads\":2,\"sliding_window\":64,"
                            "\"max_position_embeddings\":64}"));
    assert_ok(read_text(&s, "{\"architectures\":[\"Qwen2ForCausalLM\"]," SIZES
                            ",\"num_key_value_heads\":2,\"use_sliding_window\":false,"
                            "\"sliding_window\":64}"));
}

/* Local layers of a text's model, as digits. */
static void check_window(const char *text, int window, const char *local)
{
    struct shape s;

    assert_ok(read_text(&s, text));
    assert_int_equal(s.window, window);
    for (int i = 0; i < s.layers; i++)
        assert_int_equal(shape_local(&s, i), local[i] == '1');
}

static void windows_are_of_the_layers_that_the_family_says(void **state)
{
    (void)state;
    check_window("{\"architectures\":[\"MistralForCausalLM\"]," SIZES
                 ",\"num_key_value_heads\":2}",
                 4096, "111"); /* absent is 4096 there */
    check_window("{\"architectures\":[\"Qwen2ForCausalLM\"]," SIZES
                 ",\"num_key_value_heads\":2,\"use_sliding_window\":true,"
                 "\"sliding_window\":64,\"max_window_layers\":1}",
                 64, "011");
    check_window("{\"architectures\":[\"Qwen3ForCausalLM\"]," SIZES
                 ",\"num_key_value_heads\":2,\"use_sliding_window\":true,"
                 "\"sliding_window\":64,\"layer_types\":[\"sliding_attention\","
                 "\"full_attention\",\"sliding_attention\"]}",
                 64, "101");
    check_window("{" GEMMA2 "}", 4096, "101");
    check_window("{\"model_type\":\"gemma3_text\"," SIZES
                 ",\"num_key_value_heads\":2,\"sliding_window_pattern\":3}",
                 4096, "110");
    check_window("{" PHI3 ",\"sliding_window\":2047}", 2047, "111");
}

static void a_run_chooses_the_factors_of_longrope(void **state)
{
    struct shape s;

    (void)state;
    assert_ok(read_text(&s, "{" PHI3 ",\"max_position_embeddings\":4096,"
                            "\"original_max_position_embeddings\":1024,\"rope_scaling\":"
                            "{\"type\":\"longrope\"," LISTS "}}"));
    assert_int_equal(s.rope, ROPE_LONG);
    assert_true(s.rope_short[7] == 1 && s.rope_long[7] == 8 && !s.rope_far);
    assert_float_equal(s.rope_attention, sqrt(1 + log(4) / log(1024)), 1e-12);
    assert_int_equal(s.context, 1024);
    shape_reach(&s, 1024);
    assert_true(!s.rope_far && s.context == 1024);
    shape_reach(&s, 1025);
    assert_true(s.rope_far && s.context == 4096);
    shape_reach(&s, 5);
    assert_true(!s.rope_far && s.context == 1024);
}

static void gpt2_has_names_of_its_own(void **state)
{
    struct shape s;

    (void)state;
    assert_ok(read_text(&s, "{" GPT2 ",\"n_inner\":null,\"tie_word_embeddings\":true}"));
    assert_int_equal(s.family, FAMILY_GPT2);
    assert_true(s.layers == 2 && s.width == 64 && s.heads == 4 && s.kv_heads == 4);
    assert_true(s.head_dim == 16 && s.ffn == 256 && s.context == 1024 && s.tied);
    assert_true(s.norm_eps == 1e-5f);
}

static void gemma3_has_two_thetas(void **state)
{
    struct shape s;

    (void)state;
    assert_ok(read_text(&s, "{\"model_type\":\"gemma3_text\"," SIZES
                            ",\"num_key_value_heads\":2,\"rope_theta\":5e5,"
                            "\"rope_local_base_freq\":2e4,\"rope_scaling\":"
                            "{\"rope_type\":\"linear\",\"factor\":8}}"));
    assert_true(s.rope == ROPE_LINEAR && s.rope_factor == 8 && s.rope_theta == 5e5);
    assert_true(s.rope_local_theta == 2e4);
    assert_ok(read_text(&s,
                        "{\"model_type\":\"gemma3_text\"," SIZES
                        ",\"num_key_value_heads\":2,\"rope_parameters\":"
                        "{\"full_attention\":{\"rope_theta\":5e5,\"rope_type\":\"default\"},"
                        "\"sliding_attention\":{\"rope_theta\":3e4,"
                        "\"rope_type\":\"default\"}}}"));
    assert_true(s.rope == ROPE_PLAIN && s.rope_theta == 5e5 && s.rope_local_theta == 3e4);
}

static void every_family_is_written_as_it_reads(void **state)
{
    static const char *const texts[] = {
        "{" GEMMA2 "}",
        "{" GPT2 "}",
        "{" PHI3 ",\"sliding_window\":100,\"rope_scaling\":{\"type\":\"su\"," LISTS "}}",
        "{\"model_type\":\"qwen3\"," SIZES
        ",\"use_sliding_window\":true,\"max_window_layers\":2}",
        "{\"model_type\":\"gemma3_text\"," SIZES ",\"query_pre_attn_scalar\":31.5}",
        "{\"model_type\":\"mistral\"," SIZES ",\"sliding_window\":7}",
    };
    struct shape s, again;

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        json_t *config = json_loads(texts[i], 0, NULL);
        json_object_set_new(config, "num_key_value_heads", json_integer(2));
        assert_ok(hfconfig_read(&s, config, "config.json"));
        json_decref(config);
        config = hfconfig_write(&s, "float32");
        assert_ok(hfconfig_read(&again, config, "written"));
        assert_memory_equal(&s, &again, sizeof s);
        json_decref(config);
    }
}

static void what_is_written_reads_the_same(void **state)
{
    static const char *const names[] = {"llama5", "qwen5", "mistral4", "reward4"};
    struct shape s, again;
    char *text;

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        json_t *config;
        golden(names[i], &s);
        s.norm_eps = 1e-5f;
        s.eos_count = 2;
        s.eos[1] = 5;
        config = hfconfig_write(&s, "float32");
        text = hfconfig_text(config, JSON_INDENT(2));
        json_decref(config);
        assert_non_null(strstr(text, "\"rms_norm_eps\": 1e-5,"));
        assert_non_null(strstr(text, "\"initializer_range\": 0.02,"));
        assert_ok(read_text(&again, text));
        assert_memory_equal(&s, &again, sizeof s);
        free(text);
        s.rope_theta = 1234567.8901234567; /* takes 17 digits */
        config = hfconfig_write(&s, "float32");
        text = hfconfig_text(config, JSON_COMPACT);
        json_decref(config);
        assert_ok(read_text(&again, text));
        assert_memory_equal(&s, &again, sizeof s);
        free(text);
    }
}

/* The real that takes most digits decides for all, wherever it stands. */
static void digits_are_those_that_are_needed(void **state)
{
    json_t *json = json_pack("{s:f, s:[{s:f}], s:i}", "a", 0.1, "list", "b", 0.5, "n", 7);
    char *text = hfconfig_text(json, JSON_COMPACT);

    (void)state;
    assert_string_equal(text, "{\"a\":0.1,\"list\":[{\"b\":0.5}],\"n\":7}");
    free(text);
    json_object_set_new(json_array_get(json_object_get(json, "list"), 0), "b",
                        json_real(0.1 + 0.2));
    text = hfconfig_text(json, JSON_COMPACT);
    assert_string_equal(
        text, "{\"a\":0.10000000000000001,\"list\":[{\"b\":0.30000000000000004}],\"n\":7}");
    free(text);
    json_object_set_new(json, "a", json_real(0.1234567890123456)); /* 16 */
    json_object_del(json, "list");
    text = hfconfig_text(json, JSON_COMPACT);
    assert_string_equal(text, "{\"a\":0.1234567890123456,\"n\":7}");
    free(text);
    json_decref(json);
}

static void generation_config_adds_stops(void **state)
{
    struct shape s;
    json_t *more = json_pack("{s:[i,i,i],s:i}", "eos_token_id", 7, 8, 7, "pad_token_id", 3);

    (void)state;
    assert_ok(read_text(&s, "{" LLAMA ",\"eos_token_id\":8}"));
    assert_ok(hfconfig_generation(&s, more, "generation_config.json"));
    assert_int_equal(s.eos_count, 2);
    assert_int_equal(s.eos[0] * 10 + s.eos[1], 87);
    assert_int_equal(s.pad, 3);
    json_object_set_new(more, "eos_token_id", json_integer(300));
    assert_err(ERR_RANGE, hfconfig_generation(&s, more, "generation_config.json"));
    json_decref(more);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(transformers_5_writes_rope_parameters),
        cmocka_unit_test(transformers_4_writes_rope_theta),
        cmocka_unit_test(missing_keys_are_transformers_defaults),
        cmocka_unit_test(what_is_not_done_is_refused_by_name),
        cmocka_unit_test(windows_that_never_slide_are_fine),
        cmocka_unit_test(windows_are_of_the_layers_that_the_family_says),
        cmocka_unit_test(a_run_chooses_the_factors_of_longrope),
        cmocka_unit_test(gpt2_has_names_of_its_own),
        cmocka_unit_test(gemma3_has_two_thetas),
        cmocka_unit_test(every_family_is_written_as_it_reads),
        cmocka_unit_test(what_is_written_reads_the_same),
        cmocka_unit_test(digits_are_those_that_are_needed),
        cmocka_unit_test(generation_config_adds_stops),
    };

    return cmocka_run_group_tests_name("hfconfig", tests, NULL, NULL);
}
