/* roc: how well a score tells two classes apart.
 *
 *   AUROC = P(score of a positive > score of a negative) + P(equal) / 2
 *
 * Variance: DeLong, DeLong and Clarke-Pearson 1988, Biometrics 44:837, by midranks (Sun and Xu
 * 2014). The interval is Wilson's (share.h) of as many rows as the variance says, at most as
 * many as Hanley and McNeil's has (1982, Radiology 143:29, as in Newcombe 2006, Statistics in
 * Medicine 25:559); where all pairs are right and there is no variance, of the smaller class.
 */

#ifndef STATS_ROC_H
#define STATS_ROC_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

struct roc {
    double auroc, se, low, high; /* 95 % */
    size_t positives, negatives;
};

/* score, positive [n]. Errors: ERR_RANGE when a class is missing or a score is not a number. */
enum err roc_run(struct roc *out, const double *score, const bool *positive,
                 size_t n) MUST_CHECK;

/* The interval from a standard error of another source, such as a bootstrap over clusters;
 * positives and negatives: rows, or clusters that have some. */
void roc_interval(double auroc, double se, double positives, double negatives, double *low,
                  double *high);

#endif
