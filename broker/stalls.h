/* stalls: what stands still, told to people who watch. Inside broker/ only. */

#ifndef BROKER_STALLS_H
#define BROKER_STALLS_H

#include "broker/places.h"

/* SILENT_MS: heartbeats come each second. STUCK_MS: nothing came of the work in hand: an actor's
 * token, an answer that a rewarder scored; judges are allowed longer ones. */
enum {
    STALLS_SILENT_MS = 2500,
    STALLS_STUCK_MS = 15000,
    STALLS_UNSCORED_MS = 60000,
    STALLS_GIVER_MS = 60000, /* so long it is told */
    STALLS_MAX = 16
};

struct stalls {
    char words[STALLS_MAX][WAITS_WORDS];
    uint32_t n;
};

/* At most STALLS_MAX; they point into `out` and to static words. Returns how many. */
uint32_t stalls_list(const struct broker *broker, const struct places *places,
                     struct stalls *out, struct msg_wait *wait, int64_t now_ms);

/* The learner has said nothing for STALLS_SILENT_MS. */
bool stalls_learner_silent(const struct broker *broker, int64_t now_ms);

#endif
