/* margin: which of two answers is better, by a linear score of their features.
 *
 *   P(first is better) = 1 / (1 + exp(-w x)),   x = features of the first - of the second
 *
 * the head of a Bradley-Terry reward model over a trunk that stays as it is: no constant, so that
 * a pair and its mirror say the same. A penalty (a normal prior of variance 1 / penalty on each
 * weight) makes the maximum finite and unique with any rows, also with none. Near it the posterior
 * is normal with the inverse of the curvature (Laplace; MacKay 1992, Neural Computation 4:720). */

#ifndef STATS_MARGIN_H
#define STATS_MARGIN_H

#include "base/err.h"

#include <stddef.h>

enum { MARGIN_FEATURES_MAX = 4096 };

struct margin_rows {
    const double *x;      /* [n,d] differences */
    const double *y;      /* [n] in [0,1]: 1 the first was better, 0.5 a tie */
    const double *weight; /* [n] >= 0, or NULL: 1 each */
    size_t n;
};

struct margin {
    int d, iterations;
    double *w; /* [d] */
    double *
        l; /* [d,d] lower triangle L; L L' is the curvature: sum weight p (1-p) x x' + penalty */
    double loglik; /* without the penalty */
};

/* start [d]: where to begin, or NULL: 0. Errors: ERR_RANGE (d, penalty, a value out of range; rows
 * so large that the curvature has no factor), ERR_NOMEM. Free with margin_fini. */
enum err margin_fit(struct margin *out, const struct margin_rows *rows, int d, double penalty,
                    const double *start) MUST_CHECK;
void margin_fini(struct margin *margin);

/* w x: the log-odds that the first is better. */
double margin_mean(const struct margin *margin, const double *x);
/* Variance of w x in the posterior. scratch [d]. */
double margin_variance(const struct margin *margin, const double *x, double *scratch);

/* 1 / (1 + exp(-m)), which no m overflows. */
double margin_chance(double m);

#endif
