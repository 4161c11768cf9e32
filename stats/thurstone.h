/* thurstone: case V by least squares, as it was done by hand: normal deviates of shares.
 *
 *   minimise sum over pairs that met of (Phi^-1(share of i against j) - (strength_i - strength_j))^2
 *
 * Thurstone 1927; Mosteller 1951, Psychometrika 16:3. Where all have met these are the means of
 * the rows. A share of 0 or 1 has no deviate: it counts as half a comparison from the edge. Every
 * pair weighs the same, however often it met: the maximum-likelihood fit (bradley.h,
 * PAIRED_PROBIT) does better, and this stands beside it. */

#ifndef STATS_THURSTONE_H
#define STATS_THURSTONE_H

#include "base/err.h"

/* wins [n,n]: of i against j, a tie half for each. strength [n] out, with sum 0. Errors:
 * ERR_RANGE: groups that never met. */
enum err thurstone_least_squares(double *strength, const double *wins, int n) MUST_CHECK;

#endif
