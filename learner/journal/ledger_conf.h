/* ledger_conf: what a ledger is told as it is opened. */

#ifndef LEARNER_JOURNAL_LEDGER_CONF_H
#define LEARNER_JOURNAL_LEDGER_CONF_H

#include "learner/journal/people.h"
#include "learner/journal/tasks.h"

struct ledger_conf {
    const char *path;    /* of the journal */
    struct tasks *tasks; /* borrowed */
    uint64_t base;       /* the version from which weights go on: older batches are not kept */
    struct hash first;   /* image of version 0 */
    struct id run;       /* whose folder it lies in; zeros: whoever's it is */
    /* Told of each durable sample, in the journal's order, also of those found at opening. An
     * error of this or of `undone` is handed to whoever opened or committed. */
    enum err (*durable)(void *self, const struct record_sample *sample);
    void *self;
    /* With plan.most: whether a task's answers [n] teach nothing, so that another takes its
     * place. A pure function of them. NULL: every task is trained. */
    bool (*flat)(const void *self_flat, const struct record_sample *const *answer, uint32_t n);
    const void *self_flat;
    /* Told of each sample that was durable and is taken back. NULL: nobody. */
    enum err (*undone)(void *self, uint64_t task, uint32_t sample);
    /* Told of each REFRESHED, in the journal's order. NULL: nobody. */
    void (*refreshed)(void *self_refreshed, const struct record_refreshed *record);
    void *self_refreshed;
    struct people_conf people; /* zeros: nobody is asked */
    bool together;             /* a scorer judges all answers to a task at once */
};

#endif
