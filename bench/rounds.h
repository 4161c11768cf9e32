/* rounds: what is measured is measured so often, and its median told. */

#ifndef BENCH_ROUNDS_H
#define BENCH_ROUNDS_H

#include <stdlib.h>

enum { ROUNDS = 5 };

static inline int rounds_ascending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;

    return x < y ? -1 : x > y;
}

/* Of value [ROUNDS], which is in order then. */
static inline double rounds_median(double *value)
{
    qsort(value, ROUNDS, sizeof *value, rounds_ascending);
    return value[ROUNDS / 2];
}

#endif
