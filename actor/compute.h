/* compute: the actor's compute thread: owns the models and decodes. Knows no socket.
 *
 * Items (compute_item.h) go in and come out through net/worker. One version is decoded at a time: a job of
 * another version waits until the slots are empty. */

#ifndef ACTOR_COMPUTE_H
#define ACTOR_COMPUTE_H

#include "actor/compute_item.h"

#include <stdatomic.h>

struct worker;

/* Read by the loop thread at any time. */
struct compute_counters {
    atomic_ullong tokens, busy_ns, idle_ns, drafted, accepted;
};

struct compute;
void compute_new(struct compute **out, int slots);
void compute_free(struct compute *compute);
const struct compute_counters *compute_counters(const struct compute *compute);

/* worker_conf.main; self is the struct compute. */
enum err compute_main(void *compute, struct worker *worker) MUST_CHECK;

#endif
