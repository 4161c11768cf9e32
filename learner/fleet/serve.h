/* serve: artifacts of the run for whoever asks: the learner's end of the bulk connection, and
 * of the handover to processes of its machine (proto/handover.h).
 *
 * The learner connects out, offers what it has, and answers requests in turn. */

#ifndef LEARNER_FLEET_SERVE_H
#define LEARNER_FLEET_SERVE_H

#include "proto/blob.h"
#include "proto/curve.h"
#include "proto/handover.h"
#include "proto/peer.h"

struct loop;
struct serve;

struct serve_conf {
    struct loop *loop;
    void *context;
    struct peer_conf peer; /* role, keys, name, id, incarnation: as on the control connection */
    struct id run;
    uint64_t epoch;
};

void serve_new(struct serve **out, const struct serve_conf *conf);
void serve_free(struct serve *serve); /* NULL is fine; before its loop */

/* As blob_store_add; the offer follows. `bytes` stay the caller's. */
enum err serve_add(struct serve *serve, const struct artifact *what,
                   const void *bytes) MUST_CHECK;
/* The same of a sealed block, which is shared. */
enum err serve_shared(struct serve *serve, const struct artifact *what,
                      struct shared_memory *shared, const struct hash *digest) MUST_CHECK;
void serve_remove(struct serve *serve, const struct hash *hash);
const struct artifact *serve_list(const struct serve *serve, uint32_t *n);

/* A new one has begun. */
void serve_epoch(struct serve *serve, uint64_t epoch);

/* From each WELCOME: where bulk is. Errors: peer_open's. */
enum err serve_endpoint(struct serve *serve, const char *bulk, const char *bulk_key,
                        int64_t now_ms) MUST_CHECK;
/* Each PEER_TICK_MS. */
enum err serve_tick(struct serve *serve, int64_t now_ms) MUST_CHECK;

#endif
