/* arena: the errors of arena-rank 0.1.1 (Chatbot Arena's own), for those who compare with it.
 *
 *   (H + ridge I)^-1 (sum weight^2 (seen - p)^2 d d') (H + ridge I)^-1
 *
 * d: +1 and -1 at a row's two items; ridge: 1e-5 times the number of battles, 1e-5 alone where rows
 * have weights. Rows count as independent, whatever their prompt. The ratings themselves are
 * bradley.h's without penalty, ties being half a win: 1000 + 400 log10(e) strength. */

#ifndef STATS_ARENA_H
#define STATS_ARENA_H

#include "base/err.h"

#include <stddef.h>

struct arena_cell {
    int a, b;
    double score;         /* of a: 1, 1/2 or 0 */
    double count, weight; /* so many battles, of this weight each */
};

/* cov [items,items] out, of strengths [items]. Errors: ERR_RANGE: numbers that no factor exists of. */
enum err arena_covariance(double *cov, const double *strength, int items,
                          const struct arena_cell *cell, size_t cells) MUST_CHECK;

#endif
