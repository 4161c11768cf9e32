/* block_forward: one layer, forward: the only place where a transformer's layer is computed. */

#ifndef LM_MODEL_BLOCK_FORWARD_H
#define LM_MODEL_BLOCK_FORWARD_H

#include "lm/model/activations.h"
#include "lm/model/key_store.h"

/* What a layer works on: n rows. Where activations lie and what is kept is the caller's. */
struct block_pass {
    const struct model *model;
    int n;
    float *act[ACTS]; /* those that the list makes; a branch may lie where the sum will */
    float *factor[BLOCK_OPS];     /* what norms leave for backward; NULL: not wanted */
    const float *cos[2], *sin[2]; /* [n, head_dim/2] of global and of local layers */
    struct key_store *keys;
    const struct activations *training; /* its adapter's dropout joins the products; NULL: no */
};

/* Operations from .. to - 1 of the list on a layer. */
void block_forward(const struct block_pass *pass, int layer, int from, int to);

/* One of them. */
void block_forward_op(const struct block_pass *pass, int layer, int op);

#endif
