/* tokenizer_parts: what a tokenizer is made of; for the tokenizer_*.c files alone. */

#ifndef LM_TEXT_TOKENIZER_PARTS_H
#define LM_TEXT_TOKENIZER_PARTS_H

#include "lm/text/added.h"
#include "lm/text/bpe.h"
#include "lm/text/decoder.h"
#include "lm/text/normalize.h"
#include "lm/text/pretoken.h"
#include "lm/text/unigram.h"
#include "lm/text/vocab.h"

#include <jansson.h>

struct tokenizer_gguf;

enum { TOKENIZER_TEXT_MAX = 1 << 28 }; /* bytes: of a tokenizer.json, and to encode at once */

struct tokenizer {
    struct vocab *vocab; /* the model's own tokens, in GPT-2's alphabet if `level` */
    struct bpe *bpe;
    struct unigram *unigram; /* in the merges' stead */
    double *score;           /* [vocab_top] for it: its loader's, until it is made */
    struct normalize *normalize;
    struct pretoken *pretoken;
    struct decoder decoder;
    struct added raw, normalized; /* added tokens sought before and after the normalizer */
    json_t *rest;                 /* tokenizer.json without model.vocab and model.merges */
    bool level; /* byte-level: pieces are cut into bytes, else into characters */
    bool byte_fallback, ignore_merges, fuse_unk;
    int unk;       /* for what is no token; -1: it vanishes, as Hugging Face does */
    int byte[256]; /* id of each byte's own token ("<0x41>" without `level`), or -1 */
    int bos;       /* what the post-processor puts first, or -1 */
    int count;     /* highest id + 1 */
    char *arena;   /* bytes of the tokens, end to end */
    size_t *piece; /* [count + 1] where they start */
    bool *special; /* [count] */
    const struct added_token **added; /* [count] in raw or normalized, or NULL */
};

/* Reads `rest` (taken, also on an error) and makes the whole; vocab and bpe are filled. */
enum err tokenizer_parts_ready(struct tokenizer *tokenizer, json_t *rest) MUST_CHECK;

/* Adds merge "left right", given as texts. Errors: ERR_PARSE if one of the three is no token.
 */
enum err tokenizer_parts_merge(struct tokenizer *tokenizer, const char *left, size_t n,
                               const char *right, size_t m) MUST_CHECK;

struct tokenizer *tokenizer_parts_new(void);

/* From a whole tokenizer.json, which loses its vocabulary and merges; borrowed. tokenizer_json's
 * errors. */
enum err tokenizer_json_tree(struct tokenizer **out, json_t *root, const char *name) MUST_CHECK;

/* A token's text as Hugging Face's decoder gets it, NULL for a hole. */
const char *tokenizer_parts_text(const struct tokenizer *tokenizer, int id, size_t *n);

/* An entry of added_tokens that nothing strips or normalizes. */
json_t *tokenizer_parts_added(int id, const char *text, bool special);

/* A tokenizer.json without its vocabulary and merges; takes the three parts. */
json_t *tokenizer_parts_frame(json_t *added, json_t *pre_tokenizer, json_t *post, bool nfc,
                              bool ignore_merges);

/* SentencePiece's kinds, from tokenizer_pieces.c: fills vocabulary, merges and scores; *rest is
 * the tokenizer.json without them. `added` and `post` are taken, also on an error. */
enum err tokenizer_pieces_read(struct tokenizer *tokenizer, const struct tokenizer_gguf *parts,
                               json_t *added, json_t *post, json_t **rest) MUST_CHECK;

#endif
