/* decoder: what tokenizer.json's decoder makes of tokens.
 *
 * Known: ByteLevel; Metaspace; and Sequences of Replace (String), ByteFallback, Fuse, Strip and
 * Metaspace in the orders that tokenizers are written with. What a decoder does to a token
 * wherever it stands goes into the token's bytes; what it does to the beginning and the end of a
 * text is done to texts. */

#ifndef LM_TEXT_DECODER_H
#define LM_TEXT_DECODER_H

#include "base/err.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

enum { DECODER_REPLACES = 4, DECODER_CHAR = 8 };

struct decoder {
    bool level; /* ByteLevel: pieces are in GPT-2's alphabet */
    bool bytes; /* "<0x41>" is a byte */
    int replaces;
    struct {
        char *from, *to;
        size_t n, m;
    } replace[DECODER_REPLACES];
    char strip[DECODER_CHAR]; /* taken off the beginning and the end of a text, so often each */
    size_t strip_n;
    int start, stop;
    char meta[DECODER_CHAR]; /* Metaspace's: a blank, but nothing in the first token */
    size_t meta_n;
    bool meta_first; /* it is nothing there */
};

/* Errors: ERR_PARSE names what is not known. */
enum err decoder_read(struct decoder *decoder, const json_t *part) MUST_CHECK;
void decoder_fini(struct decoder *decoder);

/* The bytes of a token of a model without ByteLevel; free them with free(). `first`: as the first
 * token of a text, which has none of Metaspace's blanks. */
char *decoder_piece(const struct decoder *decoder, const char *text, size_t n, bool first,
                    size_t *m);

/* Is the token a byte's own? */
bool decoder_is_byte(const struct decoder *decoder, const char *text, size_t n);

/* How many of the blanks that Metaspace takes a first token's piece begins with. */
size_t decoder_first(const struct decoder *decoder, const char *piece, size_t n);

/* How many bytes at the start of a whole text Strip takes, and at its end. */
size_t decoder_lead(const struct decoder *decoder, const char *text, size_t n);
size_t decoder_tail(const struct decoder *decoder, const char *text, size_t n);

#endif
