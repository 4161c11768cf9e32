/* How: draw r of cluster i is a function of (seed, r, i), so an interval is the same on every
 * machine and a paired comparison can use the same draws twice. bootstrap_run: the statistic on
 * all clusters once, then on each draw (as a vector of how often each cluster was drawn, never
 * as copied rows), then sorted; BCa moves the quantiles by a bias (the share of draws below the
 * estimate) and an acceleration (jackknife over clusters). Where that correction overshoots its
 * pole the plain quantiles stand. */

#include "stats/bootstrap.h"

#include "base/mem.h"
#include "base/rng.h"
#include "stats/normal.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static int ascending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* word * n >> 32 maps 32 random bits to 0 .. n-1; its unevenness, n / 2^32, is below any
 * interval. */
void bootstrap_draw(uint32_t *times, size_t n, uint64_t seed, uint32_t number)
{
    uint32_t word[4];

    memset(times, 0, n * sizeof *times);
    for (size_t i = 0; i < n; i++) {
        if (i % 4 == 0)
            rng_words(word, seed, RNG_RESAMPLE, i / 4, number, 0);
        times[(uint64_t)word[i % 4] * n >> 32]++;
    }
}

/* value [n] sorted; linear between neighbours (type 7 of Hyndman and Fan 1996). */
static double quantile(const double *value, size_t n, double p)
{
    const double at = fmin(fmax(p, 0), 1) * (double)(n - 1);
    const size_t below = (size_t)at, above = below + 1 < n ? below + 1 : below;

    return value[below] + (at - (double)below) * (value[above] - value[below]);
}

double bootstrap_quantile(double *value, size_t n, double p)
{
    if (!n)
        return NAN;
    qsort(value, n, sizeof *value, ascending);
    return quantile(value, n, p);
}

/* Sum of cubes over six times (sum of squares)^1.5 of the jackknife's deviations. */
static double acceleration(size_t n, bootstrap_statistic *statistic, const void *self,
                           uint32_t *times)
{
    double *left = mem_new(n, sizeof *left), mean = 0, squares = 0, cubes = 0;

    for (size_t i = 0; i < n; i++)
        times[i] = 1;
    for (size_t i = 0; i < n; i++) {
        times[i] = 0;
        left[i] = statistic(self, times);
        times[i] = 1;
        mean += left[i] / (double)n;
    }
    for (size_t i = 0; i < n; i++) {
        squares += (mean - left[i]) * (mean - left[i]);
        cubes += (mean - left[i]) * (mean - left[i]) * (mean - left[i]);
    }
    free(left);
    return squares > 0 ? cubes / (6 * pow(squares, 1.5)) : 0;
}

/* Where the interval's end at normal quantile z lies among the draws. */
static double corrected(double bias, double a, double z)
{
    return normal_cdf(bias + (bias + z) / (1 - a * (bias + z)));
}

static void interval(struct bootstrap *out, const double *value, size_t n, double level,
                     double a, bool bca)
{
    double below = 0, bias = 0, p[2] = {(1 - level) / 2, (1 + level) / 2};

    for (size_t i = 0; i < n; i++)
        below += value[i] < out->estimate ? 1 : value[i] == out->estimate ? 0.5 : 0;
    if (bca && value[0] < value[n - 1]) {
        const double share =
            fmin(fmax(below / (double)n, 0.5 / (double)n), 1 - 0.5 / (double)n);
        bias = normal_quantile(share);
        for (int i = 0; i < 2; i++)
            p[i] = corrected(bias, a, normal_quantile(p[i]));
        if (!isfinite(p[0] + p[1])) { /* an acceleration that overshoots: the plain quantiles */
            p[0] = (1 - level) / 2;
            p[1] = (1 + level) / 2;
        }
    }
    out->low = quantile(value, n, p[0]);
    out->high = quantile(value, n, p[1]);
}

/* Of the draws: the standard error that is reported. Two passes, for the mean may dwarf it. */
static double deviation(const double *value, size_t n)
{
    double mean = 0, sum = 0;

    for (size_t i = 0; i < n; i++)
        mean += value[i] / (double)n;
    for (size_t i = 0; i < n; i++)
        sum += (value[i] - mean) * (value[i] - mean);
    return n > 1 ? sqrt(sum / (double)(n - 1)) : 0;
}

/* A statistic may be undefined on a draw (no positive among the drawn): NAN. A few such draws
 * are left out and counted; more than a tenth would bend the interval, and end it. */
enum err bootstrap_run(struct bootstrap *out, size_t clusters, bootstrap_statistic *statistic,
                       const void *self, const struct bootstrap_conf *conf)
{
    const uint32_t resamples = conf->resamples ? conf->resamples : 2000;
    const double level = conf->level != 0 ? conf->level : 0.95;
    double *value, a = 0;
    uint32_t *times;
    size_t n = 0;
    enum err err = OK;

    *out = (struct bootstrap){NAN, NAN, NAN, NAN, 0};
    if (!clusters || clusters > UINT32_MAX || resamples > BOOTSTRAP_RESAMPLES_MAX ||
        !(level > 0 && level < 1))
        return err_set(ERR_RANGE, "bootstrap: %zu clusters, %u resamples, level %g", clusters,
                       resamples, level);
    value = mem_new(resamples, sizeof *value);
    times = mem_new(clusters, sizeof *times);
    for (size_t i = 0; i < clusters; i++)
        times[i] = 1;
    out->estimate = statistic(self, times);
    for (uint32_t r = 0; r < resamples; r++) {
        bootstrap_draw(times, clusters, conf->seed, r);
        value[n] = statistic(self, times);
        if (!isnan(value[n]))
            n++;
    }
    out->undefined = resamples - (uint32_t)n;
    if (isnan(out->estimate) || out->undefined > resamples / 10)
        err = err_set(ERR_RANGE, "bootstrap: the statistic is undefined in %u of %u draws",
                      out->undefined, resamples);
    if (!err) {
        if (conf->kind == BOOTSTRAP_BCA)
            a = acceleration(clusters, statistic, self, times);
        qsort(value, n, sizeof *value, ascending);
        out->se = deviation(value, n);
        interval(out, value, n, level, a, conf->kind == BOOTSTRAP_BCA);
    }
    free(times);
    free(value);
    return err;
}

struct bootstrap_rows {
    const double *sum, *count; /* [clusters] */
    size_t clusters;
};

/* A ratio of sums, so that clusters of several rows weigh by their rows. */
static double mean_of(const void *self, const uint32_t *times)
{
    const struct bootstrap_rows *rows = self;
    double sum = 0, count = 0;

    for (size_t i = 0; i < rows->clusters; i++) {
        sum += times[i] * rows->sum[i];
        count += times[i] * rows->count[i];
    }
    return count > 0 ? sum / count : NAN;
}

enum err bootstrap_mean(struct bootstrap *out, const double *value, const uint32_t *cluster,
                        size_t n, const struct bootstrap_conf *conf)
{
    double *sum = mem_new(n + 1, sizeof *sum), *count = mem_new(n + 1, sizeof *count);
    struct bootstrap_rows rows = {sum, count, cluster ? 0 : n};
    enum err err = OK;

    for (size_t i = 0; i < n; i++) {
        const uint32_t at = cluster ? cluster[i] : (uint32_t)i;
        if (at >= n)
            err = err_set(ERR_RANGE, "bootstrap: cluster %u of %zu rows", at, n);
        else if (at >= rows.clusters)
            rows.clusters = (size_t)at + 1;
        sum[err ? n : at] += value[i];
        count[err ? n : at]++;
    }
    if (!err)
        err = bootstrap_run(out, rows.clusters, mean_of, &rows, conf);
    free(sum);
    free(count);
    return err;
}
