/* room: how much work an actor may have now. Inside broker/ only. */

#ifndef BROKER_ROOM_H
#define BROKER_ROOM_H

#include "broker/state.h"

/* What its heartbeat says, less what is on its way to it: `avail` from now on. */
void room_credit(struct broker *b, struct broker_member *actor);
/* No work for so long: it brought what is wrong, or held work for too long. */
void room_rest(struct broker_member *actor, int64_t ms, int64_t now_ms);
void room_wake(struct broker *b, int64_t now_ms); /* who has rested */
/* May it have work at all? */
bool room_has(const struct broker *b, const struct broker_member *actor);
int64_t room_actors(const struct broker *b); /* how many do */

#endif
