/* bradley: strengths behind paired comparisons, and what else sways them.
 *
 *   eta = strength[first] - strength[second] + sum_k effect[k] x[k]
 *
 * and paired.h says what follows from eta: Bradley and Terry 1952, Biometrika 39:324, with ties as
 * half a win for each; Davidson 1970, JASA 65:317 (a tie is as likely as nu times the geometric
 * mean of the strengths); Rao and Kupper 1967, JASA 62:194 (theta: a tie where the difference is
 * below a threshold); Thurstone's case V (1927, Psychological Review 34:273) with normal noise. A
 * covariate that is 1 in every row is the advantage of being listed first: the home effect of
 * Davidson and Beaver 1977, the position bias of a judge. A difference of lengths, or whether an
 * answer is the judge's own, are others. Maximum likelihood by Newton's method on a concave
 * function; standard errors from the inverse Hessian.
 *
 * The strengths are fitted with sum 0 and no item is a yardstick: renumbering items or permuting
 * rows changes nothing but the last digits, with a penalty either. */

#ifndef STATS_BRADLEY_H
#define STATS_BRADLEY_H

#include "base/err.h"
#include "stats/paired.h"

#include <stddef.h>

enum {
    BRADLEY_ITEMS_MAX = 1000,
    BRADLEY_EFFECTS_MAX = 16,
    BRADLEY_TERMS = BRADLEY_EFFECTS_MAX + 3
};

struct bradley_row {
    int first, second;         /* items; may be the same: then only the covariates speak */
    double wins, losses, ties; /* of first against second: counts, or weights >= 0 */
    double x[BRADLEY_EFFECTS_MAX];
};

struct bradley_conf {
    int items, effects;
    enum paired_model model;
    int reference;  /* the item of strength 0; -1: the strengths sum to 0 */
    double penalty; /* of (strength - mean)^2 / 2: a prior that keeps an undefeated item finite;
                     * 0: none */
    const struct bradley *start; /* where to begin: a fit of similar rows; NULL: all equal */
    bool brief;                  /* strengths, effects and tie alone: no error, no deviance */
};

struct bradley {
    int items, effects, params;     /* params: items + effects + has_tie */
    double *strength, *strength_se; /* [items]; s.e. of the difference to the reference */
    double effect[BRADLEY_EFFECTS_MAX], effect_se[BRADLEY_EFFECTS_MAX];
    bool has_tie;       /* the model has ties and the rows have some */
    double tie, tie_se; /* nu or theta; without any tie 0 or 1, and NAN */
    double *cov;   /* [params,params] of the strengths with sum 0, effects, ln nu or ln theta */
    double loglik; /* without the penalty */
    double deviance; /* 2 (loglik of each row's own shares - loglik) */
    int iterations;
};

/* Errors: ERR_RANGE: an item or a count out of range, no comparison, or no finite maximum (an
 * item that never lost or never won against the others, groups that never met, a covariate that
 * separates wins from losses): the words name what to do. Free with bradley_fini. */
enum err bradley_fit(struct bradley *out, const struct bradley_row *row, size_t rows,
                     const struct bradley_conf *conf) MUST_CHECK;
void bradley_fini(struct bradley *bradley);

/* The row's part of the slope of the log-likelihood at the fit, without the penalty: by[i] of
 * parameter at[i], which count as in cov. Returns how many. For sandwich.h. */
int bradley_score(const struct bradley *fit, enum paired_model model,
                  const struct bradley_row *row, int at[BRADLEY_TERMS],
                  double by[BRADLEY_TERMS]);

#endif
