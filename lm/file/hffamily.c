/* Falcon has three keys for the number of its key/value heads and two for its norms, StarCoder one
 * for whether all heads share a key, OPT a projection of the embedding that is idle in all but one
 * of its models; SmolLM3, Command R7B and GPT-Neo have layers of two kinds, each said in its own
 * way. hfconfig calls _read and _layers in the order of their needs, hfconfig_write the inverse; a
 * family without such keys passes through. */

#include "lm/file/hffamily.h"

#include "lm/file/hfkeys.h"

#include <string.h>

static const char global[] = "global", local[] = "local";

/* What one key says in newer models two say in older ones: multi_query is "one head of keys". */
static void read_falcon(struct hfreader *reader, struct shape *shape)
{
    const bool newer = hfreader_bool(reader, "new_decoder_architecture", false);
    const int norms = hfreader_int(reader, "num_ln_in_parallel_attn", newer ? 2 : 1);

    shape->kv_heads = shape->heads;
    if (newer)
        shape->kv_heads = hfreader_int(reader, "num_kv_heads", shape->heads);
    else if (hfreader_bool(reader, "multi_query", true))
        shape->kv_heads = 1;
    if (newer && !shape->parallel)
        hfreader_wrong(reader, "parallel_attn", "false is not supported");
    if (norms < 1 || norms > 2 || (norms == 2 && !newer))
        hfreader_wrong(reader, "num_ln_in_parallel_attn",
                       "other than 1, or 2 of new_decoder_architecture, is not supported");
    shape->two_norms = norms == 2;
}

/* 1: the layer rotates. A list that is too short is refused like a strange one. */
static void read_rotated(struct hfreader *reader, struct shape *shape)
{
    const json_t *list = json_object_get(reader->config, "no_rope_layers");
    const int every = hfreader_int(reader, "no_rope_layer_interval", 4);

    if (!hfreader_given(list) && every < 1) {
        hfreader_wrong(reader, "no_rope_layer_interval", "is 0");
        return;
    }
    for (int i = 0; i < shape->layers && i < SHAPE_LAYERS; i++) {
        const json_t *word = json_array_get(list, (size_t)i);
        const json_int_t turns = hfreader_given(list)
                                     ? json_is_integer(word) ? json_integer_value(word) : -1
                                     : (i + 1) % every != 0;

        if (turns != 0 && turns != 1)
            hfreader_wrong(reader, "no_rope_layers", "is not a list of 0 and 1 for each layer");
        if (turns == 0)
            shape->unrotated[i / 64] |= (uint64_t)1 << i % 64;
    }
}

/* Before derive (hfconfig.c) would take all heads for heads of keys. */
void hffamily_read(struct hfreader *reader, struct shape *shape)
{
    if (shape->family == FAMILY_FALCON)
        read_falcon(reader, shape);
    if (shape->family == FAMILY_BIGCODE)
        shape->kv_heads = hfreader_bool(reader, "multi_query", true) ? 1 : shape->heads;
    if (shape->family == FAMILY_SMOLLM3) /* its window, read next, goes by this */
        read_rotated(reader, shape);
    if (shape->family == FAMILY_OPT &&
        hfreader_int(reader, "word_embed_proj_dim", shape->width) != shape->width)
        hfreader_wrong(reader, "word_embed_proj_dim",
                       "other than hidden_size is not supported");
}

/* [[["global", "local"], 12]]: the words of the first list, so many times; then the next. */
static const char *neo_word(const json_t *types, int layer)
{
    size_t i;
    const json_t *item;

    json_array_foreach((json_t *)(uintptr_t)types, i, item)
    {
        const json_t *words = json_array_get(item, 0), *times = json_array_get(item, 1);
        const json_int_t n = (json_int_t)json_array_size(words);
        const json_int_t count = json_is_integer(times) ? json_integer_value(times) : 0;

        if (n < 1 || count < 1 || count > SHAPE_LAYERS)
            return NULL;
        if (layer < n * count)
            return json_string_value(json_array_get(words, (size_t)(layer % n)));
        layer -= (int)(n * count);
    }
    return NULL;
}

/* Older files have the words layer by layer as well; the types are what transformers reads. */
static void read_neo(struct hfreader *reader, struct shape *shape)
{
    const json_t *types = json_object_get(reader->config, "attention_types");
    const int window = hfreader_int(reader, "window_size", shape->window);
    bool any = false;

    for (int i = 0; i < shape->layers && i < SHAPE_LAYERS; i++) {
        const char *word = hfreader_given(types) ? neo_word(types, i) : i % 2 ? local : global;

        if (!word || (strcmp(word, local) != 0 && strcmp(word, global) != 0)) {
            hfreader_wrong(reader, "attention_types",
                           "is not a list of [[words global or local], times] for all layers");
            return;
        }
        if (!strcmp(word, local)) {
            shape->local[i / 64] |= (uint64_t)1 << i % 64;
            any = true;
        }
    }
    shape->window = any ? window : 0;
    if (any && !window)
        hfreader_wrong(reader, "window_size", "is 0");
}

void hffamily_layers(struct hfreader *reader, struct shape *shape)
{
    if (shape->family == FAMILY_GPTNEO)
        read_neo(reader, shape);
    /* who sees all among those who do not knows no positions */
    const bool blind =
        shape->family == FAMILY_COHERE2 || (shape->family == FAMILY_EXAONE4 && shape->window);

    /* there a window's presence says it, and ours is dropped where no layer has it */
    if (shape->family == FAMILY_EXAONE4 && !shape->window &&
        hfreader_given(json_object_get(reader->config, "sliding_window")))
        hfreader_wrong(reader, "sliding_window",
                       "beside layer_types without sliding_attention is not supported");
    for (int i = 0; blind && i < shape->layers && i < SHAPE_LAYERS; i++)
        if (!shape_local(shape, i))
            shape->unrotated[i / 64] |= (uint64_t)1 << i % 64;
}

/* ---- writing */

/* The keys by which both of transformers' readings (older, newer) come to the same heads: newer
 * where neither "one" nor "all" of the older ones says it. */
static void write_falcon(json_t *config, const struct shape *shape)
{
    const bool one = shape->kv_heads == 1, all = shape->kv_heads == shape->heads;
    const bool newer = shape->two_norms || (!one && !all);

    json_object_set_new(config, "new_decoder_architecture", json_boolean(newer));
    json_object_set_new(config, "num_kv_heads", json_integer(shape->kv_heads));
    json_object_set_new(config, "multi_query", json_boolean(!newer && one));
    if (newer)
        json_object_set_new(config, "num_ln_in_parallel_attn",
                            json_integer(shape->two_norms ? 2 : 1));
}

/* Layer by layer, which any pattern is. */
static void write_neo(json_t *config, const struct shape *shape)
{
    json_t *types = json_array();

    for (int i = 0; i < shape->layers; i++)
        json_array_append_new(types,
                              json_pack("[[s],i]", shape_local(shape, i) ? local : global, 1));
    json_object_set_new(config, "attention_types", types);
    json_object_set_new(config, "window_size",
                        json_integer(shape->window ? shape->window : 256));
}

void hffamily_write(json_t *config, const struct shape *shape)
{
    if (shape->family == FAMILY_FALCON)
        write_falcon(config, shape);
    if (shape->family == FAMILY_GPTNEO)
        write_neo(config, shape);
    if (shape->family == FAMILY_BIGCODE)
        json_object_set_new(config, "multi_query", json_boolean(shape->kv_heads == 1));
    if (shape->family == FAMILY_SMOLLM3) {
        json_t *list = json_array();

        for (int i = 0; i < shape->layers; i++)
            json_array_append_new(list, json_integer(shape_rotates(shape, i)));
        json_object_set_new(config, "no_rope_layers", list);
    }
}
