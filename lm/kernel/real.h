/* real: scalar mathematics in double that is the same on every machine (docs/MATH.md §1, R9).
 *
 * Host libm picks code paths by CPU, and their last bits differ; these use only +, -, *, / and
 * sqrt. Below 1 ulp of double on the ranges named, so rounding to float is right but in one
 * case of 2^28. */

#ifndef LM_KERNEL_REAL_H
#define LM_KERNEL_REAL_H

double real_log(double x);             /* x positive, normal; 0 gives -inf, below 0 NaN */
double real_exp(double x);             /* 0 below -700, inf above 709 */
double real_power(double x, double y); /* x > 0; relative error grows with |y log x| */
double real_sigmoid(double x);         /* 1 / (1 + exp(-x)), no overflow */
void real_sincos(double x, double *sin, double *cos); /* |x| below 2^30 */

#endif
