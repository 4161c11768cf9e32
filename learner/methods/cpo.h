/* cpo: contrastive preference optimisation, by TRL's keys and defaults; loss_type simpo and
 * alphapo included. */

#ifndef LEARNER_METHODS_CPO_H
#define LEARNER_METHODS_CPO_H

#include "learner/offline/prepare.h"

extern const struct prepare_method cpo_method;

#endif
