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
};
struct msg_stats_reason {
    const char *reason;
    uint64_t count;
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
};

#endif
