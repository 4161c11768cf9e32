/* Credit is absolute: an actor says how many samples it has room for, and up to which lease it
 * has heard. Leases above that are still to arrive, so they are taken off; so are those that
 * ended before they arrived, for it will count them, too, until it has seen their REVOKE. Leases
 * of what it had before (`wanted`, `known`) take no room that it said is free.
 *
 * Whose lease was overdue is trusted with few samples at once (probation.c).
 *
 * Lists, so that nothing walks over all members for each sample: an actor enters one when it says
 * that it has room and leaves it when it has none. What else may stop it (a rest, a drain, a
 * connection that is lost) is looked at when its turn comes, not followed. */

#include "broker/room.h"

#include "broker/state.h"

/* What it has in hand counts with the rest, whether it has seen it or not. */
static int64_t trusted(const struct broker_member *actor, int64_t avail)
{
    const int64_t left = actor->trust - (int64_t)actor->held;

    return !actor->trust || avail < left ? avail : left;
}

static void leave(struct broker *b, struct broker_member *m)
{
    struct room_list *list = m->in_slow ? &b->room.slow : &b->room.prompt;

    if (!m->in_room)
        return;
    *(m->room_prev ? &m->room_prev->room_next : &list->first) = m->room_next;
    *(m->room_next ? &m->room_next->room_prev : &list->last) = m->room_prev;
    list->n--;
    m->in_room = false;
}

static void enter(struct broker *b, struct broker_member *m)
{
    struct room_list *list = m->slow ? &b->room.slow : &b->room.prompt;

    m->in_room = true;
    m->in_slow = m->slow;
    m->room_next = NULL;
    m->room_prev = list->last;
    *(list->last ? &list->last->room_next : &list->first) = m;
    list->last = m;
    list->n++;
}

void room_place(struct broker *b, struct broker_member *m)
{
    leave(b, m);
    if (m->role == ROLE_ACTOR && m->greeted && m->avail > 0 &&
        (b->run.owned || !run_is_own(&b->run, m)))
        enter(b, m);
}

void room_forget(struct broker *b, struct broker_member *m)
{
    leave(b, m);
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
    actor->avail = trusted(actor, actor->avail);
    /* Who is in a list keeps its turn. */
    if (!actor->in_room || actor->avail <= 0)
        room_place(b, actor);
}

/* A flag besides the time: room_has is asked of each sample's candidates and reads no clock. */
void room_rest(struct broker_member *actor, int64_t ms, int64_t now_ms)
{
    actor->resting = true;
    actor->rest_ms = now_ms + ms;
}

void room_tick(struct broker *b, int64_t now_ms)
{
    for (struct broker_member *m = b->members.first; m; m = m->next) {
        m->resting &= now_ms < m->rest_ms;
        if (m->in_room ? m->in_slow != m->slow : m->avail > 0)
            room_place(b, m);
    }
}

bool room_has(const struct broker *b, const struct broker_member *m)
{
    return m->role == ROLE_ACTOR && m->greeted && !m->draining && !m->resting && m->avail > 0 &&
           (b->run.owned || !run_is_own(&b->run, m)) && suspects_may(&b->suspects, &b->run, m);
}
