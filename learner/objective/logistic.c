/* How it works: every function branches on the sign of its argument, so that exp is only taken
 * of what is not positive and nothing overflows; log1p is made of log with the rounding of 1 + x
 * put back. Called by the preference losses, once or a few times a pair. */
#include "learner/objective/logistic.h"

#include "lm/kernel/real.h"

/* Kahan's correction: the rounding of 1 + x is divided out again. */
double logistic_log1p(double x)
{
    const double u = 1 + x;

    return u == 1 ? x : real_log(u) * (x / (u - 1));
}

double logistic_sigmoid(double x)
{
    return real_sigmoid(x);
}

double logistic_log(double x)
{
    return x > 0 ? -logistic_log1p(real_exp(-x)) : x - logistic_log1p(real_exp(x));
}

/* Near 0 the series of 1 - exp(x), elsewhere no figure is lost. */
double logistic_log1mexp(double x)
{
    double sum = 0, term = -x;

    if (x < -.5)
        return logistic_log1p(-real_exp(x));
    for (int k = 2; k <= 20; k++) { /* -x - x^2/2 - x^3/6 - ... */
        sum += term;
        term *= x / k;
    }
    return real_log(sum);
}
