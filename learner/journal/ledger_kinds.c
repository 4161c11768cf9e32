/* What each kind of record means to the ledger: a row a kind, with what must hold before it and what
 * it does once it is durable. Both ways to durability end here: a group that was written
 * (ledger_commit_end) and a journal that is read again (ledger_kinds_visit). Only what is read is
 * checked, since what is written follows from what was; what could not have been written in this
 * order is damage. So a run that is read stands where the run that wrote it stood. */

#include "base/mem.h"
#include "learner/journal/group_filter.h"
#include "learner/journal/ledger.h"
#include "learner/journal/ledger_state.h"

#include <stdlib.h>
#include <string.h>

/* Takes what a record is, for longer than its group lasts. */
static void *taken(void **what)
{
    void *const own = *what;

    *what = NULL;
    return own;
}

static enum err check_start(const struct ledger *l, const void *what)
{
    const struct tasks_plan *plan = tasks_plan(l->conf.tasks);
    const struct record_start *const start = what;
    static const struct id none;

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
    return OK;
}

/* Not always one more than before: a copy of the folder may have gone on elsewhere
 * (ledger_refuse_above). What was refused before it is taken back by now. */
static enum err apply_start(struct ledger *l, void **what)
{
    const struct record_start *const start = *what;

    l->started = true;
    l->run = start->run;
    if (start->epoch > l->epoch)
        l->epoch = start->epoch;
    l->refusing = false;
    return OK;
}

static enum err check_sample(const struct ledger *l, const void *what)
{
    const struct record_sample *const sample = what;

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
    return OK;
}

/* Kept until its iteration is trained. */
static enum err apply_sample(struct ledger *l, void **what)
{
    return ledger_settle(l, taken(what));
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

static enum err check_step(const struct ledger *l, const void *what)
{
    const struct record_step *const step = what;

    if (l->halted)
        return err_set(ERR_PARSE, "STEP of iteration %llu behind a HALT",
                       (unsigned long long)step->iteration);
    if (step->iteration != l->newest || step->next.number != l->newest + 1 ||
        step->iteration >= tasks_plan(l->conf.tasks)->iterations || !whole(l, step))
        return err_set(ERR_PARSE,
                       "STEP of iteration %llu where %llu was to come, or not of its "
                       "samples",
                       (unsigned long long)step->iteration, (unsigned long long)l->newest);
    return OK;
}

static enum err apply_step(struct ledger *l, void **what)
{
    const struct record_step *const step = *what;

    l->version[++l->newest] = step->next.hash;
    if (step->iteration < l->conf.base) /* the checkpoint is behind it: it is trained */
        ledger_forget(l, step->iteration);
    return OK;
}

/* All that a STEP says holds for it, too. */
static enum err check_halt(const struct ledger *l, const void *what)
{
    const enum err err = check_step(l, what);

    if (!err && l->newest + 1 == tasks_plan(l->conf.tasks)->iterations)
        return err_set(ERR_PARSE, "HALT of the last iteration: there is nothing to cut off");
    return err;
}

static enum err apply_halt(struct ledger *l, void **what)
{
    const enum err err = apply_step(l, what);

    l->halting = l->newest;
    ledger_halt_done(l);
    return err;
}

/* Its sample stands before it, and no STEP has trained it. */
static enum err check_refused(const struct ledger *l, const void *what)
{
    const struct record_refused *const refused = what;

    if (refused->reason != RECORD_UNTAKEN && !ledger_refuse_open(l, refused))
        return err_set(ERR_PARSE,
                       "REFUSED of task %llu sample %u, which is not there or was trained",
                       (unsigned long long)refused->task, refused->sample);
    return OK;
}

static enum err apply_refused(struct ledger *l, void **what)
{
    return ledger_refuse_done(l, taken(what));
}

/* Of a sample that came later it is forgotten again, by ledger_settle. */
static enum err apply_attempt(struct ledger *l, void **what)
{
    attempts_add(&l->attempts, *what);
    return OK;
}

static enum err apply_end(struct ledger *l, void **what)
{
    l->ended = true;
    l->weights = ((const struct record_end *)*what)->weights;
    return OK;
}

static const struct ledger_kind {
    enum err (*check)(const struct ledger *l, const void *what); /* NULL: nothing must hold */
    enum err (*apply)(struct ledger *l, void **what);
} kinds[JOURNAL_TYPES] = {
    [JOURNAL_START] = {check_start, apply_start},
    [JOURNAL_SAMPLE] = {check_sample, apply_sample},
    [JOURNAL_STEP] = {check_step, apply_step},
    [JOURNAL_ATTEMPT] = {NULL, apply_attempt},
    [JOURNAL_END] = {NULL, apply_end},
    [JOURNAL_REFUSED] = {check_refused, apply_refused},
    [JOURNAL_HALT] = {check_halt, apply_halt},
    [JOURNAL_EXPORTED] = {ledger_people_check_exported, ledger_people_apply_exported},
    [JOURNAL_JUDGED] = {NULL, ledger_people_apply_judged},
    [JOURNAL_REFRESHED] = {ledger_people_check_refreshed, ledger_people_apply_refreshed},
    [JOURNAL_PEOPLE] = {ledger_people_check_learnt, ledger_people_apply_learnt},
};

enum err ledger_kinds_apply(struct ledger *l, enum journal_type type, void **what)
{
    return kinds[type].apply(l, what);
}

enum err ledger_kinds_visit(void *self, const struct journal_record *record)
{
    const enum journal_type type = (enum journal_type)record->type;
    void *what = NULL;
    enum err err = record_new(&what, type, record->payload, record->n);

    if (!err && !kinds[type].apply)
        err = err_set(ERR_PARSE, "a record of type %d", (int)type);
    if (!err && kinds[type].check)
        err = kinds[type].check(self, what);
    if (!err)
        err = ledger_kinds_apply(self, type, &what);
    record_free(type, what);
    return err;
}
