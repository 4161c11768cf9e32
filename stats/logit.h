/* logit: logistic regression, with standard errors.
 *
 *   P(y = 1) = 1 / (1 + exp(-x b))
 *
 * Maximum likelihood by Newton's method; standard errors by the inverse information, and by
 * cluster the sandwich of Liang and Zeger 1986 (Biometrika 73:13) times G / (G - 1). */

#ifndef STATS_LOGIT_H
#define STATS_LOGIT_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

enum { LOGIT_MAX = 32 };

struct logit {
    size_t k;
    double b[LOGIT_MAX], se[LOGIT_MAX];
    double cluster_se[LOGIT_MAX]; /* NAN without clusters */
    double loglik;
    size_t clusters;
};

/* x [n,k], a column of ones among them if a constant is wanted; y [n] in [0, 1]; cluster [n]
 * below n, or NULL. Errors: ERR_RANGE (k or a value out of range; no finite maximum: a column
 * that tells y exactly, or that is a sum of others). */
enum err logit_fit(struct logit *out, const double *x, const double *y, const uint32_t *cluster,
                   size_t n, size_t k) MUST_CHECK;

#endif
