/* Sums by cluster; the variance of their ratio by linearisation, as surveys have it; then
 * Wilson's formula. With clusters the normal quantile is Student's with one degree of freedom
 * less than there are clusters, for the variance is an estimate. */

#include "stats/share.h"

#include "base/mem.h"
#include "stats/normal.h"
#include "stats/student.h"

#include <math.h>
#include <stdlib.h>

static void wilson(struct share *out, double z)
{
    const double zz = z * z / out->n, p = out->estimate;
    const double middle = (p + zz / 2) / (1 + zz);
    const double half = z / (1 + zz) * sqrt(p * (1 - p) / out->n + zz / (4 * out->n));

    out->low = fmax(0, middle - half);
    out->high = fmin(1, middle + half);
}

/* How many independent rows would have this variance. Where all rows agree there is none to
 * ask. */
static double effective(double p, double variance, double least, double most)
{
    return variance > 0 && p * (1 - p) > 0 ? fmin(p * (1 - p) / variance, most) : least;
}

void share_known(struct share *out, double estimate, double variance, double least, double most,
                 double level)
{
    *out = (struct share){estimate, NAN, NAN, effective(estimate, variance, least, most)};
    wilson(out, normal_quantile((1 + level) / 2));
}

struct share_sums {
    double *sum, *count; /* [rows] of the clusters */
    size_t clusters;
};

/* A cluster's number is below n, so n slots hold any numbering. */
static enum err add_up(struct share_sums *s, const double *value, const uint32_t *cluster,
                       size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const size_t at = cluster ? cluster[i] : i;
        if (at >= n || !(value[i] >= 0 && value[i] <= 1))
            return err_set(ERR_RANGE, "share: row %zu of cluster %zu is %g: not in [0, 1]", i,
                           at, value[i]);
        s->sum[at] += value[i];
        s->count[at]++;
    }
    for (size_t at = 0; at < n; at++)
        s->clusters += s->count[at] > 0;
    return OK;
}

/* Of sum / count over the clusters. */
static double variance_of(const struct share_sums *s, double p, size_t n)
{
    const double m = (double)s->clusters;
    double square = 0;

    for (size_t at = 0; at < n; at++) {
        const double off = s->sum[at] - p * s->count[at];
        square += off * off;
    }
    return m > 1 ? square / ((double)n * (double)n) * m / (m - 1) : 0;
}

enum err share_mean(struct share *out, const double *value, const uint32_t *cluster, size_t n,
                    double worth, double level)
{
    struct share_sums s = {mem_new(n + 1, sizeof(double)), mem_new(n + 1, sizeof(double)), 0};
    enum err err = n && worth >= 1 && level > 0 && level < 1
                       ? add_up(&s, value, cluster, n)
                       : err_set(ERR_RANGE, "share: %zu rows, level %g", n, level);

    *out = (struct share){NAN, NAN, NAN, 0};
    if (!err) {
        const double m = (double)s.clusters;
        double z = normal_quantile((1 + level) / 2);
        out->estimate = 0;
        for (size_t at = 0; at < n; at++)
            out->estimate += s.sum[at] / (double)n;
        out->estimate = fmin(out->estimate, 1);
        out->n = (double)n;
        if (s.clusters < n || worth > 1) {
            out->n = effective(out->estimate, variance_of(&s, out->estimate, n), m,
                               (double)n * worth);
            z = m > 1 ? student_quantile((1 + level) / 2, m - 1) : z;
        }
        wilson(out, z);
    }
    free(s.sum);
    free(s.count);
    return err;
}
