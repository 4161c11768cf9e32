/* bulk: the port where artifacts are asked for by hash and handed on in chunks.
 *
 * Holds no artifact: a request goes to a learner that offers the hash, with the asker's number
 * as its route, and the answer comes back by it, undecoded. Both ends check what arrives. Of
 * several that offer it the run's own comes first; one that owes an answer for 1.5 s comes
 * last. */

#ifndef BROKER_BULK_H
#define BROKER_BULK_H

#include "proto/hub.h"

struct bulk;

/* `hub` (endpoint, listen_fd, keys) as hub_open wants it; joined, gone and self are ours.
 * Errors: hub_open's. */
enum err bulk_open(struct bulk **out, void *context, const struct hub_conf *hub,
                   uint64_t incarnation) MUST_CHECK;
void bulk_close(struct bulk *bulk); /* NULL is fine */

/* The learner of the control port, by id and key: it is asked before others that offer the
 * same. And: it is gone from there, so nothing waits for what it offered. */
void bulk_learner(struct bulk *bulk, const struct id *id, const struct hash *key);
void bulk_left(struct bulk *bulk, const struct id *id, int64_t now_ms);

struct hub *bulk_hub(const struct bulk *bulk); /* its socket, its endpoint, hub_run */
enum err bulk_tick(struct bulk *bulk, int64_t now_ms) MUST_CHECK; /* each 100 ms or so */

struct bulk_stats {
    uint64_t asked, none, chunks, bytes, lost; /* lost: the other end was gone or full */
};
const struct bulk_stats *bulk_stats(const struct bulk *bulk);

#endif
