/* alpha: Krippendorff's agreement of any number of judges, with any judgements missing.
 *
 *   alpha = 1 - observed disagreement / expected disagreement
 *
 * Krippendorff 2019, Content Analysis, 4th ed., section 12.3: over all pairs of judgements of
 * a unit, each unit weighing by its judgements, against all pairs of judgements there are;
 * difference of two values c, k: nominal 0 or 1; interval (c - k)^2; ratio ((c - k) / (c +
 * k))^2; ordinal (judgements between them, themselves half)^2, which is interval of mean
 * ranks. Units with one judgement do not count. Fleiss' kappa is the same with n in the place
 * of n - 1 in the expectation, and comes with the same interval.
 *
 * The interval is by cluster (an item; the items of a prompt): BCa bootstrap (bootstrap.h).
 * With fewer than ALPHA_FEW clusters, or when all draws are the same, it is a test turned
 * round: all alpha whose disagreement is not refused by Wilson's test of the observed one, as
 * of as many clusters as its variance to first order says (share.h). With more than ALPHA_MANY
 * clusters it is alpha and its standard error to first order. */

#ifndef STATS_ALPHA_H
#define STATS_ALPHA_H

#include "base/err.h"
#include "stats/bootstrap.h"

#include <stddef.h>
#include <stdint.h>

enum alpha_metric { ALPHA_NOMINAL, ALPHA_ORDINAL, ALPHA_INTERVAL, ALPHA_RATIO };
enum {
    ALPHA_FEW = 30,
    ALPHA_MANY = 20000,
    ALPHA_WORK =
        2000000000, /* clusters times judgements: above, as with more than ALPHA_MANY */
    ALPHA_RATIO_VALUES_MAX = 1024, /* different values: its expectation is over their pairs */
};

/* Judgements of unit u: value[start[u]] .. value[start[u + 1] - 1], each below `values`. */
struct alpha_units {
    const size_t *start; /* [units + 1] */
    const uint32_t *value;
    const double *number;   /* [values] ascending; NULL: nominal */
    const uint32_t *mirror; /* [values] each value's other name; NULL: none. All judgements then
                               count under both, as one observation each (nominal only) */
    const uint32_t *cluster; /* [units] below `clusters`; NULL: each unit its own */
    size_t units, values, clusters;
    enum alpha_metric metric;
};

enum alpha_how { ALPHA_BOOTSTRAP, ALPHA_INVERSION, ALPHA_FIRST_ORDER };

struct alpha {
    double alpha, observed, expected; /* alpha NAN: 0 / 0, all judgements are of one value */
    double kappa;     /* Fleiss'; NAN where units have different numbers of judgements */
    double low, high; /* of alpha; NAN: none, fewer than 2 clusters or 0 / 0 */
    double kappa_low, kappa_high;
    double se; /* of alpha, to first order, by cluster */
    enum alpha_how how;
    size_t units, clusters, judgements; /* that count: of units with two or more */
};

/* The clusters' order decides the draws: who wants an interval that does not depend on the
 * order of rows brings them into one of their own. Errors: ERR_RANGE (no unit with two
 * judgements; a value or cluster out of range; level or resamples; too many values). */
enum err alpha_run(struct alpha *out, const struct alpha_units *units,
                   const struct bootstrap_conf *conf) MUST_CHECK;

#endif
