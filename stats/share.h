/* share: the interval of a share, also where it is near 0 or 1 and where rows belong together.
 *
 * Wilson's interval (1927, JASA 22:209) with an effective number of rows in the place of n, as
 * Korn and Graubard (1998, Survey Methodology 24:193) do for clustered samples; Franco, Little,
 * Louis and Slud (2019, J. Survey Statistics and Methodology 7:334) find it to be among those
 * that cover best. A bootstrap cannot do this: of twenty rows that are all right every draw is
 * all right, too. tests/stats/coverage.c has the figures. */

#ifndef STATS_SHARE_H
#define STATS_SHARE_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

struct share {
    double estimate, low, high;
    double n; /* the effective number of rows */
};

/* The share `estimate` with a known `variance`, as of estimate (1 - estimate) / variance rows,
 * at most `most`; where that says nothing (0 of 0), as of `least` rows. */
void share_known(struct share *out, double estimate, double variance, double least, double most,
                 double level);

/* The mean of value [n], each in [0, 1], 1/2 for a tie; cluster [n] below n says whose row each
 * is, NULL: each its own. `worth`: of how many rows a value is the mean, 1 as a rule. Rows
 * count for no more than they are, though ties vary less: then the interval is wider than it
 * need be. Where all values are 0 or 1 a cluster counts for one row: how alike its rows are
 * cannot be seen. Errors: ERR_RANGE (no row, a value or a cluster out of range). */
enum err share_mean(struct share *out, const double *value, const uint32_t *cluster, size_t n,
                    double worth, double level) MUST_CHECK;

#endif
