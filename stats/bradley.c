/* How: Newton's method on the log-likelihood, which is concave: each step is the slope solved
 * by a Cholesky factor of the information, halved until the likelihood does not fall. A factor
 * that fails, or a parameter beyond 40, means that no finite maximum exists, and is said so.
 *
 * Both kinds of ties are one model with three outcomes (first, tie, second): BRADLEY_HALF has
 * no chance of a tie and counts a tie as half a win for each. The design is sparse: a row
 * touches two strengths and its covariates. One item is fixed at 0; tell_strengths moves to the
 * reference that the caller wants and carries the covariance with it. */

#include "stats/bradley.h"

#include "base/mem.h"
#include "stats/cholesky.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { NEWTON_MAX = 100 };

/* The parameters: strengths of all items but one, effects, ln nu. The item left out is 0. */
struct fit {
    const struct bradley_row *row;
    size_t rows;
    const struct bradley_conf *conf;
    int zero;        /* the item left out */
    int n;           /* parameters */
    double *theta;   /* [n] */
    double *slope;   /* [n] of the log-likelihood */
    double *hessian; /* [n,n] of minus it */
    double *step, *trial;
};

/* Where an item's strength lies in theta; -1 of the one that is fixed. */
static int slot(const struct fit *f, int item)
{
    return item == f->zero ? -1 : item < f->zero ? item : item - 1;
}

static int effect_at(const struct fit *f, int k)
{
    return f->conf->items - 1 + k;
}

static int nu_at(const struct fit *f)
{
    return f->conf->ties == BRADLEY_DAVIDSON ? f->n - 1 : -1;
}

/* One row: d eta / d parameter as a short list. */
struct sparse {
    int n, at[BRADLEY_EFFECTS_MAX + 2];
    double by[BRADLEY_EFFECTS_MAX + 2];
};

static void add_term(struct sparse *s, int at, double by)
{
    if (at >= 0 && by != 0) {
        s->at[s->n] = at;
        s->by[s->n++] = by;
    }
}

static double eta_of(const struct fit *f, const struct bradley_row *row, const double *theta,
                     struct sparse *s)
{
    double eta = 0;

    s->n = 0;
    if (row->first != row->second) {
        add_term(s, slot(f, row->first), 1);
        add_term(s, slot(f, row->second), -1);
    }
    for (int k = 0; k < f->conf->effects; k++)
        add_term(s, effect_at(f, k), row->x[k]);
    for (int i = 0; i < s->n; i++)
        eta += s->by[i] * theta[s->at[i]];
    return eta;
}

/* ln P of first, tie, second. */
static void chances(const struct fit *f, const double *theta, double eta, double log_p[3])
{
    const int nu = nu_at(f);
    const double u[3] = {eta / 2, nu < 0 ? -INFINITY : theta[nu], -eta / 2};
    const double top = fmax(fmax(u[0], u[2]), u[1]);
    const double sum = exp(u[0] - top) + exp(u[1] - top) + exp(u[2] - top);

    for (int i = 0; i < 3; i++)
        log_p[i] = u[i] - top - log(sum);
}

/* What was seen: with BRADLEY_HALF a tie is half a win and half a loss. */
static void seen(const struct fit *f, const struct bradley_row *row, double y[3])
{
    const double half = f->conf->ties == BRADLEY_HALF ? row->ties / 2 : 0;

    y[0] = row->wins + half;
    y[1] = f->conf->ties == BRADLEY_HALF ? 0 : row->ties;
    y[2] = row->losses + half;
}

/* The log-likelihood; `penalised` less penalty/2 of each squared strength, which is what is
 * climbed. */
static double value(const struct fit *f, const double *theta, bool penalised)
{
    double sum = 0;

    for (size_t r = 0; r < f->rows; r++) {
        struct sparse s;
        double log_p[3], y[3];
        chances(f, theta, eta_of(f, &f->row[r], theta, &s), log_p);
        seen(f, &f->row[r], y);
        for (int i = 0; i < 3; i++)
            sum += y[i] > 0 ? y[i] * log_p[i] : 0;
    }
    for (int i = 0; i < f->conf->items - 1 && penalised; i++)
        sum -= f->conf->penalty * theta[i] * theta[i] / 2;
    return sum;
}

/* Slope and Hessian of one row: the score is u . (y - n p), u = (1/2, 0, -1/2) along eta and
 * (0, 1, 0) along ln nu; the information is the covariance of u. */
static void add_row(struct fit *f, const struct bradley_row *row)
{
    struct sparse s;
    const int nu = nu_at(f);
    double log_p[3], y[3], p[3], n, g, h, gt, ht, cross;

    chances(f, f->theta, eta_of(f, row, f->theta, &s), log_p);
    seen(f, row, y);
    n = y[0] + y[1] + y[2];
    for (int i = 0; i < 3; i++)
        p[i] = exp(log_p[i]);
    g = (y[0] - y[2] - n * (p[0] - p[2])) / 2;
    h = n * (p[0] + p[2] - (p[0] - p[2]) * (p[0] - p[2])) / 4;
    gt = y[1] - n * p[1];
    ht = n * p[1] * (1 - p[1]);
    cross = -n * p[1] * (p[0] - p[2]) / 2;
    for (int i = 0; i < s.n; i++) {
        f->slope[s.at[i]] += g * s.by[i];
        for (int j = 0; j < s.n; j++)
            f->hessian[s.at[i] * f->n + s.at[j]] += h * s.by[i] * s.by[j];
        if (nu >= 0) {
            f->hessian[s.at[i] * f->n + nu] += cross * s.by[i];
            f->hessian[nu * f->n + s.at[i]] += cross * s.by[i];
        }
    }
    if (nu >= 0) {
        f->slope[nu] += gt;
        f->hessian[nu * f->n + nu] += ht;
    }
}

/* Slope and information at theta. The penalty adds to both: it is what makes a maximum finite
 * where an item never lost. */
static void measure(struct fit *f)
{
    const size_t n = (size_t)f->n;

    memset(f->slope, 0, n * sizeof *f->slope);
    memset(f->hessian, 0, n * n * sizeof *f->hessian);
    for (size_t r = 0; r < f->rows; r++)
        add_row(f, &f->row[r]);
    for (int i = 0; i < f->conf->items - 1; i++) {
        f->slope[i] -= f->conf->penalty * f->theta[i];
        f->hessian[i * f->n + i] += f->conf->penalty;
    }
}

static enum err no_maximum(void)
{
    return err_set(ERR_RANGE,
                   "Bradley-Terry: no finite maximum: some item never lost or never won, some "
                   "never met the others, or a covariate decides every comparison; a penalty "
                   "makes it finite");
}

/* One step, halved until the likelihood does not fall. *moved: the largest change. */
static enum err newton(struct fit *f, double *moved)
{
    const double before = value(f, f->theta, true);
    double scale = 1;

    measure(f);
    memcpy(f->step, f->slope, (size_t)f->n * sizeof *f->step);
    if (!cholesky_factor(f->hessian, f->n))
        return no_maximum();
    cholesky_solve(f->hessian, f->n, f->step);
    for (int tries = 0; tries < 40; tries++, scale /= 2) {
        for (int i = 0; i < f->n; i++)
            f->trial[i] = f->theta[i] + scale * f->step[i];
        if (value(f, f->trial, true) >= before - 1e-12 * fabs(before))
            break;
    }
    *moved = 0;
    for (int i = 0; i < f->n; i++) {
        *moved = fmax(*moved, fabs(f->trial[i] - f->theta[i]));
        f->theta[i] = f->trial[i];
        if (!(fabs(f->theta[i]) < 40))
            return no_maximum();
    }
    return OK;
}

/* Each row's own shares: the best any model of this kind can say. */
static double saturated(const struct fit *f)
{
    double sum = 0;

    for (size_t r = 0; r < f->rows; r++) {
        double y[3], n;
        seen(f, &f->row[r], y);
        n = y[0] + y[1] + y[2];
        for (int i = 0; i < 3; i++)
            sum += y[i] > 0 ? y[i] * log(y[i] / n) : 0;
    }
    return sum;
}

/* Strengths and their errors; for reference -1 both are of the centred strengths. cov [n,n]. */
static void tell_strengths(const struct fit *f, const double *cov, struct bradley *out)
{
    const int m = f->conf->items;
    double mean = 0, *row = mem_new((size_t)m, sizeof *row), all = 0;

    for (int i = 0; i < m; i++) {
        const int at = slot(f, i);
        out->strength[i] = at < 0 ? 0 : f->theta[at];
        mean += out->strength[i] / m;
        for (int j = 0; j < m; j++) {
            const int to = slot(f, j);
            row[i] += at < 0 || to < 0 ? 0 : cov[at * f->n + to] / m;
        }
        all += row[i] / m;
    }
    for (int i = 0; i < m; i++) {
        const int at = slot(f, i);
        double var = at < 0 ? 0 : cov[at * f->n + at];
        if (f->conf->reference < 0) {
            out->strength[i] -= mean;
            var += all - 2 * row[i];
        }
        out->strength_se[i] = sqrt(fmax(var, 0));
    }
    free(row);
}

/* At the maximum: the inverse of the information is the covariance; of nu, which was fitted as
 * ln nu, the error follows by the delta method. */
static enum err tell(struct fit *f, struct bradley *out)
{
    const struct bradley_conf *conf = f->conf;
    const int nu = nu_at(f);

    measure(f);
    if (!cholesky_factor(f->hessian, f->n))
        return no_maximum();
    cholesky_inverse(f->hessian, f->n);
    tell_strengths(f, f->hessian, out);
    for (int k = 0; k < conf->effects; k++) {
        const int at = effect_at(f, k);
        out->effect[k] = f->theta[at];
        out->effect_se[k] = sqrt(f->hessian[at * f->n + at]);
    }
    if (nu >= 0) {
        out->nu = exp(f->theta[nu]);
        out->nu_se = out->nu * sqrt(f->hessian[nu * f->n + nu]);
    }
    out->loglik = value(f, f->theta, false);
    out->deviance = 2 * (saturated(f) - out->loglik);
    return OK;
}

static enum err check_row(const struct bradley_row *row, const struct bradley_conf *conf)
{
    if (row->first < 0 || row->first >= conf->items || row->second < 0 ||
        row->second >= conf->items)
        return err_set(ERR_RANGE, "items %d and %d of %d", row->first, row->second,
                       conf->items);
    if (!(row->wins >= 0 && row->losses >= 0 && row->ties >= 0) ||
        !isfinite(row->wins + row->losses + row->ties))
        return err_set(ERR_RANGE, "a count below 0");
    for (int k = 0; k < conf->effects; k++)
        if (!isfinite(row->x[k]))
            return err_set(ERR_RANGE, "covariate %d is not a number", k);
    return OK;
}

static enum err check(const struct bradley_row *row, size_t rows,
                      const struct bradley_conf *conf)
{
    double total = 0;

    if (conf->items < 1 || conf->items > BRADLEY_ITEMS_MAX || conf->effects < 0 ||
        conf->effects > BRADLEY_EFFECTS_MAX || conf->reference >= conf->items ||
        !(conf->penalty >= 0))
        return err_set(ERR_RANGE, "Bradley-Terry: %d items, %d covariates, reference %d",
                       conf->items, conf->effects, conf->reference);
    for (size_t r = 0; r < rows; r++) {
        if (check_row(&row[r], conf))
            return err_add("Bradley-Terry: row %zu", r);
        total += row[r].wins + row[r].losses + row[r].ties;
    }
    return total > 0 ? OK : err_set(ERR_RANGE, "Bradley-Terry: no comparison");
}

/* 1e-11 in a parameter: far below its standard error, and Newton's last step is quadratic
 * anyway. */
static enum err fit(struct fit *f, struct bradley *out)
{
    double moved = 1;
    enum err err = OK;

    for (out->iterations = 0; !err && moved > 1e-11; out->iterations++) {
        if (out->iterations == NEWTON_MAX)
            return no_maximum();
        err = newton(f, &moved);
    }
    return err ? err : tell(f, out);
}

enum err bradley_fit(struct bradley *out, const struct bradley_row *row, size_t rows,
                     const struct bradley_conf *conf)
{
    struct fit f = {.row = row, .rows = rows, .conf = conf};
    enum err err = check(row, rows, conf);
    size_t n;

    memset(out, 0, sizeof *out);
    if (err)
        return err;
    f.zero = conf->reference < 0 ? 0 : conf->reference;
    f.n = conf->items - 1 + conf->effects + (conf->ties == BRADLEY_DAVIDSON);
    n = (size_t)f.n;
    out->items = conf->items;
    out->effects = conf->effects;
    out->strength = mem_new((size_t)conf->items, sizeof *out->strength);
    out->strength_se = mem_new((size_t)conf->items, sizeof *out->strength_se);
    f.theta = mem_new(4 * n + n * n + 1, sizeof *f.theta);
    f.slope = f.theta + n;
    f.step = f.slope + n;
    f.trial = f.step + n;
    f.hessian = f.trial + n;
    err = fit(&f, out);
    free(f.theta);
    if (err)
        bradley_fini(out);
    return err;
}

void bradley_fini(struct bradley *bradley)
{
    free(bradley->strength);
    free(bradley->strength_se);
    memset(bradley, 0, sizeof *bradley);
}
