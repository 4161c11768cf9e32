/* keepers: who keeps an answer until it is settled, and hears that it is.
 *
 * What is settled is in each heartbeat, and that is enough for all. Those whose own answers were
 * settled hear it sooner, by SETTLED, so that they need not keep them for a second: each of them
 * KEEPERS_MS after it last heard any at the soonest, those of one tick together, encoded once. With
 * very many actors a heartbeat comes first to most: so many messages are not worth some tenths of a
 * second. Inside broker/ only. */

#ifndef BROKER_KEEPERS_H
#define BROKER_KEEPERS_H

#include "broker/state.h"

enum { KEEPERS_MS = 500, KEEPERS_ONCE = 8 }; /* ONCE: messages a tick */

/* It brought this answer, or has another copy of it. Of two the last one counts: the other hears
 * by heartbeat. */
void keepers_note(struct open_sample *sample, const struct broker_member *member);
/* It is settled: whoever keeps it shall hear so. */
void keepers_settled(struct broker *b, const struct open_sample *sample);
/* Tells those whose time it is; once a tick, after heartbeats. */
void keepers_tell(struct broker *b, int64_t now_ms);
/* It hears of all that is settled now, be it by heartbeat. */
void keepers_told(struct broker_member *member, int64_t now_ms);

#endif
