/* chain: who takes an artifact from whom, so that it leaves the broker once and not once a host.
 *
 * A child that asks gets a place: behind another that serves (PARENT), which is told to let it in
 * (GUESTS), or at the broker. Hosts stand in a row by the rate at which each takes, the fastest
 * first; who is much slower than the rest hangs at its end and holds nobody up. A child that was
 * never seen takes its first chunk from the broker, and that is its first rate. A parent that is
 * gone, cannot be reached or is too slow is replaced by its own parent. No socket; time is an
 * argument, in ms; rates in bytes a second. */

#ifndef BROKER_CHAIN_H
#define BROKER_CHAIN_H

#include "broker/guests.h"
#include "proto/limit.h"
#include "proto/msg.h"

#include <stdbool.h>

struct chain;
struct chain_cast;
struct chain_member;

enum {
    CHAIN_LEAST = 4 << 20,    /* bytes: smaller artifacts come from the broker */
    CHAIN_PROBE = HASH_CHUNK, /* bytes that a new child takes first */
    CHAIN_GATHER_MS = 300,    /* for those who were there before to ask, too */
    CHAIN_SETTLE_MS = 3000,   /* before a new place is judged */
    CHAIN_REFUSED = 4,        /* parents that failed a child and are not given to it again */
};

struct chain_peer {       /* a process; embedded by who knows it */
    char host[MAX_NAME];  /* as it says, with the address that it comes from */
    char serve[MAX_NAME]; /* tcp://host:port that others dial; "" */
    struct hash key;
    bool revoked;
    bool full;         /* the caller's: its pipe takes nothing now, so nothing is said to it */
    uint32_t failed;   /* children that could not take from it, one after the other */
    double rate, best; /* in the last seconds, and the highest; 0: unknown */
    int64_t rate_ms;   /* since when `rate` was measured */
    uint64_t progress; /* bytes that it has taken, as it says */
    int64_t progress_ms;
    struct guests guests;
    struct chain_member *member; /* of each cast that it is in */
    struct chain_peer *next, *before;
    void *owner;
};

void chain_new(struct chain **out);
void chain_free(struct chain *chain);

/* `serve` as HELLO has it, `address` where the peer is seen. */
void chain_add(struct chain *chain, struct chain_peer *peer, const char *host,
               const char *serve, const char *address, const struct hash *key);
void chain_remove(struct chain *chain, struct chain_peer *peer, int64_t now_ms);

/* It asks the broker for an artifact of `bytes`, named by `item`, and has `have` chunks of it. */
void chain_ask(struct chain *chain, struct chain_peer *peer, const void *item, uint64_t bytes,
               uint32_t have, int64_t now_ms);
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

enum chain_place {
    CHAIN_BROKER, /* the broker gives it what it asks for */
    CHAIN_FIRST,  /* the first CHAIN_PROBE bytes, no more yet */
    CHAIN_LATER,  /* nothing yet: its place is being found */
    CHAIN_PARENT, /* nothing: its parent gives */
};
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
