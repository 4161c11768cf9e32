/* newton: the maximum of a concave function of some parameters. */

#ifndef STATS_NEWTON_H
#define STATS_NEWTON_H

#include <stdbool.h>

struct newton {
    int n;
    double *theta;     /* [n] where to begin; then the maximum */
    double *curvature; /* [n,n] scratch; then the factor (cholesky.h) of minus the second
                          derivatives at the maximum */
    double longest;    /* no step moves a parameter further; 0: any */
    bool brief;        /* the curvature at the end is not asked for */
    /* NAN where theta is out of its domain. */
    double (*value)(void *self, const double *theta);
    /* Adds the slope to slope [n] and minus the second derivatives to the lower triangle of
     * curvature [n,n]; both arrive as zeros. False: theta is further away than any maximum. */
    bool (*measure)(void *self, const double *theta, double *slope, double *curvature);
    void (*settle)(void *self,
                   double *theta); /* brings a trial back to what is allowed; or NULL */
    void *self;
    int iterations; /* out */
    double reached; /* out: the value at the maximum */
};

/* False: there is no finite maximum (or the curvature has no factor, or a hundred steps did not
 * do); theta is then where it went. */
bool newton_run(struct newton *newton);

#endif
