/* settled: which samples are done with, as a watermark and a set above it.
 */

#ifndef LEARNER_JOURNAL_SETTLED_H
#define LEARNER_JOURNAL_SETTLED_H

#include "proto/noun.h"

struct settled_set;
/* Tasks first .. end-1 have `samples` samples each, all others one. */
void settled_new(struct settled_set **out, uint32_t samples, uint64_t first, uint64_t end);
void settled_free(struct settled_set *set);

/* Tasks from first to another end have `samples`: none at or above the old one is there. */
void settled_end(struct settled_set *set, uint64_t end);

/* Tasks from .. to-1 will not come: they count as settled once all before them is. */
void settled_cut(struct settled_set *set, uint64_t from, uint64_t to);

/* False if it was settled before. The task has that sample. */
bool settled_add(struct settled_set *set, uint64_t task, uint32_t sample);
/* False if it was not settled. May lower the watermark: only a new epoch says so. */
bool settled_remove(struct settled_set *set, uint64_t task, uint32_t sample);
bool settled_has(const struct settled_set *set, uint64_t task, uint32_t sample);
uint64_t settled_watermark(const struct settled_set *set);

/* The message's noun; its ranges live until the next settled_add or settled_state. */
struct settled settled_state(struct settled_set *set, uint64_t epoch);

#endif
