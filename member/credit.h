/* credit: how much room a worker has said that it has, and when to say so again.
 *
 * Credit is absolute and goes with each heartbeat (docs/PROTOCOL.md, HB). What came since uses
 * it up, so a worker knows what the broker takes it to have; a heartbeat out of turn is worth
 * its bytes only when there is noticeably more. */

#ifndef MEMBER_CREDIT_H
#define MEMBER_CREDIT_H

#include <stdbool.h>
#include <stdint.h>

struct credit {
    uint32_t said, used; /* in the last heartbeat; by what came since then */
};

/* A heartbeat is made up: returns `now`. */
uint32_t credit_say(struct credit *credit, uint32_t now);
void credit_use(struct credit *credit, uint32_t n);
/* What the broker takes it to have. */
uint32_t credit_left(const struct credit *credit);

#endif
