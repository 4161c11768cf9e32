/* How it works: a folder that was written before tokenizer.json (or by a "slow" tokenizer of
 * transformers) has the same byte-level BPE in two files: vocab.json is the vocabulary as it is
 * there, merges.txt its merges a line each. What a tokenizer.json would say beside them follows
 * from the class in tokenizer_config.json; the added tokens are in that file, or in
 * added_tokens.json. The whole is made and read as a tokenizer.json. */

#include "lm/text/tokenizer.h"

#include "base/mem.h"
#include "lm/text/pretoken_names.h"
#include "lm/text/tokenizer_parts.h"
#include "lm/text/utf8.h"

#include <stdlib.h>
#include <string.h>

/* Lines of two tokens; the first may be a comment ("#version: 0.2"). */
static enum err read_merges(json_t *to, const char *text, size_t n)
{
    const char *const end = text + n;
    size_t number = 0;

    if (!utf8_valid(text, n) || memchr(text, 0, n))
        return err_set(ERR_PARSE, "merges.txt: not UTF-8, or a zero byte");
    while (text < end) {
        const char *stop = memchr(text, '\n', (size_t)(end - text));
        size_t length;

        stop = stop ? stop : end;
        length = (size_t)(stop - text);
        if (length && text[length - 1] == '\r')
            length--;
        number++;
        if (length && !(number == 1 && length > 8 && !memcmp(text, "#version", 8)))
            json_array_append_new(to, json_stringn_nocheck(text, length));
        if (json_array_size(to) > BPE_MERGES_MAX)
            return err_set(ERR_RANGE, "merges.txt: more than %d", BPE_MERGES_MAX);
        text = stop < end ? stop + 1 : end;
    }
    return OK;
}

/* A text, or the content of an object with flags. */
static const char *content(const json_t *token)
{
    return json_is_object(token) ? json_string_value(json_object_get(token, "content"))
                                 : json_string_value(token);
}

/* Is a text one of the configuration's special tokens? */
static bool is_special(const json_t *config, const char *text)
{
    static const char *const key[] = {"bos_token", "eos_token", "unk_token", "sep_token",
                                      "pad_token", "cls_token", "mask_token"};
    json_t *item;
    size_t i;

    for (i = 0; i < sizeof key / sizeof *key; i++) {
        const char *name = content(json_object_get(config, key[i]));

        if (name && !strcmp(name, text))
            return true;
    }
    json_array_foreach(json_object_get(config, "additional_special_tokens"), i, item)
    {
        if (content(item) && !strcmp(content(item), text))
            return true;
    }
    return false;
}

static int by_id(const void *a, const void *b)
{
    const json_int_t x = json_integer_value(json_object_get(*(json_t *const *)a, "id"));
    const json_int_t y = json_integer_value(json_object_get(*(json_t *const *)b, "id"));

    return (x > y) - (x < y);
}

/* tokenizer_config.json's added_tokens_decoder: flags by id. */
static void from_config(json_t *list, json_t *decoder)
{
    const char *key;
    json_t *value;

    json_object_foreach(decoder, key, value)
    {
        char *end = NULL;
        const long long id = strtoll(key, &end, 10);
        json_t *item = json_copy(value);

        json_object_set_new(item, "id", *end || !*key ? json_null() : json_integer(id));
        json_array_append_new(list, item);
    }
}

/* added_tokens.json: ids by text; those of the configuration are special. */
static void from_added(json_t *list, json_t *added, const json_t *config)
{
    const char *key;
    json_t *value;

    json_object_foreach(added, key, value)
    {
        json_t *item = tokenizer_parts_added(0, key, is_special(config, key));

        json_object_set(item, "id", value);
        json_array_append_new(list, item);
    }
}

/* A name of the configuration that the vocabulary has and no list mentions. */
static void from_names(json_t *list, const json_t *config, const json_t *vocab)
{
    static const char *const key[] = {"bos_token", "eos_token", "unk_token", "pad_token"};

    for (size_t i = 0; i < sizeof key / sizeof *key; i++) {
        const char *text = content(json_object_get(config, key[i]));
        const json_t *id;
        size_t k = 0;
        json_t *item;

        /* The three have this one for default in GPT-2's class. */
        if (!text && !json_object_get(config, key[i]))
            text = "<|endoftext|>";
        id = json_object_get(vocab, text ? text : "");
        json_array_foreach(list, k, item)
        {
            const char *other = json_string_value(json_object_get(item, "content"));

            if (other && text && !strcmp(other, text))
                break;
        }
        if (json_is_integer(id) && k == json_array_size(list))
            json_array_append_new(
                list, tokenizer_parts_added((int)json_integer_value(id), text, true));
    }
}

/* added_tokens_decoder is what newer folders have, with every token and its flags; where it stands
 * the older file beside it says nothing more. */
static json_t *added_tokens(const struct tokenizer_slow *parts, const json_t *vocab)
{
    json_t *list = json_array(), *out = json_array();
    json_t *decoder = json_object_get(parts->config, "added_tokens_decoder");
    json_t **sorted;
    size_t count;

    if (decoder)
        from_config(list, decoder);
    else
        from_added(list, (json_t *)(uintptr_t)parts->added, parts->config);
    from_names(list, parts->config, vocab);
    /* The loader gives ids in the order of the list: by id, whatever the files' order is. */
    count = json_array_size(list);
    sorted = mem_new(count + 1, sizeof *sorted);
    for (size_t i = 0; i < count; i++)
        sorted[i] = json_array_get(list, i);
    qsort(sorted, count, sizeof(json_t *), by_id);
    for (size_t i = 0; i < count; i++)
        json_array_append(out, sorted[i]);
    free(sorted);
    json_decref(list);
    return out;
}

/* The post-processor that puts BOS first where the configuration asks for it. */
static json_t *post_of(const json_t *config, const json_t *vocab)
{
    const char *bos = content(json_object_get(config, "bos_token"));
    const json_t *id = json_object_get(vocab, bos ? bos : "");

    if (!json_is_true(json_object_get(config, "add_bos_token")) || !json_is_integer(id))
        return json_pack("{s:s, s:b, s:b, s:b}", "type", "ByteLevel", "add_prefix_space", 0,
                         "trim_offsets", 0, "use_regex", 1);
    return json_pack("{s:s, s:[s, O], s:[s, O], s:b, s:b}", "type", "RobertaProcessing", "sep",
                     bos, id, "cls", bos, id, "trim_offsets", 0, "add_prefix_space", 0);
}

/* The class of old configurations that name none is GPT-2's: these two files were its. */
static enum err root_of(json_t **out, const struct tokenizer_slow *parts, json_t *vocab)
{
    const char *class = json_string_value(json_object_get(parts->config, "tokenizer_class"));
    struct pretoken_name pre;
    json_t *merges = json_array(), *model;
    enum err err =
        pretoken_names_class(&pre, class ? class : "GPT2Tokenizer",
                             json_is_true(json_object_get(parts->config, "add_prefix_space")));

    if (!err)
        err = read_merges(merges, parts->merges, parts->merges_bytes);
    if (err) {
        json_decref(pre.pre_tokenizer);
        json_decref(merges);
        return err;
    }
    *out = tokenizer_parts_frame(added_tokens(parts, vocab), pre.pre_tokenizer,
                                 post_of(parts->config, vocab), pre.nfc, pre.ignore_merges);
    model = json_object_get(*out, "model");
    json_object_set(model, "vocab", vocab);
    json_object_set_new(model, "merges", merges);
    return OK;
}

enum err tokenizer_slow(struct tokenizer **out, const struct tokenizer_slow *parts,
                        const char *name)
{
    json_t *vocab, *root = NULL;
    json_error_t error;
    enum err err;

    *out = NULL;
    if (parts->vocab_bytes > TOKENIZER_TEXT_MAX || parts->merges_bytes > TOKENIZER_TEXT_MAX)
        return err_set(ERR_RANGE, "%s: over %d bytes", name, TOKENIZER_TEXT_MAX);
    vocab = json_loadb(parts->vocab, parts->vocab_bytes, JSON_REJECT_DUPLICATES, &error);
    if (!json_is_object(vocab))
        err = err_set(ERR_PARSE, "vocab.json: line %d: %s", vocab ? 1 : error.line,
                      vocab ? "not an object" : error.text);
    else
        err = root_of(&root, parts, vocab);
    if (err)
        err = err_add("%s", name);
    else
        err = tokenizer_json_tree(out, root, name);
    json_decref(root);
    json_decref(vocab);
    return err;
}
