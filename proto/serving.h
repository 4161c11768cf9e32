/* serving: a port at which a process gives others of the fleet what it holds and what it is
 * pulling (blob_store).
 *
 * A ROUTER of its own; with keys only those are let in that the broker has named (GUESTS), and a
 * key that it names no longer is cut at once. Each guest has a queue of its own, bounded, so
 * that a slow one holds nobody up. */

#ifndef PROTO_SERVING_H
#define PROTO_SERVING_H

#include "proto/blob.h"
#include "proto/curve.h"

enum {
    SERVING_GUESTS = 64, /* connections at once: a chain needs one or two */
    SERVING_ASKS = 256,  /* requests of one of them that wait */
    SERVING_BEAT_MS = 1000,
};

struct serving_conf {
    void *context;
    const char *endpoint;          /* tcp://host:port; port 0: any */
    const struct curve_keys *keys; /* NULL: plain, loopback only, and everybody is a guest */
    const struct blob_store *store;
    enum err (*watch)(void *self, void *socket);
    void (*unwatch)(void *self, void *socket);
    void *self;
};

struct serving;
/* Errors: ERR_IO (port in use: the words say so), ERR_STATE (plain on an open address), watch's.
 */
enum err serving_open(struct serving **out, const struct serving_conf *conf) MUST_CHECK;
void serving_close(struct serving *serving);                 /* NULL is fine */
const char *serving_endpoint(const struct serving *serving); /* with the real port */

/* All that may be let in from now on: `n` public keys. */
void serving_guests(struct serving *serving, const struct hash *key, uint32_t n,
                    int64_t now_ms);

/* Each PEER_TICK_MS, and when a socket of it is readable. */
enum err serving_tick(struct serving *serving, int64_t now_ms) MUST_CHECK;
enum err serving_readable(struct serving *serving, int64_t now_ms) MUST_CHECK;
/* More has come of what guests may wait for. */
void serving_pump(struct serving *serving);

struct serving_stats {
    uint64_t pieces, bytes, cut; /* given; guests whose key was taken off the list */
};
const struct serving_stats *serving_stats(const struct serving *serving);

#endif
