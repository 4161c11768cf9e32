/* fetch_held: an artifact of which fetch_ways keeps a share, by its name. */

#ifndef PROTO_FETCH_HELD_H
#define PROTO_FETCH_HELD_H

#include "base/hash.h"
#include "base/shared_memory.h"

#include <stdbool.h>

struct fetch_held {
    struct hash hash;
    struct shared_memory *shared; /* NULL: nothing */
};

/* In place of what was held; shared, not taken, and may be what was held. */
void fetch_held_keep(struct fetch_held *held, const struct hash *hash,
                     struct shared_memory *shared);
void fetch_held_let_go(struct fetch_held *held);
bool fetch_held_is(const struct fetch_held *held, const struct hash *hash);

#endif
