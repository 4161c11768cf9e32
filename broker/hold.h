/* hold: who has which samples in hand: taking, giving back, taking back. Inside broker/ only. */

#ifndef BROKER_HOLD_H
#define BROKER_HOLD_H

#include "broker/state.h"

/* The task of a lease, with all of its samples; NULL if that opening is over. */
struct open_task *hold_of(const struct broker *b, const struct lease *lease);

/* Leases samples first .. first+count-1, for which there is space: its slot, or LEASE_NONE if
 * the table is full. Nothing is told yet. */
uint32_t hold_take(struct broker *b, struct broker_member *actor, struct open_task *task,
                   uint32_t first, uint32_t count, int64_t now_ms);
/* Leases one sample to an actor that has it already; `wanted`: finished, its body is asked for.
 * False without space. */
bool hold_adopt(struct broker *b, struct broker_member *actor, struct open_task *task,
                uint32_t sample, bool wanted, int64_t now_ms);

/* The sample needs its lease no more; the caller moves it. With the last one of a lease its
 * holder, unless that is `by`, hears that it works for nothing. */
void hold_release(struct broker *b, struct open_sample *sample, const struct broker_member *by);
/* What is left of a lease waits again, and the lease ends; nobody is told. */
void hold_requeue(struct broker *b, struct lease *lease, int64_t now_ms);
/* Samples first .. first+count-1 of a lease wait again; it ends if nothing is left of it. `tell`:
 * they are its last ones and have not begun; its holder hears REVOKE from `first` on. Else they go
 * on where they are, and the first answer is taken. */
void hold_take_part(struct broker *b, struct lease *lease, uint32_t first, uint32_t count,
                    bool tell, int64_t now_ms);
/* The same of all that a member has: it is gone. Counts as given again. */
void hold_requeue_all(struct broker *b, struct broker_member *actor, int64_t now_ms);
/* Takes a lease, or all of them, from a holder that is here: it hears REVOKE. */
void hold_take_back(struct broker *b, struct lease *lease, int64_t now_ms);
void hold_take_all_back(struct broker *b, struct broker_member *actor, int64_t now_ms);

#endif
