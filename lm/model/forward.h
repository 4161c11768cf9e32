/* forward: the transformer on rows of tokens, with the same-bits contract of docs/MATH.md §1.
 *
 * A row is one token of any sequence. Its result depends on the weights and on the tokens
 * before it in its own sequence, and on nothing else: not on the other rows, their number,
 * chunking, threads, or the instruction set. Decode, prefill, scoring and training all call
 * this. */

#ifndef LM_MODEL_FORWARD_H
#define LM_MODEL_FORWARD_H

#include "lm/model/packed.h"

/* Weights ready to run. Borrows `image`, which must outlive it and stay unchanged. */
struct model;
enum err model_new(struct model **out, const struct shape *shape, const float *image,
                   size_t bytes) MUST_CHECK;
void model_free(struct model *model);
const struct shape *model_shape(const struct model *model);

/* Keys and values of one sequence, room for `capacity` tokens. */
struct cache;
enum err cache_new(struct cache **out, const struct shape *shape, int capacity) MUST_CHECK;
void cache_free(struct cache *cache);
size_t cache_size(const struct shape *shape, int capacity); /* bytes */
int cache_capacity(const struct cache *cache);
/* The first n tokens of `from` become those of `to` (prompt shared by n samples). */
void cache_copy(struct cache *to, const struct cache *from, int n);

struct row {
    struct cache *cache;
    int token; /* 0 <= token < vocab */
    int pos;   /* rows of one sequence stand in ascending order, none left out */
};

/* Scratch for up to `rows` rows at once. */
struct forward_work;
enum err forward_work_new(struct forward_work **out, const struct shape *shape,
                          int rows) MUST_CHECK;
void forward_work_free(struct forward_work *work);

/* hidden [n,width] out: after the final norm. n <= the work's rows. */
void forward_hidden(const struct model *model, struct forward_work *work,
                    const struct row *rows, int n, float *hidden);

/* Of softmax(logits / temperature) at each row, in nats:
 *   logprob [n] out of target[i]; entropy [n] out, may be NULL; square [n] out (sum of p^2),
 * may be NULL. Full logits never exist: the head is chunked over rows. Vocabulary rows beyond
 * the tokenizer's are part of the softmax, as in transformers. */
void forward_logprob(const struct model *model, struct forward_work *work, const float *hidden,
                     int n, const int *target, float temperature, float *logprob,
                     float *entropy, float *square);

/* logits [n,vocab] out. */
void forward_logits(const struct model *model, struct forward_work *work, const float *hidden,
                    int n, float *logits);

/* value [n] out: HEAD_SCALAR, HEAD_STEP. */
void forward_scalar(const struct model *model, const float *hidden, int n, float *value);

/* Convenience over the above for whole sequences: packed tokens, seq[n_seq+1] starts;
 * logprob[i] belongs to token[i] (0 at each sequence start), value[i] to hidden[i]. Any output
 * may be NULL. */
enum err forward_score(const struct model *model, const int *token, const int *seq, int n_seq,
                       float temperature, float *logprob, float *entropy,
                       float *value) MUST_CHECK;

#endif
