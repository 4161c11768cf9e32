/* backward: gradients of one layer, and of the ends of the transformer.
 *
 * Every product is dX = dY W (W from the f32 params) or dW += dY^T X. Weight gradients go into
 * a block with the offsets of params. */

#ifndef LM_MODEL_BACKWARD_H
#define LM_MODEL_BACKWARD_H

#include "lm/model/activations.h"

struct backward {
    struct activations *acts;
    const struct model *model;
    const struct params *params;
    float *grad; /* [params.count], or of acts->lora's weights */
};

/* Where a weight's gradient goes; NULL if it is frozen or learns by a pair. */
float *backward_grad(const struct backward *pass, const struct tensor *weight);

/* First of all: what is set and not added to begins at +0, layers in their turn (train_options.alone). */
void backward_begin(const struct backward *pass);

/* acts->dx: gradient of the layer's output in, of its input out. */
void backward_layer(const struct backward *pass, int layer);

/* From dhidden in acts->dh to acts->dx: the final norm. */
void backward_final(const struct backward *pass);

/* acts->dx into the rows of the embedding and of learned positions. */
void backward_embed(const struct backward *pass);

/* dX [n,cols] = dY [n,rows] W, and dW += dY^T X, of `count` tensors that lie one after another
 * (q, k, v; gate, up): one matrix [rows, cols]. Without dX, or without X, that half is left out. */
struct backward_linear {
    const struct tensor *weight; /* the first */
    int count, n;
    const float *dy, *x;
    float *dx;
    bool joins;     /* dX goes on from what is there */
    int from, rows; /* these rows of W alone, dY has no others; rows 0: all */
};
void backward_linear(const struct backward *pass, const struct backward_linear *linear);

/* The halves of it of a model that computes in bfloat16 (backward_bf16.c): dX; dW [rows, cols]. */
void backward_bf16_input(const struct backward *pass, const struct backward_linear *linear);
void backward_bf16_weight(const struct backward *pass, const struct backward_linear *linear,
                          float *dw);

#endif
