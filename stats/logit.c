/* How: newton.h on a concave function. A factor that fails, or a linear predictor beyond BEYOND,
 * means that no finite maximum exists. Rows of a cluster may stand anywhere: their slopes are summed
 * before sandwich.h is told of the cluster. */

#include "stats/logit.h"

#include "base/mem.h"
#include "stats/cholesky.h"
#include "stats/newton.h"
#include "stats/sandwich.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { BEYOND = 40 };

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
static double loglik(void *self, const double *b)
{
    const struct logit_data *const d = self;
    double sum = 0;

    for (size_t i = 0; i < d->n; i++) {
        const double eta = linear(d, i, b);
        sum += d->y[i] * eta - softplus(eta);
    }
    return sum;
}

static bool measure(void *self, const double *b, double *slope, double *info)
{
    const struct logit_data *const d = self;
    const size_t k = d->k;
    double most = 0;

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
    return most <= BEYOND;
}

/* Each cluster's slope, [n,k] by its number, and which there are. */
static enum err scores(const struct logit_data *d, const double *b, const uint32_t *cluster,
                       double *score, uint8_t *seen)
{
    for (size_t i = 0; i < d->n; i++) {
        const double p = 1 / (1 + exp(-linear(d, i, b)));
        if (cluster[i] >= d->n)
            return err_set(ERR_RANGE, "logistic regression: cluster %u of %zu", cluster[i],
                           d->n);
        seen[cluster[i]] = 1;
        for (size_t j = 0; j < d->k; j++)
            score[cluster[i] * d->k + j] += (d->y[i] - p) * d->x[i * d->k + j];
    }
    return OK;
}

/* cov [k,k]: the bread; then it is the sandwich. */
static enum err cluster_errors(const struct logit_data *d, struct logit *out, double *cov,
                               const uint32_t *cluster)
{
    const size_t k = d->k;
    double *score = mem_new(d->n * k + 1, sizeof *score);
    uint8_t *seen = mem_new(d->n + 1, 1);
    struct sandwich s;
    int all[LOGIT_MAX];
    const enum err err = scores(d, out->b, cluster, score, seen);

    for (int j = 0; j < LOGIT_MAX; j++)
        all[j] = j;
    sandwich_init(&s, (int)k);
    for (size_t g = 0; g < d->n && !err; g++)
        if (seen[g]) {
            sandwich_add(&s, all, score + g * k, (int)k);
            sandwich_next(&s, 1);
        }
    out->clusters = (size_t)s.clusters;
    if (out->clusters > 1) /* of one cluster nothing is known */
        sandwich_cov(&s, cov, cov, 0);
    for (size_t j = 0; j < k && out->clusters > 1; j++)
        out->cluster_se[j] = sqrt(cov[j * k + j]);
    sandwich_fini(&s);
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

/* The inverse of the information at the top is the covariance. Said in words that name the column's
 * fault, for the estimate would be what the steps ran to. */
enum err logit_fit(struct logit *out, const double *x, const double *y, const uint32_t *cluster,
                   size_t n, size_t k)
{
    struct logit_data d = {x, y, n, k};
    struct newton newton = {
        .n = (int)k, .theta = out->b, .value = loglik, .measure = measure, .self = &d};
    enum err err = check(x, y, n, k);

    memset(out, 0, sizeof *out);
    out->k = k;
    for (size_t j = 0; j < LOGIT_MAX; j++)
        out->cluster_se[j] = NAN;
    if (err)
        return err;
    newton.curvature = mem_new(k * k, sizeof *newton.curvature);
    if (newton_run(&newton)) {
        out->loglik = newton.reached;
        cholesky_inverse(newton.curvature, (int)k);
        for (size_t j = 0; j < k; j++)
            out->se[j] = sqrt(newton.curvature[j * k + j]);
        if (cluster)
            err = cluster_errors(&d, out, newton.curvature, cluster);
    } else {
        err = err_set(ERR_RANGE, "logistic regression: no finite maximum: a column tells every "
                                 "answer, or is made of others");
    }
    free(newton.curvature);
    return err;
}
