/* The learner's words: its HELLO, which run is served and what of it is settled, versions, CANCEL.
 *
 * What is settled is state: each of its messages that has it replaces all that was known before.
 * A sample that is settled needs nothing more; a task that is settled whole is forgotten. Only a
 * new epoch may lower it, and then a task of which that is true is taken back as a whole and
 * opened afresh.
 *
 * Order, in learner_bind: what does not fit the new tables goes first; then who and what is
 * served; then its tables, versions and what is settled, from which tasks follow; last everybody
 * is told, and an earlier learner sent away. */

#include "broker/learner.h"

#include "base/log.h"
#include "base/mem.h"
#include "broker/hold.h"
#include "broker/keepers.h"
#include "broker/scores.h"
#include "broker/to_learner.h"
#include "broker/turns.h"
#include "broker/unlike.h"

#include <stdlib.h>
#include <string.h>

/* Leases end one by one, since each stands in its holder's list; nobody is told, for what
 * follows is a HELLO of everybody, or the end of the run. */
static void forget_tasks(struct broker *b)
{
    for (struct broker_member *m = b->members.first; m; m = m->next) {
        while (m->lease != LEASE_NONE)
            lease_end(&b->leases, m->lease);
        m->n_claim = 0;
    }
    scores_forget(b);
    tasks_reset(&b->tasks);
    b->to_learner.n = 0;
}

/* Who goes by the run's tables and versions, a follower too. */
static bool is_worker(const struct broker_member *member)
{
    return member->greeted && (member->role == ROLE_ACTOR || member->role == ROLE_REWARDER ||
                               member->role == ROLE_FOLLOWER);
}

/* State that the next heartbeat says again: one that is lost is no loss. */
static void tell_workers(struct broker *b, struct msg *msg)
{
    bool said = false;

    for (struct broker_member *m = b->members.first; m; m = m->next)
        if (is_worker(m))
            outbox_tell(&b->outbox, &said, m, msg);
}

/* What everybody holds has to be heard anew; WELCOME then has the run's tables. */
static void ask_who(struct broker *b, int64_t now_ms)
{
    for (struct broker_member *m = b->members.first; m; m = m->next)
        if (is_worker(m)) {
            m->greeted = false;
            outbox_afresh(&b->outbox, m);
            outbox_who(&b->outbox, m, now_ms);
        }
}

/* Whoever still works on it hears REVOKE with the last of its lease: it is of no use to
 * anybody. */
static void settle(struct broker *b, struct open_task *task, uint32_t i, int64_t now_ms)
{
    struct open_sample *sample = &task->sample[i];

    if (sample->state == SAMPLE_SETTLED)
        return;
    b->counters.settled++;
    keepers_settled(b, sample);
    hold_release(b, sample, NULL);
    tasks_move(&b->tasks, task, i, SAMPLE_SETTLED, now_ms);
}

static void settle_range(struct broker *b, uint64_t id, uint32_t first, uint32_t count,
                         int64_t now_ms)
{
    struct open_task *task = tasks_find(&b->tasks, id);

    if (!task)
        return;
    for (uint32_t i = first; i < task->def->samples && i - first < count; i++)
        settle(b, task, i, now_ms);
    if (!task->open)
        tasks_remove(&b->tasks, id);
}

static void take_settled(struct broker *b, const struct settled *settled, int64_t now_ms)
{
    struct settled_samples *set = &b->run.settled;
    struct open_tasks *tasks = &b->tasks;

    /* First the set, then what follows from it for tasks that are open; what is opened later
     * asks the set. */
    settled_take(set, settled);
    if (tasks->open_to < set->watermark)
        tasks->open_to = set->watermark;
    for (uint64_t id = tasks->base; id < tasks->end && id < set->watermark; id++)
        settle_range(b, id, 0, UINT32_MAX, now_ms);
    for (uint32_t i = 0; i < set->ranges; i++) {
        const struct range *at = &set->range[i];

        if (at->task >= tasks->base && at->task < tasks->end)
            settle_range(b, at->task, at->first, at->count, now_ms);
    }
}

/* A new epoch may lower what is settled: such a task is opened afresh. */
static void reopen_lowered(struct broker *b)
{
    for (uint64_t id = b->tasks.base; id < b->tasks.end; id++) {
        const struct open_task *task = tasks_find(&b->tasks, id);
        bool lowered = false;

        for (uint32_t i = 0; task && i < task->def->samples; i++)
            lowered |=
                task->sample[i].state == SAMPLE_SETTLED && !settled_has(&b->run.settled, id, i);
        /* Samples of it that are leased are revoked: the task will be another opening. */
        for (uint32_t i = 0; lowered && i < task->def->samples; i++)
            hold_release(b, &task->sample[i], NULL);
        if (lowered)
            tasks_remove(&b->tasks, id);
    }
}

/* Nothing of one run says anything about the next: counters, suspects, and a moment in which
 * actors may say what they have of it before work is given out. */
static void start_anew(struct broker *b, int64_t now_ms)
{
    struct run_state *run = &b->run;

    memset(&b->counters, 0, sizeof b->counters);
    suspects_forget(&b->suspects);
    b->unlike.n_build = 0;
    run->done = false;
    run->step = 0;
    run->smallest_live = 0;
    run->tried = false;
    memset(run->golden, 0, sizeof run->golden);
    b->lease_from_ms = now_ms + b->limits.wait_ms;
}

void learner_bind(struct broker *b, struct broker_member *learner, const struct msg *msg,
                  int64_t now_ms)
{
    struct run_state *run = &b->run;
    struct broker_member *old = run->learner;
    const bool other = run_is_other(run, msg);
    const bool fresh = other || msg->head.epoch > run->epoch;
    const bool table = other || !run_same_table(run, &msg->hello);
    const bool news = table || fresh || !run_same_artifacts(run, &msg->hello);

    if (table)
        forget_tasks(b);
    run->learner = learner;
    run->seen_ms = now_ms;
    run->left = false;
    run->bound = true;
    run->id = b->outbox.run = msg->head.run;
    run->epoch = b->outbox.epoch = msg->head.epoch;
    run->process = msg->hello.peer;
    run->process_start = msg->hello.incarnation;
    if (other)
        start_anew(b, now_ms);
    run_take_tables(run, &msg->hello);
    run->own = msg->hello.own;
    run->numerics = msg->hello.numerics;
    turns_name(run->name, msg->hello.run_name, &msg->head.run);
    memcpy(run->build, learner->origin.build, sizeof run->build);
    run_take_golden(run, msg->hello.image, msg->hello.golden, msg->hello.n_golden);
    unlike_bound(b, now_ms);
    if (fresh) {
        run->smallest_live = 0; /* its first heartbeat says; it may be lower than before */
        run->done = false;
        memset(run->known, 0, sizeof run->known);
        b->tasks.open_to = msg->hello.settled.watermark;
    }
    run_take_newest(run, &msg->hello.newest);
    take_settled(b, &msg->hello.settled, now_ms);
    if (fresh) {
        reopen_lowered(b);
        log_info("run", "learner=%s epoch=%llu new=%d", learner->name,
                 (unsigned long long)run->epoch, other);
    }
    if (news)
        ask_who(b, now_ms);
    if (old && old != learner)
        outbox_refuse(&b->outbox, old, other ? REFUSE_BUSY : REFUSE_FENCED,
                      "a later start of this run is served here");
}

/* What is let go is dropped: the learner settles the drop, so that no sample is ever missing. */
static void drop_task(struct broker *b, struct open_task *task, int64_t now_ms)
{
    for (uint32_t i = 0; i < task->def->samples; i++) {
        struct open_sample *sample = &task->sample[i];

        if (sample->state >= SAMPLE_DROPPED)
            continue;
        hold_release(b, sample, NULL);
        sample->drop = DROP_CANCEL;
        sample->sent = false;
        tasks_move(&b->tasks, task, i, SAMPLE_DROPPED, now_ms);
        to_learner_queue(b, task, i);
    }
}

enum err learner_on_cancel(struct broker *b, struct broker_member *from, const struct msg *msg,
                           int64_t now)
{
    struct msg on = {.head.type = MSG_CANCEL, .cancel = msg->cancel};
    bool said = false;

    (void)from;
    for (uint32_t i = 0; i < msg->cancel.n_task; i++) {
        struct open_task *task = tasks_find(&b->tasks, msg->cancel.task[i]);

        if (task)
            drop_task(b, task, now);
    }
    for (struct broker_member *m = b->members.first; m; m = m->next)
        if (m->role == ROLE_ACTOR && m->greeted)
            outbox_tell(&b->outbox, &said, m, &on);
    return OK;
}

enum err learner_on_settled(struct broker *b, struct broker_member *from, const struct msg *msg,
                            int64_t now)
{
    (void)from;
    b->run.seen_ms = now;
    take_settled(b, &msg->settled.settled, now);
    return OK; /* whose answers these were hears it soon: keepers.h */
}

enum err learner_on_publish(struct broker *b, struct broker_member *from, const struct msg *msg,
                            int64_t now)
{
    struct msg on = *msg;

    (void)from;
    b->run.seen_ms = now;
    run_take_newest(&b->run, &msg->publish.version);
    run_take_golden(&b->run, &msg->publish.version, &msg->publish.golden, 1);
    b->run.newest_bytes = msg->publish.bytes;
    b->run.smallest_live = msg->publish.smallest_live;
    tell_workers(b, &on);
    return OK;
}

enum err learner_on_hb(struct broker *b, struct broker_member *from, const struct msg *msg,
                       int64_t now)
{
    struct run_state *run = &b->run;
    const bool done = msg->hb.done && !run->done;

    members_heartbeat(from, &msg->hb, now);
    run->seen_ms = now;
    run_take_newest(run, &msg->hb.newest);
    run_take_golden(run, msg->hb.image, msg->hb.golden, msg->hb.n_golden);
    run->smallest_live = msg->hb.smallest_live;
    run->step = msg->hb.step;
    run->steps_total = msg->hb.steps_total;
    run->done = msg->hb.done;
    if (msg->hb.metrics[0]) {
        free(run->metrics);
        run->metrics = mem_text(msg->hb.metrics);
        history_add(&b->history, &run->id, run->step, run->metrics);
    }
    take_settled(b, &msg->hb.settled, now);
    if (done) {
        log_info("done", "step=%llu", (unsigned long long)run->step);
        forget_tasks(b);
        b->beat = true; /* everybody hears it at once */
    }
    return OK;
}
