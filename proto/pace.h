/* pace: how fast a connection brings pieces, and so how many to have on their way. No clock.
 *
 * As much is asked for ahead as comes within a second: enough to keep a line full, and little
 * enough that what else goes by it (a heartbeat) is late by no more than that. */

#ifndef PROTO_PACE_H
#define PROTO_PACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    PACE_AHEAD_MS = 1000,        /* what is on its way is what comes in so long, */
    PACE_LEAST = 2 * (64 << 10), /* but two pieces at least: one comes, one is asked for, */
    PACE_MOST = 8 << 20,         /* and no more than this */
    PACE_MEMORY_MS = 3000,       /* what was longer ago says little of the line now */
};

struct pace_meter { /* zeroed: nothing is known */
    int64_t at_ms;
    double bytes, ms; /* that came, while something was owed; both fade alike */
    bool owed;
    uint64_t total; /* bytes since ever */
};

/* From now on something is owed, or nothing: only time in which something is says anything. */
void pace_owed(struct pace_meter *pace, bool owed, int64_t now_ms);
void pace_came(struct pace_meter *pace, size_t bytes, int64_t now_ms);

/* Bytes a second; 0: unknown. */
double pace_rate(const struct pace_meter *pace);
/* Bytes to have on their way. */
size_t pace_window(const struct pace_meter *pace);

#endif
