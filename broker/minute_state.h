/* minute_state: what minute.c keeps, as part of the broker (state.h). Inside broker/ only. */

#ifndef BROKER_MINUTE_STATE_H
#define BROKER_MINUTE_STATE_H

#include <stdint.h>

/* STALE: as STATS tells lags apart. STEPS: iterations over which the time of one is taken. */
enum { MINUTE_SECONDS = 60, MINUTE_ROLES = 4, MINUTE_STALE = 17, MINUTE_STEPS = 16 };

struct minute_count {
    uint64_t busy_ms[MINUTE_ROLES], idle_ms[MINUTE_ROLES]; /* by role */
    uint64_t stale[MINUTE_STALE];
    uint64_t actors, without; /* actor-seconds; of them without work for want of weights */
};

struct minute {
    struct minute_count sum, second[MINUTE_SECONDS]; /* a ring; `sum` is of all in it */
    uint64_t stale[MINUTE_STALE];                    /* as it was a second ago */
    uint32_t n;
    uint64_t busy_ms[MINUTE_ROLES], idle_ms[MINUTE_ROLES]; /* of all time */
    struct minute_step {
        uint64_t step;
        int64_t at_ms;
        uint64_t busy_ms[MINUTE_ROLES], idle_ms[MINUTE_ROLES]; /* as they were then */
    } step[MINUTE_STEPS]; /* when iterations were done, a ring */
    uint32_t n_step;
};

#endif
