/* asks: what one child has asked for and not got yet.
 *
 * Requests go out in turn as what they are about comes, a piece each; one whose chunk is not
 * here does not hold the others up. Of all that is asked for only ASKS_WANTED chunks are called
 * wanted at once (stock_want): so much of the stock a child may hold, however much it asks for.
 * No socket, no clock. */

#ifndef BROKER_ASKS_H
#define BROKER_ASKS_H

#include "broker/bulk/stock.h"

enum { ASKS_MAX = 2048, ASKS_WANTED = 16 };

struct asks_entry { /* one request: from `next` to `end`; wanted up to `to`, in chunks */
    struct stock_item *item;
    uint32_t kind, next, end, to;
};
struct asks {
    struct asks_entry *ask;
    uint32_t n, room, turn, wanted; /* turn: who is looked at first */
    bool idle;                      /* it reads nothing: none of its chunks is wanted */
};

/* Notes a request; one that waits here already is not noted twice. False: ASKS_MAX wait, or the
 * artifact has no such piece. */
bool asks_add(struct asks *asks, struct stock_item *item, const struct msg_wreq *wreq);
/* Calls wanted what is next, and nothing of what yields. Whether there is anything to ask for
 * because of that. */
bool asks_want(struct asks *asks,
               bool (*yields)(const void *self, const struct asks_entry *ask),
               const void *self);
/* Calls nothing wanted until asks_idle(asks, false). */
void asks_idle(struct asks *asks, bool idle);

/* The next that can be answered now, NULL if none: what to send, borrowed from the stock until
 * something else is done with it. `held` says which pieces must not go now; digests always may. */
struct asks_entry *asks_next(struct asks *asks, struct stock *stock, struct msg *out,
                             bool (*held)(const void *self, const struct asks_entry *ask),
                             const void *self);
void asks_sent(struct asks *asks, struct asks_entry *ask); /* the piece went out */

/* Forgets all about `item`, or all (NULL). How many requests that were. */
uint32_t asks_drop(struct asks *asks, const struct stock_item *item);
bool asks_any(const struct asks *asks, const struct stock_item *item);
void asks_fini(struct asks *asks);

#endif
