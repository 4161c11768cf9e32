/* A table of slots by number modulo capacity, and through it a list for each holder in the
 * order of numbers: LEASEs go out as their numbers rise, which is what lease_seen relies on.
 * Numbers are never used again; a slot is. Those whose slot is beyond the window are passed over,
 * so that no more of the table is ever touched than twice what was out at once. */

#include "broker/lease.h"

#include "base/mem.h"
#include "broker/members.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { WINDOW = 1024 }; /* at first */

void lease_init(struct leases *leases, uint32_t capacity, uint64_t first_number)
{
    *leases = (struct leases){.slot = mem_new(capacity, sizeof(struct lease)),
                              .capacity = capacity,
                              .window = capacity < WINDOW ? capacity : WINDOW,
                              .number = first_number};
}

void lease_fini(struct leases *leases)
{
    free(leases->slot);
    memset(leases, 0, sizeof *leases);
}

uint32_t lease_grant(struct leases *leases, struct broker_member *holder,
                     const struct tasks_name *first, uint32_t count, int64_t now_ms)
{
    struct lease *lease;
    uint32_t slot;

    if (leases->n == leases->capacity)
        return LEASE_NONE;
    /* Before it is full, so that a free slot is found within a step or two; doubled, so that what
     * was out once is the measure and not each lease. It never shrinks: touched memory stays
     * anyway. */
    if (2 * leases->n >= leases->window)
        leases->window = leases->capacity - leases->window < leases->window
                             ? leases->capacity
                             : 2 * leases->window;
    do {
        slot = (uint32_t)(++leases->number % leases->capacity);
        if (slot >= leases->window) {
            leases->number += leases->capacity - slot;
            slot = 0;
        }
    } while (leases->slot[slot].number);
    lease = &leases->slot[slot];
    *lease = (struct lease){.number = leases->number,
                            .holder = holder,
                            .task = first->task,
                            .serial = first->serial,
                            .first = first->sample,
                            .count = count,
                            .left = count,
                            .next = LEASE_NONE,
                            .prev = holder->lease_last,
                            .granted_ms = now_ms};
    /* In order of number, so that LEASEs go out as their numbers rise. */
    if (lease->prev != LEASE_NONE)
        leases->slot[lease->prev].next = slot;
    else
        holder->lease = slot;
    holder->lease_last = slot;
    holder->leases++;
    leases->n++;
    return slot;
}

void lease_end(struct leases *leases, uint32_t slot)
{
    struct lease *lease = &leases->slot[slot];

    assert(lease->number);
    if (!lease->wanted && !lease->known &&
        lease->number > lease->holder->seen) { /* it is still to arrive */
        lease->holder->ended += lease->count;
        if (lease->number > lease->holder->ended_last)
            lease->holder->ended_last = lease->number;
    }
    if (lease->next != LEASE_NONE)
        leases->slot[lease->next].prev = lease->prev;
    else
        lease->holder->lease_last = lease->prev;
    if (lease->prev != LEASE_NONE)
        leases->slot[lease->prev].next = lease->next;
    else
        lease->holder->lease = lease->next;
    lease->holder->leases--;
    leases->n--;
    lease->number = 0;
}

struct lease *lease_find(const struct leases *leases, uint64_t number)
{
    struct lease *lease = &leases->slot[number % leases->capacity];

    return number && lease->number == number ? lease : NULL;
}
