/* optim_target: what an optimiser step moves, and the walk over it.
 *
 * Weights are a block of floats, or masters that lie as halves; the compute weights follow in the same walk.
 * Nothing of a step depends on how many threads there are. */

#ifndef LM_OPTIM_OPTIM_TARGET_H
#define LM_OPTIM_OPTIM_TARGET_H

#include "lm/model/masters.h"
#include "lm/optim/moments.h"

struct optim_target {
    struct params *params;   /* with data, or: */
    struct masters *masters; /* NULL, or of params without data */
    /* Of params with data: their compute weights, which follow them; NULL: none do. */
    float *image;
    const struct packed_layout *layout;
    float *grad; /* [params->count] */
    struct moments *moments;
    /* By which the gradient is multiplied as it is read (optim_shrink); 0: it is not. It may stay as it was. */
    float shrink;
};

/* Some rows of weight `tensor`, from `row` on: n values each. */
struct optim_piece {
    const struct tensor *tensor;
    int row;
    const float *g;
    float *p, *m, *v;
    size_t n;
};

/* Calls `step` once for each row of all weights, some rows of one together, by all threads: it moves p, m and
 * v. */
void optim_target_walk(const struct optim_target *target,
                       void (*step)(const void *self, const struct optim_piece *piece),
                       const void *self);
/* The same of weight i alone. */
void optim_target_walk_one(const struct optim_target *target, int i,
                           void (*step)(const void *self, const struct optim_piece *piece),
                           const void *self);

#endif
