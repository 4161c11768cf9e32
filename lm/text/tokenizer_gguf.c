/* How it works: the metadata become the parts of a tokenizer.json (pre-tokenizer by its name,
 * added tokens by their types, a post-processor if BOS is wanted) and are then read as one:
 * there is a single reading of what a tokenizer means, and a model saved from a GGUF has its
 * file. */

#include "lm/text/pretoken_names.h"
#include "lm/text/tokenizer.h"
#include "lm/text/tokenizer_parts.h"
#include "lm/text/utf8.h"

#include <string.h>

enum tokenizer_gguf_type { TYPE_UNKNOWN = 2, TYPE_CONTROL = 3, TYPE_USER = 4, TYPE_UNUSED = 5 };

/* Tokens that were padding of the embedding are none: what follows the last real one. */
static size_t real_tokens(const struct tokenizer_gguf *parts)
{
    size_t n = parts->tokens;

    while (n && parts->type[n - 1] == TYPE_UNUSED)
        n--;
    return n;
}

static bool is_added(int32_t type)
{
    return type == TYPE_UNKNOWN || type == TYPE_CONTROL || type == TYPE_USER;
}

/* The model's vocabulary and the added tokens. Added tokens behind the last other one stay
 * out of the vocabulary, as in the files GGUFs are made from. */
static enum err read_tokens(struct tokenizer *tokenizer, const struct tokenizer_gguf *parts,
                            json_t *added)
{
    const size_t n = real_tokens(parts);
    size_t own = n;
    enum err err = OK;

    if (n > VOCAB_TOKENS_MAX)
        return err_set(ERR_RANGE, "%zu tokens, at most %d", n, VOCAB_TOKENS_MAX);
    while (own && is_added(parts->type[own - 1]))
        own--;
    for (size_t i = 0; i < n && !err; i++) {
        const char *text = parts->token[i];

        /* GGUF's strings are bytes, JSON's are not: what could not be saved again is refused
         * now. */
        if (!utf8_valid(text, strlen(text)))
            return err_set(ERR_PARSE, "token %zu: not UTF-8", i);
        if (i < own)
            err = vocab_put(tokenizer->vocab, (int)i, text, strlen(text));
        if (is_added(parts->type[i]))
            json_array_append_new(
                added, tokenizer_parts_added((int)i, text, parts->type[i] != TYPE_USER));
    }
    return err;
}

static enum err read_merges(struct tokenizer *tokenizer, const struct tokenizer_gguf *parts)
{
    enum err err = OK;

    for (size_t i = 0; i < parts->merges && !err; i++) {
        const char *text = parts->merge[i];
        const char *space = *text ? strchr(text + 1, ' ') : NULL; /* as llama.cpp reads it */

        if (!space || !utf8_valid(text, strlen(text)))
            return err_set(ERR_PARSE, "merge %zu: not two tokens", i);
        err = tokenizer_parts_merge(tokenizer, text, (size_t)(space - text), space + 1,
                                    strlen(space + 1));
    }
    return err;
}

/* What puts BOS before a text; ByteLevel, which changes no ids, if nothing does. */
static json_t *post_processor(const struct tokenizer_gguf *parts)
{
    const char *bos;

    if (!parts->add_bos || parts->bos < 0 || (size_t)parts->bos >= parts->tokens)
        return json_pack("{s:s, s:b, s:b, s:b}", "type", "ByteLevel", "add_prefix_space", 0,
                         "trim_offsets", 0, "use_regex", 0);
    bos = parts->token[parts->bos];
    return json_pack("{s:s, s:[{s:{s:s, s:i}}, {s:{s:s, s:i}}],"
                     " s:[{s:{s:s, s:i}}, {s:{s:s, s:i}}, {s:{s:s, s:i}}, {s:{s:s, s:i}}],"
                     " s:{s:{s:s, s:[i], s:[s]}}}",
                     "type", "TemplateProcessing", "single", "SpecialToken", "id", bos,
                     "type_id", 0, "Sequence", "id", "A", "type_id", 0, "pair", "SpecialToken",
                     "id", bos, "type_id", 0, "Sequence", "id", "A", "type_id", 0,
                     "SpecialToken", "id", bos, "type_id", 1, "Sequence", "id", "B", "type_id",
                     1, "special_tokens", bos, "id", bos, "ids", parts->bos, "tokens", bos);
}

static enum err read_level(struct tokenizer *tokenizer, const struct tokenizer_gguf *parts,
                           json_t **rest)
{
    struct pretoken_name pre = {0};
    json_t *added = json_array();
    enum err err = pretoken_names_find(&pre, parts->pre);

    if (!err)
        err = read_tokens(tokenizer, parts, added);
    if (!err)
        err = read_merges(tokenizer, parts);
    if (err) {
        json_decref(added);
        json_decref(pre.pre_tokenizer);
        return err;
    }
    *rest = tokenizer_parts_frame(added, pre.pre_tokenizer, post_processor(parts), pre.nfc,
                                  pre.ignore_merges);
    return OK;
}

/* Gemma 4's: merges as gpt2's, of tokens that are text as SentencePiece writes it, blanks as
 * U+2581, with a token for each byte. Lines are cut apart, since no merge has a line break. */
static enum err read_marked(struct tokenizer *tokenizer, const struct tokenizer_gguf *parts,
                            json_t **rest)
{
    const char *unk = NULL;
    json_t *added = json_array();
    enum err err = read_tokens(tokenizer, parts, added);

    if (!err)
        err = read_merges(tokenizer, parts);
    if (err) {
        json_decref(added);
        return err;
    }
    for (size_t i = 0; i < parts->tokens && !unk; i++)
        unk = parts->type[i] == TYPE_UNKNOWN ? parts->token[i] : NULL;
    *rest = json_pack(
        "{s:s, s:n, s:n, s:o, s:{s:s, s:{s:s}, s:s}, s:{s:s, s:{s:s}, s:s, s:b}, s:o,"
        " s:{s:s, s:[{s:s, s:{s:s}, s:s}, {s:s}, {s:s}]},"
        " s:{s:s, s:n, s:s?, s:n, s:n, s:b, s:b, s:b}}",
        "version", "1.0", "truncation", "padding", "added_tokens", added, "normalizer", "type",
        "Replace", "pattern", "String", " ", "content", "\xE2\x96\x81", "pre_tokenizer", "type",
        "Split", "pattern", "Regex", "[^\n]+|\n+", "behavior", "Isolated", "invert", 0,
        "post_processor", post_processor(parts), "decoder", "type", "Sequence", "decoders",
        "type", "Replace", "pattern", "String", "\xE2\x96\x81", "content", " ", "type",
        "ByteFallback", "type", "Fuse", "model", "type", "BPE", "dropout", "unk_token", unk,
        "continuing_subword_prefix", "end_of_word_suffix", "fuse_unk", 1, "byte_fallback", 1,
        "ignore_merges", 0);
    return OK;
}

enum err tokenizer_gguf(struct tokenizer **out, const struct tokenizer_gguf *parts,
                        const char *name)
{
    struct tokenizer *tokenizer = tokenizer_parts_new();
    const char *model = parts->model ? parts->model : "";
    json_t *rest = NULL;
    enum err err;

    *out = NULL;
    if (!strcmp(model, "gpt2"))
        err = read_level(tokenizer, parts, &rest);
    else if (!strcmp(model, "gemma4"))
        err = read_marked(tokenizer, parts, &rest);
    else if (!strcmp(model, "llama") || !strcmp(model, "t5"))
        err =
            tokenizer_pieces_read(tokenizer, parts, json_array(), post_processor(parts), &rest);
    else
        err = err_set(ERR_RANGE,
                      "tokenizer.ggml.model \"%.64s\" is not supported (gpt2, llama, t5 and "
                      "gemma4 are)",
                      model);
    /* From here on the tokenizer owns the JSON, whether reading it succeeds or not. */
    if (!err)
        err = tokenizer_parts_ready(tokenizer, rest);
    if (err) {
        tokenizer_free(tokenizer);
        return err_add("%s", name);
    }
    *out = tokenizer;
    return OK;
}
