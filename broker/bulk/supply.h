/* supply: where what is wanted comes from.
 *
 * A source is who says that it has an artifact: a host that holds it whole (OFFER) or in part
 * (WREQ's `have`), the run's own learner, another learner. A chunk is asked of a host before it
 * is asked of a learner, whose line all versions must pass; of each at most as much at once as it
 * sends in a second; nothing twice while it is on its way. Who sends something false is not asked
 * for that artifact again. No socket; time is an argument, in ms. */

#ifndef BROKER_SUPPLY_H
#define BROKER_SUPPLY_H

#include "broker/bulk/stock.h"

enum {
    SUPPLY_SILENT_MS = 2000, /* it owes something and sends nothing: others first */
    SUPPLY_LOST_MS = 30000,  /* and nobody else has it: it is asked again */
    SUPPLY_WINDOW = 8,       /* chunks under way from one */
    SUPPLY_OFFERS = 64,      /* artifacts that a worker may offer */
    SUPPLY_ROUTE = 1,        /* of our requests: a WNONE that brings it answers one */
};

enum supply_kind { SUPPLY_HOST, SUPPLY_OWN, SUPPLY_OTHER }; /* in the order of being asked */

struct supply_hold { /* one source, one artifact */
    struct stock_item *item;
    struct supply_source *source;
    uint8_t *have;            /* bit i: chunk i; NULL: all of them if `whole` */
    uint32_t coming;          /* chunks that it was asked for and owes */
    bool whole, some, banned; /* some: a chunk at least, so it knows the digests, too */
    struct supply_hold *of_item, *of_source; /* the next */
};

struct supply_source {
    enum supply_kind kind;
    bool reachable, silent, full; /* full: its pipe took nothing; until the next tick */
    struct artifact *offer;       /* its last OFFER, without names */
    uint32_t n_offer;
    struct supply_hold *hold;
    uint32_t under_way, window;          /* chunks */
    int64_t heard_ms, mark_ms;           /* last piece, or request after none; of `since` */
    uint64_t since;                      /* bytes that came since mark_ms */
    struct supply_source *next, *before; /* of all */
    void *owner;                         /* the caller's */
};

struct supply {
    struct stock *stock;
    struct supply_source *first;
    bool crowded; /* since it was set false something was due that the stock had no room for */
};

void supply_add(struct supply *supply, struct supply_source *source, int64_t now_ms);
void supply_remove(struct supply *supply, struct supply_source *source);
/* Its connection is another one: what it was asked for will not come, its OFFER is void. */
void supply_cut(struct supply *supply, struct supply_source *source, int64_t now_ms);

/* OFFER replaces what it offered. An artifact becomes known by a learner's word alone, and of
 * its size the own learner's counts. `lost` hears of each that no learner offers any more. */
void supply_offer(struct supply *supply, struct supply_source *source,
                  const struct msg_offer *offer,
                  void (*lost)(void *self, struct stock_item *item), void *self);
/* Somebody asked for it first (stock_open). */
void supply_opened(const struct stock_item *item);
/* A child says which chunks it has. */
void supply_have(struct supply *supply, struct supply_source *source, struct stock_item *item,
                 const uint8_t *bits, uint32_t n);
/* It does not have it after all. */
void supply_none(struct supply *supply, struct supply_source *source, struct stock_item *item);
/* A request of supply_next could not go out; those before it did (`gone`: and are void, as the
 * connection is). */
void supply_unsent(struct supply *supply, struct supply_source *source,
                   const struct msg_wreq *request, bool gone);
/* All that is about an artifact, which goes. */
void supply_forget(struct supply *supply, struct stock_item *item);

bool supply_offered(const struct stock_item *item);    /* by anybody who can be reached */
bool supply_by_learner(const struct stock_item *item); /* likewise */

/* The next request that is due, and to whom; false if none. Call until false. */
bool supply_next(struct supply *supply, struct supply_source **to, struct msg *out,
                 int64_t now_ms);
/* What came. STOCK_FALSE: its sender is banned for the artifact. */
enum stock_took supply_take(struct supply *supply, struct supply_source *from,
                            const struct msg_wchunk *chunk, int64_t now_ms);
/* Each 100 ms or so. */
void supply_tick(struct supply *supply, int64_t now_ms);

#endif
