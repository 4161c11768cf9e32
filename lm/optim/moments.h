/* moments: what an optimiser remembers of each weight: two numbers, in float32 or in 8 bits.
 *
 * In 8 bits (block-wise: Dettmers et al. 2022, arXiv:2110.02861; the numbers are ours, docs/MATH.md §4) a row of
 * a weight is cut into blocks of 256 values, the last shorter; a block has one float32 and a byte a value:
 *
 *   m = sign(c) c^2 s / 127^2,      s = max |m| of the block,      c = -127..127
 *   v = (c^2 s / 255^2)^2,          s = max sqrt(v),               c = 0..255, above 0 where v is
 *
 * c is rounded to the nearest as a root, in float32 and in this order: floor(sqrt(|m| (127^2 / s)) + .5),
 * floor(sqrt(sqrt(v) (255^2 / s)) + .5). Weights of fewer than 4096 values, and blocks' scales, are float32.
 * Rows know nothing of one another, so no bit depends on threads or on how many are taken at once. */

#ifndef LM_OPTIM_MOMENTS_H
#define LM_OPTIM_MOMENTS_H

#include "lm/model/params.h"

enum {
    MOMENTS_BLOCK = 256,
    MOMENTS_LEAST = 4096 /* values of a weight that is kept in 8 bits */
};

struct moments {
    bool eight;
    void *m, *v;  /* [bytes] each */
    size_t bytes; /* of one of the two */
    size_t
        *at; /* [params->n] where a weight's begin, in bytes; NULL: as the params' floats lie */
};

/* Zeros. Errors: ERR_NOMEM. */
enum err moments_new(struct moments *out, const struct params *params, bool eight) MUST_CHECK;
void moments_free(struct moments *moments); /* the struct itself is the caller's */
/* Bytes of both. */
size_t moments_size(const struct params *params, bool eight);

/* Rows row..row+n-1 of weight i of the params, [n, cols]: where they lie, or, in 8 bits, made into room; then
 * moments_put takes them back. */
struct moments_rows {
    float *m, *v;
};
struct moments_rows moments_take(const struct moments *moments, const struct params *params,
                                 int i, int row, int n, struct moments_rows room);
void moments_put(struct moments *moments, const struct params *params, int i, int row, int n,
                 struct moments_rows rows);

#endif
