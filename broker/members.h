/* members: peers that said HELLO, as the broker's rules see them. The connections are the hub's.
 * Inside broker/ only. */

#ifndef BROKER_MEMBERS_H
#define BROKER_MEMBERS_H

#include "broker/backlog_state.h"
#include "broker/origin.h"
#include "proto/limit.h"
#include "proto/msg.h"

enum {
    MEMBERS_NAME = 64,
    MEMBERS_WHO = 2 * MEMBERS_NAME + 8,
    MEMBERS_WORDS = 160,
    MEMBERS_ISA = 16,
    MEMBERS_RATES = 10,
    MEMBERS_METRICS = 16 << 10, /* of a supervisor; a longer text is passed over */
    MEMBERS_FLIGHT = 8192,      /* SAMPLEs under way to a learner */
    MEMBERS_NO_LEASE = UINT32_MAX,
};

struct members_claim { /* what an actor holds and the broker may want later */
    uint64_t task;
    uint32_t sample;
    bool done;
    struct hash hash;
};

struct members_count { /* counters of a heartbeat */
    uint64_t tokens, busy_ms, idle_ms, drafted, accepted;
};

/* What is looked at when work is given out stands first, large tables last: with thousands of
 * members each look is one line of the cache. */
struct broker_member {
    void *link; /* the hub's record: goes back into the sink */
    struct broker_member *next, *prev, *scoring_next, *scoring_prev; /* R: the last two */
    enum role role;
    bool greeted; /* WELCOME went out on its present connection */
    bool draining;
    bool resting;     /* A: no work for it before rest_ms: it brought what is wrong, or held */
    bool beaten;      /* work for too long; a heartbeat of it has come, ever */
    int64_t avail;    /* A, R: credit less what it has not seen yet */
    uint32_t n_image; /* A: images that it holds */
    uint32_t leases;  /* A: how many it has; slots, in order of number, or MEMBERS_NO_LEASE */
    uint32_t lease, lease_last;
    uint32_t place;           /* among all that are here; another one's later */
    bool concerned;           /* A: keepers.h */
    int64_t beat_ms, told_ms; /* its next heartbeat; when it last heard what is settled */
    bool in_room, in_slow, slow, quiet; /* A: room.h, pace.h */
    uint32_t held;                      /* A: samples that it has by lease */
    struct broker_member *room_next, *room_prev;
    double speed; /* A: pace.h */
    struct id id;
    uint64_t incarnation;
    int64_t rest_ms;

    int64_t joined_ms, heard_ms, who_ms, progress_ms; /* when `progress` last moved */
    uint64_t progress, rss_bytes, seen; /* seen: highest lease, ticket or SAMPLE */
    uint32_t queued, lag_ms, credit, slots, strikes;
    uint64_t credit_bytes;
    uint32_t bad;     /* A: answers of it that were refused */
    int64_t trust;    /* A: on probation: most samples at once (probation.h); 0: it is not */
    uint64_t expired; /* A: samples that were taken back from it because they did not come */
    uint32_t deaths;  /* A: in a row, with work in hand (probation.h) */
    uint64_t answers; /* A: that it brought by lease */
    double pace_tokens, pace_ms; /* A: pace.h */
    int64_t pace_at_ms;
    uint64_t ended, ended_last; /* A: samples of leases that ended unseen; the last of these */
    uint32_t failed, tickets;   /* R: failures since its last answer; tickets that it has */
    uint32_t resynced, lies;    /* outbox.h; A, R: what of it was found false (suspects.h) */
    uint64_t sent;              /* L: SAMPLEs and DROPPEDs on this connection */
    uint64_t landed;            /* of those, how many it has seen */
    uint64_t *flight, flight_bytes; /* bytes of number i at i % MEMBERS_FLIGHT */
    struct members_claim *claim;    /* A */
    uint32_t n_claim, claims_max;
    struct id run;          /* to which its claims belong */
    struct backlog backlog; /* behind its pipe, which is full */

    uint64_t wire_bytes, wire_rate, failed_work; /* of weights (HB); A: FAILs that it said */
    uint64_t lacks_version, lacks_from; /* A: 1 + newest version, while it lacks that; and */
    int64_t lacks_ms, note_ms;          /* wire_bytes then, since when. note_ms: of `note` */
    uint32_t threads;
    char isa[MEMBERS_ISA], cause[MEMBERS_WORDS]; /* cause: why it goes, once that is known */
    int64_t trouble_ms, held_ms; /* since when `trouble` says so; A: it has had work in hand */

    char who[MEMBERS_WHO];   /* name and address: as people see it, and as it is known again */
    char host[MEMBERS_NAME]; /* its machine, as it says itself; "" if it does not */
    uint32_t numerics;       /* A, R: of its build; 0: it does not say */
    bool head;               /* S: orders that name no host are its own */
    char *metrics;           /* S: JSON of its machine and processes, as its heartbeat has it */
    char name[MEMBERS_NAME], note[MEMBERS_WORDS], error[MEMBERS_WORDS];
    char trouble[MEMBERS_WORDS]; /* what keeps it from working, by its own word (HB) */
    struct origin origin;        /* of its present connection */
    struct members_count now, past[MEMBERS_RATES]; /* past: one a second, a ring */
    uint32_t n_past;
    struct version image[MAX_IMAGES]; /* in any order */
    struct members_offer {
        uint32_t kind;
        char name[MEMBERS_NAME];
    } offer[MAX_SCORERS]; /* R */
    uint32_t n_offer;
};

struct members { /* all that are here, in order of arrival */
    struct broker_member *first, *last;
    uint32_t n;
    struct broker_member **at; /* by place; NULL: free */
    uint32_t places, free;     /* so many there are; none below `free` is free */
    struct broker_member *scoring, *scoring_last; /* the rewarders, in order of arrival */
};

/* One more, at the end. members_remove: it is void afterwards. */
struct broker_member *members_add(struct members *members, void *link,
                                  const struct msg_hello *hello, int64_t now_ms);
/* Why it goes, in words, said before it is gone: the first words count. Returns it. */
struct broker_member *members_cause(struct broker_member *member, const char *why);
void members_remove(struct members *members, struct broker_member *member);
/* Who has that place now, or NULL. */
struct broker_member *members_at(const struct members *members, uint32_t place);
void members_fini(struct members *members);

/* How people see a worker: what it calls itself, and where. */
void members_who(char out[MEMBERS_WHO], const struct origin *origin);

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
void members_claim_add(struct broker_member *member, const struct members_claim *claim,
                       uint32_t max);
void members_claim_remove(struct broker_member *member, uint32_t i);

#endif
