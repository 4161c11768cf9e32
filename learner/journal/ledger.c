/* Each answer has one byte of place (new, pending, durable, taken back) and, while its iteration is
 * not trained, the record itself, both at its index among all answers there may be; so memory is
 * bounded by the plan, and the journal can name an answer only once.
 *
 * Whatever is noted goes two ways: as bytes into the journal's pending group, and as an item into
 * ours, in the same order. ledger_commit_begin hands both over, and ledger_commit_end, once the
 * bytes are on the disk, does for each item what reading it back would do (ledger_kinds.c): a
 * sample is settled, a refused one undone, a step makes a version. Nothing is told to anybody
 * before that, so that a crash takes back only what nobody has heard of. */

#include "learner/journal/ledger.h"

#include "base/mem.h"
#include "learner/journal/group_filter.h"
#include "learner/journal/ledger_state.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* All answers to a training task that are there, in order; false: some lack. */
static bool group_of(const struct ledger *l, uint64_t task, const struct record_sample **out)
{
    const size_t first = ledger_index(l, task, 0);

    for (uint32_t i = 0; i < tasks_plan(l->conf.tasks)->samples; i++) {
        if (!l->kept[first + i])
            return false;
        if (out)
            out[i] = l->kept[first + i];
    }
    return true;
}

/* A group is whole: one that teaches nothing is replaced, while that may be. */
static void judge(struct ledger *l, uint64_t iteration, uint64_t task)
{
    const struct tasks_plan *const plan = tasks_plan(l->conf.tasks);
    const struct record_sample **group = mem_new(plan->samples, sizeof *group);

    if (group_of(l, task, group) && l->conf.flat(l->conf.self_flat, group, plan->samples)) {
        *ledger_flat(l, task) = 1;
        if (tasks_extend(l->conf.tasks, iteration))
            settled_end(l->settled, tasks_first(l->conf.tasks, plan->iterations));
    }
    free((void *)group);
}

enum err ledger_settle(struct ledger *l, struct record_sample *sample)
{
    const struct tasks_place at = tasks_at(l->conf.tasks, sample->task);
    const size_t i = ledger_index(l, sample->task, sample->sample);
    /* the owner first: if it cannot write its line the run ends, and reads all of it again */
    const enum err err = l->conf.durable ? l->conf.durable(l->conf.self, sample) : OK;

    l->place[i] = PLACE_DURABLE;
    attempts_forget(&l->attempts, sample->task, sample->sample);
    settled_add(l->settled, sample->task, sample->sample);
    if (at.kind == TASKS_TRAIN) {
        l->kept[i] = sample;
        if (l->flat)
            judge(l, at.iteration, sample->task);
    } else {
        record_free(JOURNAL_SAMPLE, sample); /* an evaluation is only counted */
    }
    return err;
}

/* All of its tasks, those that came in place of others too. */
bool ledger_complete(const struct ledger *l, uint64_t iteration)
{
    const uint64_t first = tasks_first(l->conf.tasks, iteration);
    const uint64_t tasks = tasks_first(l->conf.tasks, iteration + 1) - first;
    const size_t at = ledger_index(l, first, 0);

    for (size_t i = at; i < at + tasks * tasks_plan(l->conf.tasks)->samples; i++)
        if (l->place[i] != PLACE_DURABLE)
            return false;
    return true;
}

/* A function of what is durable: the same when the step is noted, when its batch is gathered, and
 * when the record is read and compared. */
void ledger_step_of(const struct ledger *l, uint64_t iteration, struct record_step *step)
{
    const struct tasks_plan *const plan = tasks_plan(l->conf.tasks);
    const uint64_t first = tasks_first(l->conf.tasks, iteration);

    group_filter_step(step, iteration, first, l->flat ? ledger_flat(l, first) : NULL,
                      tasks_first(l->conf.tasks, iteration + 1) - first, plan->batch,
                      plan->samples);
}

/* ---- opening */

enum err ledger_open(struct ledger **out, const struct ledger_conf *conf)
{
    const struct tasks_plan *plan = tasks_plan(conf->tasks);
    struct ledger *l = mem_new(1, sizeof *l);
    enum err err = OK;

    *out = NULL;
    l->conf = *conf;
    l->people.conf = conf->people;
    settled_new(&l->settled, plan->samples, plan->eval,
                plan->eval + plan->batch * plan->iterations);
    l->n_answer = tasks_room(conf->tasks);
    if (l->n_answer > PLACES_MAX)
        err = err_set(ERR_RANGE, "%llu tasks: at most %d answers in a run",
                      (unsigned long long)tasks_total(conf->tasks), PLACES_MAX);
    if (!err)
        err = mem_big(&l->place, l->n_answer, 1, "places of the run's samples");
    if (!err)
        err = mem_big(&l->kept, l->n_answer, sizeof *l->kept, "the run's samples");
    if (!err && conf->flat)
        err = mem_big(&l->flat, l->n_answer, 1, "the run's tasks");
    if (!err)
        err = mem_big(&l->version, plan->iterations + 1, sizeof *l->version, "versions");
    if (!err) {
        l->version[0] = conf->first;
        err = journal_open(&l->journal, conf->path, ledger_kinds_visit, l, NULL);
    }
    if (!err && l->newest < conf->base)
        err = err_set(ERR_STATE, "%s: ends before the checkpoint's version %llu", conf->path,
                      (unsigned long long)conf->base);
    /* what lies behind the checkpoint is trained again: its answers must be there */
    for (uint64_t i = conf->base; i < l->newest && !err; i++)
        if (!ledger_batch(l, i, NULL))
            err = err_set(ERR_PARSE, "%s: samples of iteration %llu are missing", conf->path,
                          (unsigned long long)i);
    if (err)
        ledger_close(l);
    else
        *out = l;
    return err;
}

/* What was never settled is nobody else's yet. */
static void group_free(struct ledger_group *group)
{
    for (size_t i = 0; i < group->n; i++)
        record_free(group->item[i].type, group->item[i].what);
    free(group->item);
}

void ledger_close(struct ledger *l)
{
    if (!l)
        return;
    journal_close(l->journal);
    settled_free(l->settled);
    group_free(&l->pending);
    group_free(&l->writing);
    for (uint64_t i = 0; l->kept && i < l->n_answer; i++)
        record_free(JOURNAL_SAMPLE, l->kept[i]);
    free(l->kept);
    free(l->place);
    free(l->flat);
    free(l->version);
    attempts_fini(&l->attempts);
    people_fini(&l->people);
    for (uint32_t i = 0; i < l->n_refused; i++)
        record_fini(JOURNAL_REFUSED, &l->refused[i]);
    free(l->refused);
    record_fields_bytes_fini(&l->bytes_made);
    free(l);
}

/* Its own commit, before anything else is said: the epoch is in HELLO, and a broker that has seen
 * it must find it in the folder after any crash. */
enum err ledger_start(struct ledger *l, const struct id *run)
{
    if (l->started && memcmp(&l->run, run, sizeof *run))
        return err_set(ERR_STATE, "%s: belongs to another run", l->conf.path);
    l->run = *run;
    ledger_note_start(l);
    return ledger_commit(l);
}

/* ---- taking */

void ledger_append(struct ledger *l, enum journal_type type, const void *what)
{
    record_write(&l->bytes_made, type, what);
    journal_append(l->journal, type, l->bytes_made.byte, l->bytes_made.n);
}

void ledger_note(struct ledger *l, enum journal_type type, void *what)
{
    struct ledger_group *const g = &l->pending;

    ledger_append(l, type, what);
    if (g->n == g->room) {
        g->room = 2 * g->room + 64;
        g->item = mem_grow(g->item, g->room, sizeof *g->item);
    }
    g->item[g->n++] = (struct ledger_waiting){type, what};
}

void ledger_note_start(struct ledger *l)
{
    const struct tasks_plan *plan = tasks_plan(l->conf.tasks);
    struct record_start *const start = mem_new(1, sizeof *start);

    *start = (struct record_start){.epoch = l->epoch + 1,
                                   .run = l->run,
                                   .seed = plan->seed,
                                   .before = plan->eval,
                                   .train = plan->batch * plan->iterations,
                                   .after = plan->eval,
                                   .batch = plan->batch};
    ledger_note(l, JOURNAL_START, start);
}

/* Will its task not be trained any more? */
static bool cut_off(const struct ledger *l, uint64_t task)
{
    return l->halting && task >= tasks_first(l->conf.tasks, l->halting) &&
           task < tasks_first(l->conf.tasks, tasks_plan(l->conf.tasks)->iterations);
}

bool ledger_lacks(const struct ledger *l, uint64_t task, uint32_t sample)
{
    return !cut_off(l, task) && task < tasks_total(l->conf.tasks) &&
           sample < tasks_samples(l->conf.tasks, task) &&
           l->place[ledger_index(l, task, sample)] == PLACE_NEW;
}

bool ledger_take(struct ledger *l, struct record_sample *sample)
{
    struct record_sample *own;

    /* in an epoch that ends nothing is taken: what is lowered and what is new would mix */
    if (l->refusing || !ledger_lacks(l, sample->task, sample->sample)) {
        record_fini(JOURNAL_SAMPLE, sample);
        return false;
    }
    own = mem_new(1, sizeof *own);
    *own = *sample;
    memset(sample, 0, sizeof *sample);
    l->place[ledger_index(l, own->task, own->sample)] = PLACE_PENDING;
    ledger_note(l, JOURNAL_SAMPLE, own);
    l->bytes += l->bytes_made.n;
    return true;
}

bool ledger_attempt(struct ledger *l, struct record_attempt *attempt)
{
    /* no item of its own: nobody waits for it, it is durable with whatever comes next */
    const struct record_attempt *own = ledger_lacks(l, attempt->task, attempt->sample)
                                           ? attempts_add(&l->attempts, attempt)
                                           : NULL;

    if (!own) {
        record_fini(JOURNAL_ATTEMPT, attempt);
        return false;
    }
    ledger_append(l, JOURNAL_ATTEMPT, own);
    return true;
}

const struct attempts *ledger_attempts(const struct ledger *l)
{
    return &l->attempts;
}

/* STEP and HALT are one record to the eye: its number says whether training goes on. */
static void note_step(struct ledger *l, uint64_t iteration, const struct hash *next,
                      enum journal_type type)
{
    struct record_step *const step = mem_new(1, sizeof *step);

    assert(iteration == l->newest && ledger_complete(l, iteration));
    ledger_step_of(l, iteration, step);
    step->next = (struct version){iteration + 1, *next};
    ledger_note(l, type, step);
}

void ledger_step(struct ledger *l, uint64_t iteration, const struct hash *next)
{
    note_step(l, iteration, next, JOURNAL_STEP);
}

void ledger_halt(struct ledger *l, uint64_t iteration, const struct hash *next)
{
    assert(iteration + 1 < tasks_plan(l->conf.tasks)->iterations);
    note_step(l, iteration, next, JOURNAL_HALT);
    l->halting = iteration + 1; /* from here on nothing behind it is taken, durable or not */
}

/* The weights' own hash, not the image's: it is what the written model can be held against. */
void ledger_end(struct ledger *l, const struct hash *weights)
{
    struct record_end *const end = mem_new(1, sizeof *end);

    *end = (struct record_end){{l->newest, l->version[l->newest]}, *weights};
    ledger_note(l, JOURNAL_END, end);
}

bool ledger_commit_due(const struct ledger *l)
{
    return !l->busy && journal_pending(l->journal);
}

bool ledger_commit_begin(struct ledger *l, struct journal_group *out)
{
    const struct ledger_group empty = {l->writing.item, 0, l->writing.room};

    if (l->busy || !journal_commit_begin(l->journal, out))
        return false;
    l->writing = l->pending;
    l->pending = empty;
    l->busy = true;
    return true;
}

enum err ledger_commit_end(struct ledger *l)
{
    enum err err = OK;

    journal_commit_end(l->journal);
    l->busy = false;
    for (size_t i = 0; i < l->writing.n && !err; i++) {
        /* in the order of the journal: an answer may be taken back in the group that brought it */
        struct ledger_waiting *const w = &l->writing.item[i];
        err = ledger_kinds_apply(l, w->type, &w->what);
        record_free(w->type, w->what);
        w->what = NULL;
    }
    l->writing.n = 0;
    if (!l->pending.n)
        l->bytes = 0; /* credit is given again once all is on the disk, in few large steps */
    return err;
}

enum err ledger_commit(struct ledger *l)
{
    struct journal_group group;
    enum err err;

    if (!ledger_commit_begin(l, &group))
        return OK;
    err = journal_commit_write(&group);
    return err ? err : ledger_commit_end(l);
}

/* Attempts may still be pending in the journal: nobody waits for those. */
bool ledger_idle(const struct ledger *l)
{
    return !l->busy && !l->pending.n;
}

/* ---- asking */

uint64_t ledger_version(const struct ledger *l)
{
    return l->newest;
}

const struct hash *ledger_hash(const struct ledger *l, uint64_t version)
{
    assert(version <= l->newest);
    return &l->version[version];
}

bool ledger_ended(const struct ledger *l, struct hash *weights)
{
    if (l->ended && weights)
        *weights = l->weights;
    return l->ended;
}

struct settled ledger_settled(struct ledger *l)
{
    return settled_state(l->settled, l->epoch);
}

uint64_t ledger_watermark(const struct ledger *l)
{
    return settled_watermark(l->settled);
}

uint64_t ledger_pending(const struct ledger *l)
{
    return l->bytes;
}

/* Whole groups only: a group that lacks an answer has not been judged. */
uint32_t ledger_flats(const struct ledger *l, uint64_t iteration,
                      const struct record_sample **sample)
{
    const uint64_t first = tasks_first(l->conf.tasks, iteration);
    const uint64_t last = tasks_first(l->conf.tasks, iteration + 1);
    const uint32_t each = tasks_plan(l->conf.tasks)->samples;
    uint32_t n = 0;

    for (uint64_t t = first; l->flat && t < last; t++) {
        if (!*ledger_flat(l, t) || !group_of(l, t, sample ? sample + n : NULL))
            continue;
        n += each;
    }
    return n;
}

uint32_t ledger_batch_size(const struct ledger *l)
{
    const struct tasks_plan *plan = tasks_plan(l->conf.tasks);

    return (uint32_t)plan->batch * plan->samples;
}

bool ledger_batch(const struct ledger *l, uint64_t iteration,
                  const struct record_sample **sample)
{
    struct record_step step;
    bool good =
        iteration < tasks_plan(l->conf.tasks)->iterations && ledger_complete(l, iteration);

    if (!good)
        return false;
    ledger_step_of(l, iteration, &step);
    for (uint32_t i = 0; i < step.n_sample && good; i++) {
        struct record_sample *const kept =
            l->kept[ledger_index(l, step.sample[i].task, step.sample[i].sample)];
        good = kept != NULL;
        if (sample)
            sample[i] = kept;
    }
    record_fini(JOURNAL_STEP, &step);
    return good;
}

/* Their places stay durable: the samples are done with, not lacking. */
void ledger_forget(struct ledger *l, uint64_t iteration)
{
    const size_t first = ledger_index(l, tasks_first(l->conf.tasks, iteration), 0);
    const uint64_t tasks =
        tasks_first(l->conf.tasks, iteration + 1) - tasks_first(l->conf.tasks, iteration);

    for (size_t i = first; i < first + tasks * tasks_plan(l->conf.tasks)->samples; i++) {
        record_free(JOURNAL_SAMPLE, l->kept[i]);
        l->kept[i] = NULL;
    }
    people_forget(&l->people, iteration);
}

/* After a HALT the last evaluation opens only once the watermark has come up to the cut: a broker
 * takes ids in order, and would wait for those between. */
uint64_t ledger_window(const struct ledger *l)
{
    struct tasks *const tasks = l->conf.tasks;
    const uint64_t from = tasks_first(tasks, l->newest);

    if (l->halted && settled_watermark(l->settled) < from) /* the broker knows of no gap yet */
        return from;
    return tasks_window(tasks, l->newest, 0);
}

bool ledger_refusing(const struct ledger *l)
{
    return l->refusing;
}

uint64_t ledger_epoch(const struct ledger *l)
{
    return l->epoch;
}
