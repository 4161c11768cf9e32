/* bestof: what the best of n answers is worth, from N >= n answers to a prompt.
 *
 * The mean over all subsets of n of the N answers of the gold value of the subset's proxy-best
 * answer: unbiased for n independent answers, and the least varying such estimate (a
 * U-statistic). Proxy-equal answers share the choice.  Nakano et al. 2021, arXiv:2112.09332,
 * appendix I; for 0/1 values it is pass@k, Chen et al. 2021, arXiv:2107.03374, eq. 1. */

#ifndef STATS_BESTOF_H
#define STATS_BESTOF_H

#include "base/err.h"

#include <stddef.h>

/* proxy, gold [count]; 1 <= n <= count. Errors: ERR_RANGE. */
enum err bestof_mean(double *out, const double *proxy, const double *gold, size_t count,
                     size_t n) MUST_CHECK;

/* Of n answers at least one is right, when `right` of `count` are: 1 - C(count - right, n) /
 * C(count, n). */
double bestof_pass(size_t count, size_t right, size_t n);

/* ln n - (n - 1) / n nats: an upper bound on KL(best of n || one), exact without ties. */
double bestof_kl(size_t n);

/* The exact distribution of the best of n independent draws: q(y) = F(r)^n - F-(r)^n shared
 * among equal rewards by their p. q [count] out; p, reward [count]. */
void bestof_exact(double *q, const double *p, const double *reward, size_t count, double n);

#endif
