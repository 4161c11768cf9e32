/* model: weights ready to run: packed weights, the shape's list of operations, and the two ends
 * of the transformer. */

#ifndef LM_MODEL_MODEL_H
#define LM_MODEL_MODEL_H

#include "lm/model/block.h"
#include "lm/model/key_store.h"
#include "lm/model/lora.h"
#include "lm/model/packed.h"

struct model {
    struct shape shape;
    const struct block_list *block;
    struct block_plan plan;
    struct packed_layout *layout;
    const float *weights; /* packed, borrowed */
    struct packed_layout
        *beside;             /* of one that computes in int8 and was given pairs: where its */
    float *whole;            /* whole numbers lie, and they; NULL in all others */
    const struct lora *lora; /* NULL, or: the weights are this adapter's base (model_adapt) */
    float *room;       /* with it: one block of matrices, as products or backward read it */
    float *one, *none; /* [width] 1 and 0: what a norm without weights or biases has for them */
    float *freq[2];    /* [head_dim / 2] rotary frequencies of global and of local layers; the
                           * second NULL where those have none of their own */
};

/* Borrows `weights`, which must outlive it and stay unchanged. One that computes in int8 makes its whole
 * numbers of them, 1.13 bytes more for each that is multiplied so (model_size_beside); model_changed: makes
 * them anew. Errors: ERR_RANGE (the shape, this CPU's arithmetic, the size or alignment of the weights),
 * ERR_NOMEM. */
enum err model_new(struct model **out, const struct shape *shape, const float *weights,
                   size_t bytes) MUST_CHECK;
/* The same of weights packed as `store`: read only, but PACKED_PAIRS of a model that computes in bfloat16
 * or int8. Errors: as model_new. */
enum err model_new_as(struct model **out, const struct shape *shape, enum packed_store store,
                      const float *weights, size_t bytes) MUST_CHECK;
/* From now on products are with W of this adapter (lora.h), whose base the weights are and stay:
 * what an image with the adapter merged gives, bit for bit, without that image. One pass at a time.
 * The adapter is borrowed. Errors: ERR_NOMEM. */
enum err model_adapt(struct model *model, const struct lora *lora) MUST_CHECK;
/* The weights are others now. */
void model_changed(struct model *model);
/* Bytes that a model over packed_size(shape) has besides. */
size_t model_size_beside(const struct shape *shape);
void model_free(struct model *model);
const struct shape *model_shape(const struct model *model);

/* y [rows, n] with row stride ldy, of x [rows, k] and a matrix of the model; layer -1: of no layer.
 * The one place that knows how matrices are stored. */
void model_product(const struct model *model, enum part part, int layer, float *y, size_t ldy,
                   const float *x, int rows, int n, int k);

/* Of an adapted model: `count` weights of the base that lie behind one another, as params has them
 * [rows, cols]. Matrices are put into the model's room, where the next product may write.
 * _some: of one matrix these rows alone. */
const float *model_base_rows(const struct model *model, const struct tensor *weight, int count);
const float *model_base_some(const struct model *model, const struct tensor *weight, int from,
                             int rows);

/* Where a weight lies in the packed block; layer -1: of no layer. What is stored in panels is read
 * by model_product and model_embed alone. The model must have it. */
const float *model_weight(const struct model *model, enum part part, int layer);
/* The same, or NULL where the model has no such weight: biases, a norm's own weights. */
const float *model_weight_if(const struct model *model, enum part part, int layer);

struct rows_heads model_heads(const struct shape *shape);

/* The norm of these weights, as rows_norm takes it; bias PARTS: none. */
struct rows_norm model_norm(const struct model *model, enum part part, enum part bias,
                            int layer);

/* Rotary frequencies freq [head_dim / 2] out. Plain: theta^(-2i/d) (Su et al. 2021); linear:
 * divided by rope_factor (Chen et al. 2023, arXiv:2306.15595); llama3: by wavelength
 * (Llama 3.1's rope_scaling as transformers' modeling_rope_utils has it); longrope: each divided by
 * the factor of the list that holds (shape.h); dynamic: plain, of a larger theta (bloc97's NTK
 * scaling); yarn: divided by rope_factor along a ramp. Of shape_rotary columns: what is behind is
 * 0. */
void model_frequencies(float *freq, const struct shape *shape);

/* What norms add to the mean square. Where each branch is scaled by r before it is added to the
 * stream, the stream here is 1/r of transformers': the embedding is divided by r, and norms, which
 * see no factor but through this, have 1/r^2 of it. So no pass and no slope knows of r. */
float model_eps(const struct shape *shape);

/* What the embedding's rows are multiplied by: 1, or sqrt(width) rounded to float. */
float model_embed_scale(const struct shape *shape);

/* x [n,width] out: what enters the first layer: embedding rows of tokens, read out of the panels,
 * scaled; learned positions added. In int8 a row is what its whole numbers stand for. */
void model_embed(const struct model *model, float *x, const int *token, const int *pos, int n);

/* cos, sin [n, head_dim/2] out for positions [n]: of global layers, or of local ones. */
void model_angles(const struct model *model, float *cos, float *sin, const int *pos, int n,
                  bool local);

/* Whether local layers rotate by frequencies of their own, and which a layer rotates by: 0 or 1. */
bool model_two_angles(const struct shape *shape);
int model_angles_of(const struct shape *shape, int layer);

/* The window and cap of a layer's attention. */
struct key_view model_view(const struct shape *shape, int layer);

/* What logits are multiplied by: 1 in most models. */
float model_logit_scale(const struct shape *shape);

/* logits [n, vocab] with row stride ld out, of hidden [n,width]; with the head's bias, scaled
 * and soft-capped where the model does so. */
void model_logits(const struct model *model, float *logits, size_t ld, const float *hidden,
                  int n);
/* Of `tokens` tokens alone, from token `from` on, a multiple of 32: [n, tokens], the same bits. */
void model_logits_of(const struct model *model, float *logits, size_t ld, const float *hidden,
                     int n, int from, int tokens);

#endif
