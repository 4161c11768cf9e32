/* state: all that a broker knows, put together; each part has its own file. Inside broker/ only.
 * What it does with it: table.c, broker.c. */

#ifndef BROKER_STATE_H
#define BROKER_STATE_H

#include "broker/breaker.h"
#include "broker/fifo.h"
#include "broker/lease.h"
#include "broker/limits.h"
#include "broker/outbox.h"
#include "broker/run.h"
#include "broker/suspects.h"
#include "broker/tasks.h"
#include "broker/ticket.h"
#include "proto/limit.h"

enum { STATE_STALE = 17 }; /* lags that STATS tells apart; the last: or later */

struct counters {
    uint64_t duplicates, disputed, expired, reissued, late, gaps, settled, bad_frames, refused;
    uint64_t stale[STATE_STALE];
    uint64_t settled_past[MEMBERS_RATES]; /* one a second */
    uint32_t n_past;
};

struct broker {
    struct broker_limits limits;
    struct broker_sink sink;
    uint64_t incarnation, first_number;
    char *bulk, *bulk_key;
    int64_t born_ms, lease_from_ms, beat_ms;
    int64_t
        token_us; /* what answers usually take, from lease to body, by max_new; 0: unknown */
    struct members members;
    struct broker_member *turn; /* who got the last lease */
    struct run_state run;
    struct open_tasks tasks;
    struct leases leases;
    struct tickets tickets;
    struct fifo to_learner, ask[MAX_SCORERS];
    struct breaker breaker[MAX_SCORERS];
    struct suspects suspects;
    struct counters counters;
    struct outbox outbox;
    bool draining, space_short;
    bool adopted;   /* some lease of an adopted sample is still to be told */
    bool beat;      /* heartbeats are due now: the run is over */
    bool pumping;   /* the pump is at work */
    unsigned wakes; /* stages that have something to do (table.h) */
};

#endif
