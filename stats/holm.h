/* holm: p-values of several tests at once.
 *
 * Holm 1979 (Scandinavian Journal of Statistics 6:65): the chance of any false finding is kept.
 * Benjamini and Yekutieli 2001 (Annals of Statistics 29:1165): the expected share of false ones
 * among the findings is kept, whatever hangs together with what. */

#ifndef STATS_HOLM_H
#define STATS_HOLM_H

#include <stddef.h>

/* p [n] becomes what each must be below the level by itself; NAN stays, and counts for no test.
 */
void holm_adjust(double *p, size_t n);
void holm_yekutieli(double *p, size_t n);

#endif
