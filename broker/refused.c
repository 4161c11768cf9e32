/* refused: answers that the learner found false.
 *
 * What is still here of one goes, and the sample is given out again: it does not count as a
 * failed attempt, for nobody said that the work could not be done. A false score costs the
 * whole answer, too: that is rare, and keeps scores and rollouts whole. Where scorers judge
 * groups, all of the group is made again. REFUSED may speak of what was settled, of another
 * task's time, or of nothing that is here: it counts against its writer all the same, once. */

#include "broker/refused.h"

#include "broker/blame.h"
#include "broker/hold.h"
#include "broker/to_learner.h"

#include <stdlib.h>
#include <string.h>

static bool has_body(const struct open_sample *sample)
{
    return sample->state == SAMPLE_SCORING || sample->state == SAMPLE_READY;
}

/* True: it was here. */
static bool take_back(struct broker *b, const struct msg_refused *m, int64_t now_ms)
{
    struct open_task *task = tasks_find(&b->tasks, m->task);
    const struct open_sample *at = tasks_sample(&b->tasks, m->task, m->sample);

    if (!at || task->epoch != b->run.epoch || !has_body(at) ||
        !hash_same(&at->body->hash, &m->hash))
        return false;
    for (uint32_t i = 0; i < task->def->samples; i++)
        if ((task->whole || i == m->sample) && has_body(&task->sample[i]))
            tasks_take_back(&b->tasks, task, i, now_ms);
    b->counters.reissued++;
    return true;
}

/* All three: whoever took over an id has another key, or comes from elsewhere. */
static struct broker_member *writer_of(const struct broker *b, const struct origin *who)
{
    for (struct broker_member *m = b->members.first; m; m = m->next)
        if (!memcmp(&m->id, &who->peer, sizeof m->id) && hash_same(&m->origin.key, &who->key) &&
            !strcmp(m->origin.address, who->address))
            return m;
    return NULL;
}

/* Somebody new is set aside: what it has in hand goes to others. */
static void free_hands(struct broker *b, int64_t now_ms)
{
    suspects_look(&b->suspects, &b->run, &b->members);
    for (struct broker_member *m = b->members.first; m; m = m->next)
        if (m->role == ROLE_ACTOR && m->leases && !suspects_may(&b->suspects, &b->run, m))
            hold_take_all_back(b, m, now_ms);
}

enum err refused_on_refused(struct broker *b, struct broker_member *from, const struct msg *msg,
                            int64_t now)
{
    const struct msg_refused *m = &msg->refused;
    struct suspects_name name = {.task = m->task, .sample = m->sample, .hash = m->hash};
    /* First of all: blame_false notes a try only of what is to be done again. */
    const bool here = take_back(b, m, now);
    struct broker_member *writer;
    static const struct hash no_scorer;
    struct origin who;
    bool news;

    (void)from;
    origin_take(&who, &m->writer);
    name.who = who;
    if (hash_same(&m->scorer, &no_scorer) && tasks_sample(&b->tasks, m->task, m->sample))
        blame_false(b, tasks_sample(&b->tasks, m->task, m->sample), &who, m->words);
    news = suspects_note(&b->suspects, &b->members, &name, m->words, now);
    if (news)
        free_hands(b, now);
    writer = writer_of(b, &who);
    if (news && writer && writer->greeted) {
        struct msg on = *msg;

        outbox_put(&b->outbox, writer, &on);
    }
    if (here && writer) /* its form alone is wrong: no correct peer does that */
        outbox_strike(&b->outbox, writer, m->words);
    return OK;
}

void refused_tell(struct broker *b, const struct broker_member *from,
                  const struct rollout *rollout, const char *words, int64_t now_ms)
{
    const struct suspects_name name = {rollout->task, rollout->sample, rollout->hash,
                                       from->origin};
    struct msg msg = {.head.type = MSG_REFUSED,
                      .refused = {.task = rollout->task,
                                  .sample = rollout->sample,
                                  .hash = rollout->hash,
                                  .writer = origin_writer(&from->origin),
                                  .words = words}};

    if (!suspects_note(&b->suspects, &b->members, &name, words, now_ms))
        return;
    free_hands(b, now_ms);
    to_learner_tell(b, &msg);
}
