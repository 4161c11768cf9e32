/* fleet: a run's work with the fleet: asks for answers, journals them, has them trained,
 * announces versions, until the last answer is settled or somebody stops it.
 *
 * Everything that decides about the result is in ledger, tasks and trainer; what arrives when,
 * and from whom, changes nothing but the time. */

#ifndef LEARNER_FLEET_FLEET_H
#define LEARNER_FLEET_FLEET_H

#include "learner/context/run_context.h"

enum fleet_end {
    FLEET_DONE,        /* every answer is settled that was not cut off by stop_if */
    FLEET_STOPPED,     /* by a signal: a checkpoint was written if there was time */
    FLEET_INTERRUPTED, /* the same, by a person's Ctrl-C */
};

/* The run is opened, replayed and started (ledger_start), its progress begun. Errors: of the
 * run (disk, system, messages, training), in words for the user; a stop is none. */
enum err fleet_run(struct run_context *run, int64_t now_ms, enum fleet_end *end) MUST_CHECK;

#endif
