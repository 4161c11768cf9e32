/* pretoken_names: what the names in GGUF's tokenizer.ggml.pre stand for. */

#ifndef LM_TEXT_PRETOKEN_NAMES_H
#define LM_TEXT_PRETOKEN_NAMES_H

#include "base/err.h"

#include <jansson.h>
#include <stdbool.h>

/* openai/gpt-2 encoder.py */
#define PRETOKEN_GPT2 \
    "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+"

struct pretoken_name {
    json_t *pre_tokenizer; /* a new reference */
    bool nfc, ignore_merges;
};

/* pre NULL or "" is GPT-2's. Errors: ERR_RANGE names what is known. */
enum err pretoken_names_find(struct pretoken_name *out, const char *pre) MUST_CHECK;

/* The pre_tokenizer and normalizer of a class of transformers whose folder may have vocab.json
 * and merges.txt instead of a tokenizer.json ("GPT2Tokenizer", "Qwen2Tokenizer" ...); `spaced`:
 * its add_prefix_space. Errors: ERR_RANGE names what is known. */
enum err pretoken_names_class(struct pretoken_name *out, const char *name,
                              bool spaced) MUST_CHECK;

/* Does llama.cpp put BOS before texts of such a file if the file does not say? */
bool pretoken_names_bos(const char *pre);

#endif
