/* rollouts: what actors bring. */

#include "base/log.h"
#include "base/mem.h"
#include "broker/copy.h"
#include "broker/state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int64_t rollouts_rest_ms(const struct broker *b, uint32_t attempts)
{
    return b->limits.retry_ms << (attempts < 6 ? attempts : 6);
}

/* Was it written as its task wants it? A wrong version in a run of exact versions would be
 * trained as if it were the right one. */
static enum err fitting(const struct open_task *task, const struct rollout *rollout)
{
    static const struct hash any;
    const struct task *def = task->def;

    if (rollout->sample >= def->samples || rollout->tokens > def->decoding.max_new)
        return err_set(ERR_RANGE, "rollout: sample %u of %u, %u tokens of %u", rollout->sample,
                       def->samples, rollout->tokens, def->decoding.max_new);
    if (hash_same(&def->version.hash, &any))
        return OK;
    for (uint32_t i = 0; i < rollout->spans; i++)
        if (!hash_same(&rollout->span[i].version.hash, &def->version.hash))
            return err_set(ERR_RANGE, "rollout: written under version %llu, wanted %llu",
                           (unsigned long long)rollout->span[i].version.number,
                           (unsigned long long)def->version.number);
    return OK;
}

static void keep_claim(struct broker *b, struct member *from, const struct rollout *rollout)
{
    const struct member_claim claim = {
        .task = rollout->task, .sample = rollout->sample, .done = true, .hash = rollout->hash};

    roster_claim_add(from, &claim, b->limits.claims);
}

static enum err accept(struct broker *b, struct member *from, struct open_task *task,
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
    grant_release(b, sample, from);
    if (bytes > sample->space) { /* long texts; bounded by the largest message */
        b->tasks.space += bytes - sample->space;
        sample->space = bytes;
    }
    sample->body = body;
    sample->by = origin_copy(&from->origin);
    sample->missing = task->scores;
    sample->score = mem_new(task->scores + 1, sizeof *sample->score);
    tasks_move(&b->tasks, task, rollout->sample, PLACE_SCORING, now_ms);
    scores_ready(b, task, rollout->sample, now_ms);
    return OK;
}

enum err rollouts_on_rollout(struct broker *b, struct member *from, const struct msg *msg,
                             int64_t now)
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
    err = fitting(task, rollout);
    if (err)
        return err;
    switch (task->sample[rollout->sample].place) {
    case PLACE_WAITING:
    case PLACE_LEASED:
        err = accept(b, from, task, rollout, now);
        break;
    case PLACE_SCORING:
    case PLACE_READY:
        b->counters.duplicates++; /* the first one stays, whatever the hash of this one */
        break;
    default:
        break;
    }
    scores_ask(b, now);
    deliver_send(b, now);
    return err;
}

bool rollouts_blame(struct broker *b, struct open_task *task, uint32_t sample,
                    const char *reason, int64_t now_ms)
{
    struct open_sample *at = &task->sample[sample];

    at->not_before_ms = now_ms + rollouts_rest_ms(b, at->attempts);
    free(at->error);
    at->error = mem_text(reason);
    if (++at->attempts < b->limits.attempts)
        return false;
    log_warn("poison", "task=%llu sample=%u attempts=%u reason=\"%s\"",
             (unsigned long long)task->def->id, sample, at->attempts, reason);
    grant_release(b, at, NULL);
    at->drop = DROP_POISON;
    at->sent = false;
    tasks_move(&b->tasks, task, sample, PLACE_DROPPED, now_ms);
    deliver_queue(b, task, sample);
    deliver_send(b, now_ms);
    return true;
}

enum err rollouts_on_fail(struct broker *b, struct member *from, const struct msg *msg,
                          int64_t now)
{
    const struct msg_fail *fail = &msg->fail;
    struct open_task *task = tasks_find(&b->tasks, fail->task);
    const struct open_sample *sample = tasks_sample(&b->tasks, fail->task, fail->sample);
    struct lease *lease;

    snprintf(from->error, sizeof from->error, "%s", fail->reason);
    if (!sample || sample->place != PLACE_LEASED)
        return OK;
    lease = &b->leases.slot[sample->lease];
    if (lease->holder != from)
        return OK; /* of a lease that is over */
    /* One FAIL may speak for all that went with it: what has not come is given out again. */
    grant_requeue(b, lease, now);
    rollouts_blame(b, task, fail->sample, fail->reason, now);
    grant_work(b, now);
    return OK;
}
