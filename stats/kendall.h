/* kendall: how far two rankings agree.
 *
 *   tau-b = (concordant - discordant) / sqrt((pairs - tied in x) (pairs - tied in y))
 *
 * Kendall 1945, Biometrika 33:239. Without ties it is tau-a: 1 for the same order, -1 for the
 * reverse. */

#ifndef STATS_KENDALL_H
#define STATS_KENDALL_H

#include <stddef.h>

/* x, y [n]. O(n^2). NAN when n < 2 or one of them is all the same. */
double kendall_tau(const double *x, const double *y, size_t n);

#endif
