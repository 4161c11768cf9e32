/* train: forward that remembers, and backward.
 *
 * The forward pass calls the same kernels on the same image as generation, so log-probabilities
 * have the same bits; the backward pass, which reads the f32 params, has the same bits everywhere
 * too. A batch is packed: no padding, sequences one after another. */

#ifndef LM_MODEL_TRAIN_H
#define LM_MODEL_TRAIN_H

#include "lm/model/batch.h"
#include "lm/model/lora.h"
#include "lm/model/model.h"

struct train;
/* Errors: ERR_RANGE (shape), ERR_NOMEM. */
enum err train_new(struct train **out, const struct shape *shape,
                   const struct train_options *options) MUST_CHECK;
void train_free(struct train *train);
/* Bytes that train_forward will hold for n tokens: for the memory plan. */
size_t train_size(const struct shape *shape, const struct train_options *options, int n);

/* What options.keep must be so that of the last `layers` layers nothing is computed again, of a batch of n
 * tokens. */
size_t train_keep(const struct shape *shape, int n, int layers);

/* Runs the batch and keeps what backward needs. Outputs [n], any may be NULL:
 *   logprob[i], entropy[i] of token[i] given those before it, 0 at each sequence start
 *   (of prefix 0);
 *   value[i] at token[i] (HEAD_SCALAR, HEAD_STEP). The batch must live until train_backward.
 * Errors: ERR_NOMEM, ERR_RANGE (a token or length out of range). */
enum err train_forward(struct train *train, const struct model *model,
                       const struct batch *batch, float temperature, float *logprob,
                       float *entropy, float *value) MUST_CHECK;

/* Of the last train_forward, [n]: 1 where no token was more likely than token[i], 0 elsewhere
 * and at each sequence start. NULL but for HEAD_LM. Valid until the next train_forward. */
const uint8_t *train_hit(const struct train *train);

/* Of the same, [n], by the same rules: sum of p^2 over the vocabulary; mean of the logits over
 * the vocabulary, before the temperature; mean of all log-probabilities over it, nats. */
const float *train_square(const struct train *train);
const float *train_mean_logit(const struct train *train);
const float *train_mean_logprob(const struct train *train);

/* The next train_backward, and no later one, takes d loss / d train_mean_logprob [n] too
 * (borrowed until then; NULL: zero). */
void train_mean_slope(struct train *train, const float *dmean);

/* From now on the input embedding of `token` gets no gradient, as in torch's
 * Embedding(padding_idx), which transformers makes of pad_token_id; -1 (the start): all do.
 * Under a tied head the token's row still learns as an output. */
void train_fix_input(struct train *train, int token);

/* From now on only `lora` learns (borrowed; NULL: all weights do): train_backward takes its
 * base as `params`, and grad has the places of lora->weights. The image is lora_pack's: the
 * pass forward has the bits of generation. dA and dB come from the activations, dB = s dy^T (x
 * A^T), dA = s (dy B)^T x: no gradient of a full weight is ever made. */
void train_adapt(struct train *train, const struct lora *lora);

/* Dropout on the input of A (batch.h) in the next train_forward and its train_backward, with the
 * probability of the adapter, and noise on the embeddings; without, the bits of generation again. To what the merged image
 * gives, s B A (drop(x) - x) is added: exact but for rounding. */
void train_drop(struct train *train, const struct train_drop *drop);

/* Adds d loss / d weight to grad [params.count] (options.alone: sets it): of each weight the whole batch's sum, which began at
 * +0; of a tied matrix first the head's, then the embedding's. Inputs [n], NULL for zero:
 * dlogprob[i] and dentropy[i] = d loss / d of the outputs above; dvalue[i]. */
void train_backward(struct train *train, const struct model *model, const struct params *params,
                    const float *dlogprob, const float *dentropy, const float *dvalue,
                    float *grad);

#endif
