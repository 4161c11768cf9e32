/* How it works: tokenizer_parts_ready reads the parts in the order in which they depend on one
 * another: the model's flags need the vocabulary, added tokens need the normalizer and get the
 * ids that Hugging Face's loader would give them (a file whose ids say otherwise would decode
 * to other texts there, and is refused), and the arena of bytes needs them all.
 *
 * Each part is known by its type; a type that is not known is refused with its place and the
 * list of those that are. Sequences may nest, a few deep. */

#include "lm/text/tokenizer_parts.h"

#include "base/mem.h"
#include "lm/text/alphabet.h"

#include <stdlib.h>
#include <string.h>

struct tokenizer *tokenizer_parts_new(void)
{
    struct tokenizer *tokenizer = mem_new(1, sizeof *tokenizer);

    tokenizer->vocab = vocab_new();
    tokenizer->bpe = bpe_new();
    tokenizer->unk = -1;
    tokenizer->bos = -1;
    return tokenizer;
}

/* The text that a merge makes is its two texts in a row, which must be a token too. */
enum err tokenizer_parts_merge(struct tokenizer *tokenizer, const char *left, size_t n,
                               const char *right, size_t m)
{
    char both[2 * VOCAB_TOKEN_BYTES_MAX];
    int a = -1, b = -1, made = -1;

    if (n <= VOCAB_TOKEN_BYTES_MAX && m <= VOCAB_TOKEN_BYTES_MAX) {
        memcpy(both, left, n);
        memcpy(both + n, right, m);
        a = vocab_find(tokenizer->vocab, left, n);
        b = vocab_find(tokenizer->vocab, right, m);
        made = vocab_find(tokenizer->vocab, both, n + m);
    }
    if (a < 0 || b < 0 || made < 0)
        return err_set(ERR_PARSE, "merge %zu \"%.*s %.*s\": not of tokens",
                       bpe_count(tokenizer->bpe), (int)(n < 40 ? n : 40), left,
                       (int)(m < 40 ? m : 40), right);
    return bpe_add(tokenizer->bpe, a, b, made);
}

static enum err unknown(const char *where, const json_t *part, const char *known)
{
    const char *type = json_string_value(json_object_get(part, "type"));

    return err_set(ERR_PARSE, "%s: %.64s is not supported (%s)", where,
                   type ? type : "what has no type", known);
}

/* The id that a template's SpecialToken stands for. */
static int template_id(const json_t *part, const json_t *item)
{
    const char *name =
        json_string_value(json_object_get(json_object_get(item, "SpecialToken"), "id"));
    const json_t *special =
        json_object_get(json_object_get(part, "special_tokens"), name ? name : "");
    const json_t *id = json_array_get(json_object_get(special, "ids"), 0);

    return json_is_integer(id) ? (int)json_integer_value(id) : -1;
}

/* All that a post-processor means here is which token it puts first. */
static enum err read_post(struct tokenizer *tokenizer, const json_t *part, int depth)
{
    const char *type = json_string_value(json_object_get(part, "type"));
    const json_t *list = json_object_get(part, "processors");
    enum err err = OK;
    size_t i;
    json_t *item;

    if (!part || json_is_null(part) || (type && !strcmp(type, "ByteLevel")))
        return OK;
    if (type && !strcmp(type, "TemplateProcessing")) {
        tokenizer->bos = template_id(part, json_array_get(json_object_get(part, "single"), 0));
        return OK;
    }
    if (type && !strcmp(type, "RobertaProcessing")) {
        const json_t *id = json_array_get(json_object_get(part, "cls"), 1);

        tokenizer->bos = json_is_integer(id) ? (int)json_integer_value(id) : -1;
        return OK;
    }
    if (!type || strcmp(type, "Sequence") || depth > 4)
        return unknown(
            "post_processor", part,
            "null, ByteLevel, TemplateProcessing, RobertaProcessing and Sequence are");
    json_array_foreach(list, i, item)
    {
        err = read_post(tokenizer, item, depth + 1);
        if (err)
            return err;
    }
    return OK;
}

/* Absent, null, false, "" and 0 all say that it is off. */
static bool blank(const json_t *value)
{
    return !value || json_is_null(value) || json_is_false(value) ||
           (json_is_string(value) && !json_string_length(value)) ||
           (json_is_number(value) && !(json_number_value(value) > 0));
}

/* Each byte's own token; true if every byte has one. */
static bool read_bytes(struct tokenizer *tokenizer)
{
    bool whole = true;

    for (int c = 0; c < 256; c++) {
        const char byte = (char)c;
        char text[8];
        const size_t n = tokenizer->level
                             ? alphabet_write(text, &byte, 1)
                             : (size_t)snprintf(text, sizeof text, "<0x%02X>", (unsigned)c);

        tokenizer->byte[c] = vocab_find(tokenizer->vocab, text, n);
        whole = whole && tokenizer->byte[c] >= 0;
    }
    return whole;
}

static enum err read_unigram(struct tokenizer *tokenizer, const json_t *model)
{
    const json_t *unk = json_object_get(model, "unk_id");
    const json_int_t id = json_is_integer(unk) ? json_integer_value(unk) : -1;
    enum err err;

    if (tokenizer->level)
        return err_set(ERR_PARSE, "model: Unigram with ByteLevel is not supported");
    if (id < -1 || id >= VOCAB_TOKENS_MAX)
        return err_set(ERR_RANGE, "model: unk_id %lld is no token", (long long)id);
    tokenizer->unk = (int)id;
    (void)read_bytes(tokenizer);
    err = unigram_new(&tokenizer->unigram, tokenizer->vocab, tokenizer->score, (int)id);
    free(tokenizer->score);
    tokenizer->score = NULL;
    return err;
}

/* The model's flags: what would change the result and we do not do is refused. */
static enum err read_model(struct tokenizer *tokenizer, const json_t *model)
{
    static const char *const refused[] = {"dropout", "continuing_subword_prefix",
                                          "end_of_word_suffix"};
    const char *type = json_string_value(json_object_get(model, "type"));
    const json_t *unk = json_object_get(model, "unk_token");
    bool whole;

    tokenizer->level = pretoken_bytes(tokenizer->pretoken);
    tokenizer->byte_fallback = json_is_true(json_object_get(model, "byte_fallback"));
    if (tokenizer->level && tokenizer->byte_fallback)
        return err_set(ERR_PARSE, "model: byte_fallback with ByteLevel is not supported");
    if (type && !strcmp(type, "Unigram"))
        return read_unigram(tokenizer, model);
    if (type && strcmp(type, "BPE"))
        return unknown("model", model, "BPE and Unigram are");
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
        if (!blank(json_object_get(model, refused[i])))
            return err_set(ERR_PARSE, "model: %s is not supported", refused[i]);
    tokenizer->ignore_merges = json_is_true(json_object_get(model, "ignore_merges"));
    tokenizer->fuse_unk = json_is_true(json_object_get(model, "fuse_unk"));
    whole = read_bytes(tokenizer);
    /* A vocabulary with a token for each byte never needs unk_token, so that may name nothing
     * then. */
    if ((whole && (tokenizer->level || tokenizer->byte_fallback)) || !json_is_string(unk))
        return OK;
    tokenizer->unk =
        vocab_find(tokenizer->vocab, json_string_value(unk), json_string_length(unk));
    return tokenizer->unk >= 0 ? OK
                               : err_set(ERR_PARSE, "model: unk_token %.64s is no token",
                                         json_string_value(unk));
}

/* The id Hugging Face gives an added token: the model's if the model has the text, else the
 * next free one. */
static int assigned(const struct tokenizer *tokenizer, const char *text, size_t n, int highest)
{
    const int known = vocab_find(tokenizer->vocab, text, n);
    /* Its count, not its highest id: with holes the two differ, and the loader counts. */
    const int size = vocab_size(tokenizer->vocab);

    if (known >= 0)
        return known;
    return highest >= size ? highest + 1 : size;
}

static bool set(const json_t *item, const char *key)
{
    return json_is_true(json_object_get(item, key));
}

/* A normalized token is sought in normalised text, so its own text is normalised once. */
static enum err read_added_token(struct tokenizer *tokenizer, struct regex_work *work,
                                 const json_t *item, int *highest)
{
    const json_t *content = json_object_get(item, "content");
    const json_t *id = json_object_get(item, "id");
    const bool normalized = set(item, "normalized");
    const char *text = json_string_value(content);
    size_t n = json_string_length(content);
    struct added_token token = {.special = set(item, "special"),
                                .lstrip = set(item, "lstrip"),
                                .rstrip = set(item, "rstrip"),
                                .single_word = set(item, "single_word")};

    if (!text || !json_is_integer(id) || !n)
        return err_set(ERR_PARSE, "added token: no content or no id");
    token.id = assigned(tokenizer, text, n, *highest);
    /* Ids of a file that the loader would not give are not what its model was trained with in
     * transformers: to keep them would read a prompt otherwise than there. */
    if (json_integer_value(id) != token.id)
        return err_set(ERR_PARSE,
                       "added token \"%.64s\": id %lld, but Hugging Face's loader gives it %d",
                       text, (long long)json_integer_value(id), token.id);
    if (token.id >= VOCAB_TOKENS_MAX)
        return err_set(ERR_RANGE, "added token \"%.64s\": id %d is too large", text, token.id);
    *highest = token.id > *highest ? token.id : *highest;
    if (normalized && normalize_any(tokenizer->normalize)) {
        enum err err =
            normalize_run(tokenizer->normalize, work, text, n, &token.text, &token.n);

        if (err)
            return err;
        /* A text that is normalized away stands nowhere. */
        if (!token.n) {
            free(token.text);
            return err_set(ERR_PARSE, "added token \"%.64s\": nothing once normalized", text);
        }
    } else {
        token.n = n;
        token.text = mem_new(n + 1, 1);
        memcpy(token.text, text, n);
    }
    token.content_n = n;
    token.content = mem_new(n + 1, 1);
    memcpy(token.content, text, n);
    return added_put(normalized ? &tokenizer->normalized : &tokenizer->raw, token);
}

static enum err read_added(struct tokenizer *tokenizer, const json_t *list)
{
    struct regex_work *work;
    int highest = -1;
    enum err err = regex_work_new(&work);
    size_t i;
    json_t *item;

    if (err)
        return err;
    json_array_foreach(list, i, item)
    {
        err = read_added_token(tokenizer, work, item, &highest);
        if (err)
            break;
    }
    regex_work_free(work);
    if (!err)
        err = added_ready(&tokenizer->raw);
    if (!err)
        err = added_ready(&tokenizer->normalized);
    /* Added tokens may lie above the model's vocabulary: both have to be covered by ids below
     * `count`. */
    tokenizer->count = vocab_top(tokenizer->vocab);
    if (highest >= tokenizer->count)
        tokenizer->count = highest + 1;
    return err;
}

/* Notes by id which tokens were added. */
static void note_added(struct tokenizer *tokenizer, const struct added *added,
                       const struct added_token **by_id)
{
    for (size_t i = 0; i < added->count; i++) {
        const struct added_token *token = &added->token[i];

        by_id[token->id] = token;
        tokenizer->special[token->id] = token->special;
    }
}

/* The bytes of every token, end to end: an added token's are its text, whatever letters it has
 * (Hugging Face's decoder takes "\u00e9" in one for the byte E9). */
static void level_pieces(struct tokenizer *tokenizer, const struct added_token **added)
{
    const size_t count = (size_t)tokenizer->count;
    size_t bytes = 0, n;

    /* Measured first, written second, so that the arena is one block and a piece is two
     * offsets. */
    for (size_t id = 0; id < count; id++) {
        vocab_text(tokenizer->vocab, (int)id, &n);
        bytes += added[id] ? added[id]->n : n;
    }
    tokenizer->arena = mem_new(bytes + 1, 1);
    tokenizer->piece = mem_new(count + 1, sizeof *tokenizer->piece);
    bytes = 0;
    for (size_t id = 0; id < count; id++) {
        const char *text = vocab_text(tokenizer->vocab, (int)id, &n);

        tokenizer->piece[id] = bytes;
        if (added[id]) {
            memcpy(tokenizer->arena + bytes, added[id]->text, added[id]->n);
            bytes += added[id]->n;
        } else if (text) {
            bytes += alphabet_read(tokenizer->arena + bytes, text, n);
        }
    }
    tokenizer->piece[count] = bytes;
}

/* The same where the decoder is a chain, which added tokens go through as well. */
static void plain_pieces(struct tokenizer *tokenizer)
{
    const size_t count = (size_t)tokenizer->count;
    size_t bytes = 0, room = 0, n;

    tokenizer->piece = mem_new(count + 1, sizeof *tokenizer->piece);
    for (size_t id = 0; id < count; id++) {
        const char *text = tokenizer_parts_text(tokenizer, (int)id, &n);
        char *piece = decoder_piece(&tokenizer->decoder, text ? text : "", n, false, &n);

        if (room - bytes < n + 1) {
            room = 2 * room + n + 4096;
            tokenizer->arena = mem_grow(tokenizer->arena, room, 1);
        }
        tokenizer->piece[id] = bytes;
        memcpy(tokenizer->arena + bytes, piece, n);
        bytes += n;
        free(piece);
    }
    tokenizer->piece[count] = bytes;
}

/* Added tokens lie by their ids from now on. */
static void write_pieces(struct tokenizer *tokenizer)
{
    const size_t count = (size_t)tokenizer->count;

    tokenizer->added = mem_new(count, sizeof *tokenizer->added);
    tokenizer->special = mem_new(count, sizeof *tokenizer->special);
    note_added(tokenizer, &tokenizer->raw, tokenizer->added);
    note_added(tokenizer, &tokenizer->normalized, tokenizer->added);
    if (tokenizer->level)
        level_pieces(tokenizer, tokenizer->added);
    else
        plain_pieces(tokenizer);
}

const char *tokenizer_parts_text(const struct tokenizer *tokenizer, int id, size_t *n)
{
    const struct added_token *added = tokenizer->added[id];

    if (!added)
        return vocab_text(tokenizer->vocab, id, n);
    *n = added->n;
    return added->text;
}

enum err tokenizer_parts_ready(struct tokenizer *tokenizer, json_t *rest)
{
    const json_t *added = json_object_get(rest, "added_tokens");
    enum err err;

    tokenizer->rest = rest;
    err = pretoken_new(&tokenizer->pretoken, json_object_get(rest, "pre_tokenizer"));
    if (!err)
        err = read_model(tokenizer, json_object_get(rest, "model"));
    if (!err)
        err = normalize_new(&tokenizer->normalize, json_object_get(rest, "normalizer"));
    if (!err)
        err = read_post(tokenizer, json_object_get(rest, "post_processor"), 0);
    if (!err)
        err = decoder_read(&tokenizer->decoder, json_object_get(rest, "decoder"));
    if (!err && tokenizer->decoder.level != tokenizer->level)
        err = err_set(ERR_PARSE,
                      "ByteLevel is one of pre_tokenizer and decoder, not of both: that is not "
                      "supported");
    if (!err)
        err = read_added(tokenizer, added);
    if (!err && !tokenizer->count)
        err = err_set(ERR_PARSE, "no tokens");
    /* After the added tokens, since BOS mostly is one. */
    if (!err && tokenizer->bos >= tokenizer->count)
        err = err_set(ERR_RANGE, "post_processor: id %d is no token", tokenizer->bos);
    if (!err)
        write_pieces(tokenizer);
    return err;
}

json_t *tokenizer_parts_added(int id, const char *text, bool special)
{
    return json_pack("{s:i, s:s, s:b, s:b, s:b, s:b, s:b}", "id", id, "content", text,
                     "single_word", 0, "lstrip", 0, "rstrip", 0, "normalized", 0, "special",
                     special);
}

json_t *tokenizer_parts_frame(json_t *added, json_t *pre_tokenizer, json_t *post, bool nfc,
                              bool ignore_merges)
{
    json_t *normalizer = nfc ? json_pack("{s:s}", "type", "NFC") : json_null();

    return json_pack("{s:s, s:n, s:n, s:o, s:o, s:o, s:o, s:{s:s, s:b, s:b, s:b},"
                     " s:{s:s, s:n, s:n, s:n, s:n, s:b, s:b, s:b}}",
                     "version", "1.0", "truncation", "padding", "added_tokens", added,
                     "normalizer", normalizer, "pre_tokenizer", pre_tokenizer, "post_processor",
                     post, "decoder", "type", "ByteLevel", "add_prefix_space", 1,
                     "trim_offsets", 1, "use_regex", 1, "model", "type", "BPE", "dropout",
                     "unk_token", "continuing_subword_prefix", "end_of_word_suffix", "fuse_unk",
                     0, "byte_fallback", 0, "ignore_merges", ignore_merges);
}
