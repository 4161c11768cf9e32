/* swarm: a thousand peers that speak the real protocol (proto/peer), a learner that settles, and
 * what they talk to: drover-broker, or a relay that only passes on. */

#ifndef TESTS_BROKER_SWARM_H
#define TESTS_BROKER_SWARM_H

#include "proto/curve.h"
#include "proto/peer.h"

enum {
    SWARM_LEASES = 256, /* of an actor */
    SWARM_RING = 1 << 18,
    SWARM_TIMES = 1 << 20, /* latencies that are kept */
};

struct swarm_conf {
    const char *broker; /* the program; "": the relay */
    int actors, slots, rate, window, tokens, sleep_ms, seconds;
};

struct swarm_held {
    uint64_t lease;
    uint32_t left;
};

struct swarm_actor {
    struct swarm *swarm;
    struct peer *peer;
    uint64_t seen, held_lease[SWARM_LEASES];
    struct swarm_held held[SWARM_LEASES];
    uint32_t n_held, busy, said; /* samples in hand; room as it was said last */
};

struct swarm_due { /* an answer that is being "decoded" */
    int64_t at_ms;
    struct swarm_actor *by;
    uint64_t task, lease;
    uint32_t sample;
};

struct swarm {
    struct swarm_conf conf;
    int epoll, ticked; /* ticked: whose turn it is next to be told the time */
    int64_t turned_ms;
    void *context;
    struct curve_keys broker_key, learner_key, actor_key;
    char endpoint[128];
    struct swarm_actor *actor;
    struct swarm_due *due;
    uint64_t due_first, due_end;
    struct peer *learner;
    uint64_t opened, watermark, arrived, settled_told;
    uint8_t *done; /* by task, a ring */
    struct range *range;
    int64_t *opened_ns;
    uint32_t *took_us, n_took;
    uint64_t owed; /* of the rate, thousandths of a task */
    int64_t last_ms;
    bool opens, measures, stops;
    uint64_t settled_heard, ranges_heard, beats_heard;
};

/* A program that cannot go on says why and ends; no child outlives it (PR_SET_PDEATHSIG). */
_Noreturn void swarm_die(const char *why);
void swarm_must(enum err err);

void swarm_read(struct peer *peer); /* all that has come for it */

/* The peers: swarm_peers.c. */
void swarm_learner(struct swarm *swarm);
void swarm_actor(struct swarm *swarm, int i);
void swarm_turn(struct swarm *swarm, int64_t now_ms); /* what is due: answers, tasks, SETTLED */

/* Relays for ever, as soon as it has written its address to `fd`: swarm_relay.c. Keys: its own,
 * the learner's, the actors'. */
_Noreturn void swarm_relay(const struct curve_keys keys[3], int fd);

#endif
