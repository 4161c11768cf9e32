/* gguf_vocab: a tokenizer.json as the lists that a GGUF file has of it. */

#ifndef LM_FILE_GGUF_VOCAB_H
#define LM_FILE_GGUF_VOCAB_H

#include "base/err.h"

enum { GGUF_VOCAB_ENDS = 3 }; /* end tokens that GGUF has keys for */

struct meta_write;
struct model_meta;
struct tokenizer;

/* tokenizer.ggml.* and tokenizer.chat_template of a model; `tokenizer` is the card's, read. pre:
 * llama.cpp's name of the pre-tokenizer; NULL: found by its pattern. Errors: ERR_RANGE, if no
 * name is known for it, or the tokenizer is of a kind that GGUF has no lists for; ERR_PARSE. */
enum err gguf_vocab_write(struct meta_write *to, const struct model_meta *card,
                          const struct tokenizer *tokenizer, const char *pre) MUST_CHECK;

#endif
