/* keepers: who keeps an answer until it is settled, and hears that it is.
 *
 * What is settled is in each heartbeat, and that is enough for all. Those whose own answers were
 * settled hear it sooner, by SETTLED, so that they need not keep them for a second: at most some
 * times a second, all at once, encoded once. Inside broker/ only. */

#ifndef BROKER_KEEPERS_H
#define BROKER_KEEPERS_H

#include "broker/state.h"

enum { KEEPERS_MS = 500 };

/* It brought this answer, or has another copy of it. Of two the last one counts: the other hears
 * by heartbeat. */
void keepers_note(struct open_sample *sample, const struct broker_member *member);
/* It is settled: whoever keeps it shall hear so. */
void keepers_settled(struct broker *b, const struct open_sample *sample);
/* Tells them, if it is time; once a tick. */
void keepers_tell(struct broker *b, int64_t now_ms);
/* A heartbeat has told everybody. */
void keepers_told(struct broker *b);

#endif
