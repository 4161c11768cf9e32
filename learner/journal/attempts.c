/* A list: failures are few, and gone when their sample comes. What is new is told by the worker's
 * name: the same one failing again says nothing more, and of a sample only as many are kept as
 * the broker would let try it. */

#include "learner/journal/attempts.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

void attempts_fini(struct attempts *a)
{
    for (size_t i = 0; i < a->n; i++)
        record_fini(JOURNAL_ATTEMPT, &a->item[i]);
    free(a->item);
    memset(a, 0, sizeof *a);
}

/* Also numbers it: how many workers have failed the sample, this one included. */
static bool is_new(const struct attempts *a, struct record_attempt *attempt)
{
    attempt->attempts = 1;
    for (size_t i = 0; i < a->n; i++) {
        if (a->item[i].task != attempt->task || a->item[i].sample != attempt->sample)
            continue;
        if (!strcmp(a->item[i].who, attempt->who))
            return false;
        attempt->attempts++;
    }
    return attempt->attempts <= ATTEMPTS_EACH && a->n < ATTEMPTS_MAX;
}

const struct record_attempt *attempts_add(struct attempts *a, struct record_attempt *attempt)
{
    if (!is_new(a, attempt)) {
        record_fini(JOURNAL_ATTEMPT, attempt);
        return NULL;
    }
    if (a->n == a->room) {
        a->room = 2 * a->room + 16;
        a->item = mem_grow(a->item, a->room, sizeof *a->item);
    }
    a->item[a->n] = *attempt;
    memset(attempt, 0, sizeof *attempt);
    return &a->item[a->n++];
}

/* The others keep their order: it is that of the journal. */
void attempts_forget(struct attempts *a, uint64_t task, uint32_t sample)
{
    size_t kept = 0;

    for (size_t i = 0; i < a->n; i++) {
        if (a->item[i].task == task && a->item[i].sample == sample)
            record_fini(JOURNAL_ATTEMPT, &a->item[i]);
        else
            a->item[kept++] = a->item[i];
    }
    a->n = kept;
}
