/* How: a cluster touches few parameters as a rule, so its slope is kept with a list of which, and
 * only their products are added. Two products with the bread at the end. */

#include "stats/sandwich.h"

#include "base/mem.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

void sandwich_init(struct sandwich *s, int n)
{
    const size_t size = (size_t)n;

    *s = (struct sandwich){.n = n,
                           .meat = mem_new(size * size + 1, sizeof *s->meat),
                           .u = mem_new(size + 1, sizeof *s->u),
                           .at = mem_new(size + 1, sizeof *s->at)};
}

void sandwich_fini(struct sandwich *s)
{
    free(s->meat);
    free(s->u);
    free(s->at);
    memset(s, 0, sizeof *s);
}

/* A parameter is on the list once: 0 there means that it is not, and a sum that has come back to
 * exactly 0 adds nothing when it is there twice but its products, so the list is looked through. */
static void touch(struct sandwich *s, int at)
{
    if (s->u[at] != 0)
        return;
    for (int i = 0; i < s->touched; i++)
        if (s->at[i] == at)
            return;
    s->at[s->touched++] = at;
}

void sandwich_add(struct sandwich *s, const int *at, const double *by, int terms)
{
    for (int i = 0; i < terms; i++) {
        touch(s, at[i]);
        s->u[at[i]] += by[i];
    }
}

void sandwich_next(struct sandwich *s, double times)
{
    for (int i = 0; i < s->touched; i++)
        for (int j = 0; j < s->touched; j++)
            s->meat[s->at[i] * s->n + s->at[j]] += times * s->u[s->at[i]] * s->u[s->at[j]];
    for (int i = 0; i < s->touched; i++)
        s->u[s->at[i]] = 0;
    s->touched = 0;
    s->clusters += times;
}

/* out = a b, all [n,n]. */
static void product(double *out, const double *a, const double *b, int n)
{
    memset(out, 0, (size_t)n * (size_t)n * sizeof *out);
    for (int i = 0; i < n; i++)
        for (int k = 0; k < n; k++)
            for (int j = 0; j < n; j++)
                out[i * n + j] += a[i * n + k] * b[k * n + j];
}

void sandwich_cov(const struct sandwich *s, const double *bread, double *cov, int plain)
{
    const size_t size = (size_t)s->n * (size_t)s->n;
    const double factor = plain             ? 1
                          : s->clusters > 1 ? s->clusters / (s->clusters - 1)
                                            : INFINITY;
    double *half = mem_new(2 * size + 1, sizeof *half), *whole = half + size;

    product(half, bread, s->meat, s->n);
    product(whole, half, bread, s->n);
    for (size_t i = 0; i < size; i++)
        cov[i] = factor * whole[i];
    free(half);
}
