/* proven: images of which the golden number is known (docs/PROTOCOL.md §3.1): the ones that an actor
 * says it holds. */

#ifndef ACTOR_PROVEN_H
#define ACTOR_PROVEN_H

#include "proto/limit.h"
#include "proto/noun.h"

struct actor_weights;
struct compute_item;

struct proven {
    struct version version[MAX_LIVE];
    uint32_t golden[MAX_LIVE]; /* 0: it cannot be computed */
    uint32_t n;
};

/* An ITEM_GOLDEN. False: its image is not here any more. */
bool proven_add(struct proven *proven, const struct actor_weights *weights,
                const struct compute_item *item);
/* Those that are still here; both point into `proven`. Returns how many. */
uint32_t proven_list(struct proven *proven, const struct actor_weights *weights,
                     const struct version **version, const uint32_t **golden);

#endif
