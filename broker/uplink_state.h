/* uplink_state: what uplink.c keeps, as part of the broker (state.h). Inside broker/ only. */

#ifndef BROKER_UPLINK_STATE_H
#define BROKER_UPLINK_STATE_H

#include <stdint.h>

enum { UPLINK_SECONDS = 3 };

struct uplink {
    uint64_t bytes,
        past[UPLINK_SECONDS + 1]; /* from learners so far; past: one a second, a ring */
    uint64_t from;                /* of `bytes` when the newest version came */
    uint64_t version;             /* 1 + that */
    uint32_t looks, owed, n;      /* of this second: ticks, those at which it owed something */
    int64_t since_ms; /* it has owed something in every second since; 0: it does not */
};

#endif
