/* principal: rows of features in the few directions in which they differ most, so that a head can be
 * fitted to few of them. Principal components about the origin, as a pair has no first answer. */

#ifndef STATS_PRINCIPAL_H
#define STATS_PRINCIPAL_H

#include "base/err.h"

#include <stddef.h>

/* *out [n, *k], the caller's, *k = d or `most`, whichever is less, of x [n,d]: features in units of
 * their root mean square (one that is always 0 stays it), in the *k directions that hold most of the
 * squares, and then in one unit for all of them: the mean square length of a row is 1. Units and
 * directions are those of the first `by` rows. The same rows, the same bits. Errors: ERR_RANGE (a
 * feature that is not a number, no row in `by`, d or most below 1), ERR_NOMEM; *out is then NULL. */
enum err principal_reduce(double **out, int *k, const double *x, size_t n, size_t by, int d,
                          int most) MUST_CHECK;

#endif
