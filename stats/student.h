/* student: Student's t distribution. */

#ifndef STATS_STUDENT_H
#define STATS_STUDENT_H

/* P(T <= x) with `df` > 0 degrees of freedom: by the incomplete beta function, whose continued
 * fraction is Lentz's (Press et al. 2007, Numerical Recipes, section 6.4). 1e-10 for df up to
 * 1e6; beyond, the normal distribution is as good. */
double student_cdf(double x, double df);

/* The x with student_cdf(x, df) = p, 1e-9 relative; +-INFINITY at 1 and 0, NAN outside. */
double student_quantile(double p, double df);

#endif
