#include "lm/file/hfconfig.h"

#include "base/mem.h"
#include "lm/file/source.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A family's name in config.json and what transformers takes when a key is missing. */
static const struct family_row {
    const char *type, *class;
    int kv_heads, context; /* kv_heads 0: as many as heads */
    int window;            /* sliding_window; 0: none */
} families[] = {
    [FAMILY_LLAMA] = {"llama", "Llama", 0, 2048, 0},
    [FAMILY_MISTRAL] = {"mistral", "Mistral", 8, 131072, 4096},
    [FAMILY_QWEN2] = {"qwen2", "Qwen2", 32, 32768, 0},
};
enum { KNOWN = sizeof families / sizeof *families };
static const char *const head_class[] = {[HEAD_LM] = "ForCausalLM",
                                         [HEAD_SCALAR] = "ForSequenceClassification",
                                         [HEAD_STEP] = "ForTokenClassification"};
static const char supported[] =
    "LlamaForCausalLM, MistralForCausalLM, Qwen2ForCausalLM, ...ForSequenceClassification and "
    "...ForTokenClassification";

/* Reading one file: what is wrong is set once, at the first key that is. */
struct reader {
    const json_t *config;
    const char *name;
    enum err err;
};

static bool given(const json_t *value)
{
    return value && !json_is_null(value);
}

static void wrong(struct reader *reader, const char *key, const char *why)
{
    if (!reader->err)
        reader->err = err_set(ERR_RANGE, "%s: %s: %s", reader->name, key, why);
}

static int read_int(struct reader *reader, const char *key, int otherwise)
{
    const json_t *value = json_object_get(reader->config, key);
    json_int_t n;

    if (!given(value)) {
        if (otherwise < 0)
            wrong(reader, key, "is missing");
        return otherwise;
    }
    n = json_is_integer(value) ? json_integer_value(value) : -1;
    if (n < 0 || n > 1 << 30)
        wrong(reader, key, "is not a whole number up to 2^30");
    return (int)(n < 0 || n > 1 << 30 ? 0 : n);
}

static double read_real(struct reader *reader, const json_t *from, const char *key,
                        double otherwise)
{
    const json_t *value = json_object_get(from, key);

    if (!given(value)) {
        if (isnan(otherwise))
            wrong(reader, key, "is missing");
        return otherwise;
    }
    if (!json_is_number(value) || !isfinite(json_number_value(value)))
        wrong(reader, key, "is not a number");
    return json_number_value(value);
}

static bool read_bool(struct reader *reader, const char *key)
{
    const json_t *value = json_object_get(reader->config, key);

    if (given(value) && !json_is_boolean(value))
        wrong(reader, key, "is not true or false");
    return json_is_true(value);
}

static const char *read_text(struct reader *reader, const json_t *from, const char *key)
{
    const json_t *value = json_object_get(from, key);

    if (given(value) && !json_is_string(value))
        wrong(reader, key, "is not a text");
    return json_string_value(value);
}

/* -1 when absent or, as old files write it, negative. */
static int read_id(struct reader *reader, const char *key)
{
    const json_t *value = json_object_get(reader->config, key);

    if (given(value) && !json_is_integer(value))
        wrong(reader, key, "is not a token id");
    if (!json_is_integer(value) || json_integer_value(value) < 0)
        return -1;
    return read_int(reader, key, 0);
}

static void add_stop(struct reader *reader, struct shape *shape, const json_t *id)
{
    const json_int_t n = json_is_integer(id) ? json_integer_value(id) : -1;

    if (n < 0 || n > 1 << 30) {
        wrong(reader, "eos_token_id", "is not a token id or a list of them");
        return;
    }
    for (int i = 0; i < shape->eos_count; i++)
        if (shape->eos[i] == (int)n)
            return;
    if (shape->eos_count == SHAPE_STOPS)
        wrong(reader, "eos_token_id", "names more than 8 tokens");
    else
        shape->eos[shape->eos_count++] = (int)n;
}

static void read_stops(struct reader *reader, struct shape *shape)
{
    const json_t *eos = json_object_get(reader->config, "eos_token_id");
    size_t i;
    json_t *id;

    if (json_is_array(eos)) {
        json_array_foreach((json_t *)(uintptr_t)eos, i, id) add_stop(reader, shape, id);
    } else if (given(eos)) {
        add_stop(reader, shape, eos);
    }
}

/* "LlamaForCausalLM" to its rows; without architectures, model_type and a next-token head. */
static void read_class(struct reader *reader, struct shape *shape)
{
    const json_t *list = json_object_get(reader->config, "architectures");
    const char *class = json_string_value(json_array_get(list, 0));
    const char *type = read_text(reader, reader->config, "model_type");
    char shown[SOURCE_SHOWN];

    for (int f = 0; f < KNOWN; f++) {
        const size_t n = strlen(families[f].class);
        shape->family = (enum family)f;
        shape->head = HEAD_LM;
        if (!class && type && !strcmp(type, families[f].type))
            return;
        for (int h = 0; class && h <= HEAD_STEP; h++) {
            shape->head = (enum head)h;
            if (!strncmp(class, families[f].class, n) && !strcmp(class + n, head_class[h]))
                return;
        }
    }
    if (!class)
        class = type ? type : "none";
    if (!reader->err)
        reader->err =
            err_set(ERR_RANGE, "%s: architecture %s is not supported; %s are", reader->name,
                    source_shown(shown, class, strlen(class)), supported);
}

/* rope_parameters (transformers 5) or rope_theta and rope_scaling (4). */
static void read_rope(struct reader *reader, struct shape *shape)
{
    const json_t *both = json_object_get(reader->config, "rope_parameters");
    const json_t *scaling =
        given(both) ? both : json_object_get(reader->config, "rope_scaling");
    const char *type;
    char shown[SOURCE_SHOWN];
    double original;

    shape->rope_theta = read_real(reader, reader->config, "rope_theta", 10000);
    if (!given(scaling))
        return;
    if (!json_is_object(scaling)) {
        wrong(reader, "rope_scaling", "is not an object");
        return;
    }
    shape->rope_theta = read_real(reader, scaling, "rope_theta", shape->rope_theta);
    if (read_real(reader, scaling, "partial_rotary_factor", 1) != 1)
        wrong(reader, "partial_rotary_factor", "is not supported");
    type = read_text(reader, scaling, "rope_type");
    if (!type)
        type = read_text(reader, scaling, "type");
    if (!type || !strcmp(type, "default"))
        return;
    shape->rope_factor = read_real(reader, scaling, "factor", NAN);
    if (!strcmp(type, "linear")) {
        shape->rope = ROPE_LINEAR;
    } else if (!strcmp(type, "llama3")) {
        shape->rope = ROPE_LLAMA3;
        shape->rope_low = read_real(reader, scaling, "low_freq_factor", NAN);
        shape->rope_high = read_real(reader, scaling, "high_freq_factor", NAN);
        original = read_real(reader, scaling, "original_max_position_embeddings",
                             (double)shape->context);
        if (!(original >= 1 && original <= 1 << 30))
            wrong(reader, "original_max_position_embeddings", "is out of range");
        else
            shape->rope_original = (int)original;
    } else if (!reader->err) {
        reader->err = err_set(
            ERR_RANGE, "%s: rope_type %s is not supported; default, linear and llama3 are",
            reader->name, source_shown(shown, type, strlen(type)));
    }
}

/* Sliding windows that never slide are fine. */
static void read_window(struct reader *reader, const struct shape *shape)
{
    const json_t *value = json_object_get(reader->config, "sliding_window");
    const json_t *layers = json_object_get(reader->config, "layer_types");
    const char *word;
    int window = json_is_null(value) ? 0 : families[shape->family].window;
    size_t i;
    json_t *layer;

    if (given(value))
        window = read_int(reader, "sliding_window", 0);
    if (shape->family == FAMILY_QWEN2 &&
        (!read_bool(reader, "use_sliding_window") ||
         read_int(reader, "max_window_layers", 28) >= shape->layers))
        window = 0;
    if (shape->family != FAMILY_LLAMA && window && window < shape->context)
        wrong(reader, "sliding_window", "below max_position_embeddings is not supported");
    json_array_foreach((json_t *)(uintptr_t)layers, i, layer)
    {
        word = json_string_value(layer);
        if (window && (!word || strcmp(word, "full_attention")) && window < shape->context)
            wrong(reader, "layer_types", "other than full_attention are not supported");
    }
}

static void read_labels(struct reader *reader, const struct shape *shape)
{
    const json_t *labels = json_object_get(reader->config, "id2label");
    const int otherwise = json_is_object(labels) ? (int)json_object_size(labels) : 2;

    if (shape->head == HEAD_SCALAR && read_int(reader, "num_labels", otherwise) != 1)
        wrong(reader, "num_labels", "a reward model has 1 label");
    if (shape->head == HEAD_STEP && read_int(reader, "num_labels", otherwise) != 2)
        wrong(reader, "num_labels", "a process reward model has 2 labels");
}

/* What would make another model of it. */
static void refuse(struct reader *reader, const struct shape *shape)
{
    const char *act = read_text(reader, reader->config, "hidden_act");

    if (shape->family == FAMILY_LLAMA && read_bool(reader, "attention_bias"))
        wrong(reader, "attention_bias", "true is not supported");
    if (shape->family == FAMILY_LLAMA && read_bool(reader, "mlp_bias"))
        wrong(reader, "mlp_bias", "true is not supported");
    if (act && strcmp(act, "silu") && strcmp(act, "swish"))
        wrong(reader, "hidden_act", "other than silu is not supported");
    if (given(json_object_get(reader->config, "quantization_config")))
        wrong(reader, "quantization_config", "quantised checkpoints are not supported");
    if (read_real(reader, reader->config, "partial_rotary_factor", 1) != 1)
        wrong(reader, "partial_rotary_factor", "is not supported");
    read_window(reader, shape);
    read_labels(reader, shape);
}

static void read_sizes(struct reader *reader, struct shape *shape)
{
    const struct family_row *family = &families[shape->family];
    const int heads = shape->heads = read_int(reader, "num_attention_heads", -1);

    shape->layers = read_int(reader, "num_hidden_layers", -1);
    shape->width = read_int(reader, "hidden_size", -1);
    shape->ffn = read_int(reader, "intermediate_size", -1);
    shape->vocab = read_int(reader, "vocab_size", -1);
    shape->kv_heads = read_int(reader, "num_key_value_heads",
                               family->kv_heads ? family->kv_heads
                               : heads < 0      ? 0
                                                : heads);
    shape->head_dim = read_int(reader, "head_dim", heads > 0 ? shape->width / heads : 0);
    shape->context = read_int(reader, "max_position_embeddings", family->context);
    shape->tied = read_bool(reader, "tie_word_embeddings") && shape->head == HEAD_LM;
    shape->norm_eps = (float)read_real(reader, reader->config, "rms_norm_eps", 1e-6);
    shape->init_std = read_real(reader, reader->config, "initializer_range", 0.02);
    shape->bos = read_id(reader, "bos_token_id");
    shape->pad = read_id(reader, "pad_token_id");
}

enum err hfconfig_read(struct shape *out, const json_t *config, const char *name)
{
    struct reader reader = {config, name, OK};

    memset(out, 0, sizeof *out);
    out->bos = out->pad = -1;
    if (!json_is_object(config))
        return err_set(ERR_PARSE, "%s: not a JSON object", name);
    read_class(&reader, out);
    if (reader.err)
        return reader.err;
    read_sizes(&reader, out);
    read_stops(&reader, out);
    read_rope(&reader, out);
    refuse(&reader, out);
    if (reader.err)
        return reader.err;
    return shape_check(out) ? err_add("%s", name) : OK;
}

enum err hfconfig_generation(struct shape *shape, const json_t *config, const char *name)
{
    struct reader reader = {config, name, OK};

    if (!json_is_object(config))
        return err_set(ERR_PARSE, "%s: not a JSON object", name);
    read_stops(&reader, shape);
    if (shape->bos < 0)
        shape->bos = read_id(&reader, "bos_token_id");
    if (shape->pad < 0)
        shape->pad = read_id(&reader, "pad_token_id");
    if (reader.err)
        return reader.err;
    return shape_check(shape) ? err_add("%s", name) : OK;
}

/* The double with the fewest digits that rounds to this float: 1e-05, not 9.99999974737875e-06
 */
static json_t *plain_real(float value)
{
    char text[32];

    for (int digits = 1; digits <= 9; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, (double)value);
        if (strtof(text, NULL) == value)
            break;
    }
    return json_real(strtod(text, NULL));
}

static void put_id(json_t *config, const char *key, int id)
{
    json_object_set_new(config, key, id < 0 ? json_null() : json_integer(id));
}

static void put_stops(json_t *config, const struct shape *shape)
{
    json_t *list;

    if (shape->eos_count < 2) {
        put_id(config, "eos_token_id", shape->eos_count ? shape->eos[0] : -1);
        return;
    }
    list = json_array();
    for (int i = 0; i < shape->eos_count; i++)
        json_array_append_new(list, json_integer(shape->eos[i]));
    json_object_set_new(config, "eos_token_id", list);
}

static json_t *rope_scaling(const struct shape *shape)
{
    if (shape->rope == ROPE_LINEAR)
        return json_pack("{s:s,s:f}", "rope_type", "linear", "factor", shape->rope_factor);
    if (shape->rope == ROPE_LLAMA3)
        return json_pack("{s:s,s:f,s:f,s:f,s:i}", "rope_type", "llama3", "factor",
                         shape->rope_factor, "low_freq_factor", shape->rope_low,
                         "high_freq_factor", shape->rope_high,
                         "original_max_position_embeddings", shape->rope_original);
    return json_null();
}

static void put_family(json_t *config, const struct shape *shape)
{
    const struct family_row *family = &families[shape->family];
    char *class = mem_print("%s%s", family->class, head_class[shape->head]);

    json_object_set_new(config, "architectures", json_pack("[s]", class));
    json_object_set_new(config, "model_type", json_string(family->type));
    free(class);
    if (shape->family == FAMILY_LLAMA) {
        json_object_set_new(config, "attention_bias", json_false());
        json_object_set_new(config, "mlp_bias", json_false());
    } else {
        json_object_set_new(config, "sliding_window", json_null());
    }
    if (shape->family == FAMILY_QWEN2)
        json_object_set_new(config, "use_sliding_window", json_false());
    if (shape->head == HEAD_SCALAR) {
        json_object_set_new(config, "num_labels", json_integer(1));
        json_object_set_new(config, "id2label", json_pack("{s:s}", "0", "LABEL_0"));
        json_object_set_new(config, "label2id", json_pack("{s:i}", "LABEL_0", 0));
    }
    if (shape->head == HEAD_STEP) {
        json_object_set_new(config, "num_labels", json_integer(2));
        json_object_set_new(config, "classifier_dropout", json_real(0));
        json_object_set_new(config, "id2label",
                            json_pack("{s:s,s:s}", "0", "LABEL_0", "1", "LABEL_1"));
        json_object_set_new(config, "label2id",
                            json_pack("{s:i,s:i}", "LABEL_0", 0, "LABEL_1", 1));
    }
}

json_t *hfconfig_write(const struct shape *shape, const char *dtype)
{
    json_t *config = json_pack(
        "{s:s,s:f,s:i,s:i,s:i,s:i,s:i,s:i,s:i,s:i,s:b,s:b,s:s}", "hidden_act", "silu",
        "attention_dropout", 0.0, "hidden_size", shape->width, "intermediate_size", shape->ffn,
        "num_hidden_layers", shape->layers, "num_attention_heads", shape->heads,
        "num_key_value_heads", shape->kv_heads, "head_dim", shape->head_dim, "vocab_size",
        shape->vocab, "max_position_embeddings", shape->context, "tie_word_embeddings",
        shape->tied, "use_cache", true, "torch_dtype", dtype);

    put_family(config, shape);
    json_object_set_new(config, "rms_norm_eps", plain_real(shape->norm_eps));
    json_object_set_new(config, "initializer_range", json_real(shape->init_std));
    json_object_set_new(config, "rope_theta", json_real(shape->rope_theta));
    json_object_set_new(config, "rope_scaling", rope_scaling(shape));
    put_id(config, "bos_token_id", shape->bos);
    put_id(config, "pad_token_id", shape->pad);
    put_stops(config, shape);
    return config;
}

json_t *hfconfig_write_generation(const struct shape *shape, const char *start)
{
    json_t *config = start ? json_loads(start, 0, NULL) : NULL;

    if (!json_is_object(config)) {
        json_decref(config);
        config = json_pack("{s:b}", "_from_model_config", true);
    }
    if (shape->bos >= 0)
        put_id(config, "bos_token_id", shape->bos);
    if (shape->pad >= 0)
        put_id(config, "pad_token_id", shape->pad);
    if (shape->eos_count)
        put_stops(config, shape);
    return config;
}

char *hfconfig_text(const json_t *json, size_t flags)
{
    for (size_t digits = 15;; digits++) {
        char *text = json_dumps(json, flags | JSON_SORT_KEYS | JSON_REAL_PRECISION(digits));
        json_t *again = json_loads(text, 0, NULL);
        const bool same = json_equal(json, again);
        json_decref(again);
        if (same || digits == 17)
            return text;
        free(text);
    }
}

enum err hfconfig_parse(json_t **out, const char *text, size_t n, const char *name,
                        size_t flags)
{
    json_error_t where;

    *out = json_loadb(text, n, flags, &where);
    if (!*out)
        return err_set(ERR_PARSE, "%s:%d: %s", name, where.line, where.text);
    if (!json_is_object(*out)) {
        json_decref(*out);
        *out = NULL;
        return err_set(ERR_PARSE, "%s:1: not a JSON object", name);
    }
    return OK;
}
