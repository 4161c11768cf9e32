/* A run that stop_if ends before its plan does. Ids stay as they are: the training tasks behind
 * the cut are never asked for again, and the watermark passes over them, which tells the broker
 * and the workers to let go of them; the last evaluation has the ids that it always had.
 * Answers to them that are durable stay in the journal and are not trained. The record is a
 * STEP of another type: there is no moment at which the iteration is durable and its end is
 * not. */

#include "learner/journal/ledger.h"
#include "learner/journal/ledger_state.h"

void ledger_halt_done(struct ledger *l)
{
    struct tasks *const tasks = l->conf.tasks;
    const uint64_t end = tasks_first(tasks, tasks_plan(tasks)->iterations);
    const uint64_t from = tasks_first(tasks, l->halting);
    const size_t first = ledger_index(l, from, 0);

    for (size_t i = first; i < first + (end - from) * tasks_plan(tasks)->samples; i++) {
        record_free(JOURNAL_SAMPLE, l->kept[i]);
        l->kept[i] = NULL;
    }
    l->halted = true;
    tasks_cut(tasks, l->halting);
    settled_cut(l->settled, from, end);
}

/* Not from ledger_halt on, but from the disk on: until then a crash takes the end back. */
bool ledger_halted(const struct ledger *l)
{
    return l->halted;
}
