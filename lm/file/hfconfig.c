/* config.json in three steps: the class says the family and the head; the rows of hfkeys give
 * the numbers and what must hold, hfrope, hfwindow and hffamily what is too tangled for a row;
 * shape_check has the last word. folder reads a model's own file this way, model_meta what
 * travels to an actor: the numbers are the same ones wherever they come from.
 *
 * Keys and their defaults are those of transformers' configuration_*.py. A key that is not
 * known changes nothing there and is passed over here; one that would change the forward pass
 * is in the rows, and refused by name (refuse). The first thing that is wrong is what is said
 * (hfreader). */

#include "lm/file/hfconfig.h"

#include "base/mem.h"
#include "lm/file/hffamily.h"
#include "lm/file/hfkeys.h"
#include "lm/file/hfreader.h"
#include "lm/file/hfrope.h"
#include "lm/file/hfwindow.h"
#include "lm/file/source.h"
#include "lm/file/unopened.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Twice the same id is one stop: config and generation_config often name the same. */
static void add_stop(struct hfreader *reader, struct shape *shape, const json_t *id)
{
    const json_int_t n = json_is_integer(id) ? json_integer_value(id) : -1;

    if (n < 0 || n > 1 << 30) {
        hfreader_wrong(reader, "eos_token_id", "is not a token id or a list of them");
        return;
    }
    for (int i = 0; i < shape->eos_count; i++)
        if (shape->eos[i] == (int)n)
            return;
    if (shape->eos_count == SHAPE_STOPS)
        hfreader_wrong(reader, "eos_token_id", "names more than 8 tokens");
    else
        shape->eos[shape->eos_count++] = (int)n;
}

/* Adds to what is there: generation_config.json comes after config.json. */
static void read_stops(struct hfreader *reader, struct shape *shape)
{
    const json_t *eos = json_object_get(reader->config, "eos_token_id");
    size_t i;
    json_t *id;

    /* old files have one id, newer ones a list */
    if (json_is_array(eos)) {
        json_array_foreach((json_t *)(uintptr_t)eos, i, id) add_stop(reader, shape, id);
    } else if (hfreader_given(eos)) {
        add_stop(reader, shape, eos);
    }
}

/* "llama, mistral, …": model types, as the classes would fill a page; freed with free(). */
static char *supported(void)
{
    char *list = mem_text("");

    for (int f = 0; f < FAMILIES; f++) {
        char *longer = mem_print("%s%s, ", list, hfkeys_family[f].type);

        free(list);
        list = longer;
    }
    return list;
}

/* What a stranger is, where a key or its type tells: a person looks for another model by that, not by
 * a list of names. The first row that fits is said. */
static const char *what_it_is(const json_t *config)
{
    static const struct {
        const char *key, *word; /* word NULL: any value but null and false */
        const char *what;
    } rows[] = {
        {"vision_config", NULL, "reads images, too"},
        {"num_local_experts", NULL, "is a mixture of experts"}, /* Mixtral's */
        {"num_experts", NULL, "is a mixture of experts"},       /* Qwen's and OLMoE's */
        {"n_routed_experts", NULL, "is a mixture of experts"},  /* DeepSeek's */
        {"is_encoder_decoder", NULL, "is an encoder with a decoder"},
        {"state_size", NULL, "is a state space model"},
        {"model_type", "bloom", "places tokens by ALiBi"},
        {"model_type", "mpt", "places tokens by ALiBi"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const json_t *value = json_object_get(config, rows[i].key);
        const char *text = json_string_value(value);

        if (rows[i].word ? text && !strcmp(text, rows[i].word)
                         : hfreader_given(value) && !json_is_false(value))
            return rows[i].what;
    }
    return NULL;
}

/* The name is the file's: what is shown of it is short and without control bytes. */
static void refuse_class(struct hfreader *reader, const char *class)
{
    const char *what = what_it_is(reader->config);
    char shown[SOURCE_SHOWN];
    char *list = supported();

    source_shown(shown, class, strlen(class));
    if (!reader->err)
        reader->err =
            err_set(ERR_RANGE,
                    "%s: architecture %s%s%s%s is not supported; model_type %sand their "
                    "...ForCausalLM, ...ForSequenceClassification and "
                    "...ForTokenClassification are",
                    reader->name, shown, what ? " " : "", what ? what : "",
                    what ? ", which" : "", list);
    free(list);
}

/* "LlamaForCausalLM" to its rows; without architectures, model_type and a next-token head. */
static void read_class(struct hfreader *reader, struct shape *shape)
{
    const json_t *list = json_object_get(reader->config, "architectures");
    const char *class = json_string_value(json_array_get(list, 0));
    const char *type = hfreader_text(reader, reader->config, "model_type");

    for (int f = 0; f < FAMILIES; f++) {
        const struct hfkeys_family *family = &hfkeys_family[f];

        *shape = family->missing; /* the class decides what a missing key means */
        shape->head = HEAD_LM;
        if (!class && type && !strcmp(type, family->type))
            return;
        for (int h = 0; class && h <= HEAD_STEP; h++) {
            shape->head = (enum head)h;
            if (family->class[h] && !strcmp(class, family->class[h]))
                return;
        }
    }
    refuse_class(reader, class ? class : type ? type : "none");
}

/* An activation by its name; the file's own text is what is shown. */
static void read_act(struct hfreader *reader, const struct hfkeys_number *row, enum act *act)
{
    const char *name = hfreader_text(reader, reader->config, row->key);

    for (int i = 0; name && i < ACT_KINDS; i++)
        for (int k = 0; k < 4 && hfkeys_act[i][k]; k++)
            if (!strcmp(hfkeys_act[i][k], name)) {
                *act = (enum act)i;
                return;
            }
    if (name)
        hfreader_wrong(reader, row->key,
                       "other than gelu, gelu_new, relu, relu2 and silu is not supported");
}

/* Into the member that the row names, which holds the family's default. Through a copy, as a
 * member's type is the row's word alone. */
static void read_number(struct hfreader *reader, const struct hfkeys_number *row,
                        struct shape *shape)
{
    const json_t *value = json_object_get(reader->config, row->key);
    const bool none = row->or_none && json_is_null(value);
    char *at = (char *)shape + row->at;
    double real = 0;
    float single;
    int whole = 0;

    if (row->type == HFKEYS_BOOL) {
        bool *flag = (bool *)at;

        *flag = hfreader_bool(reader, row->key, *flag);
    } else if (row->type == HFKEYS_ACT) {
        read_act(reader, row, &shape->act);
    } else if (row->type == HFKEYS_INT) {
        memcpy(&whole, at, sizeof whole);
        whole = none ? 0 : hfreader_int(reader, row->key, row->needed ? -1 : whole);
        memcpy(at, &whole, sizeof whole);
    } else if (row->type == HFKEYS_FLOAT) {
        memcpy(&single, at, sizeof single);
        /* through its digits: a default of 1e-6f is the 1e-6 that a file would say */
        if (hfreader_given(value))
            single = (float)hfreader_real(reader, reader->config, row->key, 0);
        memcpy(at, &single, sizeof single);
    } else {
        memcpy(&real, at, sizeof real);
        real = none ? 0 : hfreader_real(reader, reader->config, row->key, real);
        memcpy(at, &real, sizeof real);
    }
}

/* Whether the file says a key of this family: a 0 that it says is for shape_check. */
static bool said(const struct hfreader *reader, const struct shape *shape, const char *key)
{
    for (int i = 0; i < hfkeys_numbers; i++)
        if (hfkeys_number[i].families >> shape->family & 1 &&
            !strcmp(hfkeys_number[i].key, key))
            return hfreader_given(json_object_get(reader->config, key));
    return false;
}

/* Numbers that follow from others where nothing was said. */
static void derive(const struct hfreader *reader, struct shape *shape)
{
    const int heads = shape->heads;

    if (!shape->kv_heads && !said(reader, shape, "num_key_value_heads"))
        shape->kv_heads = heads < 0 ? 0 : heads;
    if (!shape->head_dim && !said(reader, shape, "head_dim"))
        shape->head_dim = heads > 0 ? shape->width / heads : 0;
    if (!shape->ffn && !said(reader, shape, "intermediate_size") &&
        !said(reader, shape, "n_inner") && !said(reader, shape, "ffn_hidden_size"))
        shape->ffn = shape->width < 1 << 18 ? 4 * shape->width : 0;
}

/* A reward model has no head that could be tied, whatever the key says: its score stands apart.
 */
static void read_numbers(struct hfreader *reader, struct shape *shape)
{
    const unsigned family = 1u << shape->family;

    for (int i = 0; i < hfkeys_numbers; i++)
        if (hfkeys_number[i].families & family)
            read_number(reader, &hfkeys_number[i], shape);
    hffamily_read(reader, shape);
    derive(reader, shape); /* what the family's own defaults left open */
    shape->tied =
        hfreader_bool(reader, "tie_word_embeddings", shape->tied) && shape->head == HEAD_LM;
    shape->bos = hfreader_id(reader, "bos_token_id");
    shape->pad = hfreader_id(reader, "pad_token_id");
}

/* Labels are what transformers counts where num_labels is missing; it has two by default. */
static void read_labels(struct hfreader *reader, const struct shape *shape)
{
    const json_t *labels = json_object_get(reader->config, "id2label");
    const int otherwise = json_is_object(labels) ? (int)json_object_size(labels) : 2;

    if (shape->head == HEAD_SCALAR && hfreader_int(reader, "num_labels", otherwise) != 1)
        hfreader_wrong(reader, "num_labels", "a reward model has 1 label");
    if (shape->head == HEAD_STEP && hfreader_int(reader, "num_labels", otherwise) != 2)
        hfreader_wrong(reader, "num_labels", "a process reward model has 2 labels");
}

/* What would make another model of it. Values are compared as JSON: 0 is not false. A wrong
 * type gets the reader's words before the row's. */
static void check_fixed(struct hfreader *reader, const struct hfkeys_fixed *row)
{
    const json_t *value = json_object_get(reader->config, row->key);
    bool good = !row->why || !hfreader_given(value);

    for (int i = 0; i < 3 && row->value[i] && !good; i++) {
        json_t *wanted = json_loads(row->value[i], JSON_DECODE_ANY, NULL);

        if (json_is_boolean(wanted))
            hfreader_bool(reader, row->key, false);
        if (json_is_string(wanted))
            hfreader_text(reader, reader->config, row->key);
        good = json_equal(wanted, value);
        json_decref(wanted);
    }
    if (!good)
        hfreader_wrong(reader, row->key, row->why);
}

/* Also a quantised checkpoint: its tensors have names that params has no place for. */
static void refuse(struct hfreader *reader, const struct shape *shape)
{
    const json_t *packed = json_object_get(reader->config, "quantization_config");
    const unsigned family = 1u << shape->family;
    char why[UNOPENED_WHY];

    for (int i = 0; i < hfkeys_fixes; i++)
        if (hfkeys_fixed[i].families & family)
            check_fixed(reader, &hfkeys_fixed[i]);
    if (hfreader_given(packed))
        hfreader_wrong(
            reader, "quantization_config",
            unopened_scheme(why, json_string_value(json_object_get(packed, "quant_method"))));
}

enum err hfconfig_read(struct shape *out, const json_t *config, const char *name)
{
    struct hfreader reader = {config, name, OK};

    memset(out, 0, sizeof *out);
    out->bos = out->pad = -1;
    if (!json_is_object(config))
        return err_set(ERR_PARSE, "%s: not a JSON object", name);
    /* without a family there are no rows, and nothing to say about the rest */
    read_class(&reader, out);
    if (reader.err)
        return reader.err;
    read_numbers(&reader, out);
    read_stops(&reader, out);
    refuse(&reader, out);
    /* after the sizes: both count layers and positions; rope changes the context (longrope) */
    hfwindow_read(&reader, out);
    hffamily_layers(&reader, out);
    hfrope_read(&reader, out);
    read_labels(&reader, out);
    if (reader.err)
        return reader.err;
    return shape_check(out) ? err_add("%s", name) : OK;
}

enum err hfconfig_generation(struct shape *shape, const json_t *config, const char *name)
{
    struct hfreader reader = {config, name, OK};

    if (!json_is_object(config))
        return err_set(ERR_PARSE, "%s: not a JSON object", name);
    read_stops(&reader, shape);
    if (shape->bos < 0)
        shape->bos = hfreader_id(&reader, "bos_token_id");
    if (shape->pad < 0)
        shape->pad = hfreader_id(&reader, "pad_token_id");
    if (reader.err)
        return reader.err;
    return shape_check(shape) ? err_add("%s", name) : OK;
}

/* Whether every real, written with so many digits, is read back as it was. */
static bool reads_back(const json_t *json, size_t digits)
{
    json_t *const all = (json_t *)(uintptr_t)json, *value;
    bool same = true;
    char text[40];
    const char *key;
    size_t i;

    if (json_is_real(json)) {
        snprintf(text, sizeof text, "%.*g", (int)digits, json_real_value(json));
        return strtod(text, NULL) == json_real_value(json);
    }
    json_object_foreach(all, key, value) same = same && reads_back(value, digits);
    json_array_foreach(all, i, value) same = same && reads_back(value, digits);
    return same;
}

/* All reals with the digits that the longest takes, 15 at least. The text itself may hold a tokenizer's
 * megabytes: it is made once, and not read. */
char *hfconfig_text(const json_t *json, size_t flags)
{
    size_t digits = 15;

    while (digits < 17 && !reads_back(json, digits))
        digits++;
    return json_dumps(json, flags | JSON_SORT_KEYS | JSON_REAL_PRECISION(digits));
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
