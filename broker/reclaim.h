/* reclaim: work that others could do sooner, once nothing waits. Inside broker/ only. */

#ifndef BROKER_RECLAIM_H
#define BROKER_RECLAIM_H

#include "broker/state.h"

/* The pump, each tick, before what waits is given out: what would come after all of it. */
void reclaim_late(struct broker *b, int64_t now_ms);
/* The pump, each tick, after what waits was given out: to who has a slot free, of what others
 * have in hand. */
void reclaim_work(struct broker *b, int64_t now_ms);

#endif
