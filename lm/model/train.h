/* train: forward that remembers, and backward.
 *
 * The forward pass calls the same kernels on the same image as generation, so log-probabilities
 * have the same bits. The backward pass reads the f32 params (OpenBLAS; or our own kernels with
 * `portable`). A batch is packed: no padding, sequences one after another. */

#ifndef LM_MODEL_TRAIN_H
#define LM_MODEL_TRAIN_H

#include "lm/model/forward.h"

#include <stdint.h>

struct batch {
    int n, n_seq;     /* tokens, sequences */
    const int *token; /* [n] */
    const int *seq;   /* [n_seq+1] where each starts; seq[n_seq] = n */
};

struct train_options {
    bool checkpointing; /* keep only each layer's input; recompute the rest in backward */
    bool portable;      /* own GEMM in backward: same bits on every CPU */
};

struct train;
enum err train_new(struct train **out, const struct shape *shape,
                   const struct train_options *options) MUST_CHECK;
void train_free(struct train *train);
/* Bytes that train_forward will hold for n tokens: for the memory plan. */
size_t train_size(const struct shape *shape, const struct train_options *options, int n);

/* Runs the batch and keeps what backward needs. Outputs [n], any may be NULL:
 *   logprob[i], entropy[i] of token[i] given those before it, 0 at each sequence start;
 *   value[i] at token[i] (HEAD_SCALAR). The batch must live until train_backward.
 * Errors: ERR_NOMEM, ERR_RANGE (a token or length out of range). */
enum err train_forward(struct train *train, const struct model *model,
                       const struct batch *batch, float temperature, float *logprob,
                       float *entropy, float *value) MUST_CHECK;

/* Of the last train_forward, [n]: 1 where no token was more likely than token[i], 0 elsewhere
 * and at each sequence start. NULL for HEAD_SCALAR. Valid until the next train_forward. */
const uint8_t *train_hit(const struct train *train);

/* From now on the input embedding of `token` gets no gradient, as in torch's
 * Embedding(padding_idx), which transformers makes of pad_token_id; -1 (the start): all do.
 * Under a tied head the token's row still learns as an output. */
void train_fix_input(struct train *train, int token);

/* Adds d loss / d weight to grad [params.count]. Inputs [n], NULL for zero:
 * dlogprob[i] and dentropy[i] = d loss / d of the outputs above; dvalue[i]. */
void train_backward(struct train *train, const struct model *model, const struct params *params,
                    const float *dlogprob, const float *dentropy, const float *dvalue,
                    float *grad);

#endif
