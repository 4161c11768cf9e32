/* A journal read again: each record in order does in memory what it did when it was written.
 * What could not have been written in this order is damage. */

#include "base/mem.h"
#include "learner/journal/group_filter.h"
#include "learner/journal/ledger_state.h"

#include <stdlib.h>
#include <string.h>

static enum err visit_start(struct ledger *l, const struct journal_record *record)
{
    const struct tasks_plan *plan = tasks_plan(l->conf.tasks);
    static const struct id none;
    struct record_start start;
    enum err err = record_get_start(&start, record->payload, record->n);

    if (err)
        return err;
    if (start.seed != plan->seed || start.before != plan->eval || start.after != plan->eval ||
        start.train != plan->batch * plan->iterations || start.batch != plan->batch)
        return err_set(ERR_STATE, "the journal belongs to a run with another plan");
    if (l->started && memcmp(&l->run, &start.run, sizeof l->run))
        return err_set(ERR_STATE, "the journal holds two runs");
    if (memcmp(&l->conf.run, &none, sizeof none) &&
        memcmp(&l->conf.run, &start.run, sizeof none))
        return err_set(ERR_STATE,
                       "the journal belongs to another run than the models and prompts "
                       "beside it (artifacts/): this folder was mixed of two");
    l->started = true;
    l->run = start.run;
    if (start.epoch > l->epoch)
        l->epoch = start.epoch;
    return OK;
}

static enum err visit_sample(struct ledger *l, const struct journal_record *record)
{
    struct record_sample *sample = mem_new(1, sizeof *sample);
    enum err err = record_get_sample(sample, record->payload, record->n);

    if (!err && (sample->task >= tasks_total(l->conf.tasks) ||
                 sample->sample >= tasks_samples(l->conf.tasks, sample->task)))
        err = err_set(ERR_PARSE, "SAMPLE of task %llu: the run has %llu",
                      (unsigned long long)sample->task,
                      (unsigned long long)tasks_total(l->conf.tasks));
    if (!err && l->place[ledger_index(l, sample->task, sample->sample)] != PLACE_NEW)
        err = err_set(ERR_PARSE, "SAMPLE of task %llu twice", (unsigned long long)sample->task);
    if (!err && !ledger_lacks(l, sample->task, sample->sample))
        err = err_set(ERR_PARSE, "SAMPLE of task %llu behind the HALT that cut it off",
                      (unsigned long long)sample->task);
    if (err) {
        ledger_sample_free(sample);
        return err;
    }
    return ledger_settle(l, sample);
}

/* Whether the step's samples are those of its iteration, all of them, in order. */
static bool whole(const struct ledger *l, const struct record_step *step)
{
    struct record_step want;
    bool good;

    if (!ledger_complete(l, step->iteration))
        return false;
    ledger_step_of(l, step->iteration, &want);
    good = group_filter_same(&want, step);
    record_step_fini(&want);
    return good;
}

static enum err visit_step(struct ledger *l, const struct journal_record *record)
{
    struct record_step step;
    enum err err = record_get_step(&step, record->payload, record->n);

    if (err)
        return err;
    if (l->halted)
        err = err_set(ERR_PARSE, "STEP of iteration %llu behind a HALT",
                      (unsigned long long)step.iteration);
    else if (step.iteration != l->versions || step.next.number != l->versions + 1 ||
             step.iteration >= tasks_plan(l->conf.tasks)->iterations || !whole(l, &step))
        err = err_set(ERR_PARSE,
                      "STEP of iteration %llu where %llu was to come, or not of its "
                      "samples",
                      (unsigned long long)step.iteration, (unsigned long long)l->versions);
    else
        l->version[++l->versions] = step.next.hash;
    if (!err && step.iteration < l->conf.base)
        ledger_forget(l, step.iteration);
    record_step_fini(&step);
    return err;
}

static enum err visit_halt(struct ledger *l, const struct journal_record *record)
{
    enum err err = visit_step(l, record);

    if (!err && l->versions == tasks_plan(l->conf.tasks)->iterations)
        err = err_set(ERR_PARSE, "HALT of the last iteration: there is nothing to cut off");
    if (err)
        return err;
    l->halting = l->versions;
    ledger_halt_done(l);
    return OK;
}

/* Its sample stands before it, and no STEP has trained it. */
static enum err visit_refused(struct ledger *l, const struct journal_record *record)
{
    struct record_refused *refused = mem_new(1, sizeof *refused);
    enum err err = record_get_refused(refused, record->payload, record->n);

    if (!err && refused->reason != RECORD_UNTAKEN && !ledger_refuse_open(l, refused))
        err = err_set(ERR_PARSE,
                      "REFUSED of task %llu sample %u, which is not there or was trained",
                      (unsigned long long)refused->task, refused->sample);
    if (!err)
        return ledger_refuse_done(l, refused);
    record_refused_fini(refused);
    free(refused);
    return err;
}

static enum err visit_attempt(struct ledger *l, const struct journal_record *record)
{
    struct record_attempt attempt;
    enum err err = record_get_attempt(&attempt, record->payload, record->n);

    if (!err)
        attempts_add(&l->attempts, &attempt);
    return err;
}

enum err ledger_read_visit(void *self, const struct journal_record *record)
{
    struct ledger *l = self;
    struct record_end end;
    enum err err;

    switch (record->type) {
    case JOURNAL_START:
        return visit_start(l, record);
    case JOURNAL_SAMPLE:
        return visit_sample(l, record);
    case JOURNAL_STEP:
        return visit_step(l, record);
    case JOURNAL_HALT:
        return visit_halt(l, record);
    case JOURNAL_REFUSED:
        return visit_refused(l, record);
    case JOURNAL_ATTEMPT:
        return visit_attempt(l, record);
    case JOURNAL_END:
        err = record_get_end(&end, record->payload, record->n);
        l->ended = !err;
        l->weights = end.weights;
        return err;
    default:
        return err_set(ERR_PARSE, "a record of type %d", (int)record->type);
    }
}
