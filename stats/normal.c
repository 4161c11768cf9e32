/* How: the quantile starts from Acklam's two rational approximations (middle and tail, which
 * meet at p = 0.02425; error 1e-9) and takes two Newton steps on erfc, whose relative accuracy
 * in the tail is full; the upper half mirrors the lower, where p has more digits. */

#include "stats/normal.h"

#include <math.h>

static const double sqrt_two_pi = 2.50662827463100050242;

double normal_cdf(double x)
{
    return 0.5 * erfc(-x / 1.41421356237309504880);
}

/* Of p <= 1/2. */
static double lower_quantile(double p)
{
    static const double a[] = {-3.969683028665376e+01, 2.209460984245205e+02,
                               -2.759285104469687e+02, 1.383577518672690e+02,
                               -3.066479806614716e+01, 2.506628277459239e+00};
    static const double b[] = {-5.447609879822406e+01, 1.615858368580409e+02,
                               -1.556989798598866e+02, 6.680131188771972e+01,
                               -1.328068155288572e+01, 1};
    static const double c[] = {-7.784894002430293e-03, -3.223964580411365e-01,
                               -2.400758277161838e+00, -2.549732539343734e+00,
                               4.374664141464968e+00,  2.938163982698783e+00};
    static const double d[] = {7.784695709041462e-03, 3.224671290700398e-01,
                               2.445134137142996e+00, 3.754408661907416e+00, 1};
    const double tail = sqrt(-2 * log(p)), q = p - 0.5, r = q * q;
    double x, above = 0, below = 0;

    for (int i = 0; i < 6; i++)
        above = p < 0.02425 ? above * tail + c[i] : above * r + a[i];
    for (int i = 0; i < (p < 0.02425 ? 5 : 6); i++)
        below = p < 0.02425 ? below * tail + d[i] : below * r + b[i];
    x = p < 0.02425 ? above / below : above * q / below;
    for (int i = 0; i < 2; i++)
        x -= (normal_cdf(x) - p) * sqrt_two_pi * exp(x * x / 2);
    return x;
}

double normal_quantile(double p)
{
    if (!(p >= 0 && p <= 1))
        return NAN;
    if (p == 0 || p == 1)
        return p > 0 ? INFINITY : -INFINITY;
    return p <= 0.5 ? lower_quantile(p) : -lower_quantile(1 - p);
}

/* Clipped, for at shares of 0 and 1 rounding may step out of [0, 1]. */
void normal_wilson(double share, double n, double level, double *low, double *high)
{
    const double z = normal_quantile((1 + level) / 2), zz = z * z / n;
    const double middle = (share + zz / 2) / (1 + zz);
    const double half = z / (1 + zz) * sqrt(share * (1 - share) / n + zz / (4 * n));

    *low = fmax(0, middle - half);
    *high = fmin(1, middle + half);
}
