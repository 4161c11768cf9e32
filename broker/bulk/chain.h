/* chain: who takes an artifact from whom, so that it leaves the broker once and not once a host.
 *
 * A child that asks gets a place: behind another that serves (PARENT), which is told to let it in
 * (GUESTS), or at the broker. Hosts stand in a row by the rate at which each takes, the fastest
 * first; who is much slower than the rest hangs at its end and holds nobody up. A child that was
 * never seen takes its first chunk from the broker, and that is its first rate. A parent that is
 * gone, cannot be reached or is too slow is replaced by its own parent. Who pulls an image while
 * others pull what makes it waits for them: they have it sooner, and have lines of their own.
 * No socket; time is an argument, in ms; rates in bytes a second. */

#ifndef BROKER_CHAIN_H
#define BROKER_CHAIN_H

#include "broker/bulk/chain_peer.h"

struct chain;

void chain_new(struct chain **out);
void chain_free(struct chain *chain);

/* `serve` as HELLO has it, `address` where the peer is seen. */
void chain_add(struct chain *chain, struct chain_peer *peer, const char *host,
               const char *serve, const char *address, const struct hash *key);
void chain_remove(struct chain *chain, struct chain_peer *peer, int64_t now_ms);

/* It asks the broker for an artifact of `bytes`, named by `item`, and has `have` chunks of it. */
void chain_ask(struct chain *chain, struct chain_peer *peer, const void *item, uint64_t bytes,
               uint32_t have, int64_t now_ms);
/* `item`, which somebody asked for, makes `image`. */
void chain_makes(struct chain *chain, const void *item, const void *image, int64_t now_ms);
/* It has it whole. */
void chain_whole(struct chain *chain, struct chain_peer *peer, const void *item, uint64_t bytes,
                 int64_t now_ms);
/* Its heartbeat: bytes of artifacts it has taken so far. */
void chain_progress(struct chain *chain, struct chain_peer *peer, uint64_t progress,
                    int64_t now_ms);
/* It says that its parent gives it nothing. Whether it had one. */
bool chain_failed(struct chain *chain, struct chain_peer *peer, const void *item,
                  int64_t now_ms);
/* Nobody may take from this key, nor be let in by it, from now on. */
void chain_revoked(struct chain *chain, const struct hash *key, int64_t now_ms);
void chain_forget(struct chain *chain, const void *item); /* the artifact goes */

enum chain_place chain_place(const struct chain_peer *peer, const void *item);

void chain_tick(struct chain *chain, int64_t now_ms);

/* What is to be said next: GUESTS, or PARENT of `item`; false if nothing. Borrowed until the next
 * call. GUESTS of a parent come before PARENT of its new child. */
bool chain_next(struct chain *chain, struct chain_peer **to, const void **item,
                struct msg *out);
/* That could not be said (`item` as chain_next gave it): it is due again. */
void chain_unsaid(struct chain *chain, struct chain_peer *to, const void *item);

/* For tests and people: its parent, or NULL. */
const struct chain_peer *chain_parent(const struct chain_peer *peer, const void *item);

#endif
