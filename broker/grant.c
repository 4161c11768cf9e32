/* Who gets which samples.
 *
 * grant_work is the first stage of the pump. Tasks are leased in the order of their ids, since
 * the learner trains them in that order; `next` is where the first that waits stands. Each gets
 * an equal share of what waits, so that none decodes long after the others are done. Of the
 * actors that may have a sample the next in turn is taken that holds its weights and has room
 * for the share; else one that holds them, with the most room; else one that can fetch them.
 *
 * Space for the answer is reserved before the lease goes out. When there is none, nothing else
 * is leased either: who is first in line gets what comes free, or large tasks would starve. */

#include "broker/grant.h"

#include "broker/blame.h"
#include "broker/hold.h"
#include "broker/room.h"

#include <string.h>

static void send_lease(struct broker *b, struct broker_member *actor, const struct lease *lease)
{
    const struct open_task *task = hold_of(b, lease);
    struct msg msg = {.head.type = MSG_LEASE,
                      .lease = {.lease = lease->number,
                                .fence = b->incarnation + lease->number,
                                .first = lease->first,
                                .count = lease->count,
                                .text = run_wants_text(&b->run)}};

    if (!task)
        return;
    msg.lease.task = *task->def;
    outbox_put(&b->outbox, actor, &msg);
}

/* LEASEs for what was adopted: an actor must know by which lease it has what it had before. */
void grant_adopted(struct broker *b)
{
    for (struct broker_member *m = b->members.first; b->adopted && m; m = m->next)
        for (uint32_t slot = m->greeted ? m->lease : LEASE_NONE; slot != LEASE_NONE;
             slot = b->leases.slot[slot].next) {
            struct lease *lease = &b->leases.slot[slot];

            if (!lease->unsent)
                continue;
            lease->unsent = false;
            send_lease(b, m, lease);
        }
    b->adopted = false;
}

/* Which of two would rather get the work: it holds the image, then it has more room. */
static bool is_better(const struct broker_member *m, const struct broker_member *than,
                      const struct hash *image)
{
    const bool holds = members_holds(m, image);

    if (!than || holds != members_holds(than, image))
        return !than || holds;
    return m->avail > than->avail;
}

/* In turn, the next actor that may do the sample, holds the image and has room for `share`;
 * else the best. */
static struct broker_member *choose(struct broker *b, const struct version *version,
                                    const struct open_sample *sample, uint32_t share)
{
    const bool can_fetch = run_fetchable(&b->run, version);
    struct broker_member *const start =
        b->turn && b->turn->next ? b->turn->next : b->members.first;
    struct broker_member *best = NULL, *m = start;

    while (m) {
        const bool may = room_has(b, m) && blame_may(b, m, sample);
        const bool holds = may && members_holds(m, &version->hash);

        if (may && (holds || can_fetch) && is_better(m, best, &version->hash))
            best = m;
        if (holds && m->avail >= share) {
            best = m;
            break;
        }
        m = m->next ? m->next : b->members.first;
        if (m == start)
            break;
    }
    /* So work goes round among those that are alike, not always to the first. */
    b->turn = best;
    return best;
}

static bool leasable(const struct open_task *task, uint32_t i, int64_t now_ms)
{
    return task->sample[i].state == SAMPLE_WAITING && task->sample[i].not_before_ms <= now_ms;
}

/* Leases what it can of one task. False: nothing more can be leased now, of no task. */
static bool grant_task(struct broker *b, struct open_task *task, uint32_t share, int64_t now_ms)
{
    for (uint32_t i = 0; i < task->def->samples; i++) {
        struct broker_member *actor;
        uint32_t count = 0, slot;

        if (!leasable(task, i, now_ms))
            continue;
        actor = choose(b, &task->def->version, &task->sample[i], share);
        /* Nobody for this one: others may still be able to do another task's. */
        if (!actor)
            return room_actors(b) > 0;
        while (i + count < task->def->samples && count < share && count < actor->avail &&
               leasable(task, i + count, now_ms) &&
               blame_may(b, actor, &task->sample[i + count]) &&
               tasks_reserve(&b->tasks, task, i + count))
            count++;
        b->space_short = count == 0;
        if (b->space_short) /* who is first in line gets the space that comes free */
            return false;
        slot = hold_take(b, actor, task, i, count, now_ms);
        if (slot == LEASE_NONE)
            return false;
        actor->avail -= count;
        send_lease(b, actor, &b->leases.slot[slot]);
    }
    return true;
}

static bool may_grant(const struct broker *b, int64_t now_ms)
{
    return b->run.bound && !b->run.done && !b->draining && now_ms >= b->lease_from_ms &&
           b->tasks.count[SAMPLE_WAITING];
}

void grant_work(struct broker *b, int64_t now_ms)
{
    struct open_tasks *tasks = &b->tasks;
    const uint64_t waiting = tasks->count[SAMPLE_WAITING];
    int64_t actors;
    uint32_t share;

    if (!may_grant(b, now_ms))
        return;
    room_wake(b, now_ms);
    suspects_look(&b->suspects, &b->run, &b->members);
    actors = room_actors(b);
    if (!actors)
        return;
    /* Rounded up: nothing that waits is left over for want of a share. */
    share = (uint32_t)((waiting + (uint64_t)actors - 1) / (uint64_t)actors);
    if (tasks->next < tasks->base)
        tasks->next = tasks->base;
    for (uint64_t id = tasks->next; id < tasks->end; id++) {
        struct open_task *task = tasks_find(tasks, id);

        if (task && task->waiting && task->epoch == b->run.epoch &&
            !grant_task(b, task, share, now_ms))
            return;
        if ((!task || !task->waiting) && id == tasks->next)
            tasks->next++;
    }
}

static bool listed(const struct msg_hb *hb, uint64_t number)
{
    for (uint32_t i = 0; i < hb->n_lease; i++)
        if (hb->lease[i] == number)
            return true;
    return false;
}

enum err grant_on_hb(struct broker *b, struct broker_member *actor, const struct msg *msg,
                     int64_t now)
{
    const struct msg_hb *hb = &msg->hb;

    members_heartbeat(actor, hb, now);
    for (uint32_t slot = actor->lease, next; slot != LEASE_NONE; slot = next) {
        struct lease *lease = &b->leases.slot[slot];

        next = lease->next;
        if (!lease->wanted && (lease->known || lease->number <= hb->lease_seen) &&
            !listed(hb, lease->number))
            hold_requeue(b, lease, now); /* given up, or lost */
    }
    room_credit(b, actor);
    return OK;
}

/* Silence, not age, ends a lease here: whose progress moves keeps it (overdue.c has the other
 * end). */
void grant_expire(struct broker *b, int64_t now_ms)
{
    for (struct broker_member *m = b->members.first; m; m = m->next)
        for (uint32_t slot = m->lease, next; slot != LEASE_NONE; slot = next) {
            struct lease *lease = &b->leases.slot[slot];
            const int64_t moved =
                m->progress_ms > lease->granted_ms ? m->progress_ms : lease->granted_ms;

            next = lease->next;
            if (now_ms - moved < b->limits.lease_ms)
                continue;
            b->counters.expired += lease->left;
            hold_take_back(b, lease, now_ms);
        }
}
