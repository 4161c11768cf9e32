/* opening: tasks of the learner, from OPEN on. Inside broker/ only. */

#ifndef BROKER_OPENING_H
#define BROKER_OPENING_H

#include "broker/state.h"

/* OPEN. Errors: ERR_RANGE for a task of another scorer table, or one that could never fit. */
enum err opening_on_open(struct broker *b, struct broker_member *from, const struct msg *msg,
                         int64_t now);

#endif
