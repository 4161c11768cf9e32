/* kappa: agreement beyond chance where each item has the same number of judgements.
 *
 *   kappa = (observed - expected) / (1 - expected)
 *
 * Cohen 1960 (Educational and Psychological Measurement 20:37) of two raters, weighted Cohen
 * 1968 (Psychological Bulletin 70:213); standard errors of Fleiss, Cohen and Everitt 1969
 * (Psychological Bulletin 72:323). Fleiss 1971 (Psychological Bulletin 76:378) of any number of
 * raters, with the standard error under no agreement of Fleiss, Nee and Landis 1979. Where all
 * judgements are of one category kappa is 0 / 0: NAN. */

#ifndef STATS_KAPPA_H
#define STATS_KAPPA_H

#include "base/err.h"

#include <stddef.h>

enum { KAPPA_CATEGORIES_MAX = 512 };
enum kappa_weights { KAPPA_EQUAL, KAPPA_LINEAR, KAPPA_QUADRATIC };

struct kappa {
    double value, observed, expected;
    double se;         /* NAN of Fleiss' */
    double se_none, z; /* were there no agreement: its standard error, value / se_none */
    double uniform;    /* kappa were all categories as likely (Randolph's); unweighted */
    double n;          /* items */
    size_t categories; /* of those given, how many somebody used */
};

/* table [k,k]: how often rater 1 said the row and rater 2 the column; counts, or weights >= 0.
 * Errors: ERR_RANGE (no item, k out of range, a count below 0). */
enum err kappa_cohen(struct kappa *out, const double *table, size_t k,
                     enum kappa_weights weights) MUST_CHECK;

/* What an item in each cell of the table adds to kappa: influence [k,k] out, whose mean over
 * the items is 0 and whose mean square is n se^2. Same errors, and ERR_RANGE of 0 / 0. */
enum err kappa_influence(double *influence, const double *table, size_t k,
                         enum kappa_weights weights) MUST_CHECK;

/* The interval of an unweighted kappa, of those values that a test by the standard error that they
 * would have does not refuse. alike: the variance by cluster over that of lone items; quantile: of
 * the test. Errors: as kappa_influence. */
enum err kappa_score(double *low, double *high, const double *table, size_t k, double alike,
                     double quantile) MUST_CHECK;

/* count [n,k]: how many said what of each item. Errors: ERR_RANGE (as above, or not the same
 * number of at least 2 judgements in each item: to a millionth). */
enum err kappa_fleiss(struct kappa *out, const double *count, size_t n, size_t k) MUST_CHECK;

#endif
