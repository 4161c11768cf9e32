#include "learner/objective/kl.h"

#include "lm/kernel/real.h"

#include <math.h>
#include <string.h>

enum err kl_named(enum kl *out, const char *name)
{
    static const char *const names[] = {"k1", "k2", "k3"};

    for (int k = 0; k < 3; k++) {
        if (strcmp(name, names[k]) == 0) {
            *out = (enum kl)k;
            return OK;
        }
    }
    return err_set(ERR_RANGE, "kl_estimator %s: must be k1, k2 or k3", name);
}

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
