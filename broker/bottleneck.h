/* bottleneck: what holds a run up, and what would help. Inside broker/ only. */

#ifndef BROKER_BOTTLENECK_H
#define BROKER_BOTTLENECK_H

#include "broker/places.h"

struct bottleneck {
    char words[WAITS_WORDS], advice[MEMBERS_WORDS];
};

/* Fills bottleneck, holds, advice and actors_wanted of STATS, whose counts, busy shares and idle
 * shares stand there already; they point into `out`. */
void bottleneck_find(const struct broker *broker, const struct places *places,
                     struct bottleneck *out, struct msg_stats *stats);

#endif
