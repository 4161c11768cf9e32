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

void kl_control_update(struct kl_control *control, double kl, long episodes)
{
    if (control->target <= 0)
        return;
    const double error = fmin(fmax(kl / control->target - 1, -0.2), 0.2);
    control->beta *= 1 + error * (double)episodes / control->horizon;
}
