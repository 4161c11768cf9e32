/* normal: the standard normal distribution, and Wilson's interval of a share. */

#ifndef STATS_NORMAL_H
#define STATS_NORMAL_H

/* P(Z <= x). */
double normal_cdf(double x);

/* The x with normal_cdf(x) = p; -INFINITY at 0, INFINITY at 1, NAN outside. Acklam's rational
 * approximation and two Newton steps on normal_cdf: 1e-12 in x for 1e-12 < p < 1 - 1e-12. */
double normal_quantile(double p);

/* Interval of a share seen in n trials at `level` (0.95).  Wilson 1927, JASA 22:209. */
void normal_wilson(double share, double n, double level, double *low, double *high);

#endif
