/* How: Newton's method. With a penalty the function is strictly concave, so each step is a factor of
 * the curvature and a solve, halved until the function has risen by a share of what the slope
 * promises; some eight steps from 0, two or three from a fit of similar rows. The curvature is
 * then taken once more, where the steps ended: it is what the posterior is made of. */

#include "stats/margin.h"

#include "base/mem.h"
#include "stats/cholesky.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { STEPS_MAX = 100, HALVINGS_MAX = 40 };
/* Steps end where the slope promises less than this of a nat: then the weights are good to its root
 * in units of their own spread, far below what any choice of a pair turns on. */
static const double enough = 1e-20, share_of_promise = 1e-4;

struct margin_work {
    const struct margin_rows *rows;
    double penalty;
    double *slope, *step, *trial; /* [d] */
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

/* Of the penalised function at fit->w: its slope, and its curvature's factor in fit->l. */
static enum err measure(struct margin *fit, struct margin_work *work)
{
    const int d = fit->d;
    double *const l = fit->l;

    memset(l, 0, (size_t)d * (size_t)d * sizeof *l);
    for (int i = 0; i < d; i++) {
        work->slope[i] = -work->penalty * fit->w[i];
        l[(size_t)i * (size_t)d + (size_t)i] = work->penalty;
    }
    for (size_t r = 0; r < work->rows->n; r++) {
        const double *const x = work->rows->x + r * (size_t)d;
        const double p = margin_chance(dot(fit->w, x, d)), by = weight_of(work->rows, r);
        const double curve = by * p * (1 - p), pull = by * (work->rows->y[r] - p);

        for (int i = 0; i < d && by > 0; i++) {
            work->slope[i] += pull * x[i];
            for (int j = 0; j <= i; j++)
                l[(size_t)i * (size_t)d + (size_t)j] += curve * x[i] * x[j];
        }
    }
    return cholesky_factor(l, d)
               ? OK
               : err_set(ERR_RANGE,
                         "the features are too large for a penalty of %g: scale them",
                         work->penalty);
}

static double penalised(const struct margin_work *work, const double *w, int d)
{
    return loglik(work->rows, w, d) - work->penalty * dot(w, w, d) / 2;
}

/* *promise: what the slope said the step would bring; as little as rounding is the end. */
static enum err step(struct margin *fit, struct margin_work *work, double *promise)
{
    const int d = fit->d;
    const double before = penalised(work, fit->w, d);
    double scale = 1;
    const enum err err = measure(fit, work);

    if (err)
        return err;
    memcpy(work->step, work->slope, (size_t)d * sizeof *work->step);
    cholesky_solve(fit->l, d, work->step);
    *promise = dot(work->slope, work->step, d);
    for (int k = 0; k < HALVINGS_MAX; k++, scale /= 2) {
        for (int i = 0; i < d; i++)
            work->trial[i] = fit->w[i] + scale * work->step[i];
        /* Where no digit of the sum can rise any more the whole step is the better one. */
        if (*promise < 1e-9 ||
            penalised(work, work->trial, d) >= before + share_of_promise * scale * *promise)
            break;
    }
    memcpy(fit->w, work->trial, (size_t)d * sizeof *fit->w);
    return OK;
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

static enum err climb(struct margin *out, struct margin_work *work)
{
    double promise = INFINITY;
    enum err err = OK;

    while (!err && promise > enough && out->iterations < STEPS_MAX) {
        err = step(out, work, &promise);
        out->iterations++;
    }
    if (!err)
        err = measure(out, work);
    if (!err)
        out->loglik = loglik(work->rows, out->w, out->d);
    return err;
}

enum err margin_fit(struct margin *out, const struct margin_rows *rows, int d, double penalty,
                    const double *start)
{
    struct margin_work work = {.rows = rows, .penalty = penalty};
    const size_t n = d > 0 ? (size_t)d : 0;
    enum err err = check(rows, d, penalty);

    *out = (struct margin){.d = d};
    if (!err)
        err = mem_big(&out->l, n * n, sizeof *out->l, "the curvature of a preference head");
    if (err)
        return err;
    out->w = mem_new(n, sizeof *out->w);
    work.slope = mem_new(n, sizeof *work.slope);
    work.step = mem_new(n, sizeof *work.step);
    work.trial = mem_new(n, sizeof *work.trial);
    if (start)
        memcpy(out->w, start, n * sizeof *out->w);
    err = climb(out, &work);
    free(work.slope);
    free(work.step);
    free(work.trial);
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
