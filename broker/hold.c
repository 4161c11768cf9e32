/* A sample that is leased names its lease, a lease counts the samples that still name it: the two
 * are changed here together, and nowhere else, so that leased samples and what is left of all
 * leases are always the same number (tests/fuzz/stage.c looks after each step).
 *
 * A lease ends when nothing is left of it. Its holder is told by REVOKE if it is not the one who
 * ended it: what it has not begun it drops, and what it decodes as well if an answer is here
 * (`over`). Nobody waits for an answer to that: what it brings all the same is a duplicate, or the
 * first answer, and then it is taken.
 *
 * Each change of what a member has in hand passes here, so its time is counted here (pace.c). */

#include "broker/hold.h"

#include "broker/pace.h"

#include <string.h>

static void revoke(struct broker *b, const struct lease *lease, uint32_t from, bool over)
{
    struct msg msg = {.head.type = MSG_REVOKE,
                      .revoke = {.lease = &lease->number,
                                 .n_lease = 1,
                                 .from = &from,
                                 .n_from = from ? 1 : 0,
                                 .over = over}};

    if (lease->holder->greeted)
        outbox_put(&b->outbox, lease->holder, &msg);
}

struct open_task *hold_of(const struct broker *b, const struct lease *lease)
{
    /* If the last one is there all are. */
    const struct tasks_name last = {.task = lease->task,
                                    .serial = lease->serial,
                                    .sample = lease->first + lease->count - 1};
    struct open_task *task = NULL;

    return tasks_named(&b->tasks, &last, &task) ? task : NULL;
}

/* Whoever had a lease for it may bring it, for as long as not TASKS_HAD others had one since. */
static void was_given(struct open_sample *sample, const struct broker_member *actor)
{
    if (!memcmp(&sample->had[0], &actor->id, sizeof actor->id))
        return;
    memmove(&sample->had[1], &sample->had[0], (TASKS_HAD - 1) * sizeof sample->had[0]);
    sample->had[0] = actor->id;
}

uint32_t hold_take(struct broker *b, struct broker_member *actor, struct open_task *task,
                   uint32_t first, uint32_t count, int64_t now_ms)
{
    const struct tasks_name name = tasks_name(task, first);
    const uint32_t slot = lease_grant(&b->leases, actor, &name, count, now_ms);

    if (slot == LEASE_NONE)
        return slot;
    for (uint32_t i = first; i - first < count; i++) {
        task->sample[i].lease = slot;
        was_given(&task->sample[i], actor);
        tasks_move(&b->tasks, task, i, SAMPLE_LEASED, now_ms);
    }
    pace_hold(actor, count, now_ms);
    return slot;
}

bool hold_adopt(struct broker *b, struct broker_member *actor, struct open_task *task,
                uint32_t sample, bool wanted, int64_t now_ms)
{
    uint32_t slot;

    if (!tasks_reserve(&b->tasks, task, sample))
        return false;
    slot = hold_take(b, actor, task, sample, 1, now_ms);
    if (slot == LEASE_NONE)
        return false;
    b->leases.slot[slot].wanted = wanted;
    b->leases.slot[slot].unsent = !wanted;
    /* What is wanted needs no LEASE: WANT says it, and its body comes back. */
    b->adopted |= !wanted;
    return true;
}

void hold_release(struct broker *b, struct open_sample *sample, const struct broker_member *by)
{
    struct lease *lease;

    if (sample->lease == TASKS_NO_LEASE)
        return;
    lease = &b->leases.slot[sample->lease];
    pace_hold(lease->holder, -1, b->now_ms);
    if (--lease->left == 0) {
        if (lease->holder != by) /* it works for nothing */
            revoke(b, lease, 0, true);
        lease_end(&b->leases, sample->lease);
    }
    sample->lease = TASKS_NO_LEASE;
}

/* Samples first .. first+count-1, as far as they are still of this lease, wait again. */
static void give_back(struct broker *b, struct lease *lease, uint32_t first, uint32_t count,
                      int64_t now_ms)
{
    const uint32_t slot = (uint32_t)(lease - b->leases.slot), had = lease->left;
    struct open_task *task = hold_of(b, lease);

    for (uint32_t i = first; task && i - first < count; i++) {
        if (task->sample[i].state != SAMPLE_LEASED || task->sample[i].lease != slot)
            continue;
        task->sample[i].lease = TASKS_NO_LEASE;
        tasks_move(&b->tasks, task, i, SAMPLE_WAITING, now_ms);
        lease->left--;
    }
    pace_hold(lease->holder, (int64_t)lease->left - (int64_t)had, now_ms);
}

void hold_requeue(struct broker *b, struct lease *lease, int64_t now_ms)
{
    give_back(b, lease, lease->first, lease->count, now_ms);
    pace_hold(lease->holder, -(int64_t)lease->left, now_ms); /* of an opening that is over */
    lease_end(&b->leases, (uint32_t)(lease - b->leases.slot));
}

void hold_take_part(struct broker *b, struct lease *lease, uint32_t first, uint32_t count,
                    bool tell, int64_t now_ms)
{
    if (tell)
        revoke(b, lease, first, false);
    give_back(b, lease, first, count, now_ms);
    if (!lease->left)
        lease_end(&b->leases, (uint32_t)(lease - b->leases.slot));
}

void hold_requeue_all(struct broker *b, struct broker_member *actor, int64_t now_ms)
{
    while (actor->lease != LEASE_NONE) {
        b->counters.reissued += b->leases.slot[actor->lease].left;
        hold_requeue(b, &b->leases.slot[actor->lease], now_ms);
    }
}

/* Told before the lease is over and its number gone. */
void hold_take_back(struct broker *b, struct lease *lease, int64_t now_ms)
{
    revoke(b, lease, 0, false);
    hold_requeue(b, lease, now_ms);
}

void hold_take_all_back(struct broker *b, struct broker_member *actor, int64_t now_ms)
{
    for (uint32_t slot = actor->lease; slot != LEASE_NONE; slot = b->leases.slot[slot].next)
        revoke(b, &b->leases.slot[slot], 0, false);
    hold_requeue_all(b, actor, now_ms);
}
