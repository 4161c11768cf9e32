/* members: a peer that said HELLO, as the broker's rules see it. The connection is the hub's. */

#ifndef BROKER_MEMBERS_H
#define BROKER_MEMBERS_H

#include "broker/origin.h"
#include "proto/msg.h"

enum {
    MEMBERS_IMAGES = 32,
    MEMBERS_OFFERS = 32,
    MEMBERS_NAME = 64,
    MEMBERS_WORDS = 160,
    MEMBERS_RATES = 10,
    MEMBERS_FLIGHT = 8192, /* SAMPLEs under way to a learner */
    MEMBERS_NO_LEASE = UINT32_MAX,
};

struct member_claim { /* what an actor holds and the broker may want later */
    uint64_t task;
    uint32_t sample;
    bool done;
    struct hash hash;
};

struct member_count { /* counters of a heartbeat */
    uint64_t tokens, busy_ms, idle_ms;
};

struct broker_member {
    void *link; /* the hub's record: goes back into the sink */
    struct broker_member *next, *prev;
    enum role role;
    struct id id;
    uint64_t incarnation;
    struct origin origin; /* of its present connection */
    char name[MEMBERS_NAME], note[MEMBERS_WORDS], error[MEMBERS_WORDS];
    bool greeted; /* WELCOME went out on its present connection */
    bool draining;
    int64_t joined_ms, heard_ms, who_ms, progress_ms; /* when `progress` last moved */
    uint64_t progress, rss_bytes, seen; /* seen: highest lease, ticket or SAMPLE */
    uint32_t queued, lag_ms, credit, slots, strikes;
    uint64_t credit_bytes;
    struct member_count now, past[MEMBERS_RATES]; /* past: one a second, a ring */
    uint32_t pasts;

    struct version image[MEMBERS_IMAGES]; /* A: held, any order */
    uint32_t images;
    struct member_offer {
        uint32_t kind;
        char name[MEMBERS_NAME];
    } offer[MEMBERS_OFFERS]; /* R */
    uint32_t offers;
    struct member_claim *claim; /* A */
    uint32_t claims, claims_max;
    struct id run;              /* to which its claims belong */
    int64_t avail;              /* A, R: credit less what it has not seen yet */
    uint32_t lease, lease_last; /* its leases, in order of number: slots, or MEMBERS_NO_LEASE */
    uint32_t leases;
    bool resting;             /* A: no work for it before rest_ms: it brought what is wrong, */
    int64_t rest_ms;          /* or held work for too long */
    uint32_t bad;             /* A: answers of it that were refused */
    int64_t trust;            /* A: most samples at once, after a lease was overdue; 0: any */
    uint32_t failed, tickets; /* R: failures since its last answer; tickets that it has */
    uint32_t lies;            /* A, R: what of it was found false (suspects.h) */
    uint64_t ended, ended_last; /* A: samples of leases that ended unseen; the last of these */
    uint64_t sent;              /* L: SAMPLEs and DROPPEDs on this connection */
    uint64_t landed;            /* of those, how many it has seen */
    uint64_t *flight, flight_bytes; /* bytes of number i at i % MEMBERS_FLIGHT */
};

struct broker_member *members_new(void *link, const struct msg_hello *hello, int64_t now_ms);
void members_free(struct broker_member *member); /* NULL is fine */

/* A HELLO or heartbeat's state; what it does not bound is cut. */
void members_hello(struct broker_member *member, const struct msg_hello *hello);
void members_heartbeat(struct broker_member *member, const struct msg_hb *hb, int64_t now_ms);
void members_second(struct broker_member *member); /* once a second: for rates */

/* Tokens a second and busy share (0 .. 1, or -1 when unknown) over the last seconds. */
double members_rate(const struct broker_member *member);
double members_busy(const struct broker_member *member);

/* L: may `bytes` more be sent? and: they were. */
bool members_room(const struct broker_member *member, uint64_t bytes);
void members_sent(struct broker_member *member, uint64_t bytes);

bool members_holds(const struct broker_member *member, const struct hash *image);
uint64_t
members_newest(const struct broker_member *member); /* number of the newest image held */
bool members_can(const struct broker_member *member, const struct scorer *scorer);

/* Claims, at most as many as WELCOME's limit; an older one of the same sample is replaced. */
void members_claim_add(struct broker_member *member, const struct member_claim *claim,
                       uint32_t max);
void members_claim_remove(struct broker_member *member, uint32_t i);

#endif
