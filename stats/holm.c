/* How: sorted once; Holm walks up from the smallest and keeps the largest so far, Benjamini and
 * Yekutieli down from the largest and keep the smallest so far. */

#include "stats/holm.h"

#include "base/mem.h"

#include <math.h>
#include <stdlib.h>

struct holm_place {
    double p;
    size_t at;
};

static int ascending(const void *a, const void *b)
{
    const double x = ((const struct holm_place *)a)->p, y = ((const struct holm_place *)b)->p;

    return (x > y) - (x < y);
}

/* Those that are numbers, ascending; equal ones get equal answers, so their order is free. */
static struct holm_place *sorted(const double *p, size_t n, size_t *m)
{
    struct holm_place *place = mem_new(n + 1, sizeof *place);

    *m = 0;
    for (size_t i = 0; i < n; i++)
        if (!isnan(p[i]))
            place[(*m)++] = (struct holm_place){p[i], i};
    qsort(place, *m, sizeof *place, ascending);
    return place;
}

/* The smallest is tested against all, the next against one less; no p may fall below that of a
 * smaller one. */
void holm_adjust(double *p, size_t n)
{
    size_t m;
    struct holm_place *place = sorted(p, n, &m);
    double most = 0;

    for (size_t i = 0; i < m; i++) {
        most = fmax(most, fmin((double)(m - i) * place[i].p, 1));
        p[place[i].at] = most;
    }
    free(place);
}

/* The harmonic sum pays for tests that hang together, as those of people who judge the same
 * items do. */
void holm_yekutieli(double *p, size_t n)
{
    size_t m;
    struct holm_place *place = sorted(p, n, &m);
    double least = 1, harmonic = 0;

    for (size_t i = 1; i <= m; i++)
        harmonic += 1 / (double)i;
    for (size_t i = m; i-- > 0;) {
        least = fmin(least, place[i].p * harmonic * (double)m / (double)(i + 1));
        p[place[i].at] = least;
    }
    free(place);
}
