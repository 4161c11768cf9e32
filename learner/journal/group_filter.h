/* group_filter: which of an iteration's tasks are trained.
 *
 * Of `tasks` tasks `batch` are: those that teach something, and from the first on as many of
 * the others as are lacking. flat [tasks]: 1 where the answers teach nothing; NULL: nowhere. */

#ifndef LEARNER_JOURNAL_GROUP_FILTER_H
#define LEARNER_JOURNAL_GROUP_FILTER_H

#include "learner/journal/record.h"

#include <stdbool.h>

/* out [batch]: their places among the tasks, ascending. batch <= tasks. */
void group_filter_choose(uint64_t *out, const uint8_t *flat, uint64_t tasks, uint64_t batch);

/* The step that trains them, all but `next`: samples and drops. Task 0 is called `first`; each
 * has `samples` answers. record_fini follows. */
void group_filter_step(struct record_step *out, uint64_t iteration, uint64_t first,
                       const uint8_t *flat, uint64_t tasks, uint64_t batch, uint32_t samples);

/* The same samples, and as many drops. */
bool group_filter_same(const struct record_step *a, const struct record_step *b);

#endif
