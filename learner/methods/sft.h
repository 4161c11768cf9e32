/* sft: supervised fine-tuning on demonstrations, by TRL's keys and defaults. */

#ifndef LEARNER_METHODS_SFT_H
#define LEARNER_METHODS_SFT_H

#include "learner/offline/prepare.h"

extern const struct prepare_method sft_method;

#endif
