/* tensor_walk: one walk over a model's weights, whatever file they come from: into memory, or
 * through a hash with no tensor held. */

#ifndef LM_FILE_TENSOR_WALK_H
#define LM_FILE_TENSOR_WALK_H

#include "lm/model/packed.h"

struct tensor_walk {
    void *self;       /* the files */
    const char *name; /* theirs, for words */
    double values;    /* how many they hold */
    /* Rows [row, row + n) of a weight, as params has them, into `to` [n, cols]; n is a multiple of
     * step's answer, or what is left. Errors: those of the file. */
    enum err (*rows)(void *self, const struct tensor *tensor, int row, int n, float *to);
    /* The least number of rows that are read together. */
    int (*step)(void *self, const struct tensor *tensor);
    /* Whether the file holds it as bfloat16. */
    bool (*half)(void *self, const struct tensor *tensor);
    /* Refuses what has no place in the model. */
    enum err (*others)(void *self, const struct params *outline);
};

/* New params of this shape; of one that computes in bfloat16 or int8 with its matrices rounded, which
 * standard error is told where the files hold others. Errors: ERR_RANGE (also if the shape makes more
 * weights than there are values: asked before memory is), ERR_NOMEM, the walk's. */
enum err tensor_walk_read(struct params **out, const struct tensor_walk *walk,
                          const struct shape *shape) MUST_CHECK;

/* The weights packed, ready to run, with no second copy at any time: as PACKED_PAIRS where the files
 * hold every matrix as bfloat16 or the shape computes in it, else as PACKED_F32; for whoever does nothing
 * but `run` a model in int8 as PACKED_INT8. Both are the caller's (free, packed_layout_free). Errors:
 * those of tensor_walk_read. */
enum err tensor_walk_pack(float **image, struct packed_layout **layout,
                          const struct tensor_walk *walk, const struct shape *shape,
                          bool run) MUST_CHECK;

/* How that, not only to run, would lie. Errors: ERR_RANGE. */
enum err tensor_walk_store(enum packed_store *out, const struct tensor_walk *walk,
                           const struct shape *shape) MUST_CHECK;

/* params_hash of what tensor_walk_read would give. Errors: the same. */
enum err tensor_walk_hash(struct hash *out, const struct tensor_walk *walk,
                          const struct shape *shape) MUST_CHECK;

#endif
