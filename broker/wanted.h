/* wanted: the weights that open tasks name. Inside broker/ only. */

#ifndef BROKER_WANTED_H
#define BROKER_WANTED_H

#include "broker/state.h"

/* Once a second, and when a task is opened: the list anew, of the first tasks first. */
void wanted_look(struct broker *b);
/* An opened task names one. */
void wanted_add(struct broker *b, const struct version *version);
/* Has this actor what a task of that version needs? Zeros: any that is not older. */
bool wanted_held(const struct broker_member *actor, const struct version *version);
/* What the first task that waits needs; NULL if none waits. */
const struct version *wanted_next(const struct broker *b);
/* Has an actor come that could work, and does none of them hold what the first task that waits
 * needs? How many lack it, and who, for people. */
uint32_t wanted_lacking(const struct broker *b, char *who, size_t room);

#endif
