/* run_open: a run from its keys to the point at which the fleet may be asked. */

#ifndef LEARNER_CONTEXT_RUN_OPEN_H
#define LEARNER_CONTEXT_RUN_OPEN_H

#include "learner/context/run_context.h"

/* Locks the folder, plans, prints the plan, refuses what cannot be, loads or makes everything.
 * `run` is zeroed but for plan (fleet_keys_check's) and config. Errors: any, in words for the
 * user. run_context_close follows in any case. */
enum err run_open(struct run_context *run, const struct fleet_keys *keys) MUST_CHECK;

#endif
