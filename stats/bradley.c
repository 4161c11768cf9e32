/* How: the log-likelihood and its derivatives row by row; climb.h finds the maximum. The design is
 * sparse: a row touches two strengths, its covariates and the tie. Without a single tie in the
 * rows its parameter has nothing to say, and the model is Bradley and Terry's. */

#include "stats/bradley.h"

#include "base/mem.h"
#include "stats/climb.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct bradley_data {
    const struct bradley_row *row;
    size_t rows;
    int items, effects, n;   /* n: all parameters */
    bool tie;                /* the last of them is the tie's */
    enum paired_model model; /* with ties in it only where the rows have some */
};

/* One row: d eta / d parameter as a short list. */
struct bradley_terms {
    int n, at[BRADLEY_TERMS];
    double by[BRADLEY_TERMS];
};

static void add_term(struct bradley_terms *s, int at, double by)
{
    if (by != 0) {
        s->at[s->n] = at;
        s->by[s->n++] = by;
    }
}

static double eta_of(int items, int effects, const struct bradley_row *row, const double *theta,
                     struct bradley_terms *s)
{
    double eta = 0;

    s->n = 0;
    if (row->first != row->second) {
        add_term(s, row->first, 1);
        add_term(s, row->second, -1);
    }
    for (int k = 0; k < effects; k++)
        add_term(s, items + k, row->x[k]);
    for (int i = 0; i < s->n; i++)
        eta += s->by[i] * theta[s->at[i]];
    return eta;
}

/* What was seen: without a parameter for ties a tie is half a win and half a loss. */
static void seen(enum paired_model model, const struct bradley_row *row, double y[3])
{
    const bool own = paired_has_tie(model);

    y[PAIRED_FIRST] = row->wins + (own ? 0 : row->ties / 2);
    y[PAIRED_TIE] = own ? row->ties : 0;
    y[PAIRED_SECOND] = row->losses + (own ? 0 : row->ties / 2);
}

static double value(const void *self, const double *theta)
{
    const struct bradley_data *f = self;
    const double tie = f->tie ? theta[f->n - 1] : 0;
    double sum = 0;

    for (size_t r = 0; r < f->rows; r++) {
        struct bradley_terms s;
        double log_p[3], y[3];
        paired_chances(log_p, f->model, eta_of(f->items, f->effects, &f->row[r], theta, &s),
                       tie);
        seen(f->model, &f->row[r], y);
        for (int i = 0; i < 3; i++)
            sum += y[i] > 0 ? y[i] * log_p[i] : 0;
    }
    return sum;
}

static void measure_row(const struct bradley_data *f, const struct bradley_row *row,
                        const double *theta, double *slope, double *hessian)
{
    const int last = f->n - 1;
    struct bradley_terms s;
    struct paired p;
    double y[3], g = 0, h = 0, gt = 0, ht = 0, cross = 0;

    paired_slopes(&p, f->model, eta_of(f->items, f->effects, row, theta, &s),
                  f->tie ? theta[last] : 0);
    seen(f->model, row, y);
    for (int k = 0; k < 3; k++) {
        g += y[k] * p.by_eta[k];
        h += y[k] * p.eta_eta[k];
        gt += y[k] * p.by_tie[k];
        ht += y[k] * p.tie_tie[k];
        cross += y[k] * p.eta_tie[k];
    }
    for (int i = 0; i < s.n; i++) {
        slope[s.at[i]] += g * s.by[i];
        for (int j = 0; j < s.n; j++)
            hessian[s.at[i] * f->n + s.at[j]] += h * s.by[i] * s.by[j];
        if (f->tie) {
            hessian[s.at[i] * f->n + last] += cross * s.by[i];
            hessian[last * f->n + s.at[i]] += cross * s.by[i];
        }
    }
    if (f->tie) {
        slope[last] += gt;
        hessian[last * f->n + last] += ht;
    }
}

static void measure(const void *self, const double *theta, double *slope, double *hessian)
{
    const struct bradley_data *f = self;

    for (size_t r = 0; r < f->rows; r++)
        measure_row(f, &f->row[r], theta, slope, hessian);
}

/* Each row's own shares: the best any model of this kind can say. */
static double saturated(const struct bradley_data *f)
{
    double sum = 0;

    for (size_t r = 0; r < f->rows; r++) {
        double y[3], n;
        seen(f->model, &f->row[r], y);
        n = y[0] + y[1] + y[2];
        for (int i = 0; i < 3; i++)
            sum += y[i] > 0 ? y[i] * log(y[i] / n) : 0;
    }
    return sum;
}

/* Errors of nu and theta, which were fitted as logarithms, by the delta method. */
static void tell_errors(const struct bradley_data *f, int r, struct bradley *out)
{
    const int n = f->n, m = f->items;
    const double *const v = out->cov;

    for (int i = 0; i < m; i++) {
        const double var =
            r < 0 ? v[i * n + i] : v[i * n + i] + v[r * n + r] - v[i * n + r] - v[r * n + i];
        out->strength_se[i] = i == r ? 0 : sqrt(fmax(var, 0));
    }
    for (int k = 0; k < f->effects; k++)
        out->effect_se[k] = sqrt(v[(m + k) * n + m + k]);
    if (f->tie)
        out->tie_se = out->tie * sqrt(v[n * n - 1]);
}

/* At the maximum. */
static void tell(const struct bradley_data *f, const struct bradley_conf *conf,
                 const double *theta, struct bradley *out)
{
    const int m = f->items;

    for (int i = 0; i < m; i++)
        out->strength[i] = theta[i] - (conf->reference < 0 ? 0 : theta[conf->reference]);
    for (int k = 0; k < f->effects; k++)
        out->effect[k] = theta[m + k];
    out->tie = f->tie ? exp(theta[f->n - 1]) : conf->model == PAIRED_RAO_KUPPER;
    out->tie_se = NAN;
    if (conf->brief)
        return;
    tell_errors(f, conf->reference, out);
    out->loglik = value(f, theta);
    out->deviance = 2 * (saturated(f) - out->loglik);
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
                      const struct bradley_conf *conf, double *ties)
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
        *ties += row[r].ties;
    }
    return total > 0 ? OK : err_set(ERR_RANGE, "Bradley-Terry: no comparison");
}

/* Rao and Kupper's tie must be above 0 from the start. */
static void begin(const struct bradley_data *f, const struct bradley *from, double *theta)
{
    if (f->tie)
        theta[f->n - 1] = from && from->has_tie           ? log(from->tie)
                          : f->model == PAIRED_RAO_KUPPER ? 0.5
                                                          : 0;
    if (!from || from->items != f->items || from->effects != f->effects)
        return;
    memcpy(theta, from->strength, (size_t)f->items * sizeof *theta);
    memcpy(theta + f->items, from->effect, (size_t)f->effects * sizeof *theta);
}

static void size(struct bradley *out, const struct bradley_data *f, bool brief)
{
    const size_t m = (size_t)f->items, n = (size_t)f->n;

    out->items = f->items;
    out->effects = f->effects;
    out->params = f->n;
    out->has_tie = f->tie;
    out->strength = mem_new(m, sizeof *out->strength);
    out->strength_se = mem_new(m, sizeof *out->strength_se);
    out->cov = brief ? NULL : mem_new(n * n, sizeof *out->cov);
}

enum err bradley_fit(struct bradley *out, const struct bradley_row *row, size_t rows,
                     const struct bradley_conf *conf)
{
    struct bradley_data f = {row, rows, conf->items, conf->effects, 0, false, conf->model};
    struct climb climb = {
        .items = conf->items, .penalty = conf->penalty, .value = value, .measure = measure};
    double ties = 0;
    enum err err = check(row, rows, conf, &ties);

    memset(out, 0, sizeof *out);
    if (err)
        return err;
    f.tie = paired_has_tie(conf->model) && ties > 0;
    f.model = paired_has_tie(conf->model) && !f.tie ? PAIRED_HALF : conf->model;
    f.n = conf->items + conf->effects + f.tie;
    size(out, &f, conf->brief);
    climb.n = f.n;
    climb.self = &f;
    climb.theta = mem_new((size_t)f.n, sizeof *climb.theta);
    begin(&f, conf->start, climb.theta);
    err = climb_run(&climb, out->cov);
    out->iterations = climb.iterations;
    if (!err)
        tell(&f, conf, climb.theta, out);
    else
        bradley_fini(out);
    free(climb.theta);
    return err ? err_add("Bradley-Terry") : OK;
}

int bradley_score(const struct bradley *fit, enum paired_model model,
                  const struct bradley_row *row, int at[BRADLEY_TERMS],
                  double by[BRADLEY_TERMS])
{
    const bool tie = paired_has_tie(model) && fit->has_tie;
    const enum paired_model as = paired_has_tie(model) && !tie ? PAIRED_HALF : model;
    struct bradley_terms s;
    struct paired p;
    double y[3], eta = 0, g = 0, gt = 0;

    s.n = 0;
    if (row->first != row->second) {
        eta = fit->strength[row->first] - fit->strength[row->second];
        add_term(&s, row->first, 1);
        add_term(&s, row->second, -1);
    }
    for (int k = 0; k < fit->effects; k++) {
        eta += fit->effect[k] * row->x[k];
        add_term(&s, fit->items + k, row->x[k]);
    }
    paired_slopes(&p, as, eta, tie ? log(fit->tie) : 0);
    seen(as, row, y);
    for (int k = 0; k < 3; k++) {
        g += y[k] * p.by_eta[k];
        gt += y[k] * p.by_tie[k];
    }
    for (int i = 0; i < s.n; i++) {
        at[i] = s.at[i];
        by[i] = g * s.by[i];
    }
    if (tie) {
        at[s.n] = fit->params - 1;
        by[s.n++] = gt;
    }
    return s.n;
}

void bradley_fini(struct bradley *bradley)
{
    free(bradley->strength);
    free(bradley->strength_se);
    free(bradley->cov);
    memset(bradley, 0, sizeof *bradley);
}
