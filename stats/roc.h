/* roc: how well a score tells two classes apart.
 *
 *   AUROC = P(score of a positive > score of a negative) + P(equal) / 2
 *
 * Variance: DeLong, DeLong and Clarke-Pearson 1988, Biometrics 44:837, by midranks (Sun and Xu
 * 2014). The interval is a normal one on the logit scale, so that it stays within (0, 1). */

#ifndef STATS_ROC_H
#define STATS_ROC_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

struct roc {
    double auroc, se, low, high; /* 95 %; at 0 or 1 exactly the interval is that point */
    size_t positives, negatives;
};

/* score, positive [n]. Errors: ERR_RANGE when a class is missing or a score is not a number. */
enum err roc_run(struct roc *out, const double *score, const bool *positive,
                 size_t n) MUST_CHECK;

#endif
