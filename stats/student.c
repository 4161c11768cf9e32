/* The distribution is an incomplete beta function, a continued fraction; its inverse is found
 * by halving, for it is asked for once an interval. */

#include "stats/student.h"

#include "stats/normal.h"

#include <math.h>

/* Lentz's rule: a denominator of 0 becomes one that the next step outweighs. */
static double away_from_zero(double x)
{
    return fabs(x) < 1e-300 ? 1e-300 : x;
}

/* The continued fraction of the incomplete beta function, x < (a + 1) / (a + b + 2). */
static double fraction(double a, double b, double x)
{
    double c = 1, d = 1 / away_from_zero(1 - (a + b) * x / (a + 1)), h = d;

    for (int m = 1; m <= 1000; m++) {
        const double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
        const double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
        double by;
        d = 1 / away_from_zero(1 + even * d);
        c = away_from_zero(1 + even / c);
        h *= d * c;
        d = 1 / away_from_zero(1 + odd * d);
        c = away_from_zero(1 + odd / c);
        by = d * c;
        h *= by;
        if (fabs(by - 1) < 1e-15)
            break;
    }
    return h;
}

/* I_x(a, b), regularised. */
static double beta(double a, double b, double x)
{
    if (x <= 0 || x >= 1)
        return x <= 0 ? 0 : 1;
    const double front =
        exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log1p(-x));
    return x < (a + 1) / (a + b + 2) ? front * fraction(a, b, x) / a
                                     : 1 - front * fraction(b, a, 1 - x) / b;
}

double student_cdf(double x, double df)
{
    double tail;

    if (df > 1e6)
        return normal_cdf(x);
    tail = beta(df / 2, 0.5, df / (df + x * x)) / 2;
    return x > 0 ? 1 - tail : tail;
}

/* Doubled until it holds the answer, then halved: 200 steps are more than a double has bits. */
double student_quantile(double p, double df)
{
    double low = 0, high = 1;

    if (!(p >= 0 && p <= 1 && df > 0))
        return NAN;
    if (p < 0.5)
        return -student_quantile(1 - p, df);
    if (p >= 1)
        return INFINITY;
    while (student_cdf(high, df) < p && high < 1e300)
        high *= 2;
    for (int i = 0; i < 200 && high - low > 1e-13 * high; i++) {
        const double middle = low + (high - low) / 2;
        if (student_cdf(middle, df) < p)
            low = middle;
        else
            high = middle;
    }
    return low + (high - low) / 2;
}
