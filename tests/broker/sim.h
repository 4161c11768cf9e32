/* sim: the broker's state machine among simulated peers, on a simulated network, in one thread.
 *
 * Everything follows from a seed: plans, delays, faults. Messages pass through the real codec.
 * A network connection can be cut: of what went up, any prefix is lost and the rest arrives on
 * the next connection, before its HELLO; of what went down, all is lost. */

#ifndef TESTS_BROKER_SIM_H
#define TESTS_BROKER_SIM_H

#include "broker/broker.h"
#include "proto/codec.h"

#include <stdbool.h>

enum {
    SIM_STEP_MS = 50,
    SIM_PEERS = 12,
    SIM_HOLD = 512,
    SIM_TASKS = 64,
    SIM_SAMPLES = 4,
    SIM_SCORERS = 3,
    SIM_TOKENS = 16,
    SIM_STOP = 1024, /* the token that ends answers; others are below */
    SIM_GENERATIONS = 4096,
};

enum sim_fault {
    SIM_KILL_BROKER = 1,
    SIM_KILL_LEARNER = 2,
    SIM_KILL_ACTOR = 4,
    SIM_KILL_REWARDER = 8,
    SIM_CUT = 16,
    SIM_STALL = 32,   /* an actor or rewarder lives but does nothing, for longer than a lease */
    SIM_FREEZE = 64,  /* a process stops (SIGSTOP), later goes on */
    SIM_TWIN = 128,   /* a learner is stopped, replaced, and goes on beside its replacement */
    SIM_REFUSE = 256, /* actors and rewarders FAIL now and then */
    SIM_CANCEL = 512, /* the learner cancels tasks */
};

struct sim_queue { /* of messages under way */
    struct frames *item;
    uint32_t first, n, capacity;
};

struct sim_work { /* of an actor: a sample it runs or has finished */
    uint64_t task, lease;
    uint32_t sample, left, tokens;
    struct version version;
    bool done;
    uint32_t token[SIM_TOKENS];
    struct hash hash;
};

struct sim_job { /* of a rewarder */
    uint64_t ticket;
    int64_t due_ms;
    struct hash scorer;
    uint32_t items;
    bool unit; /* of more than one rollout */
    struct hash rollout[SIM_SAMPLES * 8];
    uint32_t tokens[SIM_SAMPLES * 8];
};

struct sim_peer {
    bool used, alive, connected, welcome, frozen, fenced;
    bool half_open; /* cut, and the broker's end has not noticed */
    enum role role;
    struct id id;
    uint64_t incarnation;
    uint32_t connection;
    int64_t start_ms, connect_ms, heard_ms, said_ms, wake_ms, stalled_to_ms;
    struct sim_queue up, down;
    uint64_t progress, seen, epoch, run_epoch;
    struct settled_view {
        uint64_t watermark;
        bool has[SIM_TASKS][SIM_SAMPLES];
    } settled;
    /* A */
    struct sim_work work[SIM_HOLD];
    uint32_t works, slots;
    bool image[SIM_TASKS], named[SIM_TASKS]; /* versions: here; that it was told to fetch */
    int64_t image_ms[SIM_TASKS];             /* when a fetch ends */
    /* R */
    struct sim_job job[64];
    uint32_t jobs;
    /* L */
    uint64_t opened_to, sampled;
    bool pending[SIM_TASKS][SIM_SAMPLES], told;
    struct hash pending_hash[SIM_TASKS][SIM_SAMPLES];
    bool pending_drop[SIM_TASKS][SIM_SAMPLES];
    int64_t fsync_ms, train_ms, opened_ms;
};

struct sim_record { /* the hub's, of one (peer id, incarnation) */
    bool used;
    uint32_t peer, connection;
    uint64_t incarnation;
    int64_t heard_ms;
    struct broker_member *member;
};

struct sim {
    uint64_t seed, draws;
    int64_t now_ms;
    /* plan */
    uint32_t tasks, samples, batch, lag, actors, rewarders, scorers, faults;
    int64_t quiet_ms; /* no faults from here on */
    bool varied;      /* answers differ each time they are written */
    struct scorer scorer[SIM_SCORERS];
    struct broker_limits limits;
    /* the broker */
    struct broker *broker;
    int64_t broker_ms; /* when a dead one comes back */
    uint64_t brokers, numbers;
    struct sim_record record[SIM_PEERS];
    struct arena *arena;
    struct sim_peer peer[SIM_PEERS];
    /* the learner's disk */
    bool journal[SIM_TASKS][SIM_SAMPLES], dropped[SIM_TASKS][SIM_SAMPLES];
    bool cancelled[SIM_TASKS];
    uint64_t epoch, version;
    /* what was seen */
    uint32_t generated[SIM_TASKS][SIM_SAMPLES];
    uint64_t twice, copied, moved, late, fired, stats_seen;
    struct msg_stats last;
    const char *broken; /* the invariant that does not hold */
    char words[256];
};

/* sim.c: one run from a seed. False: an invariant broke; sim->broken, sim->words say which. */
bool sim_run(struct sim *sim, uint64_t seed, uint32_t faults);
void sim_fini(struct sim *sim);

#endif
