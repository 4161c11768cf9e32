/* While something waits that it may do, who is done takes that. Once nothing does, actors stand idle beside others
 * that still have work, and the whole iteration waits for the last of these. Then, each tick:
 *
 *   - what an actor has not begun (HB `unbegun`) goes to one with a free slot, which begins it at
 *     once. The holder hears REVOKE and drops it.
 *   - what it has begun goes to a much faster one as well, if that would be done sooner from the
 *     start: as many tokens as the holder has done by now are few beside what it has still to do at
 *     its pace. The holder goes on: the first answer is taken, the other one is a duplicate. A
 *     sample has COPIES such copies at most. Of who is not heard any more all is given away so.
 *
 * While something still waits, a slow one may have in hand what it will not bring before all of
 * that is done: it had it before anybody knew, or has become slow. That is given back to the queue,
 * where it is the first (reclaim_late): else all others would be done, and then begin it.
 *
 * The slowest lose first. An answer is a function of its task, so who writes it changes nothing
 * else. A holder that is slower by FAR, or is not heard, is on probation from then on.
 *
 * One pass over the leases, sorted: what happens but a few times an iteration may cost that. */

#include "broker/reclaim.h"

#include "base/mem.h"
#include "broker/blame.h"
#include "broker/grant.h"
#include "broker/hold.h"
#include "broker/pace.h"
#include "broker/room.h"
#include "broker/wanted.h"

#include <stdlib.h>

enum { COPIES = 2, FAR = 8, YOUNG_MS = 100 };
static const double WORTH = .67; /* who is slower than that by this much may be copied */

struct candidate {
    uint32_t slot;
    uint32_t first, count; /* unbegun ones, at the end of the lease; or one that has begun */
    bool begun;
    double speed; /* its holder's */
};

struct search {
    struct candidate *item;
    uint32_t n, room;
    int64_t now_ms;
};

static bool is_of(const struct broker *b, const struct open_task *task, uint32_t i,
                  const struct lease *lease)
{
    return task->sample[i].state == SAMPLE_LEASED &&
           &b->leases.slot[task->sample[i].lease] == lease;
}

static void add(struct search *s, const struct candidate *one)
{
    if (s->n == s->room) {
        s->room = s->room ? 2 * s->room : 64;
        s->item = mem_grow(s->item, s->room, sizeof *s->item);
    }
    s->item[s->n++] = *one;
}

/* Would a usual actor, from the start, be done before its holder? Lengths have no memory here: what
 * has still to come is as long as an answer usually is, whatever is done. */
static bool is_worth(const struct broker *b, const struct lease *lease, int64_t now_ms)
{
    const double speed = lease->holder->speed, ratio = speed / b->pace.usual;
    const double done = (double)(now_ms - lease->granted_ms) * speed;

    return ratio <= WORTH && done * ratio < b->pace.length * (1 - ratio);
}

/* Only what its holder has told of since it came; all, of who is not heard any more. */
static bool is_open(const struct lease *lease, int64_t now_ms)
{
    const struct broker_member *holder = lease->holder;

    if (lease->wanted || lease->unsent)
        return false;
    return holder->quiet ||
           (lease->number <= holder->seen && now_ms - lease->granted_ms >= YOUNG_MS);
}

/* The last ones of a lease, as far as they have not begun: from which on. `*end`: behind them. */
static uint32_t unbegun_from(const struct broker *b, const struct open_task *task,
                             const struct lease *lease, uint32_t *end)
{
    const uint32_t all = lease->first + lease->count;
    const uint32_t unbegun = lease->unbegun < lease->count ? lease->unbegun : lease->count;
    uint32_t first;

    *end = all;
    while (*end > lease->first && !is_of(b, task, *end - 1, lease))
        --*end; /* taken before, or answered */
    for (first = *end; first > all - unbegun && is_of(b, task, first - 1, lease);)
        first--;
    return first;
}

/* What of one lease others may have. */
static void look(const struct broker *b, struct search *s, uint32_t slot)
{
    const struct lease *lease = &b->leases.slot[slot];
    const struct open_task *task = hold_of(b, lease);
    struct candidate one = {.slot = slot, .speed = lease->holder->speed};
    uint32_t end;

    if (!task || !is_open(lease, s->now_ms))
        return;
    one.first = unbegun_from(b, task, lease, &end);
    one.count = end - one.first;
    end = one.first;
    if (one.count)
        add(s, &one);
    one.begun = true;
    one.count = 1;
    for (uint32_t i = lease->first; i < end && is_worth(b, lease, s->now_ms); i++)
        if (is_of(b, task, i, lease) && task->sample[i].copies < COPIES) {
            one.first = i;
            add(s, &one);
        }
}

/* What has not begun first, then the slowest, then the oldest. */
static int by_gain(const void *a, const void *b)
{
    const struct candidate *x = a, *y = b;

    if (x->begun != y->begun)
        return x->begun - y->begun;
    if (x->speed < y->speed || x->speed > y->speed)
        return x->speed < y->speed ? -1 : 1;
    return (x->slot > y->slot) - (x->slot < y->slot);
}

static uint32_t free_slots(const struct broker_member *m)
{
    const int64_t free = (int64_t)m->slots - (int64_t)m->held;

    return free <= 0 || m->avail <= 0 ? 0 : (uint32_t)(free < m->avail ? free : m->avail);
}

/* Somebody with a free slot that may do all of them, or as many as it has slots for. */
static struct broker_member *taker(const struct broker *b, const struct lease *lease,
                                   const struct open_task *task, const struct candidate *one)
{
    for (struct broker_member *m = b->room.prompt.first; m; m = m->room_next)
        if (m != lease->holder && room_has(b, m) && free_slots(m) &&
            wanted_held(m, &task->def->version) &&
            blame_may(b, m, &task->sample[one->first + one->count - 1]))
            return m;
    return NULL;
}

/* How many samples went: the last ones of the candidate. */
static uint32_t give(struct broker *b, const struct candidate *one, int64_t now_ms)
{
    struct lease *lease = &b->leases.slot[one->slot];
    struct broker_member *holder = lease->holder;
    struct open_task *task = hold_of(b, lease);
    struct broker_member *to = taker(b, lease, task, one);
    const uint32_t end = one->first + one->count;
    uint32_t count = 0, slot;

    if (!to || b->leases.n == b->leases.capacity)
        return 0;
    while (count < one->count && count < free_slots(to) &&
           blame_may(b, to, &task->sample[end - count - 1]))
        count++;
    for (uint32_t i = end - count; i < end; i++)
        task->sample[i].copies += one->begun;
    *(one->begun ? &b->counters.copied : &b->counters.moved) += count;
    if (holder->quiet)
        probation_begin(holder, count, "it was not heard, others did its work");
    else if (one->begun && FAR * holder->speed < b->pace.usual)
        probation_begin(holder, count, "it is slower by far, others did its work");
    hold_take_part(b, lease, end - count, count, !one->begun, now_ms);
    slot = hold_take(b, to, task, end - count, count, now_ms);
    to->avail -= count;
    room_place(b, to);
    grant_tell(b, to, slot);
    return count;
}

static bool any_free(const struct broker *b)
{
    for (const struct broker_member *m = b->room.prompt.first; m; m = m->room_next)
        if (free_slots(m) && room_has(b, m))
            return true;
    return false;
}

/* Is there somebody with nothing to do, beside others that have something? What still waits then is
 * not for who is free: the same tick has given them what is (grant_work). */
static bool is_due(const struct broker *b, int64_t now_ms)
{
    return b->run.bound && !b->run.done && !b->draining && !b->space_short &&
           b->pace.usual > 0 && now_ms >= b->lease_from_ms && b->tasks.count[SAMPLE_LEASED] &&
           any_free(b);
}

void reclaim_work(struct broker *b, int64_t now_ms)
{
    struct search s = {.now_ms = now_ms};

    if (!is_due(b, now_ms))
        return;
    for (struct broker_member *m = b->members.first; m; m = m->next)
        for (uint32_t slot = m->lease; slot != LEASE_NONE; slot = b->leases.slot[slot].next)
            if (!run_is_own(&b->run, m))
                look(b, &s, slot);
    if (s.n)
        qsort(s.item, s.n, sizeof *s.item, by_gain);
    for (uint32_t i = 0; i < s.n && any_free(b); i++) {
        uint32_t went;

        while (s.item[i].count && (went = give(b, &s.item[i], now_ms)))
            s.item[i].count -= went;
    }
    free(s.item);
}

/* As a candidate, but it waits again instead of going to somebody. */
static void give_back(struct broker *b, uint32_t slot, int64_t now_ms)
{
    struct lease *lease = &b->leases.slot[slot];
    struct open_task *task = hold_of(b, lease);
    const uint64_t number = lease->number;
    const uint32_t first = lease->first;
    uint32_t end, from;

    if (!task || !is_open(lease, now_ms))
        return;
    from = unbegun_from(b, task, lease, &end);
    if (from < end) {
        b->counters.moved += end - from;
        hold_take_part(b, lease, from, end - from, true, now_ms);
    }
    for (uint32_t i = first; i < from && lease->number == number; i++) {
        if (!is_of(b, task, i, lease) || task->sample[i].copies >= COPIES ||
            !is_worth(b, lease, now_ms))
            continue;
        task->sample[i].copies++;
        b->counters.copied++;
        hold_take_part(b, lease, i, 1, false, now_ms);
    }
}

void reclaim_late(struct broker *b, int64_t now_ms)
{
    const uint64_t waiting = b->tasks.count[SAMPLE_WAITING];

    /* Where somebody with room leaves what waits, it would leave this as well. */
    if (!b->run.bound || b->run.done || b->draining || !waiting || b->room.prompt.n)
        return;
    for (struct broker_member *m = b->members.first; m; m = m->next) {
        if (!m->slow || !m->held || run_is_own(&b->run, m) ||
            (double)waiting >= pace_from(b, m))
            continue;
        for (uint32_t slot = m->lease, next; slot != LEASE_NONE; slot = next) {
            next = b->leases.slot[slot].next;
            give_back(b, slot, now_ms);
        }
    }
}
