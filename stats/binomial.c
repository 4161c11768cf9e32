/* How: binomial_fair sums the smaller tail from its far end, by ratios of neighbours, and
 * doubles it: the distribution is symmetric. binomial_ranks counts how many of the 2^n choices
 * of signs give each sum of doubled mean ranks, which are whole: one pass over the sums for
 * each value, in shares so that nothing overflows. */

#include "stats/binomial.h"

#include "base/mem.h"

#include <math.h>
#include <stdlib.h>

double binomial_fair(size_t k, size_t n)
{
    const size_t tail = k < n - k ? k : n - k;
    double term, sum = 0;

    if (!n || 2 * tail == n)
        return 1;
    /* P(tail), then the ratios to its smaller neighbours: from the largest term down until
     * terms no longer count. */
    term = exp(lgamma((double)n + 1) - lgamma((double)tail + 1) -
               lgamma((double)(n - tail) + 1) - (double)n * log(2));
    for (size_t i = tail + 1; i-- > 0 && term > 1e-20 * sum;) {
        sum += term;
        term *= (double)i / (double)(n - i + 1);
    }
    return fmin(1, 2 * sum);
}

static int by_size(const void *a, const void *b)
{
    const double x = fabs(*(const double *)a), y = fabs(*(const double *)b);

    return (x > y) - (x < y);
}

/* Twice the mean rank of each of value [n], sorted by size: equal sizes share theirs. */
static void ranks(size_t *rank, const double *value, size_t n)
{
    for (size_t i = 0; i < n;) {
        size_t end = i + 1;
        while (end < n && fabs(value[end]) <= fabs(value[i]) * (1 + 1e-12))
            end++;
        for (size_t j = i; j < end; j++)
            rank[j] = i + end + 1;
        i = end;
    }
}

/* Of all choices of signs, the share whose positive ranks sum to no more than `seen`. */
static double share_below(const size_t *rank, size_t n, size_t seen)
{
    size_t most = 0;
    double *share, sum = 0;

    for (size_t i = 0; i < n; i++)
        most += rank[i];
    share = mem_new(most + 1, sizeof *share);
    share[0] = 1;
    for (size_t i = 0; i < n; i++)
        for (size_t s = most + 1; s-- > 0;)
            share[s] = (share[s] + (s >= rank[i] ? share[s - rank[i]] : 0)) / 2;
    for (size_t s = 0; s <= seen && s <= most; s++)
        sum += share[s];
    free(share);
    return sum;
}

/* Sums of ranks are exact in whole numbers, so a tie of sums counts as seen, always. */
double binomial_ranks(const double *value, size_t n)
{
    double *kept, p;
    size_t *rank, m = 0, seen = 0;

    if (n > BINOMIAL_RANKS_MAX)
        return NAN;
    kept = mem_new(n + 1, sizeof *kept);
    rank = mem_new(n + 1, sizeof *rank);
    for (size_t i = 0; i < n; i++)
        if (value[i] < 0 || value[i] > 0)
            kept[m++] = value[i];
    qsort(kept, m, sizeof *kept, by_size);
    ranks(rank, kept, m);
    for (size_t i = 0; i < m; i++)
        seen += kept[i] > 0 ? rank[i] : 0;
    p = share_below(rank, m, seen);
    free(kept);
    free(rank);
    return fmin(1, p);
}
