/* refused: answers that the learner found false.
 *
 * What is still here of one goes, and the sample is given out again: it does not count as a
 * failed attempt, for nobody said that the work could not be done. A false score costs the
 * whole answer, too: that is rare, and keeps scores and rollouts whole. Where scorers judge
 * groups, all of the group is made again. REFUSED may speak of what was settled, of another
 * task's time, or of nothing that is here: it counts against its writer all the same, once. */

#include "broker/refused.h"

#include "broker/blame.h"

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

static struct broker_member *writer_of(const struct broker *b, const struct origin *who)
{
    for (struct broker_member *m = b->first; m; m = m->next)
        if (!memcmp(&m->id, &who->peer, sizeof m->id) && hash_same(&m->origin.key, &who->key) &&
            !strcmp(m->origin.address, who->address))
            return m;
    return NULL;
}

enum err refused_on_refused(struct broker *b, struct broker_member *from, const struct msg *msg,
                            int64_t now)
{
    const struct msg_refused *m = &msg->refused;
    struct suspects_name name = {.task = m->task, .sample = m->sample, .hash = m->hash};
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
    news = suspects_note(b, &name, m->words, now);
    writer = writer_of(b, &who);
    if (news && writer && writer->greeted) {
        struct msg on = *msg;

        broker_send(b, writer, &on);
    }
    if (here && writer &&
        b->sink.strike) /* its form alone is wrong: no correct peer does that */
        b->sink.strike(b->sink.self, writer->link, m->words);
    grant_work(b, now);
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

    if (!suspects_note(b, &name, words, now_ms))
        return;
    suspects_free(b, now_ms);
    if (b->run.learner && b->run.learner->greeted)
        broker_send(b, b->run.learner, &msg); /* unsent: only a note is lost */
}
