/* limits: how much a broker holds at once, and for how long. Tests make it small. */

#ifndef BROKER_LIMITS_H
#define BROKER_LIMITS_H

#include <stddef.h>
#include <stdint.h>

struct broker_limits {
    uint32_t tasks, leases, tickets, claims; /* open at once; claims of one actor */
    uint32_t credit_max;                     /* samples under way to one member */
    size_t task_bytes, body_bytes;           /* of open tasks; of rollouts, reserved or here */
    int64_t lease_ms;                        /* a lease ends when its holder stands still */
    int64_t ticket_ms; /* the same of a rewarder, unless its scorer says */
    int64_t wait_ms;   /* a new broker leases unclaimed work after this */
    int64_t hold_ms;   /* a run without its learner keeps others out */
    int64_t retry_ms;  /* refused work rests, doubled each time, to 64x */
};
extern const struct broker_limits broker_default;

/* How long work rests that was refused so many times before. */
int64_t limits_rest_ms(const struct broker_limits *limits, uint32_t attempts);

#endif
