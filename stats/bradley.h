/* bradley: strengths behind paired comparisons, and what else sways them.
 *
 *   eta = strength[first] - strength[second] + sum_k effect[k] x[k]
 *   BRADLEY_HALF      P(first) = 1 / (1 + exp(-eta)); a tie is half a win for each
 *   BRADLEY_DAVIDSON  P(first) : P(tie) : P(second) = exp(eta/2) : nu : exp(-eta/2)
 *
 * Bradley and Terry 1952, Biometrika 39:324; Davidson 1970, JASA 65:317 (a tie is as likely as
 * nu times the geometric mean of the strengths). A covariate that is 1 in every row is the
 * advantage of being listed first: the home effect of Davidson and Beaver 1977, the position
 * bias of a judge. A difference of lengths, or whether an answer is the judge's own, are
 * others. Maximum likelihood by Newton's method on a concave function; standard errors from the
 * inverse Hessian. */

#ifndef STATS_BRADLEY_H
#define STATS_BRADLEY_H

#include "base/err.h"

#include <stddef.h>

enum { BRADLEY_ITEMS_MAX = 1000, BRADLEY_EFFECTS_MAX = 16 };
enum bradley_ties { BRADLEY_HALF, BRADLEY_DAVIDSON };

struct bradley_row {
    int first, second;         /* items; may be the same: then only the covariates speak */
    double wins, losses, ties; /* of first against second: counts, or weights >= 0 */
    double x[BRADLEY_EFFECTS_MAX];
};

struct bradley_conf {
    int items, effects;
    enum bradley_ties ties;
    int reference; /* the item of strength 0; -1: the strengths sum to 0 */
    double
        penalty; /* of strength^2 / 2: a prior that keeps an undefeated item finite; 0: none */
};

struct bradley {
    int items, effects;
    double *strength, *strength_se; /* [items]; s.e. of the difference to the reference */
    double effect[BRADLEY_EFFECTS_MAX], effect_se[BRADLEY_EFFECTS_MAX];
    double nu, nu_se; /* BRADLEY_DAVIDSON; else 0 */
    double loglik;    /* without the penalty */
    double deviance;  /* 2 (loglik of each row's own shares - loglik) */
    int iterations;
};

/* Errors: ERR_RANGE: an item or a count out of range, no comparison, or no finite maximum (an
 * item that never lost or never won against the others, groups that never met, a covariate that
 * separates wins from losses): the words name what to do. Free with bradley_fini. */
enum err bradley_fit(struct bradley *out, const struct bradley_row *row, size_t rows,
                     const struct bradley_conf *conf) MUST_CHECK;
void bradley_fini(struct bradley *bradley);

#endif
