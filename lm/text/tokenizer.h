/* tokenizer: text to token ids and back, exactly as Hugging Face's tokenizers do.
 *
 * BPE, byte-level or SentencePiece's, and Unigram, from tokenizer.json, from GGUF metadata, from
 * SentencePiece's tokenizer.model or from vocab.json and merges.txt. Bounded, and refuses what it
 * does not know with the name of the part. Where its sources differ: a byte that is no token is
 * left out before the merges, as Hugging Face does (llama.cpp: after them); a GGUF's "qwen2" has
 * the NFC that Qwen2's tokenizer.json has (llama.cpp: none); an added token's bytes are its text;
 * a file of SentencePiece is read as transformers converts it.
 * A tokenizer may be used by several threads at once. */

#ifndef LM_TEXT_TOKENIZER_H
#define LM_TEXT_TOKENIZER_H

#include "base/err.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tokenizer;

/* From the text of a tokenizer.json. Errors: ERR_PARSE, ERR_RANGE; `name` stands before the
 * words. */
enum err tokenizer_json(struct tokenizer **out, const char *text, size_t n,
                        const char *name) MUST_CHECK;

/* From GGUF metadata. type[i]: 1 normal, 2 unknown and 3 control (special), 4 user defined
 * (added), 5 unused (no tokens at the end), 6 a byte. pre NULL or "" is gpt-2. Errors: ERR_RANGE,
 * ERR_PARSE. */
struct tokenizer_gguf {
    const char *model, *pre; /* "gpt2", "llama", "t5", "gemma4"; of gpt2: pretoken_names.h */
    size_t tokens, merges;
    const char *const *token; /* [tokens] */
    const int32_t *type;      /* [tokens] */
    const char *const *merge; /* [merges] "left right" */
    bool add_bos;
    int bos;
    /* Of "llama" (SentencePiece's BPE) and "t5" (Unigram) alone. */
    const float *score;   /* [tokens] */
    const char *charsmap; /* SentencePiece's precompiled map, or NULL */
    size_t charsmap_bytes;
    bool spaced;   /* a blank before a text, and behind each added token */
    bool once;     /* but before the text alone: transformers' legacy=false */
    bool squeezed; /* blanks at the ends go, of several one stays */
    bool isolated; /* a user's symbol ends no text: no blank comes behind it */
};
enum err tokenizer_gguf(struct tokenizer **out, const struct tokenizer_gguf *parts,
                        const char *name) MUST_CHECK;

/* From a SentencePiece model file (ModelProto). `config` is tokenizer_config.json's object or
 * NULL: of it legacy, add_prefix_space and add_bos_token are read, as transformers' LlamaTokenizer
 * reads them. Errors: ERR_PARSE, ERR_RANGE. */
enum err tokenizer_spm(struct tokenizer **out, const char *bytes, size_t n,
                       const json_t *config, const char *name) MUST_CHECK;

/* From vocab.json and merges.txt, with tokenizer_config.json's object (NULL: none) for the class
 * and its added tokens, and added_tokens.json's (or NULL). Errors: ERR_PARSE, ERR_RANGE. */
struct tokenizer_slow {
    const char *vocab, *merges;
    size_t vocab_bytes, merges_bytes;
    const json_t *config, *added;
};
enum err tokenizer_slow(struct tokenizer **out, const struct tokenizer_slow *parts,
                        const char *name) MUST_CHECK;

/* A byte tokenizer made from nothing: ids 0..specials-1 are the given special tokens, then the
 * 256 bytes. For small worlds. */
enum err tokenizer_bytes(struct tokenizer **out, const char *const *special,
                         int specials) MUST_CHECK;

void tokenizer_free(struct tokenizer *tokenizer);

/* A tokenizer.json that transformers loads with equal results; *out is freed with free(). */
enum err tokenizer_write(const struct tokenizer *tokenizer, char **out, size_t *n) MUST_CHECK;

/* Text need not be UTF-8: bad bytes become U+FFFD as Rust's lossy conversion does. `special`:
 * names of special tokens in the text become those tokens; false leaves them plain text (what a
 * user typed). Added tokens that are not special are found either way, as with Hugging Face's
 * encode_special_tokens. Never adds BOS or EOS. *ids is freed with free(). Errors: ERR_RANGE
 * (text too long, or a pattern that takes too many steps), ERR_NOMEM. */
enum err tokenizer_encode(const struct tokenizer *tokenizer, const char *text, size_t n,
                          bool special, int **ids, size_t *count) MUST_CHECK;

/* Bytes of ids; `special` false leaves out special tokens. Ids beyond the last token (rows that
 * pad an embedding) are nothing. *text is zero-terminated, freed with free(). Errors: ERR_RANGE
 * (an id below 0). */
enum err tokenizer_decode(const struct tokenizer *tokenizer, const int *ids, size_t count,
                          bool special, char **text, size_t *n) MUST_CHECK;

/* The raw bytes of one token (may be part of a character); valid as long as the tokenizer. */
const char *tokenizer_piece(const struct tokenizer *tokenizer, int id, size_t *n);

/* How many bytes of the first piece of a text that is shown as it comes tokenizer_decode would
 * not show: SentencePiece's blank before a text. */
size_t tokenizer_lead(const struct tokenizer *tokenizer, const char *piece, size_t n);

/* end [count]: the byte of the text behind each of the tokens that tokenizer_encode made of it.
 * Errors: ERR_RANGE (a normalizer changed the text, so that they cannot be found in it). */
enum err tokenizer_ends(const struct tokenizer *tokenizer, const char *text, size_t n,
                        const int *ids, size_t count, size_t *end) MUST_CHECK;

int tokenizer_id(const struct tokenizer *tokenizer,
                 const char *token);                    /* -1 if there is none */
int tokenizer_count(const struct tokenizer *tokenizer); /* ids are below this */
bool tokenizer_is_special(const struct tokenizer *tokenizer, int id);
bool tokenizer_adds_bos(const struct tokenizer *tokenizer,
                        int *bos); /* post-processor's template */

#endif
