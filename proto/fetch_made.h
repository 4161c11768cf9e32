/* fetch_made: images made of others (fetch_ways.h) over the wire of a fetch: what that decides is
 * done with its pulls and its connection. For fetch.c. */

#ifndef PROTO_FETCH_MADE_H
#define PROTO_FETCH_MADE_H

#include "proto/fetch_ways.h"
#include "proto/fetch_wire.h"

struct fetch_made { /* whose wire it is; borrowed */
    struct fetch_wire *wire;
    enum err (*rebuild)(void *owner, struct fetch_rebuild *job); /* fetch_conf's */
    void *owner;
    bool (*wanted)(void *self, const struct hash *hash); /* by the owner, or by others */
    void *self;
};

/* The struct is borrowed until fetch_ways_free. */
void fetch_made_new(struct fetch_ways **out, struct fetch_made *made);

#endif
