/* How it works: text -> parts between raw added tokens -> normalizer -> parts between normalized
 * added tokens -> pieces (pretoken) -> bytes' own tokens -> merges (bpe). Each stage calls the
 * next through its emit function, so no list of parts exists; only the ids grow. Without
 * byte-level a piece begins as characters instead of bytes, or is cut by unigram.
 *
 * With ignore_merges a piece that is a token as a whole is that token, whatever its merges
 * would make of it (Llama 3). */

#include "lm/text/tokenizer.h"
#include "lm/text/tokenizer_parts.h"

#include "base/mem.h"
#include "lm/text/alphabet.h"
#include "lm/text/utf8.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* One call's memory. */
struct encoder {
    const struct tokenizer *tokenizer;
    struct regex_work *regex;
    struct bpe_work *bpe;
    struct unigram_work *unigram;
    const char *beginning; /* of the whole text, while it is in a part; else NULL */
    bool special;
    int *ids;
    size_t count, room;
    char *text; /* a piece in GPT-2's alphabet, for ignore_merges */
    size_t text_room;
};

/* One token a byte is the most that a piece can become, so callers reserve once a piece. */
static void reserve(struct encoder *encoder, size_t more)
{
    if (encoder->room - encoder->count >= more)
        return;
    encoder->room = 2 * encoder->room + more + 64;
    encoder->ids = mem_grow(encoder->ids, encoder->room, sizeof *encoder->ids);
}

/* The whole piece as one token, or -1. */
static int whole(struct encoder *encoder, const char *piece, size_t n)
{
    /* No token is longer; the bound is on text, which has up to two bytes for each of the
     * piece's. */
    if (n > VOCAB_TOKEN_BYTES_MAX)
        return -1;
    if (encoder->text_room < 2 * n) {
        encoder->text_room = 4 * n;
        encoder->text = mem_grow(encoder->text, encoder->text_room, 1);
    }
    return vocab_find(encoder->tokenizer->vocab, encoder->text,
                      alphabet_write(encoder->text, piece, n));
}

/* BPE of one piece: a byte without a token is unk, or vanishes. */
static enum err on_piece(void *context, const char *piece, size_t n)
{
    struct encoder *encoder = context;
    const struct tokenizer *tokenizer = encoder->tokenizer;
    const int id = tokenizer->ignore_merges ? whole(encoder, piece, n) : -1;
    bool unk = false; /* was the byte before one? */
    size_t at;

    reserve(encoder, n + 1);
    if (id >= 0) {
        encoder->ids[encoder->count++] = id;
        return OK;
    }
    at = encoder->count;
    for (size_t i = 0; i < n; i++) {
        const int byte = tokenizer->byte[(unsigned char)piece[i]];

        if (byte >= 0)
            encoder->ids[at++] = byte;
        else if (tokenizer->unk >= 0 && !(unk && tokenizer->fuse_unk))
            encoder->ids[at++] = tokenizer->unk;
        unk = byte < 0;
    }
    /* In place: the bytes' tokens stand where the result will, and merging only makes them
     * fewer. */
    encoder->count += bpe_run(tokenizer->bpe, encoder->bpe, encoder->ids + encoder->count,
                              at - encoder->count);
    return OK;
}

static void put(struct encoder *encoder, int id)
{
    reserve(encoder, 1);
    encoder->ids[encoder->count++] = id;
}

/* What is no token as its bytes' tokens; false if not all of them have one. */
static bool put_bytes(struct encoder *encoder, const char *text, size_t n)
{
    const int *byte = encoder->tokenizer->byte;

    if (!encoder->tokenizer->byte_fallback)
        return false;
    for (size_t i = 0; i < n; i++)
        if (byte[(unsigned char)text[i]] < 0)
            return false;
    for (size_t i = 0; i < n; i++)
        put(encoder, byte[(unsigned char)text[i]]);
    return true;
}

/* BPE of one piece without byte-level: it begins as characters. An unknown one waits for the
 * next token of the vocabulary, and bytes go before it, which is Hugging Face's order. */
static enum err on_characters(void *context, const char *piece, size_t n)
{
    struct encoder *encoder = context;
    const struct tokenizer *tokenizer = encoder->tokenizer;
    const size_t start = encoder->count;
    bool unk = false;
    uint32_t cp;
    int id = tokenizer->ignore_merges && n <= VOCAB_TOKEN_BYTES_MAX
                 ? vocab_find(tokenizer->vocab, piece, n)
                 : -1;

    if (id >= 0) {
        put(encoder, id);
        return OK;
    }
    for (size_t i = 0, bytes; i < n; i += bytes) {
        (void)utf8_next(piece + i, n - i, &cp, &bytes);
        id = vocab_find(tokenizer->vocab, piece + i, bytes);
        if (id < 0 && (put_bytes(encoder, piece + i, bytes) || tokenizer->unk < 0))
            continue;
        if (unk && (id >= 0 || !tokenizer->fuse_unk))
            put(encoder, tokenizer->unk);
        unk = id < 0;
        if (id >= 0)
            put(encoder, id);
    }
    if (unk)
        put(encoder, tokenizer->unk);
    encoder->count = start + bpe_run(tokenizer->bpe, encoder->bpe, encoder->ids + start,
                                     encoder->count - start);
    return OK;
}

/* A part of unigram's cut. A run of unknown characters may have a token as a whole. */
static enum err on_cut(void *context, int id, const char *text, size_t n)
{
    struct encoder *encoder = context;
    const struct tokenizer *tokenizer = encoder->tokenizer;

    if (id < 0)
        id = vocab_find(tokenizer->vocab, text, n);
    if (id >= 0 || !put_bytes(encoder, text, n))
        put(encoder, id >= 0 ? id : tokenizer->unk);
    return OK;
}

static enum err on_unigram(void *context, const char *piece, size_t n)
{
    struct encoder *encoder = context;

    return unigram_run(encoder->tokenizer->unigram, encoder->unigram, piece, n, on_cut,
                       encoder);
}

/* A part between added tokens, after the normalizer; or a token. */
static enum err on_part(void *context, int id, const char *text, size_t n)
{
    struct encoder *encoder = context;
    const struct tokenizer *tokenizer = encoder->tokenizer;

    if (id < 0)
        return pretoken_split(tokenizer->pretoken, encoder->regex, text, n,
                              text == encoder->beginning,
                              tokenizer->level     ? on_piece
                              : tokenizer->unigram ? on_unigram
                                                   : on_characters,
                              encoder);
    put(encoder, id);
    return OK;
}

/* The same before the normalizer. */
static enum err on_raw_part(void *context, int id, const char *text, size_t n)
{
    struct encoder *encoder = context;
    const struct tokenizer *tokenizer = encoder->tokenizer;
    const bool first = text == encoder->beginning;
    char *made = NULL;
    enum err err = OK;

    if (id >= 0)
        return on_part(context, id, text, n);
    if (normalize_any(tokenizer->normalize)) {
        err = normalize_run(tokenizer->normalize, encoder->regex, text, n, &made, &n);
        text = made;
    }
    encoder->beginning = first ? text : NULL;
    if (!err)
        err = added_split(&tokenizer->normalized, encoder->regex, encoder->special, text, n,
                          on_part, encoder);
    free(made);
    encoder->beginning = NULL;
    return err;
}

enum err tokenizer_encode(const struct tokenizer *tokenizer, const char *text, size_t n,
                          bool special, int **ids, size_t *count)
{
    struct encoder encoder = {.tokenizer = tokenizer, .special = special};
    char *clean = NULL;
    enum err err;

    *ids = NULL;
    *count = 0;
    if (n > TOKENIZER_TEXT_MAX)
        return err_set(ERR_RANGE, "text: %zu bytes, at most %d", n, TOKENIZER_TEXT_MAX);
    err = regex_work_new(&encoder.regex);
    if (err)
        return err;
    /* As Python does before a tokenizer sees it: what is no UTF-8 becomes U+FFFD, once, here;
     * all stages below may rely on it. */
    if (!utf8_valid(text, n))
        text = clean = utf8_lossy(text, n, &n);
    encoder.bpe = bpe_work_new();
    encoder.unigram = unigram_work_new();
    encoder.beginning = text;
    /* Ordinary text has three to four bytes a token: mostly this is the only allocation
     * of ids. */
    reserve(&encoder, n / 3 + 1);
    err = added_split(&tokenizer->raw, encoder.regex, special, text, n, on_raw_part, &encoder);
    free(clean);
    free(encoder.text);
    bpe_work_free(encoder.bpe);
    unigram_work_free(encoder.unigram);
    regex_work_free(encoder.regex);
    if (err) {
        free(encoder.ids);
        return err;
    }
    *ids = encoder.ids;
    *count = encoder.count;
    return OK;
}
