/* msg_stats: STATS, the snapshot on the dashboard socket. Structs only.
 *
 * Counters grow from the broker's start; rates are of the last 10 s. docs/PROTOCOL.md §3.4. */

#ifndef PROTO_MSG_STATS_H
#define PROTO_MSG_STATS_H

#include "proto/msg_peer.h"
#include "proto/writer.h"

struct msg_stats_peer {
    struct id id;
    uint32_t role, age_ms; /* since its last frame */
    const char *name;
    uint64_t tokens, busy_ms, idle_ms, rss_bytes, version; /* version: newest image held */
    double tokens_s;
    uint32_t queued, leases, credit, lag_ms, strikes;
    const char *note, *error; /* what it waits for; its last error; "" if none */
    const char *host, *address, *build, *isa; /* host, build, isa: by its own word; "" */
    uint32_t threads, note_ms;                /* note_ms: for so long it has waited for that */
    uint64_t uptime_ms;             /* since it came; a new connection is no new one */
    uint64_t wire_bytes, wire_rate; /* of weights, as in HB */
    uint64_t expired, failed;       /* samples taken back from it; its failures */
    uint64_t drafted, accepted;     /* as in HB */
    bool probation;                 /* it gets little work until it shows itself able */
};
struct msg_stats_host { /* a machine: all its processes together */
    const char *name;
    uint32_t processes, actors;
    double tokens_s;
    uint64_t wire_bytes, wire_rate;
    uint32_t lacking,
        left_ms; /* actors without the weights wanted next; until they have come, */
                 /* at this rate; 0: unknown */
    bool head;
    const char *metrics; /* JSON: its supervisor's (HB); "" */
};
struct msg_stats_event { /* somebody came or went */
    uint32_t role, age_ms;
    const char *name, *host, *address;
    bool joined, died; /* died: without BYE */
    const char *cause; /* why it went */
};
struct msg_stats_reason {
    const char *reason;
    uint64_t count;
};
struct msg_stats_turn { /* a learner that waits until its run is served */
    struct id run;
    const char *name, *host, *address; /* name, host: by its own word */
    uint32_t place;                    /* from 1 */
    uint64_t wait_ms;
};
struct msg_stats_key { /* of a key that was used since the broker's start */
    const char *name;
    uint32_t role, age_ms; /* since it last said something */
    uint32_t connections;  /* that it has now */
};
struct msg_stats_lease {
    uint64_t lease, task;
    uint32_t first, count, age_ms, quiet_ms;
    struct id peer;
};
struct msg_stats_suspect { /* who wrote what was found false */
    struct writer writer;
    uint64_t count;
    uint32_t age_ms;   /* since the last one */
    bool aside;        /* gets no work while others can do it */
    const char *words; /* about the last one */
};
struct msg_stats {
    uint64_t incarnation, uptime_ms, step;
    bool run, done;
    struct version newest;
    uint64_t opened, settled, trained;            /* samples */
    uint64_t waiting, leased, scoring, unsettled; /* samples that are now in each place */
    uint64_t duplicates, disputed, expired, reissued, bad_frames, refused;
    double tokens_s, samples_s, actor_busy, rewarder_busy, learner_busy; /* busy: 0..1 */
    const uint64_t *staleness;
    uint32_t n_staleness; /* samples by how many versions late */
    const struct msg_stats_reason *drop;
    uint32_t n_drop;
    const struct msg_stats_peer *peer;
    uint32_t n_peer;
    const struct msg_stats_lease *lease;
    uint32_t n_lease; /* oldest first */
    const struct msg_wait *wait;
    uint32_t n_wait;
    uint64_t found_false; /* answers and scores */
    const struct msg_stats_suspect *suspect;
    uint32_t n_suspect;
    const char *advice;  /* "add 2 actors", "" if none */
    const char *metrics; /* JSON: the learner's latest metrics, "" if none */
    const struct msg_stats_reason
        *refusal; /* what keys were refused, since the broker's start */
    uint32_t n_refusal;
    uint32_t peers; /* how many there are, also where `peer` is cut */
    const struct msg_stats_host *host;
    uint32_t n_host;
    const struct msg_stats_event *event;
    uint32_t n_event;                               /* the latest first */
    double actor_idle, rewarder_idle, learner_idle; /* share of the last minute, 0..1 */
    const uint64_t *staleness_minute;
    uint32_t n_staleness_minute;    /* as staleness, of the last minute */
    const char *bottleneck, *holds; /* what holds the run up, in words, and its kind; "" */
    uint32_t actors_wanted;         /* that would keep the learner busy */
    uint64_t moved, copied;         /* samples that others did sooner */
    uint64_t steps_total, left_ms;  /* 0: unknown */
    const char *history;  /* JSON: metrics of iterations before; only after a subscription */
    const char *run_name; /* of the run that is served, for people; "" */
    const struct msg_stats_turn *queue;
    uint32_t n_queue;     /* in the order in which they will be served */
    const char *builds;   /* workers of other builds that compute the same bits; "": none */
    const char *next_key; /* the broker's public key that follows, as in HB; "": none does */
    const struct msg_stats_key *key; /* only after a subscription */
    uint32_t n_key;
};

#endif
