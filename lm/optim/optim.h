/* optim: what an optimiser step goes by, learning-rate schedules, gradient clipping, in fixed order.
 *
 * Same bits on every machine for the same numbers. */

#ifndef LM_OPTIM_OPTIM_H
#define LM_OPTIM_OPTIM_H

#include "base/err.h"
#include "lm/optim/schedule.h"

#include <stdbool.h>
#include <stddef.h>

/* Which rule a step follows (optim_rule.h). */
enum optim_rule {
    OPTIM_ADAMW,
    OPTIM_SGD,
    OPTIM_RMSPROP,
    OPTIM_ADAGRAD,
    OPTIM_LION,
    OPTIM_ADAFACTOR
};

/* transformers' optim_args, of the rules that have any; all 0: torch's own defaults. */
struct optim_args {
    double momentum, dampening; /* SGD */
    bool nesterov;
    double alpha, epsilon; /* RMSprop; Adagrad has epsilon. 0: unset */
    double lr_decay;       /* Adagrad */
};

struct adamw {
    double beta1, beta2, epsilon, weight_decay;
    enum optim_rule rule;
    struct optim_args args;
};

/* sqrt(sum g^2), summed in double in fixed order. */
double optim_norm(const float *grad, size_t n);

/* By what a gradient of that norm is multiplied so that it is at most `limit`, as torch does:
 * limit / (norm + 1e-6); 0 where it stays as it is: a limit of 0, a factor not below 1. */
float optim_shrink(double norm, double limit);

void optim_scale(float *grad, size_t n, float factor);

/* Both. Returns the norm before. */
double optim_clip(float *grad, size_t n, double limit);

/* transformers' lr_scheduler_type names: linear, cosine, constant, constant_with_warmup,
 * cosine_with_restarts, polynomial, inverse_sqrt, cosine_with_min_lr,
 * cosine_warmup_with_min_lr, warmup_stable_decay.
 * Errors: ERR_RANGE names the known ones. */
enum err optim_schedule(enum schedule *out, const char *name) MUST_CHECK;

struct schedule_plan optim_plan(enum schedule schedule, double peak, int64_t warmup,
                                int64_t total);
/* Errors: ERR_RANGE, in the words of the key that is missing or contradicts. */
enum err optim_plan_check(const struct schedule_plan *plan) MUST_CHECK;
enum err optim_ramp(enum ramp *out, const char *name) MUST_CHECK;

/* The learning rate of optimiser step `step`, 0-based. */
double optim_rate(const struct schedule_plan *plan, int64_t step);

/* The factor on the peak rate at step (0-based) of `total`, after `warmup` steps of rise, with
 * the defaults above; polynomial and cosine_with_min_lr end at 0, and warmup_stable_decay
 * decays over the last tenth. */
double optim_factor(enum schedule schedule, int64_t step, int64_t warmup, int64_t total);

#endif
