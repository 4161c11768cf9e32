/* pairs_keys: the configurations of `drover online-dpo` (TRL 0.22's names) and `drover spin`.
 */

#ifndef LEARNER_METHODS_PAIRS_KEYS_H
#define LEARNER_METHODS_PAIRS_KEYS_H

#include "learner/methods/fleet_keys.h"

extern const struct fleet_method pairs_keys_online, pairs_keys_spin;

#endif
