/* Sums and counts by cluster, once; a draw is then one pass over the clusters for its mean and
 * one for its standard error, by linearisation of sum / count. */

#include "stats/mean.h"

#include "base/mem.h"
#include "stats/student.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct mean_rows {
    double *sum, *count; /* [clusters] */
    size_t clusters;
};

struct figure {
    double mean, se;
};

/* Clusters without rows are left out. */
static enum err gather(struct mean_rows *r, const double *value, const uint32_t *cluster,
                       size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const size_t at = cluster ? cluster[i] : i;
        if (at >= n || !isfinite(value[i]))
            return err_set(ERR_RANGE, "mean: row %zu of cluster %zu is %g", i, at, value[i]);
        r->sum[at] += value[i];
        r->count[at]++;
    }
    for (size_t at = 0; at < n; at++)
        if (r->count[at] > 0) {
            r->sum[r->clusters] = r->sum[at];
            r->count[r->clusters++] = r->count[at];
        }
    return OK;
}

/* times [clusters], NULL: each once. */
static struct figure figure_of(const struct mean_rows *r, const uint32_t *times)
{
    const double m = (double)r->clusters;
    double sum = 0, count = 0, square = 0;

    for (size_t i = 0; i < r->clusters; i++) {
        const double k = times ? times[i] : 1;
        sum += k * r->sum[i];
        count += k * r->count[i];
    }
    for (size_t i = 0; i < r->clusters; i++) {
        const double off = r->sum[i] - sum / count * r->count[i];
        square += (times ? times[i] : 1) * off * off;
    }
    return (struct figure){sum / count, m > 1 ? sqrt(square * m / (m - 1)) / count : 0};
}

/* Bootstrap-t: quantiles of the studentised draws, turned around. Where so many draws had no
 * spread that a quantile is infinite, Student's own stands in its place: an interval is never
 * without an end. */
static void interval(struct bootstrap *out, const struct mean_rows *r, double *t, size_t n,
                     double level)
{
    const double usual =
        r->clusters > 1 ? student_quantile((1 + level) / 2, (double)r->clusters - 1) : 0;
    double low = bootstrap_quantile(t, n, (1 - level) / 2);
    double high = bootstrap_quantile(t, n, (1 + level) / 2);

    if (!isfinite(low))
        low = -usual;
    if (!isfinite(high))
        high = usual;
    out->low = out->estimate - high * out->se;
    out->high = out->estimate - low * out->se;
}

/* Each draw is studentised with its own standard error, which is what makes the interval right
 * for skewed rows; a draw of one value alone (0 / 0) says nothing and is counted as undefined.
 */
static void draws(struct bootstrap *out, const struct mean_rows *r, uint32_t resamples,
                  const struct bootstrap_conf *conf)
{
    uint32_t *const times = mem_new(r->clusters, sizeof *times);
    double *const t = mem_new(resamples, sizeof *t);
    size_t n = 0;

    for (uint32_t k = 0; k < resamples; k++) {
        bootstrap_draw(times, r->clusters, conf->seed, k);
        const struct figure drawn = figure_of(r, times);
        t[n] = (drawn.mean - out->estimate) / drawn.se; /* no spread: infinite */
        n += isnan(t[n]) ? 0 : 1;
    }
    out->undefined = resamples - (uint32_t)n;
    interval(out, r, t, n, conf->level != 0 ? conf->level : 0.95);
    free(t);
    free(times);
}

enum err mean_run(struct bootstrap *out, const double *value, const uint32_t *cluster, size_t n,
                  const struct bootstrap_conf *conf)
{
    const uint32_t resamples = conf->resamples ? conf->resamples : 2000;
    const bool bad = !n || n > UINT32_MAX || resamples > BOOTSTRAP_RESAMPLES_MAX ||
                     !(conf->level >= 0 && conf->level < 1);
    struct mean_rows r = {mem_new(n + 1, sizeof(double)), mem_new(n + 1, sizeof(double)), 0};
    enum err err = bad ? err_set(ERR_RANGE, "mean: %zu rows, %u resamples, level %g", n,
                                 resamples, conf->level)
                       : gather(&r, value, cluster, n);

    *out = (struct bootstrap){NAN, NAN, NAN, NAN, 0};
    if (!err) {
        const struct figure all = figure_of(&r, NULL);
        out->estimate = all.mean;
        out->se = all.se;
        draws(out, &r, resamples, conf);
    }
    free(r.sum);
    free(r.count);
    return err;
}
