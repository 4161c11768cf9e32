/* added: the added tokens of tokenizer.json, found in text before anything else is done to it.
 *
 * The leftmost match wins, the longest on ties, as Hugging Face's Aho-Corasick does
 * (tokenizers, added_vocabulary.rs): a match that does not count (special while specials are
 * off, or single_word inside a word) is stepped over whole. */

#ifndef LM_TEXT_ADDED_H
#define LM_TEXT_ADDED_H

#include "lm/text/regex.h"

#include <stdint.h>

enum { ADDED_MAX = 1 << 16, ADDED_BYTES_MAX = 1024 };

struct added_token {
    char *text; /* what is looked for: normalized if `normalized` is set; owned */
    size_t n;
    char *content; /* as the file has it, of content_n bytes; owned */
    size_t content_n;
    int id;
    bool special, lstrip, rstrip, single_word;
};

/* One set; a tokenizer has two, for text before and after its normalizer. */
struct added {
    struct added_token *token; /* sorted by text */
    size_t count;
    uint8_t first[32];  /* bits: bytes that some text starts with */
    struct regex *word; /* \w of Rust's regex; NULL until a single_word needs it */
};

void added_fini(struct added *added);

/* Takes the token's texts. Errors: ERR_RANGE (empty, long, too many). */
enum err added_put(struct added *added, struct added_token token) MUST_CHECK;

/* After the last put. Errors: ERR_PARSE (a text twice). */
enum err added_ready(struct added *added) MUST_CHECK;

/* Calls emit for each part of text[0..n): id -1 and the part's bytes, or the id of a token. */
typedef enum err added_emit(void *context, int id, const char *text, size_t n);
enum err added_split(const struct added *added, struct regex_work *work, bool special,
                     const char *text, size_t n, added_emit *emit, void *context) MUST_CHECK;

#endif
