/* launch: one process of a local fleet: its arguments, environment, descriptors and log file.
 */

#ifndef CLI_LAUNCH_H
#define CLI_LAUNCH_H

#include "cli/fleet.h"
#include "cli/supervise.h"

#include <stdint.h>

struct child;
struct loop;

enum { LAUNCH_PORTS = 3 }; /* control, bulk, dashboard */
enum kind { KIND_BROKER, KIND_LEARNER, KIND_ACTOR, KIND_REWARDER };
extern const char *const launch_names[]; /* by kind */

struct launch {
    enum kind kind;
    int number; /* from 1 for workers, 0 for broker and learner */
    const struct supervise_plan *plan;
    const struct fleet *fleet;
    const int *listener; /* [LAUNCH_PORTS] for the broker */
    bool again;          /* it was started before: a learner goes on, it does not begin anew */
    int parent_fd;       /* the pipe whose end means that the supervisor is gone */
};

/* Workers and broker write to output_dir/logs; the learner shares our terminal.
 * Errors: ERR_IO names the program. */
enum err launch_child(struct child **out, struct loop *loop, const struct launch *launch,
                      enum err (*ended)(void *self, struct child *child, int status, int signal,
                                        int64_t now_ms),
                      void *self) MUST_CHECK;

#endif
