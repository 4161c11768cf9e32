/* schedule: the factor on the peak learning rate, as transformers computes it.
 *
 * Nothing of libm but sqrt, so that a run has the same rates on every machine. */

#ifndef LM_OPTIM_SCHEDULE_H
#define LM_OPTIM_SCHEDULE_H

#include <stdint.h>

enum schedule {
    SCHEDULE_LINEAR,
    SCHEDULE_COSINE,
    SCHEDULE_CONSTANT,
    SCHEDULE_CONSTANT_WARMUP,
    SCHEDULE_RESTARTS,
    SCHEDULE_POLYNOMIAL,
    SCHEDULE_INVERSE_SQRT,
    SCHEDULE_COSINE_MIN,
    SCHEDULE_STABLE,
    SCHEDULE_COSINE_WARMUP,
};

/* What transformers calls lr_scheduler_kwargs. Start from optim_plan(), which holds its
 * defaults; an unset number is NAN. */
enum ramp { RAMP_LINEAR, RAMP_COSINE, RAMP_ROOT /* "1-sqrt" */ };
struct schedule_plan {
    enum schedule schedule;
    double peak;           /* the learning rate of the configuration */
    int64_t warmup, total; /* optimiser steps */
    double num_cycles;     /* default .5; 1 for cosine_with_restarts */
    double lr_end, power;  /* polynomial: 1e-7, 1 */
    double min_lr;         /* cosine_with_min_lr and cosine_warmup_with_min_lr: this or
                              min_lr_rate must be given */
    double min_lr_rate;
    double
        warmup_lr_rate; /* cosine_warmup_with_min_lr: where the rise begins; NAN: 1 / warm-up */
    double timescale;   /* inverse_sqrt: the warm-up, or 10000 without one */
    double num_decay_steps;            /* warmup_stable_decay: must be given */
    double num_stable_steps;           /* total - warmup - decay */
    double min_lr_ratio;               /* 0 */
    enum ramp warmup_type, decay_type; /* linear, cosine */
};
/* The factor at optimiser step `step`, 0-based. */
double schedule_factor(const struct schedule_plan *plan, int64_t step);

#endif
