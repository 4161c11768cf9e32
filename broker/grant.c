/* Who gets which samples.
 *
 * grant_work is the first stage of the pump. Tasks are leased in the order of their ids, since
 * the learner trains them in that order; `next` is where the first that waits stands. A sample goes
 * to the actor that has had room longest among those that hold its weights (who does not is told
 * which to fetch: wanted.h), as large a share of what waits as the actor does of the fleet's work:
 * so that all are done at about the same time, and none decodes long after the others.
 *
 * Who is slow (pace.h) is looked at once a tick, after the others: it gets samples only so far back
 * in the queue that it does not make anybody wait; and all that nobody else takes.
 *
 * Space for the answer is reserved before the lease goes out. When there is none, nothing else
 * is leased either: who is first in line gets what comes free, or large tasks would starve. */

#include "broker/grant.h"

#include "broker/blame.h"
#include "broker/hold.h"
#include "broker/pace.h"
#include "broker/room.h"
#include "broker/unlike.h"
#include "broker/wanted.h"

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

void grant_tell(struct broker *b, struct broker_member *actor, uint32_t slot)
{
    if (slot != LEASE_NONE)
        send_lease(b, actor, &b->leases.slot[slot]);
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

enum { LOOKED_AT = 64 };

/* Of this pass over the tasks. */
struct pass {
    int64_t now_ms;
    uint64_t waiting, ahead;   /* samples: when it began; before the one looked at */
    double weight;             /* of all that have room */
    double from;               /* nobody of them is for one with fewer before it (pace.h) */
    const struct hash *lacked; /* weights that nobody with room holds */
};

/* What it does in a ms with what it has room for; before anything is known, that room. */
static double weight_of(const struct broker_member *m)
{
    return (double)m->avail * (m->speed > 0 ? m->speed : 1);
}

/* Rounded up: nothing that waits is left over for want of a share. */
static uint32_t share_of(const struct broker_member *m, const struct pass *pass)
{
    const double all = pass->weight > 0 ? pass->weight : 1;
    const double share = m->slow ? 1 : (double)pass->waiting * weight_of(m) / all;

    return share >= MAX_SAMPLES ? MAX_SAMPLES : (uint32_t)share + ((uint32_t)share < share);
}

/* Who of a list has had room longest, holds the weights and may do the sample; of slow ones, who
 * does not come too late with it. Who turns out to have no room leaves the list. */
static struct broker_member *first_of(struct broker *b, struct room_list *list,
                                      const struct version *version,
                                      const struct open_sample *sample, struct pass *pass)
{
    bool held = false;

    for (struct broker_member *m = list->first, *next; m; m = next) {
        next = m->room_next;
        if (!m->greeted || m->avail <= 0) {
            room_place(b, m);
            continue;
        }
        if (!room_has(b, m) || !wanted_held(m, version))
            continue;
        held = true;
        if (blame_may(b, m, sample) &&
            (!m->slow || b->room.prompt.n || (double)pass->ahead >= pace_from(b, m)))
            return m;
    }
    if (!held)
        pass->lacked = &version->hash;
    return NULL;
}

static bool lacks(const struct pass *pass, const struct open_task *task)
{
    return pass->lacked && hash_same(pass->lacked, &task->def->version.hash);
}

static bool leasable(const struct open_task *task, uint32_t i, int64_t now_ms)
{
    return task->sample[i].state == SAMPLE_WAITING && task->sample[i].not_before_ms <= now_ms;
}

/* How many samples from `i` on one lease to this actor may have; their space is reserved. */
static uint32_t reserve(struct broker *b, struct open_task *task, uint32_t i,
                        const struct broker_member *actor, const struct pass *pass)
{
    const uint32_t share = share_of(actor, pass);
    uint32_t count = 0;

    while (i + count < task->def->samples && count < share && count < actor->avail &&
           leasable(task, i + count, pass->now_ms) &&
           blame_may(b, actor, &task->sample[i + count]) &&
           tasks_reserve(&b->tasks, task, i + count))
        count++;
    return count;
}

/* Leases what it can of one task to those of a list. False: nothing more can be leased now, of no
 * task. */
static bool grant_task(struct broker *b, struct open_task *task, struct room_list *list,
                       struct pass *pass)
{
    for (uint32_t i = 0; i < task->def->samples; i++) {
        struct broker_member *actor;
        uint32_t count, slot;

        if (!leasable(task, i, pass->now_ms))
            continue;
        actor = first_of(b, list, &task->def->version, &task->sample[i], pass);
        /* Nobody for this one: others may still be able to do another task's. */
        if (!actor) {
            if (!list->n || lacks(pass, task))
                return list->n > 0;
            pass->ahead++;
            continue;
        }
        count = reserve(b, task, i, actor, pass);
        b->space_short = count == 0;
        if (b->space_short) /* who is first in line gets the space that comes free */
            return false;
        slot = hold_take(b, actor, task, i, count, pass->now_ms);
        if (slot == LEASE_NONE)
            return false;
        actor->avail -= count;
        room_place(b, actor); /* behind the others */
        send_lease(b, actor, &b->leases.slot[slot]);
    }
    return true;
}

static bool may_grant(const struct broker *b, int64_t now_ms)
{
    return b->run.bound && !b->run.done && !b->draining && now_ms >= b->lease_from_ms &&
           b->tasks.count[SAMPLE_WAITING];
}

/* What a pass for those of one list has to know of them before it begins. Of the prompt ones there
 * may be a thousand, and a pass for each message: some of them stand for all, and each is for
 * whatever waits. Of slow ones all are looked at, once a tick. */
static struct pass pass_of(const struct broker *b, const struct room_list *list, int64_t now_ms)
{
    const uint64_t waiting = b->tasks.count[SAMPLE_WAITING];
    struct pass pass = {.now_ms = now_ms, .waiting = waiting, .from = (double)waiting};
    const uint32_t most = list == &b->room.prompt ? LOOKED_AT : UINT32_MAX;
    uint32_t n = 0;

    /* One that waits goes to the first of the list, whatever the others are. */
    if (waiting == 1 && list == &b->room.prompt) {
        pass.from = list->n ? 0 : pass.from;
        return pass;
    }
    for (const struct broker_member *m = list->first; m && n < most; m = m->room_next, n++) {
        const double from = m->slow && !b->room.prompt.n ? pace_from(b, m) : 0;

        pass.from = from < pass.from ? from : pass.from;
        pass.weight += weight_of(m);
    }
    if (n < list->n)
        pass.weight *= (double)list->n / n;
    return pass;
}

static void grant_list(struct broker *b, struct room_list *list, int64_t now_ms)
{
    struct open_tasks *tasks = &b->tasks;
    struct pass pass = pass_of(b, list, now_ms);

    if (pass.from >= (double)pass.waiting)
        return;
    for (uint64_t id = tasks->next; id < tasks->end && list->n; id++) {
        struct open_task *task = tasks_find(tasks, id);
        const bool waits = task && task->waiting;

        if (!waits && id == tasks->next)
            tasks->next++;
        if (!waits || task->epoch != b->run.epoch)
            continue;
        if (lacks(&pass, task) || (double)(pass.ahead + task->waiting) <= pass.from)
            pass.ahead += task->waiting;
        else if (!grant_task(b, task, list, &pass))
            return;
    }
}

void grant_work(struct broker *b, bool is_tick, int64_t now_ms)
{
    struct open_tasks *tasks = &b->tasks;

    if (!may_grant(b, now_ms))
        return;
    suspects_look(&b->suspects, &b->run, &b->members);
    if (tasks->next < tasks->base)
        tasks->next = tasks->base;
    grant_list(b, &b->room.prompt, now_ms);
    if (is_tick && !b->space_short)
        grant_list(b, &b->room.slow, now_ms);
}

/* Each lease that the heartbeat lists is marked with its number: one look each, however many. */
static void mark_listed(struct broker *b, const struct broker_member *actor,
                        const struct msg_hb *hb)
{
    b->beats++;
    for (uint32_t i = 0; i < hb->n_lease; i++) {
        struct lease *lease = lease_find(&b->leases, hb->lease[i]);

        if (!lease || lease->holder != actor)
            continue;
        lease->heard = b->beats;
        lease->unbegun = hb->n_unbegun ? hb->unbegun[i] : 0;
    }
}

enum err grant_on_hb(struct broker *b, struct broker_member *actor, const struct msg *msg,
                     int64_t now)
{
    const struct msg_hb *hb = &msg->hb;

    members_heartbeat(actor, hb, now);
    if (unlike_hears(b, actor, hb, now))
        return OK;
    mark_listed(b, actor, hb);
    for (uint32_t slot = actor->lease, next; slot != LEASE_NONE; slot = next) {
        struct lease *lease = &b->leases.slot[slot];

        next = lease->next;
        if (!lease->wanted && (lease->known || lease->number <= hb->lease_seen) &&
            lease->heard != b->beats)
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
            probation_begin(m, lease->left, "it stood still with work in hand");
            hold_take_back(b, lease, now_ms);
        }
}
