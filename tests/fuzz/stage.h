/* stage: a broker's state machine among peers that lie, in one process, without sockets.
 *
 * All that happens follows from a string of bytes: who speaks, what, how it is twisted, how
 * much time passes. Behind its end it goes on with draws that follow from it. Every message
 * goes through the real codec, both ways. The stage is the hub (proto/hub.h): it knows
 * connections, strikes and silence. */

#ifndef TESTS_FUZZ_STAGE_H
#define TESTS_FUZZ_STAGE_H

#include "broker/broker.h"
#include "proto/codec.h"

enum {
    STAGE_PEERS = 12,
    STAGE_HELD = 16,
    STAGE_ITEMS = 16,
    STAGE_STRIKES = 20,
    STAGE_STEPS = 500,
    STAGE_TOKENS = 4,
    STAGE_STOP = 1,
    STAGE_VOCABULARY = 64,
};

struct stage_lease { /* that a peer was told of */
    uint64_t lease, task;
    uint32_t first, count;
    struct version version;
};
struct stage_ask {
    uint64_t ticket;
    struct hash scorer, rollout[STAGE_ITEMS];
    uint32_t items, tokens[STAGE_ITEMS];
};

struct stage_peer {
    enum role role; /* that it plays; what it says may be of another */
    struct id id;
    uint64_t incarnation;
    bool there; /* the hub has a record of it */
    enum role said;
    uint64_t said_incarnation;
    struct broker_member *member;
    uint32_t strikes;
    enum err answer; /* what sending to it gives */
    bool heard;      /* spoke since time last passed */
    /* what it was told */
    struct stage_lease lease[STAGE_HELD];
    struct stage_ask ask[STAGE_HELD];
    uint32_t leases, asks; /* ever; the last STAGE_HELD are kept */
    uint64_t open_to, arrived, seen, progress;
    uint64_t sample[STAGE_HELD]; /* tasks of SAMPLEs, for SETTLED */
};

struct stage {
    const uint8_t *at, *end; /* the string */
    uint64_t draw;
    uint32_t steps;
    struct broker *broker;
    struct broker_limits limits;
    int64_t now_ms;
    struct stage_peer peer[STAGE_PEERS];
    struct arena *arena, *told; /* what the broker hears; what peers hear */
    /* as the last learner said */
    struct id run;
    uint64_t epoch, version, watermark, table;
    bool guarded; /* only the first peer is a learner, and what it gets is looked at */
};

/* What was tried so far, over all stages. */
extern struct stage_seen {
    uint64_t messages, decoded, struck, sent, stages, mended;
    uint64_t stale,
        beyond; /* tickets of an earlier opening; of a sample that the present lacks */
    uint64_t heard[ROLES][MSG_TYPES], told[ROLES][MSG_TYPES];
} stage_seen;

void stage_open(struct stage *stage, const uint8_t *bytes, size_t n);
void stage_close(struct stage *stage);

/* The next byte; a number below `below`. */
uint32_t stage_byte(struct stage *stage);
uint32_t stage_draw(struct stage *stage, uint32_t below);
bool stage_over(struct stage *stage); /* counts: true after STAGE_STEPS of it */

/* Says it to the broker as the hub would hand it on; `twists` bytes of it are changed on the
 * way, under a header that is mended. */
void stage_say(struct stage *stage, struct stage_peer *from, struct msg *msg, uint32_t twists);
void stage_gone(struct stage *stage, struct stage_peer *peer, bool died);
void stage_pass(struct stage *stage, int64_t ms);
/* What must hold at any time; else the process ends. */
void stage_check(const struct stage *stage);

/* stage_lines.c: something that this peer could say now, mostly right, at times not. */
void stage_line(struct stage *stage, struct stage_peer *peer);
/* stage_hello.c: HELLO as it might say it. */
void stage_hello(struct stage *stage, struct stage_peer *peer);
struct version stage_version(uint64_t number);
/* Where in its ring is one that it was told, of so many ever? */
uint32_t stage_held(struct stage *stage, uint32_t ever);
/* Mostly `right`; at times beside it, small, or large. */
uint64_t stage_near(struct stage *stage, uint64_t right);
struct version stage_some_version(struct stage *stage);
const char *stage_some_name(struct stage *stage);
/* In `range`, and what the stage's learners have settled. */
struct settled stage_some_settled(struct stage *stage, struct stage_peer *peer,
                                  struct range range[4]);
/* stage_calm.c: all have left; an honest run comes to its end, or the process ends. */
void stage_calm(struct stage *stage);
/* The string, with an honest learner, actor and rewarder in it from its begin to their end. */
void stage_crowd(struct stage *stage);
struct task stage_task(uint64_t id); /* of an honest run */

#endif
