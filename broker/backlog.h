/* backlog: what waits for one member whose pipe is full. For outbox.c only; the pipe is
 * libzmq's, of so many messages (proto/hub.h), and empties as the member reads.
 *
 * Work waits in order. State (HB, SETTLED, PUBLISH) is overwritten: of each there is the newest
 * alone, and it goes before the work, for it is true now; WELCOME goes before all. Bounded in
 * bytes; who is over the bound is resynchronised (outbox.h). */

#ifndef BROKER_BACKLOG_H
#define BROKER_BACKLOG_H

#include "broker/backlog_state.h"

void backlog_add(struct backlogs *all, struct broker_member *to, struct letter *letter);
/* What goes next; it stays until it is taken. */
struct letter *backlog_head(const struct backlog *backlog);
struct letter *backlog_take(struct backlogs *all, struct broker_member *of);
/* It will be tried again a little later, and later still the longer nothing moves. */
void backlog_pause(struct backlog *backlog, int64_t now_ms);

#endif
