/* The broker's own limits, with what each is for. They bound memory (tasks and bodies, in bytes),
 * tables (leases, tickets, claims) and patience. Nothing here travels: proto/limit.h has the
 * limits of messages. */

#include "broker/limits.h"

const struct broker_limits broker_default = {
    .tasks = 65536,                  /* a window of iterations: 64 Ki prompts */
    .leases = 65536,                 /* one a sample at worst */
    .tickets = 8192,                 /* of up to 1024 rollouts each */
    .claims = 8192,                  /* that wait for their task to be opened */
    .credit_max = 4096,              /* more no actor decodes within a lease's patience */
    .task_bytes = (size_t)256 << 20, /* 64 Ki prompts of 1000 tokens */
    .body_bytes = (size_t)1 << 30,   /* the answers of such a window */
    .lease_ms = 30000,               /* without a token, a chunk or a score */
    .ticket_ms = 60000,              /* a judge loads a model first */
    .wait_ms = 1000,                 /* a heartbeat: by then every actor has said HELLO */
    .hold_ms = 30000,                /* a learner's restart */
    .retry_ms = 250,                 /* doubled up to 16 s */
};

int64_t limits_rest_ms(const struct broker_limits *limits, uint32_t attempts)
{
    enum { DOUBLINGS = 6 }; /* 64 times as long */

    return limits->retry_ms << (attempts < DOUBLINGS ? attempts : DOUBLINGS);
}
