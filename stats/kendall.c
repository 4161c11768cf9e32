/* How: over all pairs, O(n^2): n is the number of judged systems, tens at most. */

#include "stats/kendall.h"

#include <math.h>

static int sign(double a, double b)
{
    return (a > b) - (a < b);
}

/* tau-b: pairs that are tied in x or in y count in neither denominator. */
double kendall_tau(const double *x, const double *y, size_t n)
{
    double score = 0, in_x = 0, in_y = 0;

    for (size_t i = 0; i < n; i++)
        for (size_t j = i + 1; j < n; j++) {
            const int a = sign(x[i], x[j]), b = sign(y[i], y[j]);
            score += a * b;
            in_x += a != 0;
            in_y += b != 0;
        }
    return in_x > 0 && in_y > 0 ? score / sqrt(in_x * in_y) : NAN;
}
