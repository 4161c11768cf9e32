/* simpo: preference by mean log-probability: keys of the authors' trainer (beta 2,
 * gamma_beta_ratio 0.25) and TRL's simpo_gamma, which wins when it is given. */

#ifndef LEARNER_METHODS_SIMPO_H
#define LEARNER_METHODS_SIMPO_H

#include "learner/offline/prepare.h"

extern const struct prepare_method simpo_method;

#endif
