/* People's records are like all others: noted into the group, done once they are durable, and done
 * again as they are read (ledger_kinds.c). A pair is of answers whose iteration has its STEP in the
 * same group: nobody is asked about an answer that may still turn out to be false. PEOPLE is there
 * too, so that what an iteration learnt and what came of it are known together or not at all. */

#include "learner/journal/ledger_people.h"

#include "base/mem.h"
#include "learner/journal/ledger_state.h"

#include <stdlib.h>
#include <string.h>

const struct people *ledger_people(const struct ledger *l)
{
    return &l->people;
}

void ledger_people_way(struct ledger *l, int64_t pair, enum people_way way)
{
    l->people.pair[pair].way = way;
}

static void older(struct version *oldest, const struct record_sample *s)
{
    for (uint32_t i = 0; i < s->n_span; i++)
        if (s->span[i].version.number < oldest->number)
            *oldest = s->span[i].version;
}

struct version ledger_people_version(const struct record_sample *a,
                                     const struct record_sample *b)
{
    struct version oldest = {UINT64_MAX, {{0}}};

    older(&oldest, a);
    older(&oldest, b);
    return oldest;
}

void ledger_people_export(struct ledger *l, struct record_exported *exported)
{
    ledger_note(l, JOURNAL_EXPORTED, exported);
}

void ledger_people_learn(struct ledger *l, struct record_people *people)
{
    ledger_note(l, JOURNAL_PEOPLE, people);
}

enum judged_answer ledger_people_judge(struct ledger *l, const struct msg_judgement *j,
                                       bool *durable)
{
    bool known;
    const enum judged_answer answer = people_judge(&l->people, j, &known, durable);
    struct record_judged *own;

    l->people.unknown += answer != JUDGED_KEPT;
    if (answer != JUDGED_KEPT || known)
        return answer;
    own = mem_new(1, sizeof *own);
    *own = (struct record_judged){.id = j->id,
                                  .pair = j->pair,
                                  .verdict = j->verdict,
                                  .undo = j->undo,
                                  .annotator = mem_text(j->annotator)};
    people_note(&l->people, own);
    ledger_note(l, JOURNAL_JUDGED, own);
    return answer;
}

/* ---- records that are durable */

/* The answer of an iteration that is not forgotten; NULL: there is none. */
static const struct record_sample *answer_of(const struct ledger *l, uint64_t task,
                                             uint32_t sample)
{
    if (task >= tasks_total(l->conf.tasks) || sample >= tasks_samples(l->conf.tasks, task))
        return NULL;
    return l->kept[ledger_index(l, task, sample)];
}

static bool is_pair(const struct ledger *l, const struct record_pair *pair)
{
    const struct record_sample *const a = answer_of(l, pair->task, pair->a);
    const struct record_sample *const b = answer_of(l, pair->task, pair->b);
    struct version version;

    if (!a || !b || a == b || !hash_same(&a->hash, &pair->hash_a) ||
        !hash_same(&b->hash, &pair->hash_b))
        return false;
    version = ledger_people_version(a, b);
    return version.number == pair->version.number &&
           hash_same(&version.hash, &pair->version.hash);
}

enum err ledger_people_check_exported(const struct ledger *l, const void *what)
{
    const struct record_exported *const exported = what;

    for (uint32_t i = 0; i < exported->n_pair; i++)
        if (exported->iteration != l->newest || !is_pair(l, &exported->pair[i]))
            return err_set(ERR_PARSE,
                           "EXPORTED of iteration %llu: no such answers to task %llu",
                           (unsigned long long)exported->iteration,
                           (unsigned long long)exported->pair[i].task);
    return OK;
}

static struct record_sample *copy_of(struct ledger *l, const struct record_sample *from)
{
    void *copy = NULL;

    record_write(&l->bytes_made, JOURNAL_SAMPLE, from);
    if (record_new(&copy, JOURNAL_SAMPLE, l->bytes_made.byte, l->bytes_made.n))
        return NULL; /* what was written just now is read */
    return copy;
}

enum err ledger_people_apply_exported(struct ledger *l, void **what)
{
    const struct record_exported *const exported = *what;

    l->people.run = l->run;
    for (uint32_t i = 0; i < exported->n_pair; i++) {
        const struct record_pair *const pair = &exported->pair[i];

        if (!people_add(&l->people, exported->iteration, pair,
                        copy_of(l, answer_of(l, pair->task, pair->a)),
                        copy_of(l, answer_of(l, pair->task, pair->b))))
            return err_set(ERR_PARSE, "EXPORTED of task %llu twice",
                           (unsigned long long)pair->task);
    }
    return OK;
}

enum err ledger_people_apply_judged(struct ledger *l, void **what)
{
    return people_durable(&l->people, *what)
               ? OK
               : err_set(ERR_PARSE, "JUDGED: of no pair, or what it says cannot be");
}

enum err ledger_people_check_refreshed(const struct ledger *l, const void *what)
{
    const struct record_refreshed *const refreshed = what;

    return refreshed->iteration == l->newest
               ? OK
               : err_set(ERR_PARSE, "REFRESHED in iteration %llu where %llu was to come",
                         (unsigned long long)refreshed->iteration,
                         (unsigned long long)l->newest);
}

/* The owner's table names another image from here on. */
enum err ledger_people_apply_refreshed(struct ledger *l, void **what)
{
    people_refresh(&l->people, *what);
    if (l->conf.refreshed)
        l->conf.refreshed(l->conf.self_refreshed, *what);
    return OK;
}

enum err ledger_people_check_learnt(const struct ledger *l, const void *what)
{
    const struct record_people *const people = what;

    return people->iteration == l->newest
               ? OK
               : err_set(ERR_PARSE, "PEOPLE of iteration %llu where %llu was to come",
                         (unsigned long long)people->iteration, (unsigned long long)l->newest);
}

enum err ledger_people_apply_learnt(struct ledger *l, void **what)
{
    struct record_people *const people = *what;

    *what = NULL;
    return people_learn(&l->people, people)
               ? OK
               : err_set(ERR_PARSE,
                         "PEOPLE: a judgement that is not there, or was learnt before");
}
