/* fleet_others: what the broker says of the others: who failed what, what stands still, and that
 * an actor of our own is wanted. */

#ifndef LEARNER_FLEET_FLEET_OTHERS_H
#define LEARNER_FLEET_FLEET_OTHERS_H

#include "learner/context/run_context.h"
#include "proto/msg.h"

struct fleet_others;
struct loop;

/* Before the connection is made: its id goes into HELLO. */
void fleet_others_new(struct fleet_others **out, struct run_context *run);
const struct id *fleet_others_own(const struct fleet_others *others); /* the own actor's */

/* A heartbeat: lines for the person; starts and ends the own actor. */
void fleet_others_hear(struct fleet_others *others, struct loop *loop, const struct msg_hb *hb,
                       int64_t now_ms);
/* Somebody failed: a line; an actor's is journaled, too. */
void fleet_others_fail(struct fleet_others *others, const struct msg_fail *fail,
                       int64_t now_ms);

void fleet_others_stop(struct fleet_others *others); /* before the loop is freed */
void fleet_others_free(struct fleet_others *others); /* after; NULL is fine */

#endif
