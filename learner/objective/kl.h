/* kl: how far the policy has moved from the reference, and what that costs.
 *
 * Estimators from one sampled token, x = logprob - reference (nats); Schulman 2020,
 * "Approximating KL divergence":
 *   k1 = x                 unbiased, may be negative
 *   k2 = x^2 / 2           biased, small variance
 *   k3 = exp(-x) - 1 + x   unbiased, never negative */

#ifndef LEARNER_OBJECTIVE_KL_H
#define LEARNER_OBJECTIVE_KL_H

#include <stdbool.h>

enum kl { KL_K1, KL_K2, KL_K3 };

/* "k1", "k2", "k3"; NULL-ended. */
extern const char *const kl_names[];

double kl_estimate(enum kl kind, double logprob, double reference);

/* The price of a nat: fixed, or steered to a target.  Ziegler et al. 2019, arXiv:1909.08593,
 * section 2.2:  beta <- beta (1 + clip(kl / target - 1, -0.2, 0.2) episodes / horizon),
 * where kl is the mean over answers of the sum over tokens. */
struct kl_control {
    double beta;
    double target;  /* nats an answer; 0: beta is fixed */
    double horizon; /* episodes */
};
void kl_control_update(struct kl_control *control, double kl, long episodes);

#endif
