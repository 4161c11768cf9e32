/* depot: what the bulk port does, as a state machine: artifacts by hash for whoever asks.
 *
 * Events go in (a message of a peer, a peer gone, a tick), messages come out through the sink. A
 * child's requests wait here (asks) until what they are about is in the stock; what is not is
 * asked for once, of a host that has it or a learner (supply); who shall take from another host
 * is told so (chain). No socket, no clock; all that peers say is bounded. */

#ifndef BROKER_DEPOT_H
#define BROKER_DEPOT_H

#include "broker/bulk/depot_sink.h"

struct depot;
struct depot_peer;

/* `bytes` of chunks at most (`--cache`). */
void depot_new(struct depot **out, const struct depot_sink *sink, size_t bytes);
void depot_free(struct depot *depot);

/* Where a peer is seen: what its connection knows, not what it says. */
struct depot_origin {
    void *link; /* for the sink */
    const char *address;
    struct hash key; /* zeros: none */
};
/* HELLO, of a new peer (`was` NULL) or on a new connection: whatever it asked for is forgotten,
 * and what it was asked for is due again. */
struct depot_peer *depot_hello(struct depot *depot, struct depot_peer *was,
                               const struct msg_hello *hello, const struct depot_origin *from,
                               int64_t now_ms);
void depot_gone(struct depot *depot, struct depot_peer *peer, int64_t now_ms);
/* Errors: ERR_RANGE: a strike. */
enum err depot_take(struct depot *depot, struct depot_peer *from, const struct msg *msg,
                    int64_t now_ms) MUST_CHECK;

/* The learner of the control port is this one (NULL: there is none). */
void depot_learner(struct depot *depot, const struct id *id, const struct hash *key);
/* Pages of it are here; shared, not taken. */
void depot_lend(struct depot *depot, const struct hash *hash, struct shared_memory *pages,
                int64_t now_ms);
/* A key is worth nothing from now on. */
void depot_revoked(struct depot *depot, const struct hash *key, int64_t now_ms);

/* Each 100 ms or so. */
void depot_tick(struct depot *depot, int64_t now_ms);

const struct depot_stats *depot_stats(struct depot *depot);

#endif
