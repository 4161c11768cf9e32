/* schedule: the factor on the peak learning rate, as transformers computes it.
 *
 * Nothing of libm but sqrt, so that a run has the same rates on every machine. */

#ifndef LM_OPTIM_SCHEDULE_H
#define LM_OPTIM_SCHEDULE_H

#include "lm/optim/optim.h"

/* The factor at optimiser step `step`, 0-based. */
double schedule_factor(const struct schedule_plan *plan, int64_t step);

#endif
