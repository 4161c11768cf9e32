/* book: the samples that were leased to this actor and are not settled yet.
 *
 * A sample is running until its rollout is written, then done; a done one is kept until the
 * learner has settled it, because the road forgets. No socket, no clock.
 */

#ifndef ACTOR_BOOK_H
#define ACTOR_BOOK_H

#include "proto/noun.h"

struct entry {
    uint64_t task, lease;
    uint32_t sample;
    bool text;               /* the rollout goes with its text */
    struct rollout *rollout; /* NULL while it runs; owned, see book_rollout_free */
    bool sent;               /* since the last WELCOME */
};

struct book;
void book_new(struct book **out);
void book_free(struct book *book);
void book_clear(struct book *book);

/* False if the sample is there already. */
bool book_add(struct book *book, uint64_t task, uint32_t sample, uint64_t lease, bool text);
struct entry *book_find(struct book *book, uint64_t task, uint32_t sample); /* NULL */
void book_remove(struct book *book, uint64_t task, uint32_t sample);

/* Entries 0 .. n-1 in no order; valid until the next add or remove. */
struct entry *book_list(struct book *book, uint32_t *n);

/* Forgets what is settled; returns how many. `dropped` hears of each that still ran. */
uint32_t book_settle(struct book *book, const struct settled *settled,
                     void (*dropped)(void *self, uint64_t task, uint32_t sample), void *self);

uint32_t book_running(const struct book *book);
uint32_t book_done(const struct book *book);
size_t book_bytes(const struct book *book); /* of finished rollouts */

/* For HELLO; borrowed until the next call. */
const struct claim *book_claims(struct book *book, uint32_t *n);
/* Leases that entries hold, each once, rising; borrowed until the next call. */
const uint64_t *book_leases(struct book *book, uint32_t *n);

void book_rollout_free(struct rollout *rollout);

#endif
