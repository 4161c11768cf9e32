/* How: Newton's steps on a concave function, halved until the likelihood does not fall, solved
 * by Cholesky. A factor that fails, or a linear predictor beyond BEYOND, means that no finite
 * maximum exists. */

#include "stats/logit.h"

#include "base/mem.h"
#include "stats/cholesky.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { STEPS = 100, BEYOND = 40 };

struct logit_data {
    const double *x, *y;
    size_t n, k;
};

static double linear(const struct logit_data *d, size_t i, const double *b)
{
    double sum = 0;

    for (size_t j = 0; j < d->k; j++)
        sum += d->x[i * d->k + j] * b[j];
    return sum;
}

/* ln(1 + exp(eta)) without overflow. */
static double softplus(double eta)
{
    return fmax(eta, 0) + log1p(exp(-fabs(eta)));
}

/* y may be a share: then it is the quasi-likelihood of that many answers. */
static double loglik(const struct logit_data *d, const double *b)
{
    double sum = 0;

    for (size_t i = 0; i < d->n; i++) {
        const double eta = linear(d, i, b);
        sum += d->y[i] * eta - softplus(eta);
    }
    return sum;
}

/* slope [k], information [k,k] (its lower triangle, which is all that Cholesky reads); the
 * largest linear predictor is returned. */
static double measure(const struct logit_data *d, const double *b, double *slope, double *info)
{
    const size_t k = d->k;
    double most = 0;

    memset(slope, 0, k * sizeof *slope);
    memset(info, 0, k * k * sizeof *info);
    for (size_t i = 0; i < d->n; i++) {
        const double *x = d->x + i * k;
        const double eta = linear(d, i, b), p = 1 / (1 + exp(-eta));
        most = fmax(most, fabs(eta));
        for (size_t j = 0; j < k; j++) {
            slope[j] += (d->y[i] - p) * x[j];
            for (size_t l = 0; l <= j; l++)
                info[j * k + l] += p * (1 - p) * x[j] * x[l];
        }
    }
    return most;
}

/* Said in words that name the column's fault, for the estimate would be what the steps ran to. */
static enum err no_maximum(void)
{
    return err_set(ERR_RANGE, "logistic regression: no finite maximum: a column tells every "
                              "answer, or is made of others");
}

/* A step that overshoots is halved: the function is concave, so a small enough one climbs. */
static enum err climb(const struct logit_data *d, struct logit *out, double *info)
{
    double slope[LOGIT_MAX], trial[LOGIT_MAX], moved = 1;

    out->loglik = loglik(d, out->b);
    for (int step = 0; moved > 1e-12; step++) {
        double by = 1, now;
        if (measure(d, out->b, slope, info) > BEYOND || step == STEPS ||
            !cholesky_factor(info, (int)d->k))
            return no_maximum();
        cholesky_solve(info, (int)d->k, slope);
        for (int tries = 0;; tries++, by /= 2) {
            for (size_t j = 0; j < d->k; j++)
                trial[j] = out->b[j] + by * slope[j];
            now = loglik(d, trial);
            if (now >= out->loglik - 1e-12 * fabs(out->loglik) || tries == 40)
                break;
        }
        moved = 0;
        for (size_t j = 0; j < d->k; j++)
            moved = fmax(moved, fabs(trial[j] - out->b[j]) / (1 + fabs(trial[j])));
        memcpy(out->b, trial, sizeof trial);
        out->loglik = now;
    }
    return OK;
}

/* The bread is `cov` [k,k], the meat the outer products of each cluster's score. */
static enum err sandwich(const struct logit_data *d, struct logit *out, const double *cov,
                         const uint32_t *cluster)
{
    const size_t k = d->k;
    double *score = mem_new(d->n * k + 1, sizeof *score), sum[LOGIT_MAX] = {0};
    uint8_t *seen = mem_new(d->n + 1, 1);
    enum err err = OK;

    for (size_t i = 0; i < d->n && !err; i++) {
        const double p = 1 / (1 + exp(-linear(d, i, out->b)));
        if (cluster[i] >= d->n) {
            err =
                err_set(ERR_RANGE, "logistic regression: cluster %u of %zu", cluster[i], d->n);
            break;
        }
        out->clusters += !seen[cluster[i]];
        seen[cluster[i]] = 1;
        for (size_t j = 0; j < k; j++)
            score[cluster[i] * k + j] += (d->y[i] - p) * d->x[i * k + j];
    }
    for (size_t g = 0; g < d->n && !err; g++)
        for (size_t j = 0; j < k && seen[g]; j++) {
            double by = 0;
            for (size_t l = 0; l < k; l++)
                by += cov[j * k + l] * score[g * k + l];
            sum[j] += by * by;
        }
    for (size_t j = 0; j < k && !err; j++)
        out->cluster_se[j] =
            out->clusters > 1
                ? sqrt(sum[j] * (double)out->clusters / ((double)out->clusters - 1))
                : NAN;
    free(score);
    free(seen);
    return err;
}

/* What is no number would make every estimate none, and no step would say why. */
static enum err check(const double *x, const double *y, size_t n, size_t k)
{
    if (!k || k > LOGIT_MAX || n < k)
        return err_set(ERR_RANGE, "logistic regression: %zu columns, %zu rows", k, n);
    for (size_t i = 0; i < n * k; i++)
        if (!isfinite(x[i]))
            return err_set(ERR_RANGE, "logistic regression: row %zu: not a number", i / k);
    for (size_t i = 0; i < n; i++)
        if (!(y[i] >= 0 && y[i] <= 1))
            return err_set(ERR_RANGE, "logistic regression: row %zu: %g", i, y[i]);
    return OK;
}

/* Climbs, and measures once more at the top: the inverse of that is the covariance. */
enum err logit_fit(struct logit *out, const double *x, const double *y, const uint32_t *cluster,
                   size_t n, size_t k)
{
    const struct logit_data d = {x, y, n, k};
    double *info, slope[LOGIT_MAX];
    enum err err = check(x, y, n, k);

    memset(out, 0, sizeof *out);
    out->k = k;
    for (size_t j = 0; j < LOGIT_MAX; j++)
        out->cluster_se[j] = NAN;
    if (err)
        return err;
    info = mem_new(k * k, sizeof *info);
    err = climb(&d, out, info);
    if (!err && (measure(&d, out->b, slope, info) > BEYOND || !cholesky_factor(info, (int)k)))
        err = no_maximum();
    if (!err) {
        cholesky_inverse(info, (int)k);
        for (size_t j = 0; j < k; j++)
            out->se[j] = sqrt(info[j * k + j]);
        if (cluster)
            err = sandwich(&d, out, info, cluster);
    }
    free(info);
    return err;
}
