/* group_keys: the configurations of `drover grpo|rloo|reinforce++|raft`: TRL 1.16's names, and
 * drover's own. */

#ifndef LEARNER_METHODS_GROUP_KEYS_H
#define LEARNER_METHODS_GROUP_KEYS_H

#include "learner/methods/fleet_keys.h"

/* Keys of TRL's online trainers that have no meaning here. */
extern const struct conf_key group_keys_ignored[];

#endif
