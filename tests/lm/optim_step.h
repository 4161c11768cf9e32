/* An optimiser step on plain blocks: weights, gradient and moments with the places of params. */

#ifndef TESTS_LM_OPTIM_STEP_H
#define TESTS_LM_OPTIM_STEP_H

#include "lm/optim/optim_rule.h"

static inline void optim_step(const struct adamw *conf, struct params *params, float *grad,
                              float *m, float *v, int64_t t, double rate)
{
    struct moments moments = {.m = m, .v = v};
    const struct optim_target target = {.params = params, .grad = grad, .moments = &moments};

    optim_rule_step(conf, &target, t, rate);
}

#endif
