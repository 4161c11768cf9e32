/* forward: the transformer on rows of tokens whose keys live in caches: decode, prefill, scoring;
 * with the same-bits contract of docs/MATH.md §1.
 *
 * A row is one token of any sequence. Its result depends on the weights and on the tokens
 * before it in its own sequence, and on nothing else: not on the other rows, their number,
 * chunking, threads, or the instruction set. Training (train.h) walks the same list of operations
 * (block.h) and gives the same bits. */

#ifndef LM_MODEL_FORWARD_H
#define LM_MODEL_FORWARD_H

#include "lm/model/forward_work.h"

/* hidden [n,width] out: after the final norm. n <= the work's rows. */
void forward_hidden(const struct model *model, struct forward_work *work,
                    const struct forward_row *rows, int n, float *hidden);

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

/* Where the first number that is not finite is made of this sequence, in words: "layer 3,
 * model.layers.3.mlp.down_proj.weight". For errors; the sequence is computed anew. */
enum { FORWARD_FAULT = 128 };
const char *forward_fault(char out[FORWARD_FAULT], const struct model *model, const int *token,
                          int n);

/* Convenience over the above for whole sequences: packed tokens, seq[n_seq+1] starts;
 * logprob[i] belongs to token[i] (0 at each sequence start), value[i] to hidden[i]. Any output
 * may be NULL. Errors: ERR_RANGE (lengths, tokens, temperature, an output that the head has not; one
 * that is not finite, with forward_fault's words), ERR_NOMEM. */
enum err forward_score(const struct model *model, const int *token, const int *seq, int n_seq,
                       float temperature, float *logprob, float *entropy,
                       float *value) MUST_CHECK;

/* Of each sequence the last token's hidden state, after the final norm: what a reward head reads.
 * hidden [n_seq,width] out. Errors: as above. */
enum err forward_score_last(const struct model *model, const int *token, const int *seq,
                            int n_seq, float *hidden) MUST_CHECK;

#endif
