/* fleet_stop_if: metrics that end training before its plan does. */

#ifndef LEARNER_FLEET_FLEET_STOP_IF_H
#define LEARNER_FLEET_FLEET_STOP_IF_H

#include "learner/context/run_context.h"

/* Does the iteration's line meet it, so that there is something to cut off? */
bool fleet_stop_if_met(const struct run_context *run, const struct trainer_job *job);
/* What met it, once that is durable. */
void fleet_stop_if_tell(struct run_context *run, const json_t *line);

#endif
