/* The inverse of hfconfig.c by the same rows: each number of the family under its key, each
 * fixed key with its first value, then heads, windows, rope and tokens. Keys are sorted when
 * the text is made, so equal shapes give equal bytes: a model's meta is named by its hash. */

#include "lm/file/hfconfig_write.h"

#include "lm/file/hffamily.h"
#include "lm/file/hfkeys.h"
#include "lm/file/hfrope.h"
#include "lm/file/hfwindow.h"

#include <string.h>

/* transformers writes the absence of a token as null, not as -1. */
static void put_id(json_t *config, const char *key, int id)
{
    json_object_set_new(config, key, id < 0 ? json_null() : json_integer(id));
}

static void put_stops(json_t *config, const struct shape *shape)
{
    json_t *list;

    /* one id stays one id, as most files have it */
    if (shape->eos_count < 2) {
        put_id(config, "eos_token_id", shape->eos_count ? shape->eos[0] : -1);
        return;
    }
    list = json_array();
    for (int i = 0; i < shape->eos_count; i++)
        json_array_append_new(list, json_integer(shape->eos[i]));
    json_object_set_new(config, "eos_token_id", list);
}

/* The member that the row names, as transformers' own type for that key. */
static json_t *number(const struct shape *shape, const struct hfkeys_number *row)
{
    const char *at = (const char *)shape + row->at;
    double real;
    float single;
    int whole;

    switch (row->type) {
    case HFKEYS_BOOL:
        return json_boolean(*(const bool *)at);
    case HFKEYS_ACT:
        return json_string(hfkeys_act[shape->act][0]);
    case HFKEYS_INT:
        memcpy(&whole, at, sizeof whole);
        return json_integer(whole);
    case HFKEYS_FLOAT:
        memcpy(&single, at, sizeof single);
        return hfrope_plain(single);
    default:
        memcpy(&real, at, sizeof real);
        if (row->or_none && real == 0) /* a cap of 0 would divide by it */
            return json_null();
        /* transformers 5 checks types: an int field takes no 256.0 */
        if (row->type == HFKEYS_WHOLE && real == (double)(json_int_t)real)
            return json_integer((json_int_t)real);
        return json_real(real);
    }
}

/* The labels by which transformers sizes the head. A token classifier's dropout would be drawn
 * while it is trained there. */
static void put_head(json_t *config, enum head head)
{
    if (head == HEAD_SCALAR) {
        json_object_set_new(config, "num_labels", json_integer(1));
        json_object_set_new(config, "id2label", json_pack("{s:s}", "0", "LABEL_0"));
        json_object_set_new(config, "label2id", json_pack("{s:i}", "LABEL_0", 0));
    }
    if (head == HEAD_STEP) {
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
    const struct hfkeys_family *family = &hfkeys_family[shape->family];
    const unsigned bit = 1u << shape->family;
    json_t *config =
        json_pack("{s:[s],s:s,s:b,s:s}", "architectures",
                  family->class[shape->head] ? family->class[shape->head] : "", "model_type",
                  family->type, "tie_word_embeddings", shape->tied, "torch_dtype", dtype);
    struct shape whole = *shape;

    if (shape->rope == ROPE_LONG) /* what this run allows is not the model's */
        whole.context = shape->rope_whole;
    if (shape->rope == ROPE_DYNAMIC)
        whole.context = shape->rope_original;
    for (int i = 0; i < hfkeys_numbers; i++)
        if (hfkeys_number[i].families & bit)
            json_object_set_new(config, hfkeys_number[i].key,
                                number(&whole, &hfkeys_number[i]));
    for (int i = 0; i < hfkeys_fixes; i++)
        if (hfkeys_fixed[i].families & bit && !hfkeys_fixed[i].silent)
            json_object_set_new(config, hfkeys_fixed[i].key,
                                json_loads(hfkeys_fixed[i].value[0], JSON_DECODE_ANY, NULL));
    put_head(config, shape->head);
    hfwindow_write(config, shape);
    hffamily_write(config, shape);
    hfrope_write(config, &whole);
    put_id(config, "bos_token_id", shape->bos);
    put_id(config, "pad_token_id", shape->pad);
    put_stops(config, shape);
    return config;
}

/* The same ids, in whatever order: the shape has those first that end an answer here. */
static bool same_stops(const json_t *list, const struct shape *shape)
{
    size_t same = 0;

    for (int i = 0; i < shape->eos_count; i++)
        for (size_t j = 0; j < json_array_size(list); j++)
            same += json_integer_value(json_array_get(list, j)) == shape->eos[i];
    return same && same == (size_t)shape->eos_count && same == json_array_size(list);
}

/* What the start model says of sampling is kept; ids are the shape's, since training may have
 * changed them (another pad, another template's end). */
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
    if (shape->eos_count && !same_stops(json_object_get(config, "eos_token_id"), shape))
        put_stops(config, shape);
    return config;
}
