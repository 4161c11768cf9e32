/* Pairs are said as the journal has them, the oldest first, those that are still young enough to be
 * learnt; a few at a time, until the store has them. Which it has is known to this process alone:
 * another one, or another annotator (HB says so by another number), is told all of them again, and
 * the store knows each by its id.
 *
 * A judgement is answered at once if it is none, or known and durable; else it is noted, waits in
 * `asked` for its group, and is answered then. Nothing of the run waits for any of it. */

#include "learner/fleet/fleet_people.h"

#include "base/log.h"
#include "base/mem.h"
#include "learner/context/run_people.h"
#include "learner/journal/ledger_people.h"
#include "proto/limit.h"
#include "proto/text.h"

#include <stdlib.h>
#include <string.h>

enum { ASKED = MAX_PAIRS }; /* the broker lets fewer wait */

struct fleet_people {
    struct run_context *run;
    uint64_t annotator; /* as the last HB had it; 0: none is here */
    uint32_t under_way; /* pairs that were sent to it and are not acknowledged */
    int64_t first;      /* no pair before it is to be said any more */
    struct record_judgement asked[ASKED];
    uint32_t n_asked;
    bool told; /* a judgement was none: said once */
};

void fleet_people_new(struct fleet_people **out, struct run_context *run)
{
    struct fleet_people *p = mem_new(1, sizeof *p);

    p->run = run;
    *out = p;
}

void fleet_people_free(struct fleet_people *p)
{
    free(p);
}

/* ---- pairs */

static enum err say_pair(struct fleet_people *p, struct fleet_link *link,
                         const struct people_pair *pair, bool *sent)
{
    const struct prompt *const prompt = run_context_prompt(p->run, pair->of.task);
    char *const a = run_people_text(p->run, pair->body[0]);
    char *const b = run_people_text(p->run, pair->body[1]);
    struct msg msg = {.head.type = MSG_EXPORT,
                      .export = {.pair = pair->id,
                                 .task = pair->of.task,
                                 .iteration = pair->iteration,
                                 .version = pair->of.version,
                                 .max_age = p->run->plan.people.max_age,
                                 .chat = prompt->chat,
                                 .prompt = prompt->shown,
                                 .a = {pair->of.a, pair->of.hash_a, a},
                                 .b = {pair->of.b, pair->of.hash_b, b}}};
    /* it was chosen because it can be shown */
    const enum err err = a && b ? fleet_link_say(link, &msg, sent) : OK;

    free(a);
    free(b);
    return err;
}

/* In the journal's order. `first` moves over what is done with, so that a long run is not gone through
 * again with each heartbeat. */
static enum err say_pairs(struct fleet_people *p, struct fleet_link *link)
{
    const struct people *const people = ledger_people(p->run->ledger);
    const uint64_t version = ledger_version(p->run->ledger);
    enum err err = OK;

    for (int64_t i = p->first; i < people->n_pair && p->annotator && !err; i++) {
        const struct people_pair *const pair = &people->pair[i];
        const bool young = people_young(people, &pair->of, version) && pair->body[0];
        bool sent = false;

        if (p->under_way >= WINDOW_EXPORTS)
            break;
        if (i == p->first && (!young || pair->way == PEOPLE_STORED))
            p->first++;
        if (!young || pair->way != PEOPLE_HERE)
            continue;
        err = say_pair(p, link, pair, &sent);
        if (!sent) /* no connection, or a full pipe: with the next heartbeat */
            break;
        ledger_people_way(p->run->ledger, i, PEOPLE_SENT);
        p->under_way++;
    }
    return err;
}

/* Another annotator, or the same on another connection: what was under way may be lost. */
static void take_annotator(struct fleet_people *p, uint64_t annotator)
{
    const struct people *const people = ledger_people(p->run->ledger);

    if (annotator == p->annotator)
        return;
    if (annotator && !p->annotator)
        progress_line(&p->run->progress, "an annotator is here: pairs go to people");
    else if (!annotator)
        progress_line(&p->run->progress,
                      "the annotator is gone: the run goes on, pairs wait for the next");
    p->annotator = annotator;
    p->under_way = 0;
    for (int64_t i = p->first; i < people->n_pair; i++)
        if (people->pair[i].way == PEOPLE_SENT)
            ledger_people_way(p->run->ledger, i, PEOPLE_HERE);
}

/* Ids that were never said are passed over: the annotator's word moves nothing else. */
static void stored(struct fleet_people *p, const struct msg_export_ok *ok)
{
    const struct people *const people = ledger_people(p->run->ledger);

    for (uint32_t i = 0; i < ok->n_pair; i++) {
        const int64_t at = people_find(people, &ok->pair[i]);

        if (at == PEOPLE_NONE || people->pair[at].way == PEOPLE_STORED)
            continue;
        if (people->pair[at].way == PEOPLE_SENT)
            p->under_way--;
        ledger_people_way(p->run->ledger, at, PEOPLE_STORED);
    }
}

/* ---- judgements */

/* Lost, it is asked for again: JUDGEMENT stays in the store's list until it is named here. */
static enum err answer(struct fleet_link *link, const struct id *id, uint32_t n,
                       const uint32_t *answers)
{
    struct msg msg = {.head.type = MSG_JUDGED, .judged = {id, answers, n}};

    return fleet_link_say(link, &msg, NULL); /* unsent: it is asked again */
}

/* Once: who says it again and again shall not fill the terminal. The figure goes on counting. */
static void tell_none(struct fleet_people *p, enum judged_answer why)
{
    static const char *const words[JUDGED_ANSWERS] = {
        [JUDGED_UNKNOWN] = "of a pair that this run did not ask about, or takes back nothing",
        [JUDGED_OTHER] = "of other answers, or of another person, than it says",
        [JUDGED_MANY] = "one more than is kept of its pair"};

    if (p->told)
        return;
    p->told = true;
    progress_line(&p->run->progress,
                  "a judgement was not taken: %s (counted as people/unknown; said once)",
                  words[why]);
}

/* Believed as far as it agrees with what was asked, no further. */
static enum err judgement(struct fleet_people *p, struct fleet_link *link,
                          const struct msg_judgement *j)
{
    bool durable = false;
    enum judged_answer is;

    if (p->n_asked == ASKED)
        return OK; /* no broker lets so many wait: it is said again */
    is = ledger_people_judge(p->run->ledger, j, &durable);
    if (is != JUDGED_KEPT)
        tell_none(p, is);
    if (is != JUDGED_KEPT || durable)
        return answer(link, &j->id, 1, &(uint32_t){is});
    p->asked[p->n_asked++] = (struct record_judgement){j->pair, j->id};
    return OK;
}

/* All of the group's that are durable, in one message; what came after it was written waits on. */
enum err fleet_people_settle(struct fleet_people *p, struct fleet_link *link)
{
    const struct people *const people = ledger_people(p->run->ledger);
    struct id id[ASKED];
    uint32_t kept[ASKED], n = 0, left = 0;
    enum err err = OK;

    for (uint32_t i = 0; i < p->n_asked; i++) {
        const struct record_judgement *const asked = &p->asked[i];

        if (people_is_durable(people, &asked->pair, &asked->id)) {
            kept[n] = JUDGED_KEPT;
            id[n++] = asked->id;
        } else {
            p->asked[left++] = *asked;
        }
    }
    p->n_asked = left;
    if (n)
        err = answer(link, id, n, kept);
    return err ? err : say_pairs(p, link);
}

enum err fleet_people_hear(struct fleet_people *p, struct fleet_link *link,
                           const struct msg *msg)
{
    if (!p->run->plan.people.per_iteration) /* nobody is asked: what is said is about nothing */
        return msg->head.type == MSG_JUDGEMENT
                   ? answer(link, &msg->judgement.id, 1, &(uint32_t){JUDGED_UNKNOWN})
                   : OK;
    switch (msg->head.type) {
    case MSG_HB:
        take_annotator(p, msg->hb.annotator);
        return say_pairs(p, link);
    case MSG_EXPORT_OK:
        stored(p, &msg->export_ok);
        return say_pairs(p, link);
    case MSG_JUDGEMENT:
        return judgement(p, link, &msg->judgement);
    default:
        return OK;
    }
}
