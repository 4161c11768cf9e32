/* A journal read again: each record in order does in memory what it did when it was written.
 * What could not have been written in this order is damage. A visit is given the decoded record
 * and frees it unless it takes it, by setting *what to NULL. */

#include "base/mem.h"
#include "learner/journal/group_filter.h"
#include "learner/journal/ledger.h"
#include "learner/journal/ledger_state.h"

#include <stdlib.h>
#include <string.h>

static enum err visit_start(struct ledger *l, void **what)
{
    const struct tasks_plan *plan = tasks_plan(l->conf.tasks);
    static const struct id none;
    const struct record_start *const start = *what;

    if (start->seed != plan->seed || start->before != plan->eval ||
        start->after != plan->eval || start->train != plan->batch * plan->iterations ||
        start->batch != plan->batch)
        return err_set(ERR_STATE, "the journal belongs to a run with another plan");
    if (l->started && memcmp(&l->run, &start->run, sizeof l->run))
        return err_set(ERR_STATE, "the journal holds two runs");
    if (memcmp(&l->conf.run, &none, sizeof none) &&
        memcmp(&l->conf.run, &start->run, sizeof none))
        return err_set(ERR_STATE,
                       "the journal belongs to another run than the models and prompts "
                       "beside it (artifacts/): this folder was mixed of two");
    l->started = true;
    l->run = start->run;
    /* not always one more: a copy of the folder may have gone on elsewhere (ledger_refuse_above) */
    if (start->epoch > l->epoch)
        l->epoch = start->epoch;
    return OK;
}

static enum err visit_sample(struct ledger *l, void **what)
{
    struct record_sample *const sample = *what;

    if (sample->task >= tasks_total(l->conf.tasks) ||
        sample->sample >= tasks_samples(l->conf.tasks, sample->task))
        return err_set(ERR_PARSE, "SAMPLE of task %llu: the run has %llu",
                       (unsigned long long)sample->task,
                       (unsigned long long)tasks_total(l->conf.tasks));
    if (l->place[ledger_index(l, sample->task, sample->sample)] != PLACE_NEW)
        return err_set(ERR_PARSE, "SAMPLE of task %llu twice",
                       (unsigned long long)sample->task);
    if (!ledger_lacks(l, sample->task, sample->sample))
        return err_set(ERR_PARSE, "SAMPLE of task %llu behind the HALT that cut it off",
                       (unsigned long long)sample->task);
    *what = NULL; /* kept until its iteration is trained */
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
    record_fini(JOURNAL_STEP, &want);
    return good;
}

static enum err visit_step(struct ledger *l, void **what)
{
    const struct record_step *const step = *what;

    if (l->halted)
        return err_set(ERR_PARSE, "STEP of iteration %llu behind a HALT",
                       (unsigned long long)step->iteration);
    if (step->iteration != l->versions || step->next.number != l->versions + 1 ||
        step->iteration >= tasks_plan(l->conf.tasks)->iterations || !whole(l, step))
        return err_set(ERR_PARSE,
                       "STEP of iteration %llu where %llu was to come, or not of its "
                       "samples",
                       (unsigned long long)step->iteration, (unsigned long long)l->versions);
    l->version[++l->versions] = step->next.hash;
    if (step->iteration < l->conf.base) /* the checkpoint is behind it: it is trained */
        ledger_forget(l, step->iteration);
    return OK;
}

/* All that a STEP says holds for it, too. */
static enum err visit_halt(struct ledger *l, void **what)
{
    const enum err err = visit_step(l, what);

    if (err)
        return err;
    if (l->versions == tasks_plan(l->conf.tasks)->iterations)
        return err_set(ERR_PARSE, "HALT of the last iteration: there is nothing to cut off");
    l->halting = l->versions;
    ledger_halt_done(l);
    return OK;
}

/* Its sample stands before it, and no STEP has trained it. */
static enum err visit_refused(struct ledger *l, void **what)
{
    struct record_refused *const refused = *what;

    if (refused->reason != RECORD_UNTAKEN && !ledger_refuse_open(l, refused))
        return err_set(ERR_PARSE,
                       "REFUSED of task %llu sample %u, which is not there or was trained",
                       (unsigned long long)refused->task, refused->sample);
    *what = NULL;
    return ledger_refuse_done(l, refused);
}

/* Of a sample that came later it is forgotten again, by ledger_settle. */
static enum err visit_attempt(struct ledger *l, void **what)
{
    attempts_add(&l->attempts, *what);
    return OK;
}

static enum err visit_end(struct ledger *l, void **what)
{
    l->ended = true;
    l->weights = ((const struct record_end *)*what)->weights;
    return OK;
}

static enum err (*const visits[JOURNAL_TYPES])(struct ledger *l, void **what) = {
    [JOURNAL_START] = visit_start, [JOURNAL_SAMPLE] = visit_sample,
    [JOURNAL_STEP] = visit_step,   [JOURNAL_ATTEMPT] = visit_attempt,
    [JOURNAL_END] = visit_end,     [JOURNAL_REFUSED] = visit_refused,
    [JOURNAL_HALT] = visit_halt,
};

enum err ledger_read_visit(void *self, const struct journal_record *record)
{
    const enum journal_type type = (enum journal_type)record->type;
    void *what = NULL;
    enum err err = record_new(&what, type, record->payload, record->n);

    if (!err)
        err = visits[type] ? visits[type](self, &what)
                           : err_set(ERR_PARSE, "a record of type %d", (int)type);
    record_free(type, what);
    return err;
}
