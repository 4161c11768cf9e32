/* fleet_tasks: which tasks the broker knows of, on the present connection. */

#ifndef LEARNER_FLEET_FLEET_TASKS_H
#define LEARNER_FLEET_FLEET_TASKS_H

#include "learner/context/run_context.h"

struct peer;

struct fleet_tasks {
    struct run_context *run;
    struct peer *peer;
    uint64_t opened, acked; /* sent; as the broker said last */
};

/* A new connection: the broker knows those below `open_to`. */
void fleet_tasks_welcome(struct fleet_tasks *tasks, uint64_t open_to);
/* A heartbeat: what it has not got for a whole one is to be sent again. */
void fleet_tasks_hear(struct fleet_tasks *tasks, uint64_t open_to);
/* Opens what the window allows and the broker lacks, a few in a turn. A full pipe is no error.
 * Errors: ERR_RANGE names the task that no message holds. */
enum err fleet_tasks_open(struct fleet_tasks *tasks) MUST_CHECK;
/* Tasks from `first` on, before `end`, are not wanted any more: those that were opened. A full
 * pipe is no error: the watermark says it, too. Errors: ERR_RANGE. */
enum err fleet_tasks_cancel(struct fleet_tasks *tasks, uint64_t first, uint64_t end,
                            const char *reason) MUST_CHECK;

#endif
