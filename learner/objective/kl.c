/* How it works: pure functions of two log-probabilities; the controller is told once an
 * iteration and its beta is part of a checkpoint. exp is real_exp: the price of a token must
 * have the same bits on every machine. */
#include "learner/objective/kl.h"

#include "lm/kernel/real.h"

#include <math.h>
#include <stddef.h>

const char *const kl_names[] = {"k1", "k2", "k3", NULL};

double kl_estimate(enum kl kind, double logprob, double reference)
{
    const double x = logprob - reference;

    switch (kind) {
    case KL_K1:
        return x;
    case KL_K2:
        return 0.5 * x * x;
    case KL_K3:
        return real_exp(-x) - 1 + x;
    }
    return 0;
}

/* The error is held at a fifth: one batch that went far does not turn the price over. */
void kl_control_update(struct kl_control *control, double kl, long episodes)
{
    if (control->target <= 0)
        return;
    const double error = fmin(fmax(kl / control->target - 1, -0.2), 0.2);
    control->beta *= 1 + error * (double)episodes / control->horizon;
}
