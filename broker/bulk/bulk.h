/* bulk: the port where artifacts are asked for by hash: the depot (depot.h) with a socket.
 *
 * Whoever says HELLO may ask; learners and hosts that have artifacts are asked. What goes out was
 * checked here, and its taker checks it again. */

#ifndef BROKER_BULK_H
#define BROKER_BULK_H

#include "broker/bulk/depot.h"
#include "proto/hub.h"

struct bulk;

/* `hub` (endpoint, listen_fd, keys) as hub_open wants it; joined, gone and self are ours. `cache`:
 * bytes of chunks that may be kept. Errors: hub_open's. */
enum err bulk_open(struct bulk **out, void *context, const struct hub_conf *hub,
                   uint64_t incarnation, size_t cache) MUST_CHECK;
void bulk_close(struct bulk *bulk); /* NULL is fine */

/* The learner of the control port, by id and key: it is asked before others that offer the
 * same. And: it is gone from there, so nothing waits for what it offered. */
void bulk_learner(struct bulk *bulk, const struct id *id, const struct hash *key);
void bulk_left(struct bulk *bulk, const struct id *id, int64_t now_ms);

/* Whose key this is serves nobody and is let in by nobody from now on. */
void bulk_revoked(struct bulk *bulk, const struct hash *key, int64_t now_ms);

/* Pages of the run's processes on this machine, which cost neither bytes on a line nor memory:
 * needs descriptors watched, bulk_paged when one is readable. */
struct bulk_watch {
    enum err (*watch)(void *self, int fd);
    void (*unwatch)(void *self, int fd);
    void *self;
};
void bulk_pages(struct bulk *bulk, const struct bulk_watch *watch);
enum err bulk_paged(struct bulk *bulk, int64_t now_ms) MUST_CHECK;
void bulk_run(struct bulk *bulk, const struct id *run); /* whose pages */

/* The broker's public key that follows, for heartbeats; "": none does. */
void bulk_next_key(struct bulk *bulk, const char *next_key);

struct hub *bulk_hub(const struct bulk *bulk); /* its socket, its endpoint, hub_run */
enum err bulk_tick(struct bulk *bulk, int64_t now_ms) MUST_CHECK; /* each 100 ms or so */

const struct depot_stats *bulk_stats(const struct bulk *bulk);

#endif
