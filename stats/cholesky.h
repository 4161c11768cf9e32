/* cholesky: small symmetric positive definite systems, dense, row by row. */

#ifndef STATS_CHOLESKY_H
#define STATS_CHOLESKY_H

#include <stdbool.h>

/* a [n,n]: the lower triangle becomes L with a = L L'. False if it is not positive definite (a
 * pivot below 1e-10 of its diagonal). */
bool cholesky_factor(double *a, int n);

/* b [n] becomes x with L L' x = b. */
void cholesky_solve(const double *l, int n, double *b);

/* out [n] becomes the x with L x = b: the way down alone; out may be b. */
void cholesky_down(const double *l, int n, const double *b, double *out);

/* L becomes the factor of L L' + by x x', by >= 0; x [n] is used up. */
void cholesky_raise(double *l, int n, double by, double *x);

/* L becomes the whole inverse of L L'. */
void cholesky_inverse(double *l, int n);

#endif
