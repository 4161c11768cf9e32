/* tokenizer_parts: what a tokenizer is made of; for the tokenizer_*.c files alone. */

#ifndef LM_TEXT_TOKENIZER_PARTS_H
#define LM_TEXT_TOKENIZER_PARTS_H

#include "lm/text/added.h"
#include "lm/text/bpe.h"
#include "lm/text/pretoken.h"
#include "lm/text/vocab.h"

#include <jansson.h>

enum { TOKENIZER_TEXT_MAX = 1 << 28 }; /* bytes: of a tokenizer.json, and to encode at once */

struct tokenizer {
    struct vocab *vocab; /* the model's own tokens, in GPT-2's alphabet */
    struct bpe *bpe;
    struct pretoken *pretoken;
    struct added raw, normalized; /* added tokens sought before and after the normalizer */
    json_t *rest;                 /* tokenizer.json without model.vocab and model.merges */
    bool nfc, ignore_merges, fuse_unk;
    int unk;       /* for bytes that are no token; -1: they vanish, as Hugging Face does */
    int byte[256]; /* id of each byte's own token, or -1 */
    int bos;       /* what the post-processor puts first, or -1 */
    int count;     /* highest id + 1 */
    char *arena;   /* bytes of the tokens, end to end */
    size_t *piece; /* [count + 1] where they start */
    bool *special; /* [count] */
};

/* Reads `rest` (taken, also on an error) and makes the whole; vocab and bpe are filled. */
enum err tokenizer_parts_ready(struct tokenizer *tokenizer, json_t *rest) MUST_CHECK;

/* Adds merge "left right", given as texts. Errors: ERR_PARSE if one of the three is no token.
 */
enum err tokenizer_parts_merge(struct tokenizer *tokenizer, const char *left, size_t n,
                               const char *right, size_t m) MUST_CHECK;

struct tokenizer *tokenizer_parts_new(void);

/* NFC of text[0..n); free *out. Errors: ERR_RANGE. */
enum err tokenizer_parts_nfc(const char *text, size_t n, char **out, size_t *m) MUST_CHECK;

/* An entry of added_tokens that nothing strips or normalizes. */
json_t *tokenizer_parts_added(int id, const char *text, bool special);

/* A tokenizer.json without its vocabulary and merges; takes the three parts. */
json_t *tokenizer_parts_frame(json_t *added, json_t *pre_tokenizer, json_t *post, bool nfc,
                              bool ignore_merges);

#endif
