/* A queue of names, in the order in which samples became ready. A sample is in it at most once
 * (`queued`) and is sent at most once a connection (`sent`); it stays here until the learner has
 * settled it, so that a learner that starts again gets all of it again.
 *
 * What is under way is bounded twice: by the bytes that the learner says fit, and by the number
 * of messages whose arrival it has not told (members_room). */

#include "broker/to_learner.h"

#include "base/log.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

void to_learner_tell(struct broker *b, struct msg *msg)
{
    if (b->run.learner && b->run.learner->greeted)
        outbox_put(&b->outbox, b->run.learner, msg);
}

void to_learner_queue(struct broker *b, struct open_task *task, uint32_t sample)
{
    struct open_sample *at = &task->sample[sample];

    if (at->queued || at->sent || (at->state != SAMPLE_READY && at->state != SAMPLE_DROPPED))
        return;
    at->queued = true;
    fifo_push(&b->tasks, &b->to_learner, task, sample);
}

void to_learner_again(struct broker *b)
{
    b->to_learner.n = 0;
    /* By id, the order in which it trains: that in which they became ready is lost with the
     * queue. What the learner has not opened again yet comes when it does (opening.c). */
    for (uint64_t id = b->tasks.base; id < b->tasks.end; id++) {
        struct open_task *task = tasks_find(&b->tasks, id);

        for (uint32_t i = 0; task && i < task->def->samples; i++) {
            task->sample[i].queued = task->sample[i].sent = false;
            if (task->epoch == b->run.epoch)
                to_learner_queue(b, task, i);
        }
    }
}

/* By the oldest version that a part of it was decoded with. The last class: so many, or more.
 */
static void count_stale(struct broker *b, const struct rollout *body)
{
    uint64_t oldest = UINT64_MAX, late;

    for (uint32_t i = 0; i < body->n_span; i++)
        if (body->span[i].version.number < oldest)
            oldest = body->span[i].version.number;
    late = b->run.newest.number > oldest ? b->run.newest.number - oldest : 0;
    b->counters.stale[late < STATE_STALE ? late : STATE_STALE - 1]++;
}

/* What it counts against the learner's room: known before it is encoded, and given back when
 * the learner says that it has landed (members.c). */
static uint64_t message_bytes(const struct open_task *task, const struct open_sample *sample)
{
    uint64_t bytes = sample->space;

    for (uint32_t j = 0; j < task->n_score; j++)
        bytes += 4u * sample->score[j].n_value;
    return bytes;
}

/* False: too large. The message borrows from the sample; outbox_put encodes it at once, so
 * nothing here need outlive this call. */
static bool send_sample(struct broker *b, const struct open_task *task,
                        struct open_sample *sample)
{
    struct score *score = mem_new(task->n_score + 1, sizeof *score);
    struct writer *scored = mem_new(task->n_score + 1, sizeof *scored);
    struct msg msg = {.head.type = MSG_SAMPLE,
                      .sample = {.attempts = sample->attempts,
                                 .rollout = *sample->body,
                                 .score = score,
                                 .n_score = task->n_score,
                                 .writer = origin_writer(sample->by),
                                 .scored = scored,
                                 .n_scored = task->n_score}};
    bool sent;

    for (uint32_t j = 0; j < task->n_score; j++) {
        const struct open_score *from = &sample->score[j];

        score[j] = (struct score){.scorer = b->run.scorer[j].hash,
                                  .rollout = &sample->body->hash,
                                  .each = &from->n_value,
                                  .n_rollout = 1,
                                  .value = from->value,
                                  .n_value = from->n_value,
                                  .diagnostics = from->diagnostics ? from->diagnostics : ""};
        scored[j] = origin_writer(from->by);
    }
    sent = outbox_put(&b->outbox, b->run.learner, &msg);
    free(scored);
    free(score);
    return sent;
}

static void send_drop(struct broker *b, const struct open_task *task, uint32_t i)
{
    const struct open_sample *sample = &task->sample[i];
    struct msg msg = {.head.type = MSG_DROPPED,
                      .dropped = {.task = task->def->id,
                                  .sample = i,
                                  .reason = sample->drop,
                                  .attempts = sample->attempts,
                                  .error = sample->error ? sample->error : ""}};

    outbox_put(&b->outbox, b->run.learner, &msg); /* small: always fits */
}

/* Its parts fit, together they are more than a message may be: no life of the learner could
 * have it. */
static void drop_oversize(struct broker *b, struct open_task *task, uint32_t sample,
                          int64_t now_ms)
{
    struct open_sample *at = &task->sample[sample];

    log_error("oversize", "task=%llu sample=%u", (unsigned long long)task->def->id, sample);
    at->drop = DROP_POISON;
    at->sent = false;
    free(at->error);
    at->error = mem_text("larger than a message may be");
    tasks_move(&b->tasks, task, sample, SAMPLE_DROPPED, now_ms);
    to_learner_queue(b, task, sample);
}

/* Sends what is at the head of the queue. False: not now. */
static bool send_head(struct broker *b, int64_t now_ms)
{
    const struct tasks_name head = *fifo_head(&b->to_learner);
    struct open_task *task = NULL;
    struct open_sample *at = tasks_named(&b->tasks, &head, &task);
    struct broker_member *learner = b->run.learner;
    uint64_t bytes = 0;

    /* Settled, taken back, or opened afresh since: the name leads nowhere, or not any more. */
    if (!at || !at->queued || task->epoch != b->run.epoch ||
        (at->state != SAMPLE_READY && at->state != SAMPLE_DROPPED)) {
        if (at)
            at->queued = false;
        fifo_pop(&b->to_learner);
        return true;
    }
    if (at->state == SAMPLE_READY)
        bytes = message_bytes(task, at);
    if (!members_room(learner, bytes))
        return false;
    at->queued = false;
    fifo_pop(&b->to_learner);
    at->sent = true;
    /* A drop takes no bytes, but a place among those under way: it has a number as well. */
    if (at->state == SAMPLE_DROPPED) {
        send_drop(b, task, head.sample);
        members_sent(learner, bytes);
    } else if (send_sample(b, task, at)) {
        members_sent(learner, bytes);
        count_stale(b, at->body);
    } else {
        drop_oversize(b, task, head.sample, now_ms);
    }
    return true;
}

void to_learner_send(struct broker *b, int64_t now_ms)
{
    while (b->to_learner.n && b->run.learner && b->run.learner->greeted && send_head(b, now_ms))
        ;
}
