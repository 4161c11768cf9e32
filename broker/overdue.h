/* overdue: leases that live on and bring nothing. Inside broker/ only. */

#ifndef BROKER_OVERDUE_H
#define BROKER_OVERDUE_H

#include "broker/state.h"

/* An answer came by this lease of its task: how long that took. */
void overdue_learn(struct broker *b, const struct open_task *task, const struct lease *lease,
                   int64_t now_ms);

/* Takes back what has been out for too long, if an actor stands idle beside it. */
void overdue_expire(struct broker *b, int64_t now_ms);

#endif
