/* dpo: direct preference optimisation by TRL's keys and defaults; objective_dpo.h has the
 * losses. `cdpo` is a loss_type of our own: TRL 1.16's sigmoid ignores label_smoothing, so here
 * that pair of keys is an error. */

#ifndef LEARNER_METHODS_DPO_H
#define LEARNER_METHODS_DPO_H

#include "learner/offline/prepare.h"

extern const struct prepare_method dpo_method;

#endif
