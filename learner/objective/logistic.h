/* logistic: the functions that preference losses are made of, the same bits on every machine.
 *
 * Built on lm/kernel/real.h instead of the host's libm, so that the same bits everywhere hold
 * through the loss. Relative error below 1e-15; no argument overflows. */

#ifndef LEARNER_OBJECTIVE_LOGISTIC_H
#define LEARNER_OBJECTIVE_LOGISTIC_H

double logistic_sigmoid(double x);  /* 1 / (1 + exp(-x)) */
double logistic_log(double x);      /* ln sigmoid(x); -ln 2 exactly rounded at 0 */
double logistic_log1p(double x);    /* ln(1 + x), x > -1 */
double logistic_log1mexp(double x); /* ln(1 - exp(x)), x < 0; -inf at 0 */

#endif
