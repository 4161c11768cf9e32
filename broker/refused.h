/* refused: answers that are not what they say (refused.c). Inside broker/ only. */

#ifndef BROKER_REFUSED_H
#define BROKER_REFUSED_H

#include "broker/state.h"

/* The learner says so: what is here of it goes, and it counts against its writer. */
enum err refused_on_refused(struct broker *b, struct broker_member *from, const struct msg *msg,
                            int64_t now);
/* One that the broker itself did not take: the learner notes it. */
void refused_tell(struct broker *b, const struct broker_member *from,
                  const struct rollout *rollout, const char *words, int64_t now_ms);

#endif
