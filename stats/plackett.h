/* plackett: strengths behind rankings, in which some places may be shared.
 *
 * A ranking is a sequence of choices, each among those not yet placed. A set S is taken together
 * with chance proportional to
 *
 *   delta_|S| (prod_{i in S} exp(strength_i))^(1/|S|),   delta_1 = 1
 *
 * among all sets of as many items as are ever tied. Plackett 1975, Applied Statistics 24:193; Luce
 * 1959; ties: Turner, van Etten, Firth and Kosmidis 2020, Computational Statistics 35:1027. With
 * two items it is Bradley and Terry's model with Davidson's ties. */

#ifndef STATS_PLACKETT_H
#define STATS_PLACKETT_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

enum {
    PLACKETT_ITEMS_MAX = 1000,
    PLACKETT_TIES_MAX = 10,        /* most items that share a place */
    PLACKETT_SETS_MAX = 1000000,   /* most sets that one choice is among */
    PLACKETT_WORK_MAX = 200000000, /* and all choices together: minutes for a step */
};

struct plackett_choice {
    const int *item; /* [n] the first `chosen` were taken together out of all of them */
    int chosen, n;
    double weight; /* >= 0 */
};

struct plackett_conf {
    int items;
    double penalty;               /* of strength^2 / 2, strengths having sum 0; 0: none */
    const struct plackett *start; /* a fit of similar rankings; NULL: all equal */
    bool brief;                   /* strengths and deltas alone */
};

struct plackett {
    int items, params;
    double *strength, *strength_se; /* [items], sum 0 */
    int tie_at[PLACKETT_TIES_MAX +
               1]; /* where ln delta_k stands in cov; 0: no such tie was seen */
    double tie[PLACKETT_TIES_MAX + 1], tie_se[PLACKETT_TIES_MAX + 1]; /* delta_k; 0: not seen */
    double *cov; /* [params,params] of strengths and ln delta */
    double loglik;
    int iterations;
};

/* Errors: ERR_RANGE: an item out of range, a tie of more than PLACKETT_TIES_MAX, choices
 * among more than PLACKETT_SETS_MAX sets, or PLACKETT_WORK_MAX in all, no choice, or no finite maximum. Free with plackett_fini. */
enum err plackett_fit(struct plackett *out, const struct plackett_choice *choice, size_t n,
                      const struct plackett_conf *conf) MUST_CHECK;
void plackett_fini(struct plackett *plackett);

/* One choice's part of the slope of the log-likelihood at the fit: adds to slope [params]. */
void plackett_score(const struct plackett *fit, const struct plackett_choice *choice,
                    double *slope);

#endif
