/* bootstrap: intervals by drawing clusters again.
 *
 * What is drawn with replacement is the cluster (a prompt with all its answers, an annotator),
 * never the row: rows of one prompt are not independent. A comparison of two models on the same
 * prompts is paired when its statistic sees both under one cluster.  Efron and Tibshirani 1993,
 * chapters 13 and 14. */

#ifndef STATS_BOOTSTRAP_H
#define STATS_BOOTSTRAP_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

enum bootstrap_kind {
    BOOTSTRAP_BCA,        /* bias-corrected and accelerated: jackknife over clusters */
    BOOTSTRAP_PERCENTILE, /* quantiles of the draws */
};

enum { BOOTSTRAP_RESAMPLES_MAX = 1000000 };

struct bootstrap_conf {
    enum bootstrap_kind kind;
    uint32_t resamples; /* 0: 2000 */
    double level;       /* 0: 0.95 */
    uint64_t seed;      /* same seed, same interval */
};

struct bootstrap {
    double estimate, low, high;
    double se;          /* standard deviation of the draws */
    uint32_t undefined; /* draws whose statistic was not a number: left out */
};

/* times [clusters]: how often each cluster counts; all 1 gives the estimate. NAN: undefined. */
typedef double bootstrap_statistic(const void *self, const uint32_t *times);

/* With BOOTSTRAP_BCA and draws that are all the same, low = high = estimate. Errors: ERR_RANGE
 * (no cluster; resamples or level out of range; the estimate or more than a tenth of the draws
 * undefined). */
enum err bootstrap_run(struct bootstrap *out, size_t clusters, bootstrap_statistic *statistic,
                       const void *self, const struct bootstrap_conf *conf) MUST_CHECK;

/* times [clusters] out: as many draws of as many clusters, a pure function of (seed, number).
 */
void bootstrap_draw(uint32_t *times, size_t clusters, uint64_t seed, uint32_t number);
/* Of value [n], which it sorts; linear between neighbours (type 7 of Hyndman and Fan 1996). NAN
 * of none, or between infinities. */
double bootstrap_quantile(double *value, size_t n, double p);

/* The mean of value [n]; cluster [n] below n says whose row each is, NULL: each its own. */
enum err bootstrap_mean(struct bootstrap *out, const double *value, const uint32_t *cluster,
                        size_t n, const struct bootstrap_conf *conf) MUST_CHECK;

#endif
