/* chain_state: what chain*.c share. */

#ifndef BROKER_CHAIN_STATE_H
#define BROKER_CHAIN_STATE_H

#include "broker/bulk/chain_peer.h"

enum { CHAIN_KEY_TEXT = 41 };

struct chain_member {
    struct chain_cast *cast;
    struct chain_peer *peer;
    struct chain_member *parent;
    enum chain_place place;
    bool whole, told;            /* told: PARENT is to be said */
    bool lacks_parent;           /* it asks here again: its parent is not there for it yet */
    int64_t joined_ms, since_ms; /* since when it has this parent */
    int64_t asked_ms;            /* when it last asked the broker, */
    int64_t again_ms;            /* and was told its parent once more */
    struct chain_member *was;    /* the parent before, while a move is on trial */
    double was_rate;             /* and what came then; 0: no trial */
    int64_t judged_ms;           /* the measure that was looked at last */
    uint32_t slow;               /* how many in a row were too slow */
    int64_t rest_ms, moved_ms;   /* it is not moved so long after that */
    uint64_t joined_said;        /* bytes that it had taken of all when it joined */
    const struct chain_peer *refused[CHAIN_REFUSED];
    uint32_t refusals;
    struct chain_member *of_cast, *of_peer; /* the next */
};

struct chain_cast {
    const void *item, *makes; /* NULL: no image */
    uint64_t bytes;
    int64_t first_ms;
    uint32_t asked; /* members that asked */
    struct chain_member *member;
    struct chain_cast *next;
};

struct chain {
    struct chain_peer *peer;
    struct chain_cast *cast;
    uint32_t now, last; /* how many asked for the newest cast, and for the one before */
    bool due;           /* something is to be said */
    int64_t judge_ms;
    struct hash key[MAX_GUESTS];
    char text[CHAIN_KEY_TEXT];
};

struct chain_member *chain_find(const struct chain_peer *peer, const void *item);

/* Puts it behind `parent`, NULL: the broker. */
void chain_place_put(struct chain *chain, struct chain_member *member,
                     struct chain_member *parent, int64_t now_ms);
/* May it take from that one? */
bool chain_place_fits(const struct chain_member *member, const struct chain_member *parent);
/* Is there one that it would be put behind? */
bool chain_place_found(const struct chain_member *member);
/* Puts it where there is room. */
void chain_place_settle(struct chain *chain, struct chain_member *member, int64_t now_ms);
/* Its children move up to its own parent, or to the broker. */
void chain_place_orphan(struct chain *chain, struct chain_member *parent, int64_t now_ms);
/* It has no parent any more: its old one lets it end what it began. */
void chain_place_leave(struct chain_member *member, int64_t now_ms);
/* Who waits for a place gets one; each second, who gets less than it could another. */
void chain_place_tick(struct chain *chain, int64_t now_ms);

#endif
