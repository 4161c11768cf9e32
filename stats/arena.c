/* How: both matrices are sums over cells. (1, ..., 1) is an eigenvector of H + ridge I and of no
 * weight in the middle, so lifting it changes nothing of the product and makes the factor safe when
 * the ridge is tiny beside H. */

#include "stats/arena.h"

#include "base/mem.h"
#include "stats/cholesky.h"
#include "stats/sandwich.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

static const double ridge_share = 1e-5;

static void add_laplacian(double *h, int n, int a, int b, double by)
{
    h[a * n + a] += by;
    h[b * n + b] += by;
    h[a * n + b] -= by;
    h[b * n + a] -= by;
}

enum err arena_covariance(double *cov, const double *strength, int items,
                          const struct arena_cell *cell, size_t cells)
{
    const size_t n = (size_t)items;
    double *h = mem_new(n * n + 1, sizeof *h), battles = 0, trace = 0;
    struct sandwich s;
    bool weighed = false, solved;

    sandwich_init(&s, items);
    for (size_t i = 0; i < cells; i++) {
        const struct arena_cell *c = &cell[i];
        const double p = 1 / (1 + exp(strength[c->b] - strength[c->a]));
        const int at[2] = {c->a, c->b};
        const double by[2] = {c->weight * (c->score - p), -c->weight * (c->score - p)};
        battles += c->count;
        weighed |= fabs(c->weight - 1) > 1e-5;
        if (c->a == c->b)
            continue;
        add_laplacian(h, items, c->a, c->b, c->count * c->weight * p * (1 - p));
        sandwich_add(&s, at, by, 2);
        sandwich_next(&s, c->count);
    }
    for (int i = 0; i < items; i++) {
        h[i * items + i] += ridge_share * (weighed ? 1 : battles);
        trace += h[i * items + i];
    }
    for (size_t i = 0; i < n * n; i++)
        h[i] += trace / ((double)n * (double)n);
    solved = cholesky_factor(h, items);
    if (solved) {
        cholesky_inverse(h, items);
        sandwich_cov(&s, h, cov, 1);
    }
    sandwich_fini(&s);
    free(h);
    return solved ? OK : err_set(ERR_RANGE, "like=arena: no errors for such strengths");
}
