/* Answers that turned out to be false are taken back. What is settled may only be lowered by a
 * new epoch, so the REFUSED records and the START of the next epoch are one group: after its
 * fsync, or after the crash that cut it off, the samples lack again and the peers hear of it by
 * HELLO. Until then nothing is taken, for what is under way was asked for in the epoch that
 * ends.
 *
 * Where a scorer judges groups, what is left of a group cannot be scored again: all of it is
 * taken back. Where tasks that teach nothing are replaced, a false answer may have made its
 * group look like one: the iteration is shortened to what its groups ask for without it, and
 * the answers beyond that are taken back, too. */

#include "base/mem.h"
#include "learner/journal/ledger.h"
#include "learner/journal/ledger_state.h"

#include <stdlib.h>
#include <string.h>

/* By its bytes: the place may hold another answer by now. */
bool ledger_refuse_open(const struct ledger *l, const struct record_refused *r)
{
    const struct record_sample *kept;

    if (r->task >= tasks_total(l->conf.tasks) ||
        r->sample >= tasks_samples(l->conf.tasks, r->task) ||
        tasks_at(l->conf.tasks, r->task).kind != TASKS_TRAIN ||
        tasks_at(l->conf.tasks, r->task).iteration < l->newest ||
        l->place[ledger_index(l, r->task, r->sample)] != PLACE_DURABLE)
        return false;
    kept = l->kept[ledger_index(l, r->task, r->sample)];
    return kept && hash_same(&kept->hash, &r->hash);
}

/* As pending as a sample: PLACE_FALSE keeps it from being refused twice, or trained, meanwhile. */
static void append(struct ledger *l, struct record_refused *refused)
{
    ledger_note(l, JOURNAL_REFUSED, refused);
    if (refused->reason != RECORD_UNTAKEN)
        l->place[ledger_index(l, refused->task, refused->sample)] = PLACE_FALSE;
}

/* The others of its group, whose scores spoke of it too. */
static void append_mates(struct ledger *l, const struct record_refused *refused)
{
    for (uint32_t i = 0; i < tasks_samples(l->conf.tasks, refused->task); i++) {
        const struct record_sample *const kept = l->kept[ledger_index(l, refused->task, i)];
        struct record_refused *mate;

        if (l->place[ledger_index(l, refused->task, i)] != PLACE_DURABLE)
            continue;
        mate = mem_new(1, sizeof *mate);
        *mate = (struct record_refused){.task = refused->task,
                                        .sample = i,
                                        .reason = RECORD_GROUP,
                                        .hash = kept->hash,
                                        .words = mem_text("another of its group was false")};
        record_writer_copy(&mate->writer, &kept->writer);
        append(l, mate);
    }
}

bool ledger_refuse(struct ledger *l, struct record_refused *refused)
{
    struct record_refused *own;

    if (!ledger_refuse_open(l, refused))
        refused->reason = RECORD_UNTAKEN;
    if (refused->reason == RECORD_UNTAKEN && l->untaken++ >= LEDGER_UNTAKEN) {
        record_fini(JOURNAL_REFUSED, refused);
        return false;
    }
    /* from here on it is ours: the item in the group frees it, or remembers it */
    own = mem_new(1, sizeof *own);
    *own = *refused;
    memset(refused, 0, sizeof *refused);
    append(l, own);
    if (own->reason == RECORD_FALSE && l->conf.together)
        append_mates(l, own);
    return true;
}

/* In the same group as the REFUSED before it: both or neither. */
void ledger_refuse_start(struct ledger *l)
{
    ledger_note_start(l);
    l->refusing = true;
}

/* The next epoch is one above the highest that anybody has seen. */
void ledger_refuse_above(struct ledger *l, uint64_t epoch)
{
    if (epoch > l->epoch)
        l->epoch = epoch;
    ledger_refuse_start(l);
}

/* The place is free again; what was never taken is left as it is. */
static enum err undo(struct ledger *l, uint64_t task, uint32_t sample)
{
    const size_t i = ledger_index(l, task, sample);

    if (l->place[i] != PLACE_DURABLE && l->place[i] != PLACE_FALSE)
        return OK;
    l->place[i] = PLACE_NEW;
    record_free(JOURNAL_SAMPLE, l->kept[i]);
    l->kept[i] = NULL;
    settled_remove(l->settled, task, sample);
    return l->conf.undone ? l->conf.undone(l->conf.self, task, sample) : OK;
}

/* Tasks that the iteration needs beside its batch: one for each that teaches nothing. */
static uint64_t needed(const struct ledger *l, uint64_t iteration)
{
    const struct tasks_plan *const plan = tasks_plan(l->conf.tasks);
    const uint64_t first = tasks_first(l->conf.tasks, iteration);
    const uint64_t last = tasks_first(l->conf.tasks, iteration + 1);
    uint64_t flat = 0, more = 0;

    /* the range grows as dull groups in it ask for others: as tasks_extend grew it */
    for (uint64_t t = first; t < last && t < first + plan->batch + more; t++) {
        flat += *ledger_flat(l, t);
        more = flat < plan->most ? flat : plan->most;
    }
    return more;
}

/* Its group was said to teach nothing: it, and perhaps others, was replaced for nothing. */
static enum err shorten(struct ledger *l, uint64_t task)
{
    const struct tasks_plan *const plan = tasks_plan(l->conf.tasks);
    const uint64_t iteration = tasks_at(l->conf.tasks, task).iteration;
    uint64_t keep;
    enum err err = OK;

    *ledger_flat(l, task) = 0;
    keep = tasks_first(l->conf.tasks, iteration) + plan->batch + needed(l, iteration);
    for (uint64_t t = tasks_first(l->conf.tasks, iteration + 1); t-- > keep && !err;) {
        *ledger_flat(l, t) = 0;
        for (uint32_t i = 0; i < plan->samples && !err; i++)
            err = undo(l, t, i);
    }
    tasks_shorten(l->conf.tasks, iteration, keep);
    settled_end(l->settled, tasks_first(l->conf.tasks, plan->iterations));
    return err;
}

/* To be said again to a broker that knows nothing. */
static void remember(struct ledger *l, const struct record_refused *refused)
{
    if (!l->refused)
        l->refused = mem_new(LEDGER_REFUSALS, sizeof *l->refused);
    if (l->n_refused ==
        LEDGER_REFUSALS) { /* the oldest is forgotten: its worker may be asked again */
        record_fini(JOURNAL_REFUSED, &l->refused[0]);
        memmove(l->refused, l->refused + 1, --l->n_refused * sizeof *l->refused);
    }
    l->refused[l->n_refused++] = *refused;
}

enum err ledger_refuse_done(struct ledger *l, struct record_refused *refused)
{
    const uint64_t task = refused->task;
    const bool back = refused->reason != RECORD_UNTAKEN;
    enum err err = OK;

    if (back) {
        err = undo(l, task, refused->sample);
        if (!err && l->flat && *ledger_flat(l, task))
            err = shorten(l, task);
    }
    remember(l, refused);
    free(refused);
    return err;
}

const struct record_refused *ledger_refused(const struct ledger *l, uint32_t *n)
{
    *n = l->n_refused;
    return l->refused;
}
