/* How it works: the pieces of a SentencePiece model, from a GGUF or from its own file, become
 * the parts of a tokenizer.json, as transformers' converter makes one. Unigram keeps its scores.
 * BPE gets the merges that its scores mean: SentencePiece joins the neighbours whose joint is
 * the piece of the highest score, so each way to cut a piece into two is a merge, in the order
 * of the pieces' scores. (Of several ways to the same piece SentencePiece takes the leftmost in
 * the text, a list of merges the first in the list: transformers' converter has that difference
 * too.)
 *
 * A user's symbols are added tokens in llama.cpp, which a new text with its blank follows; in
 * SentencePiece they are cut out of the text and never joined, which a Split does here.
 *
 * A blank is U+2581 in pieces. The blank before a text is the normalizer's, which puts it behind
 * every added token as well (transformers' legacy), or Metaspace's, which does not. */

#include "lm/text/tokenizer.h"

#include "base/mem.h"
#include "base/strbuf.h"
#include "lm/text/base64.h"
#include "lm/text/tokenizer_parts.h"
#include "lm/text/utf8.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MARK "\xE2\x96\x81"

enum { NORMAL = 1, UNKNOWN = 2, CONTROL = 3, USER = 4, UNUSED = 5, BYTE = 6 };
enum { JOINED_BYTES_MAX = 256 };

static bool is_added(int32_t type)
{
    return type == UNKNOWN || type == CONTROL || type == USER;
}

/* Puts a text as a pattern that matches it alone. */
static void put_escaped(struct strbuf *to, const char *text)
{
    for (; *text; text++) {
        if (strchr("\\^$.|?*+()[]{}-/#&~", *text))
            strbuf_put(to, "\\", 1);
        strbuf_put(to, text, 1);
    }
}

static int longer_first(const void *a, const void *b)
{
    const char *x = *(const char *const *)a, *y = *(const char *const *)b;
    const size_t n = strlen(x), m = strlen(y);

    return n != m ? (n < m ? 1 : -1) : strcmp(x, y);
}

/* A pattern of all of a user's symbols; NULL if there are none, or too many for one. */
static char *users_pattern(const struct tokenizer_gguf *parts)
{
    const char **symbol = mem_new(parts->tokens + 1, sizeof *symbol);
    struct strbuf pattern = {0};
    size_t count = 0;

    for (size_t i = 0; i < parts->tokens; i++)
        if (parts->type[i] == USER && *parts->token[i])
            symbol[count++] = parts->token[i];
    qsort(symbol, count, sizeof *symbol, longer_first);
    for (size_t i = 0; i < count; i++) {
        if (i)
            strbuf_put(&pattern, "|", 1);
        put_escaped(&pattern, symbol[i]);
    }
    free(symbol);
    if (pattern.n <= REGEX_BYTES_MAX)
        return pattern.text;
    free(pattern.text);
    return NULL;
}

/* `users`: a user's symbols are added tokens. */
static enum err read_pieces(struct tokenizer *tokenizer, const struct tokenizer_gguf *parts,
                            bool users, json_t *added)
{
    size_t n = parts->tokens;
    enum err err = OK;

    /* What pads an embedding at the end is no token. */
    while (n && parts->type[n - 1] == UNUSED)
        n--;
    if (!n || n > VOCAB_TOKENS_MAX)
        return err_set(ERR_RANGE, "%zu tokens, not in [1, %d]", n, VOCAB_TOKENS_MAX);
    tokenizer->score = mem_new(n, sizeof *tokenizer->score);
    for (size_t i = 0; i < n && !err; i++) {
        const char *text = parts->token[i];

        if (!utf8_valid(text, strlen(text)) || !isfinite(parts->score[i]))
            return err_set(ERR_PARSE, "token %zu: not UTF-8, or its score no number", i);
        tokenizer->score[i] = (double)parts->score[i];
        err = vocab_put(tokenizer->vocab, (int)i, text, strlen(text));
        if (is_added(parts->type[i]) && (users || parts->type[i] != USER))
            json_array_append_new(added,
                                  tokenizer_parts_added((int)i, text, parts->type[i] != USER));
    }
    return err;
}

/* A way to cut a piece into two pieces. */
struct pieces_way {
    double score;
    int made;
    uint32_t cut; /* byte */
};

static int by_score(const void *a, const void *b)
{
    const struct pieces_way *x = a, *y = b;

    if (x->score < y->score || x->score > y->score)
        return x->score < y->score ? 1 : -1;
    if (x->made != y->made)
        return x->made < y->made ? -1 : 1;
    return (x->cut > y->cut) - (x->cut < y->cut);
}

/* Bytes, unknown and control pieces are never made by joining. */
struct pieces_ways {
    struct pieces_way *way;
    size_t count, room;
    bool users; /* a user's symbols may be joined, too */
};

static bool joins(const struct pieces_ways *ways, const struct tokenizer_gguf *parts, int id)
{
    return id >= 0 && (parts->type[id] == NORMAL || (ways->users && parts->type[id] == USER));
}

/* All ways to one piece. */
static enum err ways_to(struct pieces_ways *ways, const struct tokenizer *tokenizer,
                        const struct tokenizer_gguf *parts, int id)
{
    const struct vocab *vocab = tokenizer->vocab;
    size_t n, bytes;
    const char *text = vocab_text(vocab, id, &n);
    uint32_t cp;

    /* A user's long symbol is found as an added token; of joined pieces a length that no trainer
     * makes would cost its square. */
    if (n > JOINED_BYTES_MAX)
        return parts->type[id] == USER
                   ? OK
                   : err_set(ERR_RANGE, "token %d: a piece of %zu bytes, at most %d", id, n,
                             JOINED_BYTES_MAX);
    for (size_t at = 0; at < n; at += bytes) {
        (void)utf8_next(text + at, n - at, &cp, &bytes);
        if (!at || !joins(ways, parts, vocab_find(vocab, text, at)) ||
            !joins(ways, parts, vocab_find(vocab, text + at, n - at)))
            continue;
        if (ways->count == BPE_MERGES_MAX)
            return err_set(ERR_RANGE, "more than %d merges", BPE_MERGES_MAX);
        if (ways->count == ways->room) {
            ways->room = 2 * ways->room + 4096;
            ways->way = mem_grow(ways->way, ways->room, sizeof *ways->way);
        }
        ways->way[ways->count++] = (struct pieces_way){tokenizer->score[id], id, (uint32_t)at};
    }
    return OK;
}

static enum err make_merges(struct tokenizer *tokenizer, const struct tokenizer_gguf *parts,
                            bool users)
{
    struct pieces_ways ways = {.users = users};
    enum err err = OK;

    for (int id = 0; id < vocab_top(tokenizer->vocab) && !err; id++)
        if (joins(&ways, parts, id))
            err = ways_to(&ways, tokenizer, parts, id);
    if (ways.count)
        qsort(ways.way, ways.count, sizeof *ways.way, by_score);
    for (size_t i = 0; i < ways.count && !err; i++) {
        const struct pieces_way *way = &ways.way[i];
        size_t n;
        const char *text = vocab_text(tokenizer->vocab, way->made, &n);

        err = tokenizer_parts_merge(tokenizer, text, way->cut, text + way->cut, n - way->cut);
    }
    free(ways.way);
    return err;
}

static json_t *replace(const char *kind, const char *pattern, const char *content)
{
    return json_pack("{s:s, s:{s:s}, s:s}", "type", "Replace", "pattern", kind, pattern,
                     "content", content);
}

static json_t *sequence(const char *key, json_t *list)
{
    return json_pack("{s:s, s:o}", "type", "Sequence", key, list);
}

/* `marks`: blanks become marks here. */
static json_t *normalizer(const struct tokenizer_gguf *parts, bool marks)
{
    json_t *list = json_array();

    if (parts->charsmap_bytes) {
        char *text =
            base64_write((const unsigned char *)parts->charsmap, parts->charsmap_bytes);

        json_array_append_new(
            list, json_pack("{s:s, s:s}", "type", "Precompiled", "precompiled_charsmap", text));
        free(text);
    }
    if (parts->squeezed) {
        /* Blanks alone: other white space stays, as in SentencePiece. */
        json_array_append_new(list, replace("Regex", "\\A +| +\\z", ""));
        json_array_append_new(list, replace("Regex", " {2,}", " "));
    }
    if (marks && parts->spaced)
        json_array_append_new(list,
                              json_pack("{s:s, s:s}", "type", "Prepend", "prepend", MARK));
    if (marks)
        json_array_append_new(list, replace("String", " ", MARK));
    if (json_array_size(list))
        return sequence("normalizers", list);
    json_decref(list);
    return json_null();
}

static json_t *metaspace(const char *scheme, bool split)
{
    return json_pack("{s:s, s:s, s:s, s:b}", "type", "Metaspace", "replacement", MARK,
                     "prepend_scheme", scheme, "split", split);
}

/* The blank that was put before the text is taken off again, once. */
static json_t *decoder(const struct tokenizer_gguf *parts, bool bytes)
{
    json_t *list = json_array();

    json_array_append_new(list, replace("String", MARK, " "));
    if (bytes)
        json_array_append_new(list, json_pack("{s:s}", "type", "ByteFallback"));
    json_array_append_new(list, json_pack("{s:s}", "type", "Fuse"));
    if (parts->spaced)
        json_array_append_new(list, json_pack("{s:s, s:s, s:i, s:i}", "type", "Strip",
                                              "content", " ", "start", 1, "stop", 0));
    return sequence("decoders", list);
}

/* The piece of the type; NULL if there is none. */
static const char *of_type(const struct tokenizer_gguf *parts, int32_t type, size_t *id)
{
    for (size_t i = 0; i < parts->tokens; i++)
        if (parts->type[i] == type) {
            *id = i;
            return parts->token[i];
        }
    return NULL;
}

/* unk is the piece of its type, whatever it is called; without bytes all unknown text is it. */
static json_t *model_json(const struct tokenizer_gguf *parts, bool unigram, bool bytes,
                          bool whole)
{
    size_t id = 0;
    const char *unk = of_type(parts, UNKNOWN, &id);

    if (unigram)
        return json_pack("{s:s, s:o, s:b}", "type", "Unigram", "unk_id",
                         unk ? json_integer((json_int_t)id) : json_null(), "byte_fallback",
                         bytes);
    return json_pack("{s:s, s:n, s:o, s:n, s:n, s:b, s:b, s:b}", "type", "BPE", "dropout",
                     "unk_token", unk ? json_string(unk) : json_null(),
                     "continuing_subword_prefix", "end_of_word_suffix", "fuse_unk", 1,
                     "byte_fallback", bytes, "ignore_merges", whole);
}

/* Takes the pattern: NULL for none. */
static json_t *pre_tokenizer(const struct tokenizer_gguf *parts, bool meta, char *pattern)
{
    json_t *list = json_array();

    if (meta)
        json_array_append_new(list, metaspace(!parts->spaced ? "never"
                                              : parts->once  ? "first"
                                                             : "always",
                                              !pattern && !strcmp(parts->model, "t5")));
    if (pattern)
        json_array_append_new(list,
                              json_pack("{s:s, s:{s:s}, s:s, s:b}", "type", "Split", "pattern",
                                        "Regex", pattern, "behavior", "Isolated", "invert", 0));
    free(pattern);
    if (json_array_size(list))
        return sequence("pretokenizers", list);
    json_decref(list);
    return json_null();
}

enum err tokenizer_pieces_read(struct tokenizer *tokenizer, const struct tokenizer_gguf *parts,
                               json_t *added, json_t *post, json_t **rest)
{
    const bool unigram = !strcmp(parts->model, "t5");
    size_t id;
    const bool bytes = of_type(parts, BYTE, &id) != NULL;
    /* Metaspace cuts Unigram's words apart, as transformers' own tokenizers do; SentencePiece
     * leaves all text whole, and its blank stands before a mark as well, where Metaspace puts
     * none. */
    const bool meta = parts->isolated ? parts->spaced && parts->once
                                      : unigram || (parts->spaced && parts->once);
    char *pattern = parts->isolated ? users_pattern(parts) : NULL;
    const bool cut = pattern != NULL;
    enum err err = parts->score ? read_pieces(tokenizer, parts, !cut, added)
                                : err_set(ERR_PARSE, "the tokens have no scores");

    if (!err && !unigram)
        err = make_merges(tokenizer, parts, !cut);
    if (err) {
        free(pattern);
        json_decref(added);
        json_decref(post);
        return err;
    }
    *rest = json_pack("{s:s, s:n, s:n, s:o, s:o, s:o, s:o, s:o, s:o}", "version", "1.0",
                      "truncation", "padding", "added_tokens", added, "normalizer",
                      normalizer(parts, !meta), "pre_tokenizer",
                      pre_tokenizer(parts, meta, pattern), "post_processor", post, "decoder",
                      decoder(parts, bytes), "model", model_json(parts, unigram, bytes, cut));
    return OK;
}
