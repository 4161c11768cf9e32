/* rounds: what is measured is measured so often at most, and its median told. */

#ifndef BENCH_ROUNDS_H
#define BENCH_ROUNDS_H

#include <stdlib.h>

enum { ROUNDS = 5 };

static inline int rounds_ascending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;

    return x < y ? -1 : x > y;
}

/* Of value [n], which is in order then. */
static inline double rounds_median_of(double *value, int n)
{
    qsort(value, (size_t)n, sizeof *value, rounds_ascending);
    return value[n / 2];
}

/* Of all rounds. */
static inline double rounds_median(double *value)
{
    return rounds_median_of(value, ROUNDS);
}

#endif
