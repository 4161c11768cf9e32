/* grant: who gets which samples, for how long, and what comes back. */

#include "broker/blame.h"
#include "broker/overdue.h"

#include <string.h>

static void revoke(struct broker *b, struct broker_member *from, const uint64_t *number,
                   uint32_t n)
{
    struct msg msg = {.head.type = MSG_REVOKE, .revoke = {.lease = number, .n_lease = n}};

    if (n && from->greeted)
        broker_send(b, from, &msg);
}

struct open_task *grant_of(const struct broker *b, const struct lease *lease)
{
    const struct tasks_name last = {.task = lease->task,
                                    .serial = lease->serial,
                                    .sample = lease->first + lease->count - 1};
    struct open_task *task = NULL;

    return tasks_named(&b->tasks, &last, &task) ? task : NULL;
}

void grant_revoke(struct broker *b, const struct lease *lease)
{
    revoke(b, lease->holder, &lease->number, 1);
}

void grant_release(struct broker *b, struct open_sample *sample, const struct broker_member *by)
{
    struct lease *lease;

    if (sample->lease == TASKS_NO_LEASE)
        return;
    lease = &b->leases.slot[sample->lease];
    if (--lease->left == 0) {
        if (lease->holder != by) /* it works for nothing */
            revoke(b, lease->holder, &lease->number, 1);
        lease_end(&b->leases, sample->lease);
    }
    sample->lease = TASKS_NO_LEASE;
}

void grant_requeue(struct broker *b, struct lease *lease, int64_t now_ms)
{
    const uint32_t slot = (uint32_t)(lease - b->leases.slot), first = lease->first;
    const uint32_t count = lease->count;
    struct open_task *task = grant_of(b, lease);

    for (uint32_t i = first; task && i - first < count; i++) {
        if (task->sample[i].state != SAMPLE_LEASED || task->sample[i].lease != slot)
            continue;
        task->sample[i].lease = TASKS_NO_LEASE;
        tasks_move(&b->tasks, task, i, SAMPLE_WAITING, now_ms);
    }
    lease_end(&b->leases, slot);
}

void grant_requeue_all(struct broker *b, struct broker_member *actor, int64_t now_ms)
{
    while (actor->lease != MEMBERS_NO_LEASE) {
        b->counters.reissued += b->leases.slot[actor->lease].left;
        grant_requeue(b, &b->leases.slot[actor->lease], now_ms);
    }
}

void grant_take_all(struct broker *b, struct broker_member *actor, int64_t now_ms)
{
    for (uint32_t slot = actor->lease; slot != LEASE_NONE; slot = b->leases.slot[slot].next)
        revoke(b, actor, &b->leases.slot[slot].number, 1);
    grant_requeue_all(b, actor, now_ms);
}

void grant_blame(struct broker *b, const struct broker_member *actor, int64_t now_ms)
{
    const struct lease only = b->leases.slot[actor->leases == 1 ? actor->lease : 0];
    struct open_task *task;

    if (actor->leases != 1 || only.left != 1 || only.wanted)
        return;
    task = grant_of(b, &only);
    for (uint32_t i = only.first; task && i - only.first < only.count; i++)
        if (task->sample[i].state == SAMPLE_LEASED && task->sample[i].lease == actor->lease) {
            blame_actor(b, task, i, actor, "its actor died", now_ms);
            return;
        }
}

void grant_expire(struct broker *b, int64_t now_ms)
{
    for (struct broker_member *m = b->first; m; m = m->next)
        for (uint32_t slot = m->lease, next; slot != LEASE_NONE; slot = next) {
            struct lease *lease = &b->leases.slot[slot];
            const int64_t moved =
                m->progress_ms > lease->granted_ms ? m->progress_ms : lease->granted_ms;

            next = lease->next;
            if (now_ms - moved < b->limits.lease_ms)
                continue;
            b->counters.expired += lease->left;
            grant_revoke(b, lease);
            grant_requeue(b, lease, now_ms);
        }
}

void grant_credit(struct broker *b, struct broker_member *actor)
{
    actor->avail = actor->credit < b->limits.credit_max ? actor->credit : b->limits.credit_max;
    for (uint32_t slot = actor->lease; slot != LEASE_NONE; slot = b->leases.slot[slot].next) {
        const struct lease *lease = &b->leases.slot[slot];

        if (!lease->wanted && !lease->known && lease->number > actor->seen)
            actor->avail -= lease->count;
    }
    if (actor->seen >= actor->ended_last)
        actor->ended = 0;
    actor->avail = overdue_room(b, actor, actor->avail - (int64_t)actor->ended);
}

void grant_rest(struct broker_member *actor, int64_t ms, int64_t now_ms)
{
    actor->resting = true;
    actor->rest_ms = now_ms + ms;
}

static void wake_rested(struct broker *b, int64_t now_ms)
{
    for (struct broker_member *m = b->first; m; m = m->next)
        m->resting &= now_ms < m->rest_ms;
}

static bool listed(const struct msg_hb *hb, uint64_t number)
{
    for (uint32_t i = 0; i < hb->n_lease; i++)
        if (hb->lease[i] == number)
            return true;
    return false;
}

void grant_on_hb(struct broker *b, struct broker_member *actor, const struct msg_hb *hb,
                 int64_t now_ms)
{
    for (uint32_t slot = actor->lease, next; slot != LEASE_NONE; slot = next) {
        struct lease *lease = &b->leases.slot[slot];

        next = lease->next;
        if (!lease->wanted && (lease->known || lease->number <= hb->lease_seen) &&
            !listed(hb, lease->number))
            grant_requeue(b, lease, now_ms); /* given up, or lost */
    }
    grant_credit(b, actor);
    grant_work(b, now_ms);
}

static bool wants_text(const struct broker *b)
{
    for (uint32_t i = 0; i < b->run.scorers; i++)
        if (b->run.scorer[i].needs_text)
            return true;
    return false;
}

static void send_lease(struct broker *b, struct broker_member *actor, const struct lease *lease)
{
    const struct open_task *task = grant_of(b, lease);
    struct msg msg = {.head.type = MSG_LEASE,
                      .lease = {.lease = lease->number,
                                .fence = b->incarnation + lease->number,
                                .first = lease->first,
                                .count = lease->count,
                                .text = wants_text(b)}};

    if (!task)
        return;
    msg.lease.task = *task->def;
    broker_send(b, actor, &msg);
}

void grant_unsent(struct broker *b, struct broker_member *actor)
{
    for (uint32_t slot = actor->lease; slot != LEASE_NONE; slot = b->leases.slot[slot].next) {
        struct lease *lease = &b->leases.slot[slot];

        if (!lease->unsent)
            continue;
        lease->unsent = false;
        send_lease(b, actor, lease);
    }
}

/* Leases samples first .. first+count-1, for which there is space. */
static uint32_t grant(struct broker *b, struct broker_member *actor, struct open_task *task,
                      uint32_t first, uint32_t count, int64_t now_ms)
{
    const struct tasks_name name = tasks_name(task, first);
    const uint32_t slot = lease_grant(&b->leases, actor, &name, count, now_ms);

    for (uint32_t i = first; slot != LEASE_NONE && i - first < count; i++) {
        task->sample[i].lease = slot;
        tasks_move(&b->tasks, task, i, SAMPLE_LEASED, now_ms);
    }
    return slot;
}

bool grant_adopt(struct broker *b, struct broker_member *actor, struct open_task *task,
                 uint32_t sample, bool wanted, int64_t now_ms)
{
    uint32_t slot;

    if (!tasks_reserve(&b->tasks, task, sample))
        return false;
    slot = grant(b, actor, task, sample, 1, now_ms);
    if (slot == LEASE_NONE)
        return false;
    b->leases.slot[slot].wanted = wanted;
    b->leases.slot[slot].unsent = !wanted;
    return true;
}

/* May the image of this version be had, from here on? */
static bool fetchable(const struct broker *b, const struct version *version)
{
    static const struct hash any;

    if (hash_same(&version->hash, &any))
        return !hash_same(&b->run.newest.hash, &any);
    return version->number <= b->run.newest.number && version->number >= b->run.smallest_live;
}

bool grant_has_room(const struct broker *b, const struct broker_member *m)
{
    return m->role == ROLE_ACTOR && m->greeted && !m->draining && !m->resting && m->avail > 0 &&
           (b->run.owned || !blame_is_own(b, m)) && suspects_may(b, m);
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
    const bool can_fetch = fetchable(b, version);
    struct broker_member *const start = b->turn && b->turn->next ? b->turn->next : b->first;
    struct broker_member *best = NULL, *m = start;

    while (m) {
        const bool may = grant_has_room(b, m) && blame_may(b, m, sample);
        const bool holds = may && members_holds(m, &version->hash);

        if (may && (holds || can_fetch) && is_better(m, best, &version->hash))
            best = m;
        if (holds && m->avail >= share) {
            best = m;
            break;
        }
        m = m->next ? m->next : b->first;
        if (m == start)
            break;
    }
    b->turn = best;
    return best;
}

static int64_t actors_with_room(const struct broker *b)
{
    int64_t n = 0;

    for (const struct broker_member *m = b->first; m; m = m->next)
        n += grant_has_room(b, m);
    return n;
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
        if (!actor)
            return actors_with_room(b) > 0;
        while (i + count < task->def->samples && count < share && count < actor->avail &&
               leasable(task, i + count, now_ms) &&
               blame_may(b, actor, &task->sample[i + count]) &&
               tasks_reserve(&b->tasks, task, i + count))
            count++;
        b->space_short = count == 0;
        if (b->space_short) /* who is first in line gets the space that comes free */
            return false;
        slot = grant(b, actor, task, i, count, now_ms);
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
    wake_rested(b, now_ms);
    suspects_look(b);
    actors = actors_with_room(b);
    if (!actors)
        return;
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
