/* depot_state: what depot*.c share. */

#ifndef BROKER_DEPOT_STATE_H
#define BROKER_DEPOT_STATE_H

#include "broker/bulk/asks.h"
#include "broker/bulk/chain.h"
#include "broker/bulk/depot_sink.h"
#include "broker/bulk/supply.h"

struct depot_parked { /* asked for before anybody offers it */
    int64_t since_ms;
    struct msg_wreq ask;
};

enum { DEPOT_NONE = 32 };
struct depot_none {
    struct hash hash;
    const char *reason; /* static */
};

/* chain.full: its pipe took nothing; until the next tick, or until it says something. */
struct depot_peer {
    void *link;
    enum role role;
    struct id id;
    struct hash key;
    struct asks asks;
    struct supply_source source;
    struct chain_peer chain;
    struct depot_parked parked[DEPOT_PARKED];
    uint32_t n_parked;
    struct depot_none none[DEPOT_NONE]; /* to be said when its pipe takes something */
    uint32_t n_none;
    int64_t moved_ms; /* when a piece last went out, or it asked after it had all */
    bool busy;        /* in the list of those that wait for something */
    struct depot_peer *busy_next, *busy_before;
    struct depot_peer *next, *before;
};

struct depot {
    struct depot_sink sink;
    struct stock *stock;
    struct supply supply;
    struct chain *chain;
    struct depot_peer *first, *busy;
    bool news; /* something changed that may concern others than who spoke */
    struct id learner;
    struct hash learner_key;
    bool known; /* who the control port's learner is */
    struct depot_stats stats;
    const struct chain_peer *failed; /* whom stats.failed is about; NULL: it is gone */
};

/* Says WNONE of all that it asked for of an artifact, and forgets that. */
void depot_pump_none(struct depot *depot, struct depot_peer *peer, const struct hash *hash,
                     const char *reason);
void depot_pump_busy(struct depot *depot, struct depot_peer *peer); /* it waits for something */
void depot_pump_unbusy(struct depot *depot, struct depot_peer *peer); /* or does not */
/* After each event: says what is to be said, sends what is here, asks for what is not. Without
 * `news` only `from` is looked at (NULL: nobody), however many wait. */
void depot_pump(struct depot *depot, struct depot_peer *from, int64_t now_ms);

#endif
