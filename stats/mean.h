/* mean: the interval of a mean whose rows may belong together.
 *
 * Bootstrap-t over clusters (Efron and Tibshirani 1993, section 12.5; Hall 1988, Annals of
 * Statistics 16:927): what is drawn again is the cluster, and what is looked at is
 * (mean of the draw - mean) / standard error of the draw, so that skewed values get a skewed
 * interval. Its coverage of skewed means at n = 20 is nearer to what it says than that of BCa
 * or of Student's t (tests/stats/coverage.c). Where too many draws have no spread to say
 * anything, Student's t stands in on that side. Of values that are all the same the interval is
 * that point: a share near its edge is for share.h. */

#ifndef STATS_MEAN_H
#define STATS_MEAN_H

#include "stats/bootstrap.h"

/* value [n]; cluster [n] below n says whose row each is, NULL: each its own. conf->kind is not
 * read; se is the linearised one. Errors: ERR_RANGE (no row; a value that is not finite; a
 * cluster, resamples or level out of range). */
enum err mean_run(struct bootstrap *out, const double *value, const uint32_t *cluster, size_t n,
                  const struct bootstrap_conf *conf) MUST_CHECK;

#endif
