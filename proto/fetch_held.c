/* A share keeps the pages alive, wherever else they are let go: one is taken before another is given
 * up, since both may be the same. */

#include "proto/fetch_held.h"

#include <string.h>

void fetch_held_let_go(struct fetch_held *held)
{
    shared_memory_free(held->shared);
    memset(held, 0, sizeof *held);
}

void fetch_held_keep(struct fetch_held *held, const struct hash *hash,
                     struct shared_memory *shared)
{
    const struct fetch_held own = {*hash, shared_memory_share(shared)};

    fetch_held_let_go(held);
    *held = own;
}

bool fetch_held_is(const struct fetch_held *held, const struct hash *hash)
{
    return held->shared && hash_same(&held->hash, hash);
}
