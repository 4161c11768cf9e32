/* How it works: vocabulary and merges (or scores), which are nearly all of the file, go into tables of our
 * own and are taken out of the JSON; what is left (a few kilobytes) is kept, for
 * tokenizer_write puts it back untouched, and is read by tokenizer_parts_ready. */

#include "lm/text/tokenizer.h"

#include "base/mem.h"
#include "lm/text/tokenizer_parts.h"

#include <string.h>

static enum err read_vocab(struct tokenizer *tokenizer, json_t *vocab)
{
    const char *key;
    json_t *value;
    enum err err;

    if (!json_is_object(vocab))
        return err_set(ERR_PARSE, "model: no vocab (BPE and Unigram are supported)");
    json_object_foreach(vocab, key, value)
    {
        const json_int_t id = json_integer_value(value);

        if (!json_is_integer(value) || id < 0 || id >= VOCAB_TOKENS_MAX)
            return err_set(ERR_RANGE, "token \"%.64s\": id not in [0, %d)", key,
                           VOCAB_TOKENS_MAX);
        err = vocab_put(tokenizer->vocab, (int)id, key, strlen(key));
        if (err)
            return err;
    }
    return OK;
}

/* "left right", or ["left", "right"] where a token may hold a space. */
static enum err read_merge(struct tokenizer *tokenizer, const json_t *merge)
{
    const json_t *left = json_array_get(merge, 0), *right = json_array_get(merge, 1);
    const char *text = json_string_value(merge), *space;

    if (json_is_string(left) && json_is_string(right) && json_array_size(merge) == 2)
        return tokenizer_parts_merge(tokenizer, json_string_value(left),
                                     json_string_length(left), json_string_value(right),
                                     json_string_length(right));
    /* A token with a space in it could be cut at either: only the list form can say such a
     * merge. */
    space = text ? strchr(text, ' ') : NULL;
    if (!space || strchr(space + 1, ' '))
        return err_set(ERR_PARSE, "merge %zu: not two tokens", bpe_count(tokenizer->bpe));
    return tokenizer_parts_merge(tokenizer, text, (size_t)(space - text), space + 1,
                                 strlen(space + 1));
}

/* Unigram's vocabulary is a list of [text, score]: ids are places in it. */
static enum err read_scores(struct tokenizer *tokenizer, const json_t *vocab)
{
    const size_t count = json_array_size(vocab);
    json_t *item;
    size_t i;
    enum err err;

    if (!count || count > VOCAB_TOKENS_MAX)
        return err_set(ERR_RANGE, "model: %zu tokens, not in [1, %d]", count, VOCAB_TOKENS_MAX);
    tokenizer->score = mem_new(count, sizeof *tokenizer->score);
    json_array_foreach(vocab, i, item)
    {
        const json_t *text = json_array_get(item, 0), *score = json_array_get(item, 1);

        if (!json_is_string(text) || !json_is_number(score))
            return err_set(ERR_PARSE, "model: token %zu: no text, or no score", i);
        tokenizer->score[i] = json_number_value(score);
        err = vocab_put(tokenizer->vocab, (int)i, json_string_value(text),
                        json_string_length(text));
        if (err)
            return err;
    }
    return OK;
}

static enum err read_root(struct tokenizer *tokenizer, json_t *root)
{
    json_t *model = json_object_get(root, "model");
    json_t *merges = json_object_get(model, "merges"), *item;
    const char *type = json_string_value(json_object_get(model, "type"));
    const bool unigram = type && !strcmp(type, "Unigram");
    enum err err = OK;
    size_t i;

    if (type && !unigram && strcmp(type, "BPE") != 0)
        return err_set(ERR_PARSE, "model: %.64s is not supported (BPE and Unigram are)", type);
    /* Vocabulary before merges: a merge is checked to be of tokens as it is read. */
    err = unigram ? read_scores(tokenizer, json_object_get(model, "vocab"))
                  : read_vocab(tokenizer, json_object_get(model, "vocab"));
    if (!err && !unigram && !json_is_array(merges))
        err = err_set(ERR_PARSE, "model: no merges");
    json_array_foreach(merges, i, item)
    {
        if (err)
            break;
        err = read_merge(tokenizer, item);
    }
    if (err)
        return err;
    (void)json_object_del(model, "vocab"); /* the large parts live on in our own tables */
    (void)json_object_del(model, "merges");
    return tokenizer_parts_ready(tokenizer, json_incref(root));
}

enum err tokenizer_json_tree(struct tokenizer **out, json_t *root, const char *name)
{
    struct tokenizer *tokenizer = tokenizer_parts_new();
    const enum err err = read_root(tokenizer, root);

    *out = NULL;
    if (err) {
        tokenizer_free(tokenizer);
        return err_add("%s", name);
    }
    *out = tokenizer;
    return OK;
}

enum err tokenizer_json(struct tokenizer **out, const char *text, size_t n, const char *name)
{
    json_error_t error;
    json_t *root;
    enum err err;

    *out = NULL;
    if (n > TOKENIZER_TEXT_MAX)
        return err_set(ERR_RANGE, "%s: %zu bytes, at most %d", name, n, TOKENIZER_TEXT_MAX);
    /* A key that stands twice would silently be the later one: in a vocabulary that is another
     * id. */
    root = json_loadb(text, n, JSON_REJECT_DUPLICATES, &error);
    if (!json_is_object(root)) {
        json_decref(root);
        return err_set(ERR_PARSE, "%s: line %d: %s", name, root ? 1 : error.line,
                       root ? "not an object" : error.text);
    }
    err = tokenizer_json_tree(out, root, name);
    json_decref(root);
    return err;
}
