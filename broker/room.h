/* room: how much work an actor may have now, and who has room. Inside broker/ only. */

#ifndef BROKER_ROOM_H
#define BROKER_ROOM_H

#include <stdbool.h>
#include <stdint.h>

struct broker;
struct broker_member;

/* What its heartbeat says, less what is on its way to it: `avail` from now on. */
void room_credit(struct broker *b, struct broker_member *actor);
/* It has less now, or another speed: to the end of its list, or out of it. */
void room_place(struct broker *b, struct broker_member *actor);
void room_forget(struct broker *b, struct broker_member *actor); /* it is gone */
/* No work for so long: it brought what is wrong, or held work for too long. */
void room_rest(struct broker_member *actor, int64_t ms, int64_t now_ms);
/* Each tick: who has rested, and who is slow now. */
void room_tick(struct broker *b, int64_t now_ms);
/* May it have work at all? */
bool room_has(const struct broker *b, const struct broker_member *actor);

#endif
