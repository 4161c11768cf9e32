/* settled: which samples are settled: durable at the learner, of no further use to anyone.
 *
 * It is state, not an event: each SETTLED and heartbeat of the learner replaces it whole, and
 * a new epoch may lower it. */

#ifndef BROKER_SETTLED_H
#define BROKER_SETTLED_H

#include "proto/noun.h"

struct settled_samples {
    uint64_t epoch, watermark;
    struct range *range; /* sorted by task, then first */
    uint32_t ranges, capacity;
};

void settled_fini(struct settled_samples *set);
void settled_take(struct settled_samples *set, const struct settled *from); /* copies */
bool settled_has(const struct settled_samples *set, uint64_t task, uint32_t sample);

/* Is `task` above the watermark, with all of samples 0 .. n-1 in the set? n 0: any n. */
bool settled_whole(const struct settled_samples *set, uint64_t task, uint32_t n);

/* For sending; borrowed until the next settled_take. */
struct settled settled_view(const struct settled_samples *set);

#endif
