/* tokenizer: text to token ids and back, exactly as Hugging Face's tokenizers do.
 *
 * Byte-level BPE from tokenizer.json or from GGUF metadata. Bounded, and refuses what it does
 * not know with the name of the part. Reference: reference ecosystem.md §3 (see
 * docs/ARCHITECTURE.md). */

#ifndef LM_TEXT_TOKENIZER_H
#define LM_TEXT_TOKENIZER_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tokenizer;

/* From the text of a tokenizer.json. Errors: ERR_PARSE, ERR_RANGE; `name` stands before the
 * words. */
enum err tokenizer_json(struct tokenizer **out, const char *text, size_t n,
                        const char *name) MUST_CHECK;

/* From GGUF metadata. type[i]: 1 normal, 3 control (special), 4 user defined, 6 byte. */
struct tokenizer_gguf {
    const char *model, *pre; /* "gpt2"; "smollm", "gpt-2", "qwen2", "llama-bpe" */
    size_t tokens, merges;
    const char *const *token; /* [tokens] */
    const int32_t *type;      /* [tokens] */
    const char *const *merge; /* [merges] "left right" */
    bool add_bos;
    int bos;
};
enum err tokenizer_gguf(struct tokenizer **out, const struct tokenizer_gguf *parts,
                        const char *name) MUST_CHECK;

/* A byte tokenizer made from nothing: ids 0..specials-1 are the given special tokens, then the
 * 256 bytes. For small worlds. */
enum err tokenizer_bytes(struct tokenizer **out, const char *const *special,
                         int specials) MUST_CHECK;

void tokenizer_free(struct tokenizer *tokenizer);

/* A tokenizer.json that transformers loads with equal results; *out is freed with free(). */
enum err tokenizer_write(const struct tokenizer *tokenizer, char **out, size_t *n) MUST_CHECK;

/* Text need not be UTF-8: bad bytes become U+FFFD as Rust's lossy conversion does. `special`:
 * names of added tokens in the text become those tokens; false encodes them as plain text (what
 * a user typed). Never adds BOS or EOS. *ids is freed with free(). Errors: ERR_RANGE (text too
 * long). */
enum err tokenizer_encode(const struct tokenizer *tokenizer, const char *text, size_t n,
                          bool special, int **ids, size_t *count) MUST_CHECK;

/* Bytes of ids; `special` false leaves out special tokens. *text is zero-terminated, freed with
 * free(). */
enum err tokenizer_decode(const struct tokenizer *tokenizer, const int *ids, size_t count,
                          bool special, char **text, size_t *n) MUST_CHECK;

/* The raw bytes of one token (may be part of a character); valid as long as the tokenizer. */
const char *tokenizer_piece(const struct tokenizer *tokenizer, int id, size_t *n);

int tokenizer_id(const struct tokenizer *tokenizer,
                 const char *token);                    /* -1 if there is none */
int tokenizer_count(const struct tokenizer *tokenizer); /* ids are below this */
bool tokenizer_is_special(const struct tokenizer *tokenizer, int id);
bool tokenizer_adds_bos(const struct tokenizer *tokenizer,
                        int *bos); /* post-processor's template */

#endif
