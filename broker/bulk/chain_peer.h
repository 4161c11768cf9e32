/* chain_peer: a process as the chain sees it, and its place; rates in bytes a second. */

#ifndef BROKER_CHAIN_PEER_H
#define BROKER_CHAIN_PEER_H

#include "broker/bulk/guests.h"
#include "proto/limit.h"
#include "proto/msg.h"

#include <stdbool.h>

struct chain_member;

enum {
    CHAIN_LEAST = 4 << 20,    /* bytes: smaller artifacts come from the broker */
    CHAIN_PROBE = HASH_CHUNK, /* bytes that a new child takes first */
    CHAIN_GATHER_MS = 300,    /* for those who were there before to ask, too */
    CHAIN_SETTLE_MS = 3000,   /* before a new place is judged */
    CHAIN_DIAL_MS = 5000,     /* for a child to reach its parent; then it is fed meanwhile */
    CHAIN_REST_MS = 10000,    /* between two moves of a member; more when one was in vain */
    CHAIN_FORGIVE_MS = 60000, /* after which a parent that failed is tried again */
    CHAIN_YIELD_MS = 12000,   /* so long who pulls an image waits for those who make it */
    CHAIN_LAST = 1,           /* bytes a second: what who stands last is reckoned to take */
    CHAIN_REFUSED = 4,        /* parents that failed a child and are not given to it again */
};

struct chain_peer {       /* a process; embedded by who knows it */
    char host[MAX_NAME];  /* as it says, with the address that it comes from */
    char serve[MAX_NAME]; /* tcp://host:port that others dial; "" */
    struct hash key;
    bool revoked;
    bool last; /* the caller's: only reads, and stands behind all whom the run waits for */
    bool full; /* the caller's: its pipe takes nothing now, so nothing is said to it */
    uint32_t failed;          /* children that could not take from it, one after the other */
    int64_t failed_ms;        /* when the last one said so */
    char failed_by[MAX_NAME]; /* that one's host and key: who says it twice is counted once, */
    struct hash failed_key;   /* by whichever of the two it is known again */
    double rate, best;        /* in the last window, and what it can; 0: unknown */
    int64_t rate_ms;          /* since when `rate` was measured */
    uint64_t said;            /* bytes that it has taken, as it says */
    uint64_t progress;        /* and at the beginning of the window */
    int64_t progress_ms;
    struct guests guests;
    struct chain_member *member; /* of each cast that it is in */
    struct chain_peer *next, *before;
    void *owner;
};

enum chain_place {
    CHAIN_BROKER, /* the broker gives it what it asks for */
    CHAIN_FIRST,  /* the first CHAIN_PROBE bytes, no more yet */
    CHAIN_LATER,  /* nothing yet: its place is being found */
    CHAIN_YIELDS, /* nothing, nor is it asked for: others are about to make it */
    CHAIN_PARENT, /* nothing: its parent gives */
};

#endif
