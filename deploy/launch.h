/* launch: one process of a local fleet: its arguments, environment, descriptors and log file.
 */

#ifndef DEPLOY_LAUNCH_H
#define DEPLOY_LAUNCH_H

#include "deploy/endpoint.h"
#include "deploy/supervise.h"

#include <stdint.h>

struct child;
struct loop;
struct ports;

enum launch_kind {
    LAUNCH_BROKER,
    LAUNCH_LEARNER,
    LAUNCH_ACTOR,
    LAUNCH_REWARDER,
    LAUNCH_WORKER
};
extern const char *const launch_names[]; /* by kind */

struct launch {
    enum launch_kind kind;
    int number; /* from 1 for workers; LAUNCH_WORKER: number - 1 is its place in plan->worker, 0
                   for broker and learner */
    const struct supervise_plan *plan;
    const struct endpoint *fleet;
    const struct ports *ports; /* for the broker */
    bool again;    /* it was started before: a learner goes on, it does not begin anew */
    int parent_fd; /* the pipe whose end means that the supervisor is gone */
};

/* The file that gets what it says; NULL for the learner, which shares our terminal. Freed with
 * free(). */
char *launch_log(const struct supervise_plan *plan, enum launch_kind kind, int number);

/* Each child has a session of its own: the terminal's signals reach the supervisor alone, which
 * ends them in order. Workers and broker write to output_dir/logs; the learner shares our
 * terminal. Errors: ERR_IO names the program. */
enum err launch_child(struct child **out, struct loop *loop, const struct launch *launch,
                      enum err (*ended)(void *self, struct child *child, int status, int signal,
                                        int64_t now_ms),
                      void *self) MUST_CHECK;

#endif
