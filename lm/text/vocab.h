/* vocab: texts of tokens and their ids, both ways.
 *
 * A text is what tokenizer.json holds: bytes written in GPT-2's alphabet. Ids may have holes.
 */

#ifndef LM_TEXT_VOCAB_H
#define LM_TEXT_VOCAB_H

#include "base/err.h"

#include <stddef.h>

struct vocab;

enum {
    VOCAB_TOKENS_MAX = 1 << 21,  /* ids are below this */
    VOCAB_TOKEN_BYTES_MAX = 4096 /* length of one text */
};

struct vocab *vocab_new(void);
void vocab_free(struct vocab *vocab);

/* Errors: ERR_RANGE (id or length out of bounds), ERR_PARSE (id or text is there already). */
enum err vocab_put(struct vocab *vocab, int id, const char *text, size_t n) MUST_CHECK;

/* The id of a text, or -1. */
int vocab_find(const struct vocab *vocab, const char *text, size_t n);

/* The text of an id, zero-terminated, or NULL for a hole or an id beyond. */
const char *vocab_text(const struct vocab *vocab, int id, size_t *n);

int vocab_top(const struct vocab *vocab);  /* highest id + 1 */
int vocab_size(const struct vocab *vocab); /* texts; less than top if there are holes */

#endif
