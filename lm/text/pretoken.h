/* pretoken: cuts text into the pieces that BPE works on, as tokenizer.json's pre_tokenizer
 * says.
 *
 * Known: Split (Regex or String; every behavior), Digits, Metaspace, WhitespaceSplit, and a
 * Sequence of those that may end with ByteLevel. The pieces are bytes, not yet in GPT-2's
 * alphabet. */

#ifndef LM_TEXT_PRETOKEN_H
#define LM_TEXT_PRETOKEN_H

#include "lm/text/regex.h"

#include <jansson.h>

struct pretoken;

/* NULL or null is one that does not cut. Errors: ERR_PARSE, ERR_RANGE; the words name the part.
 */
enum err pretoken_new(struct pretoken **out, const json_t *pre_tokenizer) MUST_CHECK;
void pretoken_free(struct pretoken *pretoken);

/* It ends with ByteLevel: a piece's bytes are what a model's tokens are made of. */
bool pretoken_bytes(const struct pretoken *pretoken);

typedef enum err pretoken_emit(void *context, const char *piece, size_t n);

/* Calls emit for each piece, in order; stops at its first error. text must be UTF-8. `first`: it
 * is the beginning of what is encoded. */
enum err pretoken_split(const struct pretoken *pretoken, struct regex_work *work,
                        const char *text, size_t n, bool first, pretoken_emit *emit,
                        void *context) MUST_CHECK;

#endif
