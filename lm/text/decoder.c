/* How it works: a chain is read from left to right into one struct, whose parts stand in the
 * order in which they work: Replace, ByteFallback, Fuse, then Strip or Metaspace. Every chain
 * that SentencePiece's tokenizers are converted to has that order; another is refused by the
 * name of the part that stands out of it, for to do it in our order would be another text.
 *
 * Strip counts characters of the whole text since Fuse made one of all; Metaspace drops every
 * mark of the first token. */

#include "lm/text/decoder.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

/* Places in the chain. */
enum decoder_place { AT_REPLACE, AT_BYTES, AT_FUSE, AT_END };

struct decoder_chain {
    enum decoder_place place;
    int parts;
    bool fused;
};

static enum err no(const char *type, const char *why)
{
    return err_set(ERR_PARSE, "decoder: %.64s %s", type, why);
}

static enum err replace_of(struct decoder *decoder, const json_t *part)
{
    const json_t *from = json_object_get(json_object_get(part, "pattern"), "String");
    const json_t *to = json_object_get(part, "content");
    const int i = decoder->replaces;

    if (!json_string_length(from) || !json_is_string(to) || json_string_length(from) > 64 ||
        json_string_length(to) > 64 || i == DECODER_REPLACES)
        return no("Replace", "is not supported (one String for another, of 64 bytes, is)");
    decoder->replace[i].from = mem_text(json_string_value(from));
    decoder->replace[i].to = mem_text(json_string_value(to));
    decoder->replace[i].n = json_string_length(from);
    decoder->replace[i].m = json_string_length(to);
    decoder->replaces++;
    return OK;
}

/* A text of one character, short enough for `out`. */
static enum err char_of(char out[DECODER_CHAR], size_t *n, const json_t *text, const char *type)
{
    *n = json_string_length(text);
    if (!*n || *n > 4)
        return no(type, "has no character");
    memcpy(out, json_string_value(text), *n);
    return OK;
}

/* Before Fuse each token would be stripped, which is another text: nobody's file has that. */
static enum err strip_of(struct decoder *decoder, const json_t *part, bool fused)
{
    const json_int_t start = json_integer_value(json_object_get(part, "start"));
    const json_int_t stop = json_integer_value(json_object_get(part, "stop"));

    if (!fused)
        return no("Strip", "without Fuse before it is not supported");
    if (start < 0 || stop < 0 || start > 1 << 20 || stop > 1 << 20)
        return no("Strip", "has a count out of range");
    decoder->start = (int)start;
    decoder->stop = (int)stop;
    return char_of(decoder->strip, &decoder->strip_n, json_object_get(part, "content"),
                   "Strip");
}

static enum err meta_of(struct decoder *decoder, const json_t *part)
{
    const char *scheme = json_string_value(json_object_get(part, "prepend_scheme"));

    /* Files of before 2024 have a flag in its stead. */
    decoder->meta_first = scheme ? strcmp(scheme, "never") != 0
                                 : !json_is_false(json_object_get(part, "add_prefix_space"));
    return char_of(decoder->meta, &decoder->meta_n, json_object_get(part, "replacement"),
                   "Metaspace");
}

/* One part at its place. A place that was passed is never gone back to: that keeps the one order
 * in which the struct's parts are done true of every chain that was taken. */
static enum err link(struct decoder *decoder, struct decoder_chain *chain, const json_t *part)
{
    const char *text = json_string_value(json_object_get(part, "type"));
    const char *type = text ? text : "what has no type";
    const enum decoder_place was = chain->place;

    if (!strcmp(type, "ByteLevel")) {
        decoder->level = true;
        chain->place = AT_END;
        return chain->parts++ ? no(type, "in a Sequence is not supported") : OK;
    }
    chain->parts++;
    if (!strcmp(type, "Replace")) {
        chain->place = AT_REPLACE;
        return was > AT_REPLACE ? no(type, "is supported at the beginning only")
                                : replace_of(decoder, part);
    }
    if (!strcmp(type, "ByteFallback")) {
        decoder->bytes = true;
        chain->place = AT_BYTES;
        return was >= AT_BYTES ? no(type, "is supported before Fuse only") : OK;
    }
    if (!strcmp(type, "Fuse")) {
        chain->place = AT_FUSE;
        chain->fused = true;
        return was > AT_FUSE ? no(type, "is not supported there") : OK;
    }
    chain->place = AT_END;
    if (was == AT_END || (strcmp(type, "Strip") && strcmp(type, "Metaspace")))
        return no(type, "is not supported (ByteLevel, Metaspace and a Sequence of Replace, "
                        "ByteFallback, Fuse and Strip are)");
    if (!strcmp(type, "Strip"))
        return strip_of(decoder, part, chain->fused);
    /* Behind Fuse the first token would be all of the text. */
    return chain->fused ? no(type, "behind Fuse is not supported") : meta_of(decoder, part);
}

/* Sequences may nest, a few deep; a decoder alone is a chain of one. */
static enum err chain_of(struct decoder *decoder, struct decoder_chain *chain,
                         const json_t *part, int depth)
{
    const char *type = json_string_value(json_object_get(part, "type"));
    const json_t *list = json_object_get(part, "decoders");
    enum err err = OK;
    size_t i;
    json_t *item;

    if (!type || strcmp(type, "Sequence") || depth > 4)
        return link(decoder, chain, part);
    json_array_foreach(list, i, item)
    {
        err = chain_of(decoder, chain, item, depth + 1);
        if (err)
            break;
    }
    return err;
}

enum err decoder_read(struct decoder *decoder, const json_t *part)
{
    struct decoder_chain chain = {AT_REPLACE, 0, false};
    const enum err err = chain_of(decoder, &chain, part, 0);

    /* Without one Hugging Face puts blanks between all tokens: no text anybody trained on. */
    return err || chain.parts ? err : no("an empty Sequence", "is not supported");
}

void decoder_fini(struct decoder *decoder)
{
    for (int i = 0; i < decoder->replaces; i++) {
        free(decoder->replace[i].from);
        free(decoder->replace[i].to);
    }
    memset(decoder, 0, sizeof *decoder);
}

static int hex(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
                                  : -1;
}

bool decoder_is_byte(const struct decoder *decoder, const char *text, size_t n)
{
    return decoder->bytes && n == 6 && !memcmp(text, "<0x", 3) && text[5] == '>' &&
           hex(text[3]) >= 0 && hex(text[4]) >= 0;
}

/* text with each `from` made `to`; free both. */
static char *replaced(const char *text, size_t n, const char *from, size_t a, const char *to,
                      size_t b, size_t *m)
{
    char *out = mem_new(n / a * b + n + 1, 1);
    size_t at = 0;

    *m = 0;
    while (at < n) {
        if (n - at >= a && !memcmp(text + at, from, a)) {
            memcpy(out + *m, to, b);
            *m += b;
            at += a;
        } else {
            out[(*m)++] = text[at++];
        }
    }
    return out;
}

/* Of one token, so that a stream can be decoded as it comes: Replace and Metaspace look at no
 * neighbour, and a byte piece is one byte, which may be a part of a character; who streams holds
 * it back until the character is whole. */
char *decoder_piece(const struct decoder *decoder, const char *text, size_t n, bool first,
                    size_t *m)
{
    char *out = mem_new(n + 1, 1);

    memcpy(out, text, n);
    *m = n;
    for (int i = 0; i < decoder->replaces; i++) {
        char *next = replaced(out, *m, decoder->replace[i].from, decoder->replace[i].n,
                              decoder->replace[i].to, decoder->replace[i].m, m);

        free(out);
        out = next;
    }
    if (decoder_is_byte(decoder, out, *m)) {
        out[0] = (char)(hex(out[3]) << 4 | hex(out[4]));
        *m = 1;
    } else if (decoder->meta_n) {
        const bool none = first && decoder->meta_first;
        char *next = replaced(out, *m, decoder->meta, decoder->meta_n, " ", none ? 0 : 1, m);

        free(out);
        out = next;
    }
    return out;
}

size_t decoder_first(const struct decoder *decoder, const char *piece, size_t n)
{
    size_t at = 0;

    if (decoder->meta_n && decoder->meta_first)
        while (at < n && piece[at] == ' ')
            at++;
    return at;
}

size_t decoder_lead(const struct decoder *decoder, const char *text, size_t n)
{
    size_t at = 0;

    for (int i = 0; i < decoder->start && n - at >= decoder->strip_n; i++) {
        if (memcmp(text + at, decoder->strip, decoder->strip_n) != 0)
            break;
        at += decoder->strip_n;
    }
    return at;
}

/* The same from the end: what Strip's `stop` takes, known only when the text has ended. */
size_t decoder_tail(const struct decoder *decoder, const char *text, size_t n)
{
    size_t cut = 0;

    for (int i = 0; i < decoder->stop && n - cut >= decoder->strip_n; i++) {
        if (memcmp(text + n - cut - decoder->strip_n, decoder->strip, decoder->strip_n) != 0)
            break;
        cut += decoder->strip_n;
    }
    return cut;
}
