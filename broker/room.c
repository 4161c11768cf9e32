/* Credit is absolute: an actor says how many samples it has room for, and up to which lease it
 * has heard. Leases above that are still to arrive, so they are taken off; so are those that
 * ended before they arrived, for it will count them, too, until it has seen their REVOKE. Leases
 * of what it had before (`wanted`, `known`) take no room that it said is free.
 *
 * Whose lease was overdue is trusted with few samples at once (overdue.c). */

#include "broker/room.h"

/* What it has in hand counts with the rest, whether it has seen it or not. */
static int64_t trusted(const struct broker *b, const struct broker_member *actor, int64_t avail)
{
    int64_t held = 0;

    if (!actor->trust)
        return avail;
    for (uint32_t slot = actor->lease; slot != LEASE_NONE; slot = b->leases.slot[slot].next)
        held += b->leases.slot[slot].left;
    return avail < actor->trust - held ? avail : actor->trust - held;
}

void room_credit(struct broker *b, struct broker_member *actor)
{
    actor->avail = actor->credit < b->limits.credit_max ? actor->credit : b->limits.credit_max;
    for (uint32_t slot = actor->lease; slot != LEASE_NONE; slot = b->leases.slot[slot].next) {
        const struct lease *lease = &b->leases.slot[slot];

        if (!lease->wanted && !lease->known && lease->number > actor->seen)
            actor->avail -= lease->count;
    }
    /* It has seen the last of them, so it counts none of them any more. */
    if (actor->seen >= actor->ended_last)
        actor->ended = 0;
    actor->avail -= (int64_t)actor->ended;
    actor->avail = trusted(b, actor, actor->avail);
}

/* A flag besides the time: room_has is asked of each sample's candidates and reads no clock. */
void room_rest(struct broker_member *actor, int64_t ms, int64_t now_ms)
{
    actor->resting = true;
    actor->rest_ms = now_ms + ms;
}

void room_wake(struct broker *b, int64_t now_ms)
{
    for (struct broker_member *m = b->members.first; m; m = m->next)
        m->resting &= now_ms < m->rest_ms;
}

bool room_has(const struct broker *b, const struct broker_member *m)
{
    return m->role == ROLE_ACTOR && m->greeted && !m->draining && !m->resting && m->avail > 0 &&
           (b->run.owned || !run_is_own(&b->run, m)) && suspects_may(&b->suspects, &b->run, m);
}

int64_t room_actors(const struct broker *b)
{
    int64_t n = 0;

    for (const struct broker_member *m = b->members.first; m; m = m->next)
        n += room_has(b, m);
    return n;
}
