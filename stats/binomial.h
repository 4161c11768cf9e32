/* binomial: tests of whether two things are as likely, exact. */

#ifndef STATS_BINOMIAL_H
#define STATS_BINOMIAL_H

#include <stddef.h>

/* Two-sided p of k of n coins, were they fair: the sign test. 1 when n is 0. */
double binomial_fair(size_t k, size_t n);

/* P of a sum of ranks of the values above 0 as small as that of value [n], were each as likely
 * with the other sign: Wilcoxon's signed ranks (1945, Biometrics Bulletin 1:80), one-sided
 * ("less"), exact also with ties (mean ranks); zeros are left out (1 when nothing is left).
 * O(n^3): n at most BINOMIAL_RANKS_MAX, else NAN. */
enum { BINOMIAL_RANKS_MAX = 200 };
double binomial_ranks(const double *value, size_t n);

#endif
