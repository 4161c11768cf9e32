/* orpo: likelihood and preference in one, by TRL's keys and defaults. */

#ifndef LEARNER_METHODS_ORPO_H
#define LEARNER_METHODS_ORPO_H

#include "learner/offline/prepare.h"

extern const struct prepare_method orpo_method;

#endif
