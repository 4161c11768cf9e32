/* An answer is a pure function of its task (docs/PROTOCOL.md §1.1): two of them that differ,
 * both under the wanted version, prove that somebody lies or computes otherwise. Who, only the
 * learner can tell: it computes the first one again in its training pass. */

#include "broker/verify.h"

#include "base/log.h"
#include "broker/blame.h"
#include "broker/hold.h"
#include "broker/room.h"
#include "proto/answer.h"
#include "proto/text.h"

#include <string.h>

/* Who brings what cannot be an answer rests a second, twice as long with each more, up to a
 * minute: else it would be the first with room again, and get the same sample. */
enum { REST_MS = 1000, DOUBLINGS = 6 };

/* Versions after form: each span may be of another one, but only of such as the learner
 * announced. That the numbers are those of the version it tests itself. */
enum err verify_rollout(const struct broker *b, const struct open_task *task,
                        const struct rollout *rollout)
{
    enum err err = answer_check(task->def, rollout, b->run.vocabulary);

    for (uint32_t i = 0; i < rollout->n_span && !err; i++)
        err = run_announced(&b->run, &rollout->span[i].version);
    return err;
}

void verify_reject(struct broker *b, struct broker_member *from, struct open_task *task,
                   uint32_t sample, int64_t now_ms)
{
    struct open_sample *at = sample < task->def->samples ? &task->sample[sample] : NULL;
    char words[MEMBERS_WORDS];

    /* What follows may set words of its own. */
    text_print(words, sizeof words, "%s", err_text());
    text_print(from->error, sizeof from->error, "%s", err_text());
    log_warn("bad-answer", "peer=%s task=%llu sample=%u reason=\"%s\"", from->name,
             (unsigned long long)task->def->id, sample, err_text());
    room_rest(from, (int64_t)REST_MS << (from->bad < DOUBLINGS ? from->bad : DOUBLINGS),
              now_ms);
    from->bad++;
    /* Brought unasked: whoever has the sample in hand is not to lose it for that. */
    if (!at || at->state != SAMPLE_LEASED || b->leases.slot[at->lease].holder != from)
        return;
    hold_release(b, at, from);
    tasks_move(&b->tasks, task, sample, SAMPLE_WAITING, now_ms);
    b->counters.reissued++;
    blame_actor(b, task, sample, from, words, now_ms);
    at->not_before_ms = now_ms; /* others at once, then the learner's own */
}

void verify_second(struct broker *b, struct broker_member *from, const struct open_task *task,
                   const struct rollout *rollout)
{
    static const struct hash any;
    const struct open_sample *at = &task->sample[rollout->sample];

    /* Where any version will do, two honest answers may differ. */
    if (hash_same(&task->def->version.hash, &any) ||
        hash_same(&at->body->hash, &rollout->hash)) {
        b->counters.duplicates++;
        return;
    }
    b->counters.disputed++;
    text_print(from->error, sizeof from->error, "task %llu sample %u: two answers differ",
               (unsigned long long)task->def->id, rollout->sample);
    log_warn("disputed", "task=%llu sample=%u peer=%s", (unsigned long long)task->def->id,
             rollout->sample, from->name);
    /* Its first writer may have gone since: only the copy of its origin is sure to be there. */
    for (struct broker_member *m = b->members.first; m; m = m->next)
        if (m != from && !memcmp(&m->id, &at->by->peer, sizeof m->id))
            text_print(m->error, sizeof m->error, "%s", from->error);
}
