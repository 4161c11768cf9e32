/* How: newton.h. With a penalty the function is strictly concave: some eight steps from 0, two or three
 * from a fit of similar rows. The curvature's factor, where they ended, is what the posterior is made
 * of. */

#include "stats/margin.h"

#include "base/mem.h"
#include "stats/cholesky.h"
#include "stats/newton.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct margin_work {
    const struct margin_rows *rows;
    int d;
    double penalty;
};

double margin_chance(double m)
{
    const double e = exp(-fabs(m));

    return m < 0 ? e / (1 + e) : 1 / (1 + e);
}

/* ln of the chance, by the side that does not cancel. */
static double log_chance(double m)
{
    return m < 0 ? m - log1p(exp(m)) : -log1p(exp(-m));
}

static double dot(const double *a, const double *b, int d)
{
    double sum = 0;

    for (int i = 0; i < d; i++)
        sum += a[i] * b[i];
    return sum;
}

static double weight_of(const struct margin_rows *rows, size_t i)
{
    return rows->weight ? rows->weight[i] : 1;
}

static double loglik(const struct margin_rows *rows, const double *w, int d)
{
    double sum = 0;

    for (size_t i = 0; i < rows->n; i++) {
        const double m = dot(w, rows->x + i * (size_t)d, d), by = weight_of(rows, i);

        if (by > 0) /* a draw of a bootstrap leaves a third of the rows out */
            sum += by * (rows->y[i] * log_chance(m) + (1 - rows->y[i]) * log_chance(-m));
    }
    return sum;
}

static bool measure(void *self, const double *w, double *slope, double *curvature)
{
    const struct margin_work *const work = self;
    const int d = work->d;

    for (int i = 0; i < d; i++) {
        slope[i] = -work->penalty * w[i];
        curvature[(size_t)i * (size_t)d + (size_t)i] = work->penalty;
    }
    for (size_t r = 0; r < work->rows->n; r++) {
        const double *const x = work->rows->x + r * (size_t)d;
        const double p = margin_chance(dot(w, x, d)), by = weight_of(work->rows, r);
        const double curve = by * p * (1 - p), pull = by * (work->rows->y[r] - p);

        for (int i = 0; i < d && by > 0; i++) {
            slope[i] += pull * x[i];
            for (int j = 0; j <= i; j++)
                curvature[(size_t)i * (size_t)d + (size_t)j] += curve * x[i] * x[j];
        }
    }
    return true;
}

static double penalised(void *self, const double *w)
{
    const struct margin_work *const work = self;

    return loglik(work->rows, w, work->d) - work->penalty * dot(w, w, work->d) / 2;
}

static enum err check(const struct margin_rows *rows, int d, double penalty)
{
    if (d < 1 || d > MARGIN_FEATURES_MAX)
        return err_set(ERR_RANGE, "%d features: not in 1..%d", d, MARGIN_FEATURES_MAX);
    if (!(penalty > 0 && isfinite(penalty)))
        return err_set(ERR_RANGE, "penalty %g: not above 0", penalty);
    for (size_t i = 0; i < rows->n; i++) {
        const double by = weight_of(rows, i);

        if (!(rows->y[i] >= 0 && rows->y[i] <= 1 && by >= 0 && isfinite(by)))
            return err_set(ERR_RANGE, "row %zu: verdict %g, weight %g", i, rows->y[i], by);
        for (int j = 0; j < d; j++)
            if (!isfinite(rows->x[i * (size_t)d + (size_t)j]))
                return err_set(ERR_RANGE, "row %zu: feature %d is not a number", i, j);
    }
    return OK;
}

enum err margin_fit(struct margin *out, const struct margin_rows *rows, int d, double penalty,
                    const double *start)
{
    struct margin_work work = {rows, d, penalty};
    struct newton newton = {.n = d, .value = penalised, .measure = measure, .self = &work};
    const size_t n = d > 0 ? (size_t)d : 0;
    enum err err = check(rows, d, penalty);

    *out = (struct margin){.d = d};
    if (!err)
        err = mem_big(&out->l, n * n, sizeof *out->l, "the curvature of a preference head");
    if (err)
        return err;
    out->w = mem_new(n, sizeof *out->w);
    if (start)
        memcpy(out->w, start, n * sizeof *out->w);
    newton.theta = out->w;
    newton.curvature = out->l;
    if (!newton_run(&newton))
        err = err_set(ERR_RANGE, "the features are too large for a penalty of %g: scale them",
                      penalty);
    out->iterations = newton.iterations;
    out->loglik = loglik(rows, out->w, d);
    if (err)
        margin_fini(out);
    return err;
}

void margin_fini(struct margin *margin)
{
    free(margin->w);
    free(margin->l);
    *margin = (struct margin){.d = 0};
}

double margin_mean(const struct margin *margin, const double *x)
{
    return dot(margin->w, x, margin->d);
}

/* x' (L L')^-1 x is the square of L^-1 x: the way down alone. */
double margin_variance(const struct margin *margin, const double *x, double *scratch)
{
    cholesky_down(margin->l, margin->d, x, scratch);
    return dot(scratch, scratch, margin->d);
}
