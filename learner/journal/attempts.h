/* attempts: who failed which sample of a run, while it lacks: so that a new broker, which knows
 * nothing, need not ask the same workers again. */

#ifndef LEARNER_JOURNAL_ATTEMPTS_H
#define LEARNER_JOURNAL_ATTEMPTS_H

#include "learner/journal/record.h"

#include <stdbool.h>

enum { ATTEMPTS_MAX = 65536, ATTEMPTS_EACH = 3 }; /* in all; of a sample: as the broker's */

struct attempts {                /* zeroed at first */
    struct record_attempt *item; /* in order of arrival */
    size_t n, room;
};
void attempts_fini(struct attempts *attempts);

/* Takes it: counted and kept if it is new, freed if not (or there are too many). NULL: it was
 * not. */
const struct record_attempt *attempts_add(struct attempts *attempts,
                                          struct record_attempt *attempt);
/* The sample is there. */
void attempts_forget(struct attempts *attempts, uint64_t task, uint32_t sample);

#endif
