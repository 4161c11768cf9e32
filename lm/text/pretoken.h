/* pretoken: cuts text into the pieces that BPE works on, as tokenizer.json's pre_tokenizer
 * says.
 *
 * Known: Split (Regex or String; every behavior), Digits, ByteLevel, and a Sequence of those
 * that ends with ByteLevel. The pieces are bytes, not yet in GPT-2's alphabet. */

#ifndef LM_TEXT_PRETOKEN_H
#define LM_TEXT_PRETOKEN_H

#include "lm/text/regex.h"

#include <jansson.h>

struct pretoken;

/* Errors: ERR_PARSE, ERR_RANGE; the words name the part. */
enum err pretoken_new(struct pretoken **out, const json_t *pre_tokenizer) MUST_CHECK;
void pretoken_free(struct pretoken *pretoken);

typedef enum err pretoken_emit(void *context, const char *piece, size_t n);

/* Calls emit for each piece, in order; stops at its first error. text must be UTF-8. */
enum err pretoken_split(const struct pretoken *pretoken, struct regex_work *work,
                        const char *text, size_t n, pretoken_emit *emit,
                        void *context) MUST_CHECK;

/* The pre_tokenizer that a GGUF's tokenizer.ggml.pre means; NULL or "" is GPT-2's. *nfc and
 * *ignore_merges are what goes with it. Free with json_decref. Errors: ERR_RANGE names what is
 * known. */
enum err pretoken_gguf(json_t **out, bool *nfc, bool *ignore_merges,
                       const char *pre) MUST_CHECK;

#endif
