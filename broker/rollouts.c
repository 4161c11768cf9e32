/* What actors bring: answers, and FAIL.
 *
 * An answer counts from who was asked for it: who holds the sample's lease, or held it until a
 * moment ago. Of anybody else it is noted as a claim, and asked for (WANT, with a lease) once nobody
 * is at work on the sample. In this order: what is settled is forgotten in silence (the next heartbeat says so); of a
 * task that is not open yet, or for which there is no space, only the claim is kept, and the
 * answer asked for later (WANT); what cannot be an answer to the task is refused and told
 * (verify.c, refused.c); the first one that is left becomes the sample's body. A second one is
 * counted, and compared.
 *
 * By its claim the actor keeps the answer until it is settled: nothing is lost if it is not taken
 * now. */

#include "broker/rollouts.h"

#include "base/mem.h"
#include "broker/blame.h"
#include "broker/copy.h"
#include "broker/hold.h"
#include "broker/keepers.h"
#include "broker/overdue.h"
#include "broker/pace.h"
#include "broker/refused.h"
#include "broker/scores.h"
#include "broker/verify.h"
#include "proto/text.h"

#include <stdlib.h>
#include <string.h>

static void keep_claim(struct broker *b, struct broker_member *from,
                       const struct rollout *rollout)
{
    const struct members_claim claim = {
        .task = rollout->task, .sample = rollout->sample, .done = true, .hash = rollout->hash};

    from->run = b->run.id; /* as the head of its message said (TABLE_OF_RUN) */
    members_claim_add(from, &claim, b->limits.claims);
    b->claimed = true;
}

/* Only what was decoded under the lease says how long answers take: what the actor had before,
 * and is merely fetched (`wanted`), would make everybody look slow. */
static void learn(struct broker *b, const struct open_task *task,
                  const struct open_sample *sample, struct broker_member *from, uint32_t tokens,
                  int64_t now_ms)
{
    const struct lease *lease =
        sample->lease == TASKS_NO_LEASE ? NULL : &b->leases.slot[sample->lease];

    if (!lease || lease->holder != from || lease->wanted)
        return;
    pace_answer(b, from, tokens, now_ms);
    overdue_learn(b, task, lease, now_ms);
}

/* Was it asked for the sample? A lease that was taken back counts for a while: what was at work on
 * it may well come first. */
static bool was_asked(const struct broker *b, const struct open_sample *sample,
                      const struct broker_member *from)
{
    static const struct id nobody; /* as places of `had` are where nobody was */

    if (sample->lease != TASKS_NO_LEASE && b->leases.slot[sample->lease].holder == from)
        return true;
    if (!memcmp(&from->id, &nobody, sizeof nobody)) /* a peer may say any id */
        return false;
    for (int i = 0; i < TASKS_HAD; i++)
        if (!memcmp(&sample->had[i], &from->id, sizeof from->id))
            return true;
    return false;
}

static enum err accept(struct broker *b, struct broker_member *from, struct open_task *task,
                       const struct rollout *rollout, int64_t now_ms)
{
    struct open_sample *sample = &task->sample[rollout->sample];
    struct rollout *body;
    size_t bytes;
    enum err err;

    if (!tasks_reserve(&b->tasks, task, rollout->sample)) {
        keep_claim(b, from, rollout); /* wanted once there is space */
        return OK;
    }
    err = copy_rollout(&body, &bytes, rollout);
    if (err) {
        keep_claim(b, from, rollout);
        return OK;
    }
    /* Before the lease may end with its last sample. */
    learn(b, task, sample, from, rollout->n_token, now_ms);
    hold_release(b, sample, from);
    if (!tasks_extend(&b->tasks, sample, bytes)) { /* a long text: it is asked for again */
        free(body);
        sample->not_before_ms = now_ms + b->limits.retry_ms;
        tasks_move(&b->tasks, task, rollout->sample, SAMPLE_WAITING, now_ms);
        return OK;
    }
    sample->body = body;
    sample->by = origin_copy(&from->origin);
    keepers_note(sample, from);
    sample->missing = task->n_score;
    sample->score = mem_new(task->n_score + 1, sizeof *sample->score);
    tasks_move(&b->tasks, task, rollout->sample, SAMPLE_SCORING, now_ms);
    scores_ready(b, task, rollout->sample, now_ms);
    return OK;
}

enum err rollouts_on_rollout(struct broker *b, struct broker_member *from,
                             const struct msg *msg, int64_t now)
{
    const struct rollout *rollout = &msg->rollout.rollout;
    struct open_task *task = tasks_find(&b->tasks, rollout->task);
    enum err err;

    if (settled_has(&b->run.settled, rollout->task, rollout->sample))
        return OK; /* the next heartbeat tells it */
    if (!task || task->epoch != b->run.epoch) {
        if (task || rollout->task >= b->tasks.open_to)
            keep_claim(b, from, rollout);
        return OK;
    }
    if (!suspects_may(&b->suspects, &b->run, from))
        return OK; /* others can do it */
    err = verify_rollout(b, task, rollout);
    if (err) {
        char words[MEMBERS_WORDS];

        text_print(words, sizeof words, "%s", err_text());
        verify_reject(b, from, task, rollout->sample, now);
        refused_tell(b, from, rollout, words, now);
        return err_set(err, "%s", words);
    }
    switch (task->sample[rollout->sample].state) {
    case SAMPLE_WAITING:
    case SAMPLE_LEASED:
        if (was_asked(b, &task->sample[rollout->sample], from)) {
            err = accept(b, from, task, rollout, now);
        } else {
            b->counters.unasked++;
            keep_claim(b, from, rollout);
        }
        break;
    case SAMPLE_SCORING:
    case SAMPLE_READY:
        verify_second(b, from, task, rollout); /* the first one stays */
        break;
    default: /* dropped: the learner is to settle that, and has been told so */
        break;
    }
    return err;
}

enum err rollouts_on_fail(struct broker *b, struct broker_member *from, const struct msg *msg,
                          int64_t now)
{
    const struct msg_fail *fail = &msg->fail;
    struct open_task *task = tasks_find(&b->tasks, fail->task);
    const struct open_sample *sample = tasks_sample(&b->tasks, fail->task, fail->sample);
    struct lease *lease;

    text_print(from->error, sizeof from->error, "%s", fail->reason);
    from->failed_work++;
    if (!sample || sample->state != SAMPLE_LEASED)
        return OK;
    lease = &b->leases.slot[sample->lease];
    if (lease->holder != from)
        return OK; /* of a lease that is over */
    /* One FAIL may speak for all that went with it: what has not come is given out again. */
    hold_requeue(b, lease, now);
    blame_actor(b, task, fail->sample, from, fail->reason, now);
    return OK;
}
