/* fetch_view: how far an artifact on its way has come, for whoever waits for it. */

#ifndef PROTO_FETCH_VIEW_H
#define PROTO_FETCH_VIEW_H

#include "proto/fetch_ways.h"
#include "proto/fetch_wire.h"

/* Of an image that is made of another one what it takes counts (ways NULL: none is). Share: 0 .. 1.
 * Bytes: for others of this host; more each time something came, `what->bytes` at most. */
double fetch_view_share(const struct fetch_wire *wire, const struct fetch_ways *ways,
                        const struct hash *hash);
uint64_t fetch_view_bytes(const struct fetch_wire *wire, const struct fetch_ways *ways,
                          const struct artifact *what);
/* For people, of one that has a pull of its own: into `out`, which it returns. */
const char *fetch_view_note(const struct fetch_wire *wire, const struct artifact *what,
                            char *out, size_t n);

#endif
