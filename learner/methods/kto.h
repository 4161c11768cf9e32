/* kto: learning from answers that are good or not, by TRL's keys and defaults. */

#ifndef LEARNER_METHODS_KTO_H
#define LEARNER_METHODS_KTO_H

#include "learner/offline/prepare.h"

extern const struct prepare_method kto_method;

#endif
