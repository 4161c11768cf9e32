/* log, exp, sin and cos in double by +, -, * and / alone, in a fixed order, so that every machine
 * computes the same bits: first values of weights, rotary frequencies and angles, schedules, the log
 * of a softmax's sum. Each reduces its argument with constants cut in parts (Cody & Waite 1980) so
 * that the reduction is exact, then sums a series whose remainder is below half an ulp. */

#include "lm/kernel/real.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

static const double LN2_HIGH = 6.93147180369123816490e-01; /* 32 bits: n * this is exact */
static const double LN2_LOW = 1.90821492927058770002e-10;

/* log m for m in [sqrt 1/2, sqrt 2): with s = f / (2 + f), log(1 + f) = 2 atanh s; the series
 * in s^2 as fdlibm's e_log.c minimises it (Sun Microsystems 1993). */
double real_log(double x)
{
    uint64_t bits;
    double m, f, s, z, w, r, half, n;
    int64_t e;

    if (!(x > 0))
        return x == 0 ? -INFINITY : NAN;
    if (x > 1.79769313486231570e308)
        return x;
    memcpy(&bits, &x, 8);
    e = (int64_t)(bits - 0x3fe6a09e667f3bcdu) >> 52;
    bits -= (uint64_t)e << 52;
    memcpy(&m, &bits, 8);
    n = (double)e;
    f = m - 1.0;
    s = f / (2.0 + f);
    z = s * s;
    w = z * z;
    r = w * (3.999999999940941908e-01 +
             w * (2.222219843214978396e-01 + w * 1.531383769920937332e-01)) +
        z * (6.666666666666735130e-01 +
             w * (2.857142874366239149e-01 +
                  w * (1.818357216161805012e-01 + w * 1.479819860511658591e-01)));
    half = 0.5 * f * f;
    return n * LN2_HIGH - ((half - (s * (half + r) + n * LN2_LOW)) - f);
}

/* exp x = 2^n exp r; Taylor to r^13, |r| <= ln 2 / 2: remainder below 2^-60. */
double real_exp(double x)
{
    static const double inverse[] = {1.0 / 6227020800, 1.0 / 479001600, 1.0 / 39916800,
                                     1.0 / 3628800,    1.0 / 362880,    1.0 / 40320,
                                     1.0 / 5040,       1.0 / 720,       1.0 / 120,
                                     1.0 / 24,         1.0 / 6,         0.5};
    double n, r, low, p = 0, y;
    uint64_t bits;

    if (x != x)
        return x;
    if (x < -700)
        return 0;
    if (x > 709)
        return INFINITY;
    /* Adding 1.5 2^52 leaves no room for a fraction: the nearest whole number. */
    n = (x * 1.4426950408889634 + 0x1.8p52) - 0x1.8p52;
    r = x - n * LN2_HIGH;
    low = n * LN2_LOW;
    r = r - low;
    for (int i = 0; i < 12; i++)
        p = p * r + inverse[i];
    y = 1.0 + (r + r * r * p);
    memcpy(&bits, &y, 8);
    bits += (uint64_t)(int64_t)n << 52;
    memcpy(&y, &bits, 8);
    return y;
}

double real_power(double x, double y)
{
    return real_exp(y * real_log(x));
}

double real_sigmoid(double x)
{
    const double e = real_exp(x > 0 ? -x : x); /* at most 1: nothing overflows */

    return x > 0 ? 1 / (1 + e) : e / (1 + e);
}

/* Reduction by pi/2 in three parts, Taylor on |r| <= pi/4 to r^17; n mod 4 says which of the two
 * series is which function, and with which sign. */
void real_sincos(double x, double *sin, double *cos)
{
    const double n = (x * 0.63661977236758134 + 0x1.8p52) - 0x1.8p52;
    const double r = ((x - n * 1.57079632673412561417e+00) - n * 6.07710050630396597660e-11) -
                     n * 2.02226624879595063154e-21;
    const double z = r * r;
    const double s =
        r + r * z *
                (-1.0 / 6 +
                 z * (1.0 / 120 + z * (-1.0 / 5040 +
                                       z * (1.0 / 362880 + z * (-1.0 / 39916800 +
                                                                z * (1.0 / 6227020800.0 -
                                                                     z / 1307674368000.0))))));
    const double c =
        1.0 +
        z * (-0.5 +
             z * (1.0 / 24 + z * (-1.0 / 720 +
                                  z * (1.0 / 40320 + z * (-1.0 / 3628800 +
                                                          z * (1.0 / 479001600.0 +
                                                               z * (-1.0 / 87178291200.0 +
                                                                    z / 20922789888000.0)))))));

    switch ((int64_t)n & 3) {
    case 0:
        *sin = s;
        *cos = c;
        break;
    case 1:
        *sin = c;
        *cos = -s;
        break;
    case 2:
        *sin = -s;
        *cos = -c;
        break;
    default:
        *sin = -c;
        *cos = s;
    }
}
