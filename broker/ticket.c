/* A table of slots by number modulo capacity, with a window as that of leases (lease.c). A ticket that ran out keeps its slot for a while
 * without a holder (ticket_expire), so that a late answer of the peer that had it still finds
 * it; `live` counts those that have one. */

#include "broker/ticket.h"

#include "base/mem.h"
#include "broker/members.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { WINDOW = 256 }; /* at first */

void ticket_init(struct tickets *tickets, uint32_t capacity, uint64_t first_number)
{
    *tickets = (struct tickets){.slot = mem_new(capacity, sizeof(struct ticket)),
                                .capacity = capacity,
                                .window = capacity < WINDOW ? capacity : WINDOW,
                                .number = first_number};
}

void ticket_fini(struct tickets *tickets)
{
    for (uint32_t i = 0; i < tickets->capacity; i++)
        free(tickets->slot[i].item);
    free(tickets->slot);
    memset(tickets, 0, sizeof *tickets);
}

struct ticket *ticket_issue(struct tickets *tickets, struct broker_member *holder,
                            uint32_t scorer, const struct tasks_name *item, uint32_t n_item,
                            int64_t now_ms)
{
    struct ticket *ticket;

    if (tickets->n == tickets->capacity)
        return NULL;
    if (2 * tickets->n >= tickets->window)
        tickets->window = tickets->capacity - tickets->window < tickets->window
                              ? tickets->capacity
                              : 2 * tickets->window;
    /* There is a free slot, so this ends; skipping numbers does no harm, they need only rise.
     */
    do {
        uint32_t slot = (uint32_t)(++tickets->number % tickets->capacity);

        if (slot >= tickets->window) {
            tickets->number += tickets->capacity - slot;
            slot = 0;
        }
        ticket = &tickets->slot[slot];
    } while (ticket->number);
    *ticket = (struct ticket){.number = tickets->number,
                              .holder = holder,
                              .to = holder->id,
                              .scorer = scorer,
                              .n_item = n_item,
                              .item = mem_new(n_item, sizeof *item),
                              .issued_ms = now_ms};
    memcpy(ticket->item, item, n_item * sizeof *item);
    tickets->n++;
    tickets->live++;
    holder->tickets++;
    return ticket;
}

void ticket_expire(struct tickets *tickets, struct ticket *ticket)
{
    assert(ticket->number && ticket->holder);
    ticket->holder->tickets--;
    ticket->holder = NULL;
    tickets->live--;
}

/* Also of one that ran out before, which its holder does not count any more. */
void ticket_end(struct tickets *tickets, struct ticket *ticket)
{
    assert(ticket->number);
    if (ticket->holder) {
        ticket->holder->tickets--;
        tickets->live--;
    }
    free(ticket->item);
    memset(ticket, 0, sizeof *ticket);
    tickets->n--;
}

struct ticket *ticket_find(const struct tickets *tickets, uint64_t number)
{
    struct ticket *ticket = &tickets->slot[number % tickets->capacity];

    return number && ticket->number == number ? ticket : NULL;
}
