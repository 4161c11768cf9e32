/* forward_work: the scratch of a pass whose keys live in caches, and its rows. */

#ifndef LM_MODEL_FORWARD_WORK_H
#define LM_MODEL_FORWARD_WORK_H

#include "lm/model/block_forward.h"
#include "lm/model/cache.h"
#include "lm/model/key_store.h"
#include "lm/model/model.h"

struct forward_row {
    struct cache *cache;
    int token; /* 0 <= token < vocab */
    int pos;   /* rows of one sequence stand in ascending order, none left out */
};

struct forward_work {
    int rows, head_rows; /* room: tokens in one pass; rows of logits that exist at once */
    struct block_plan plan;
    float *x;               /* [rows, width] the residual stream */
    float *scratch;         /* [rows, plan.decode.floats] */
    float *cos[2], *sin[2]; /* [rows, head_dim / 2] */
    float *logits;          /* [head_rows, vocab up to a multiple of 16] */
    float *attention;       /* [threads, keys.scratch_each] */
    int *token, *pos;       /* [rows] */
    struct key_store keys;  /* of the pass at hand */
    size_t qkv;             /* columns of a projected row */
    const struct forward_row *row;
    int n;
};

/* Scratch for up to `rows` rows at once. Errors: ERR_RANGE (rows, shape), ERR_NOMEM. */
enum err forward_work_new(struct forward_work **out, const struct shape *shape,
                          int rows) MUST_CHECK;
void forward_work_free(struct forward_work *work);

/* Takes n rows as the pass at hand: tokens, positions, the runs of attention. */
void forward_work_begin(struct forward_work *work, const struct shape *shape,
                        const struct forward_row *rows, int n);

/* n rows through a layer: every activation its place in the decode plan; the stream, which has none
 * there, in x. */
struct block_pass forward_work_pass(struct forward_work *work, const struct model *model,
                                    int n);

#endif
