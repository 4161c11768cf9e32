/* lease: work that was handed out and has not come back.
 *
 * One lease covers a range of samples of one task and belongs to one member. Numbers rise and
 * are never used again, not even by the broker's successor: the first one is given from
 * outside. Knows no time but what it is told. */

#ifndef BROKER_LEASE_H
#define BROKER_LEASE_H

#include "broker/tasks.h"

struct broker_member;

enum { LEASE_NONE = UINT32_MAX };

struct lease {
    uint64_t number; /* 0: this place is free */
    struct broker_member *holder;
    uint64_t task, serial;       /* of one opening: tasks_name */
    uint32_t first, count, left; /* left: samples of it still leased */
    uint32_t next, prev;         /* of the holder's */
    bool wanted;                 /* finished already, its body is asked for: takes no credit */
    bool unsent;                 /* LEASE is still to go out */
    bool known;       /* its holder named it in HELLO, whatever number it has seen since */
    uint32_t unbegun; /* its last samples that have not begun, as its holder said last */
    uint32_t heard;   /* heartbeat that listed it last (grant.c) */
    int64_t granted_ms;
};

struct leases {
    struct lease *slot; /* number n is at n % capacity */
    uint32_t capacity, n;
    uint32_t window; /* no slot from here on is taken, nor ever was */
    uint64_t number; /* the last one given */
};

void lease_init(struct leases *leases, uint32_t capacity, uint64_t first_number);
void lease_fini(struct leases *leases);

/* `count` samples from `first` on. LEASE_NONE if the table is full. */
uint32_t lease_grant(struct leases *leases, struct broker_member *holder,
                     const struct tasks_name *first, uint32_t count, int64_t now_ms);
void lease_end(struct leases *leases, uint32_t slot);
struct lease *lease_find(const struct leases *leases, uint64_t number); /* or NULL */

#endif
