/* fleet_bulk: artifacts of the run for whoever asks: the learner's end of the bulk connection, and
 * of the handover to processes of its machine (proto/pages.h).
 *
 * The learner connects out, offers what it has, and answers requests in turn. */

#ifndef LEARNER_FLEET_FLEET_BULK_H
#define LEARNER_FLEET_FLEET_BULK_H

#include "proto/blob.h"
#include "proto/curve.h"
#include "proto/pages.h"
#include "proto/peer.h"

struct loop;
struct fleet_bulk;

struct fleet_bulk_conf {
    struct loop *loop;
    void *context;
    struct peer_conf peer; /* role, keys, name, id, incarnation: as on the control connection */
    struct id run;
    uint64_t epoch;
    /* A WREQ of kind 5: what leads to an image is asked for (fleet_ways). */
    enum err (*ways)(void *self, const struct msg_wreq *ask);
    void *self;
};

void fleet_bulk_new(struct fleet_bulk **out, const struct fleet_bulk_conf *conf);
void fleet_bulk_free(struct fleet_bulk *own); /* NULL is fine; before its loop */

/* As blob_store_add, with its errors; the offer follows. `bytes` stay the caller's. */
enum err fleet_bulk_add(struct fleet_bulk *own, const struct artifact *what,
                        const void *bytes) MUST_CHECK;
/* What was added, as sealed pages for processes of this host; they are shared with it. */
void fleet_bulk_here(struct fleet_bulk *own, const struct artifact *what,
                     struct shared_memory *shared);
/* Both of sealed pages, which are shared with it. */
enum err fleet_bulk_shared(struct fleet_bulk *own, const struct artifact *what,
                           struct shared_memory *shared, const struct hash *digest) MUST_CHECK;
void fleet_bulk_remove(struct fleet_bulk *own, const struct hash *hash);
/* The artifacts of the run, for HELLO; valid until the next call. */
const struct artifact *fleet_bulk_list(struct fleet_bulk *own, uint32_t *n);

/* A new one has begun. */
void fleet_bulk_epoch(struct fleet_bulk *own, uint64_t epoch);

/* From each WELCOME: where bulk is. Errors: peer_open's. */
enum err fleet_bulk_endpoint(struct fleet_bulk *own, const char *bulk, const char *bulk_key,
                             int64_t now_ms) MUST_CHECK;
/* Each PEER_TICK_MS, and when something new should go out at once. Errors: peer_tick's,
 * peer_send's but for ERR_STATE. */
enum err fleet_bulk_tick(struct fleet_bulk *own, int64_t now_ms) MUST_CHECK;

#endif
