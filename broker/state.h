/* state: all that a broker knows, put together; each part has its own file. Inside broker/ only.
 * What it does with it: table.c, broker.c. */

#ifndef BROKER_STATE_H
#define BROKER_STATE_H

#include "broker/admits.h"
#include "broker/breaker.h"
#include "broker/comings.h"
#include "broker/events.h"
#include "broker/fifo.h"
#include "broker/history.h"
#include "broker/lease.h"
#include "broker/limits.h"
#include "broker/minute_state.h"
#include "broker/outbox.h"
#include "broker/probation.h"
#include "broker/run.h"
#include "broker/suspects.h"
#include "broker/tasks.h"
#include "broker/ticket.h"
#include "broker/turns_state.h"
#include "broker/uplink_state.h"
#include "proto/limit.h"

enum { STATE_STALE = 17 }; /* lags that STATS tells apart; the last: or later */

enum { STATE_REFUSALS = 16 };
struct counters {
    uint64_t duplicates, disputed, expired, reissued, moved, copied, late, gaps, settled,
        bad_frames, refused;
    uint64_t unasked; /* answers from who held no lease for them */
    uint64_t stale[STATE_STALE];
    uint64_t settled_past[MEMBERS_RATES]; /* one a second */
    uint32_t n_past;
};

/* Actors that have room, who has waited longest first; slow ones (pace.h) apart. Who is in a list
 * had room when it was looked at last: room_has says whether it has. */
struct room {
    struct room_list {
        struct broker_member *first, *last;
        uint32_t n;
    } prompt, slow;
};

/* How fast actors are (pace.h). */
struct pace {
    double usual;   /* speed of those that do the middle token of the fleet; 0: unknown */
    double flow;    /* tokens per ms of all that are able now */
    double length;  /* tokens of an answer, running mean; 0: unknown */
    double *sorted; /* scratch of pace_tick */
    uint32_t n_sorted;
};

/* Who is to hear of what is settled (keepers.h), by place. */
struct keepers {
    uint32_t *place, n, capacity;
};

/* Workers whose build computes other bits than the learner's, or is just another (unlike.h). */
enum { STATE_BUILDS = 8 };
struct unlike {
    uint64_t count;
    int64_t since_ms, last_ms;
    char words[MEMBERS_WORDS * 2];         /* of the last, for who watches */
    char build[STATE_BUILDS][ORIGIN_TEXT]; /* that were said to be other ones */
    uint32_t n_build;
};

/* Pairs and judgements on their way (people.h). */
struct people_state {
    uint64_t comings; /* HELLOs of annotators */
    uint64_t given;   /* pairs that are not acknowledged, since the learner's HELLO */
    uint64_t owed;    /* judgements that are not answered, likewise */
    uint64_t unheard; /* times that one was beyond what may wait */
};

struct broker {
    struct broker_limits limits;
    struct broker_sink sink;
    uint64_t incarnation, first_number;
    char *bulk, *bulk_key, *next_key;
    char missing[MEMBERS_WORDS]; /* of this process; "": nothing */
    int64_t missing_ms;
    int64_t born_ms, lease_from_ms, beat_ms;
    int64_t tick_ms; /* of the last tick; 0: none was yet */
    int64_t
        token_us; /* what answers usually take, from lease to body, by max_new; 0: unknown */
    struct members members;
    struct room room;
    struct keepers keepers;
    struct pace pace;
    struct probation probation;
    struct people_state people;
    struct version wanted[MAX_WANTED]; /* that open tasks name (wanted.h) */
    uint32_t n_wanted, beats;          /* beats: heartbeats of actors that were read */
    int64_t now_ms;                    /* of the present event */
    struct run_state run;
    struct open_tasks tasks;
    struct leases leases;
    struct tickets tickets;
    struct fifo to_learner, ask[MAX_SCORERS];
    struct breaker breaker[MAX_SCORERS];
    struct suspects suspects;
    struct unlike unlike;
    struct turns turns;
    struct counters counters;
    struct minute minute;
    struct uplink uplink;
    char giver[2 * MEMBERS_WORDS]; /* a host whose weights another did not take, and why */
    int64_t giver_ms;              /* when; 0: never */
    struct events events;
    struct history history;
    struct admits admits;
    struct comings comings;
    int64_t taken_ms; /* when it was last said that a host's name is another's; 0: never */
    struct msg_stats_reason refusal[STATE_REFUSALS]; /* as the hubs count them */
    uint32_t n_refusal;
    struct outbox outbox;
    bool draining, space_short;
    bool adopted;   /* some lease of an adopted sample is still to be told */
    bool claimed;   /* some member may have claims that wait (handshake.h) */
    bool beat;      /* a heartbeat to all is due now: the run is over */
    bool pumping;   /* the pump is at work */
    unsigned wakes; /* stages that have something to do (table.h) */
};

#endif
