/* Lists in the order of the journal, which fixes every choice: what an iteration may learn is asked
 * of the whole list each time, so that nothing has to be remembered but what was said and learnt.
 * Pairs are found by their ids, which are hashes of our own; what was said of a pair is a list of
 * its own, bounded, in which ids that others invented are looked for one by one.
 *
 * Answers of a pair are copies: its iteration's batch is forgotten long before somebody has read
 * them. They go once no iteration to come may learn them. */

#include "learner/journal/people.h"

#include "base/mem.h"
#include "proto/digest.h"

#include <stdlib.h>
#include <string.h>

static bool same(const struct id *a, const struct id *b)
{
    return !memcmp(a, b, sizeof *a);
}

static bool is_undo(const struct record_judged *judged)
{
    static const struct id none;

    return !same(&judged->undo, &none);
}

/* Its name stays: what is said of it later has to be answered. */
static void drop_bodies(struct people_pair *pair)
{
    for (int i = 0; i < 2; i++) {
        record_free(JOURNAL_SAMPLE, pair->body[i]);
        pair->body[i] = NULL;
    }
}

void people_fini(struct people *p)
{
    for (int64_t i = 0; i < p->n_pair; i++)
        drop_bodies(&p->pair[i]);
    for (int64_t i = 0; i < p->n_said; i++)
        record_free(JOURNAL_JUDGED, p->said[i].what);
    for (size_t i = 0; i < p->n_step; i++)
        record_free(JOURNAL_PEOPLE, p->step[i]);
    free(p->pair);
    free(p->said);
    free(p->place);
    free(p->step);
    free(p->refreshed);
    memset(p, 0, sizeof *p);
}

/* ---- pairs */

/* Where it is, or where it would be. The ids are hashes that nobody chooses, so their first bytes
 * are as good as any. */
static size_t slot_of(const struct people *p, const struct id *id)
{
    uint64_t x;
    size_t at;

    memcpy(&x, id, sizeof x);
    for (at = (size_t)x & (p->places - 1); p->place[at] != PEOPLE_NONE;
         at = (at + 1) & (p->places - 1))
        if (same(&p->pair[p->place[at]].id, id))
            break;
    return at;
}

int64_t people_find(const struct people *p, const struct id *pair)
{
    return p->places ? p->place[slot_of(p, pair)] : PEOPLE_NONE;
}

/* Half of the places are free. */
static void make_room(struct people *p)
{
    if (2 * ((size_t)p->n_pair + 1) <= p->places)
        return;
    p->places = p->places ? 2 * p->places : 64;
    free(p->place);
    p->place = mem_new(p->places, sizeof *p->place);
    for (size_t i = 0; i < p->places; i++)
        p->place[i] = PEOPLE_NONE;
    for (int64_t i = 0; i < p->n_pair; i++)
        p->place[slot_of(p, &p->pair[i].id)] = i;
}

bool people_young(const struct people *p, const struct record_pair *pair, uint64_t iteration)
{
    return iteration <= pair->version.number ||
           iteration - pair->version.number <= p->conf.max_age;
}

/* As any peer would name it: docs/PROTOCOL.md §1.2. */
static struct id name_of(const struct people *p, const struct record_pair *of)
{
    const struct msg_export pair = {
        .task = of->task, .a = {of->a, of->hash_a, NULL}, .b = {of->b, of->hash_b, NULL}};

    return digest_pair(&p->run, &pair);
}

bool people_add(struct people *p, uint64_t iteration, const struct record_pair *of,
                struct record_sample *a, struct record_sample *b)
{
    struct people_pair pair = {.id = name_of(p, of),
                               .of = *of,
                               .iteration = iteration,
                               .body = {a, b},
                               .first = PEOPLE_NONE,
                               .last = PEOPLE_NONE};

    if (people_find(p, &pair.id) != PEOPLE_NONE) {
        drop_bodies(&pair);
        return false;
    }
    if ((size_t)p->n_pair == p->room_pair) {
        p->room_pair = 2 * p->room_pair + 16;
        p->pair = mem_grow(p->pair, p->room_pair, sizeof *p->pair);
    }
    make_room(p);
    p->place[slot_of(p, &pair.id)] = p->n_pair;
    p->pair[p->n_pair++] = pair;
    return true;
}

/* ---- what was said */

/* One of the pair's list, which is short: ids in it are inventions of others, who may have invented
 * the same one for two pairs. */
static int64_t said_of(const struct people *p, int64_t pair, const struct id *id)
{
    int64_t i = p->pair[pair].first;

    while (i != PEOPLE_NONE && !same(&p->said[i].what->id, id))
        i = p->said[i].next;
    return i;
}

/* Taken back by one that is durable or on its way there. */
static bool is_undone(const struct people *p, int64_t said)
{
    int64_t i = p->said[said].next;

    while (i != PEOPLE_NONE && !same(&p->said[i].what->undo, &p->said[said].what->id))
        i = p->said[i].next;
    return i != PEOPLE_NONE;
}

/* A judgement of this person that stands, durable or not. */
static bool stands(const struct people *p, int64_t pair, const char *annotator)
{
    for (int64_t i = p->pair[pair].first; i != PEOPLE_NONE; i = p->said[i].next)
        if (!is_undo(p->said[i].what) && !strcmp(p->said[i].what->annotator, annotator) &&
            !is_undone(p, i))
            return true;
    return false;
}

/* One that takes back: what it names is there, this person's, and was not taken back. */
static enum judged_answer judge_undo(const struct people *p, int64_t pair,
                                     const struct id *undo, const char *annotator)
{
    const int64_t target = said_of(p, pair, undo);

    if (target == PEOPLE_NONE || is_undo(p->said[target].what))
        return JUDGED_UNKNOWN;
    if (strcmp(p->said[target].what->annotator, annotator))
        return JUDGED_OTHER;
    return is_undone(p, target) ? JUDGED_UNKNOWN : JUDGED_KEPT;
}

/* Of an id that is new to its pair. The list's end counts for undoings, too: else one person could
 * judge and take back for ever. */
static enum judged_answer judge_new(const struct people *p, int64_t pair, const struct id *undo,
                                    const char *annotator)
{
    static const struct id none;

    if (p->pair[pair].n_said >= PEOPLE_SAID)
        return JUDGED_MANY;
    if (!same(undo, &none))
        return judge_undo(p, pair, undo, annotator);
    return stands(p, pair, annotator) ? JUDGED_MANY : JUDGED_KEPT;
}

enum judged_answer people_judge(const struct people *p, const struct msg_judgement *j,
                                bool *known, bool *durable)
{
    const int64_t pair = people_find(p, &j->pair);
    int64_t said;

    *known = *durable = false;
    if (pair == PEOPLE_NONE)
        return JUDGED_UNKNOWN;
    if (!hash_same(&p->pair[pair].of.hash_a, &j->a) ||
        !hash_same(&p->pair[pair].of.hash_b, &j->b))
        return JUDGED_OTHER;
    said = said_of(p, pair, &j->id);
    if (said == PEOPLE_NONE)
        return judge_new(p, pair, &j->undo, j->annotator);
    if (p->said[said].what->verdict != j->verdict ||
        !same(&p->said[said].what->undo, &j->undo) ||
        strcmp(p->said[said].what->annotator, j->annotator))
        return JUDGED_OTHER;
    *known = true;
    *durable = p->said[said].durable;
    return JUDGED_KEPT;
}

/* The record that was noted goes with its group. */
static struct record_judged *copy_of(const struct record_judged *from)
{
    struct record_judged *own = mem_new(1, sizeof *own);

    *own = *from;
    own->annotator = mem_text(from->annotator);
    return own;
}

void people_note(struct people *p, const struct record_judged *judged)
{
    const int64_t at = people_find(p, &judged->pair);
    struct people_pair *const pair = &p->pair[at];

    if ((size_t)p->n_said == p->room_said) {
        p->room_said = 2 * p->room_said + 64;
        p->said = mem_grow(p->said, p->room_said, sizeof *p->said);
    }
    p->said[p->n_said] =
        (struct people_said){.what = copy_of(judged), .pair = at, .next = PEOPLE_NONE};
    if (pair->last == PEOPLE_NONE)
        pair->first = p->n_said;
    else
        p->said[pair->last].next = p->n_said;
    pair->last = p->n_said++;
    pair->n_said++;
}

/* Written, it was noted before and only becomes durable; read, it has to be one that would have been
 * noted here, since what follows from it must be the same. */
bool people_durable(struct people *p, const struct record_judged *judged)
{
    const int64_t pair = people_find(p, &judged->pair);
    int64_t said, target;

    if (pair == PEOPLE_NONE)
        return false;
    said = said_of(p, pair, &judged->id);
    if (said == PEOPLE_NONE) { /* it is read: as strictly as it was taken */
        if (judged->verdict > VERDICT_BOTH_BAD || !judged->verdict != is_undo(judged) ||
            judge_new(p, pair, &judged->undo, judged->annotator) != JUDGED_KEPT)
            return false;
        people_note(p, judged);
        said = p->n_said - 1;
    }
    p->said[said].durable = true;
    target = is_undo(judged) ? said_of(p, pair, &judged->undo) : PEOPLE_NONE;
    if (target != PEOPLE_NONE)
        p->said[target].undone = true;
    return true;
}

bool people_is_durable(const struct people *p, const struct id *pair,
                       const struct id *judgement)
{
    const int64_t at = people_find(p, pair);
    const int64_t said = at == PEOPLE_NONE ? PEOPLE_NONE : said_of(p, at, judgement);

    return said != PEOPLE_NONE && p->said[said].durable;
}

/* ---- what is learnt */

/* One that says which of the two is better. */
static bool is_kept(const struct people_said *said)
{
    return said->durable && !said->undone &&
           (said->what->verdict == VERDICT_A || said->what->verdict == VERDICT_B);
}

/* ... and was not learnt yet. */
static bool is_open(const struct people_said *said)
{
    return is_kept(said) && !said->trained;
}

/* Whatever learnt it as a pair: a reward model is another model. */
size_t people_kept(const struct people *p, int64_t **out)
{
    size_t n = 0;

    *out = mem_new((size_t)p->n_said + 1, sizeof **out);
    for (int64_t i = 0; i < p->n_said; i++)
        if (is_kept(&p->said[i]) && p->pair[p->said[i].pair].body[0])
            (*out)[n++] = i;
    return n;
}

/* From the newest on: mostly it is that. */
const struct record_refreshed *people_refreshed(const struct people *p, uint64_t iteration)
{
    size_t n = p->n_refreshed;

    while (n && p->refreshed[n - 1].iteration >= iteration)
        n--;
    return n ? &p->refreshed[n - 1] : NULL;
}

void people_refresh(struct people *p, const struct record_refreshed *record)
{
    p->refreshed = mem_grow(p->refreshed, p->n_refreshed + 1, sizeof *p->refreshed);
    p->refreshed[p->n_refreshed++] = *record;
}

/* Pairs without answers were too old for an iteration before, and so for this one. */
size_t people_due(const struct people *p, uint64_t iteration, int64_t **out)
{
    size_t n = 0;

    *out = mem_new((size_t)p->n_said + 1, sizeof **out);
    for (int64_t i = 0; i < p->n_said; i++)
        if (is_open(&p->said[i]) && p->pair[p->said[i].pair].body[0] &&
            people_young(p, &p->pair[p->said[i].pair].of, iteration))
            (*out)[n++] = i;
    return n;
}

/* Somebody's judgement of it stands, a tie as well. */
static bool is_judged(const struct people *p, const struct people_pair *pair)
{
    for (int64_t i = pair->first; i != PEOPLE_NONE; i = p->said[i].next)
        if (p->said[i].durable && !p->said[i].undone && !is_undo(p->said[i].what))
            return true;
    return false;
}

/* Counted from what is there, each time: nothing that could come apart from it. Only what was refused
 * leaves no trace but its number. */
struct record_people_counts people_counts(const struct people *p, uint64_t iteration,
                                          size_t due, size_t more)
{
    struct record_people_counts out = {.exported = (uint64_t)p->n_pair + more,
                                       .trained = due,
                                       .unknown = p->unknown,
                                       .waiting = more};

    for (int64_t i = 0; i < p->n_said; i++) {
        const struct people_said *const said = &p->said[i];
        out.judged += said->durable && !is_undo(said->what);
        out.trained += said->trained != 0;
        out.taken_back += said->trained && said->undone;
        out.too_old += is_open(said) && !people_young(p, &p->pair[said->pair].of, iteration);
    }
    for (int64_t i = 0; i < p->n_pair; i++)
        out.waiting +=
            people_young(p, &p->pair[i].of, iteration + 1) && !is_judged(p, &p->pair[i]);
    return out;
}

static int64_t named(const struct people *p, const struct record_judgement *name)
{
    const int64_t pair = people_find(p, &name->pair);

    return pair == PEOPLE_NONE ? PEOPLE_NONE : said_of(p, pair, &name->id);
}

const struct people_said *people_named(const struct people *p,
                                       const struct record_judgement *name)
{
    const int64_t said = named(p, name);

    return said == PEOPLE_NONE ? NULL : &p->said[said];
}

/* What was taken back meanwhile is learnt all the same: its iteration was under way. */
bool people_learn(struct people *p, struct record_people *record)
{
    bool good = true;

    for (uint32_t i = 0; i < record->n_judgement && good; i++) {
        const int64_t said = named(p, &record->judgement[i]);
        good = said != PEOPLE_NONE && p->said[said].durable && !p->said[said].trained &&
               (p->said[said].what->verdict == VERDICT_A ||
                p->said[said].what->verdict == VERDICT_B);
        if (good)
            p->said[said].trained = record->iteration + 1;
    }
    if (p->unknown < record->counts.unknown)
        p->unknown = record->counts.unknown;
    if (p->n_step == p->room_step) {
        p->room_step = 2 * p->room_step + 8;
        p->step = mem_grow(p->step, p->room_step, sizeof *p->step);
    }
    p->step[p->n_step++] = record;
    return good;
}

const struct record_people *people_of(const struct people *p, uint64_t iteration)
{
    for (size_t i = 0; i < p->n_step; i++)
        if (p->step[i]->iteration == iteration)
            return p->step[i];
    return NULL;
}

/* Records wait for a replay that may need them, answers for iterations that may learn them. */
void people_forget(struct people *p, uint64_t iteration)
{
    size_t kept = 0;

    for (size_t i = 0; i < p->n_step; i++) {
        if (p->step[i]->iteration <= iteration)
            record_free(JOURNAL_PEOPLE, p->step[i]);
        else
            p->step[kept++] = p->step[i];
    }
    p->n_step = kept;
    for (int64_t i = 0; i < p->n_pair; i++)
        if (!p->conf.keep && !people_young(p, &p->pair[i].of, iteration + 1))
            drop_bodies(&p->pair[i]);
}
