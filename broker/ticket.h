/* ticket: a request for scores that is under way to a rewarder.
 *
 * A ticket that ran out stays for a while, so that a late answer of the peer that had it still
 * counts; its samples are free to be asked about again. */

#ifndef BROKER_TICKET_H
#define BROKER_TICKET_H

#include "broker/tasks.h"

struct broker_member;

enum { TICKET_ITEMS = 1024 };

struct ticket {
    uint64_t number;              /* 0: this place is free */
    struct broker_member *holder; /* NULL: gone, or the ticket ran out */
    struct id to;    /* whose answer counts: the holder's peer id, also when it is late */
    uint32_t scorer; /* its place in the table */
    uint32_t n_item;
    struct tasks_name *item;
    int64_t issued_ms;
    int64_t again_ms; /* refused: when its samples are asked about again; 0: not so */
};

struct tickets {
    struct ticket *slot;
    uint32_t capacity, n, live;
    uint32_t window; /* no slot from here on is taken, nor ever was */
    uint64_t number;
};

void ticket_init(struct tickets *tickets, uint32_t capacity, uint64_t first_number);
void ticket_fini(struct tickets *tickets);

/* Copies `item`. NULL if the table is full. */
struct ticket *ticket_issue(struct tickets *tickets, struct broker_member *holder,
                            uint32_t scorer, const struct tasks_name *item, uint32_t n_item,
                            int64_t now_ms);
void ticket_expire(struct tickets *tickets, struct ticket *ticket); /* takes the holder away */
void ticket_end(struct tickets *tickets, struct ticket *ticket);
struct ticket *ticket_find(const struct tickets *tickets, uint64_t number); /* or NULL */

#endif
