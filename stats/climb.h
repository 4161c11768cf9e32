/* climb: the maximum of a concave log-likelihood in strengths, of which only differences matter,
 * and a few parameters beside them.
 *
 * theta: `items` strengths, kept with sum 0, then the others. Newton's method; a penalty takes
 * penalty/2 of the squared strengths off. No item is a yardstick, so that renumbering them changes
 * nothing but the last digits. */

#ifndef STATS_CLIMB_H
#define STATS_CLIMB_H

#include "base/err.h"

struct climb {
    int items, n; /* strengths; all parameters */
    double penalty;
    double *theta; /* [n] where to begin; then the maximum */
    /* The log-likelihood without the penalty; NAN where theta is out of its domain. */
    double (*value)(const void *self, const double *theta);
    /* Adds its slope to slope [n], minus its second derivatives to hessian [n,n]: both arrive as
     * zeros. What it says of strengths has sum 0. */
    void (*measure)(const void *self, const double *theta, double *slope, double *hessian);
    const void *self;
    int iterations; /* out */
};

/* cov [n,n]: the inverse of minus the second derivatives at the maximum, of strengths with sum
 * 0; NULL: not asked for. Errors: ERR_RANGE: there is no finite maximum (words say what such data
 * are like). */
enum err climb_run(struct climb *climb, double *cov) MUST_CHECK;

#endif
