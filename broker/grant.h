/* grant: who gets which samples, and for how long. Inside broker/ only. */

#ifndef BROKER_GRANT_H
#define BROKER_GRANT_H

#include "broker/state.h"

/* The pump: LEASE for each sample that was adopted (hold.h) and is still to be told. */
void grant_adopted(struct broker *b);
/* LEASE for one that was just taken (hold_take). */
void grant_tell(struct broker *b, struct broker_member *actor, uint32_t slot);
/* The pump: leases what waits to who has room for it; each tick to who is slow, too. */
void grant_work(struct broker *b, bool is_tick, int64_t now_ms);
/* Each tick: leases whose holders stand still. */
void grant_expire(struct broker *b, int64_t now_ms);
/* HB of an actor: what it has room for, and leases that it does not have. Always OK. */
enum err grant_on_hb(struct broker *b, struct broker_member *actor, const struct msg *msg,
                     int64_t now);

#endif
