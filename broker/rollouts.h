/* rollouts: what actors bring. Inside broker/ only. */

#ifndef BROKER_ROLLOUTS_H
#define BROKER_ROLLOUTS_H

#include "broker/state.h"

/* ROLLOUT. Errors: ERR_RANGE for what cannot be an answer to its task, in words. */
enum err rollouts_on_rollout(struct broker *b, struct broker_member *from,
                             const struct msg *msg, int64_t now);
/* FAIL of an actor. Always OK: of a lease that is over it means nothing. */
enum err rollouts_on_fail(struct broker *b, struct broker_member *from, const struct msg *msg,
                          int64_t now);

#endif
