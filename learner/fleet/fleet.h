/* fleet: a run's loop: asks the fleet for answers, journals them, has them trained, announces
 * versions, until the last answer is settled or somebody stops it.
 *
 * Everything that decides about the result is in ledger, tasks and trainer; what arrives when,
 * and from whom, changes nothing but the time. */

#ifndef LEARNER_FLEET_FLEET_H
#define LEARNER_FLEET_FLEET_H

#include "learner/context/samples_log.h"
#include "learner/inputs/initial_models.h"
#include "learner/journal/ledger.h"
#include "learner/methods/fleet_keys.h"
#include "learner/run/progress.h"
#include "learner/run/rundir.h"
#include "learner/train/trainer.h"
#include "member/member.h"

struct fleet_conf {
    const struct member_options *member;
    const struct fleet_keys *keys;
    const struct fleet_plan *plan;
    struct rewards *rewards; /* with its table */
    struct tasks *tasks;
    const struct initial_models *models;
    struct trainer *trainer;
    struct ledger *ledger;
    struct samples_log *samples_log;
    struct rundir *dir;
    struct progress *progress;
    struct process_stats *crew;
    struct decoding decoding;
    const int32_t *tail; /* of conversations */
    uint32_t tails;
    uint64_t body_max, epoch, rows; /* rows: training prompts, for the metric `epoch` */
    uint64_t saved;                 /* version of the last checkpoint */
    struct snapshot **snapshot;     /* versions from before, all but 0; taken over */
    uint32_t snapshots;
};

enum fleet_end {
    FLEET_DONE,    /* every answer is settled that was not cut off by stop_if */
    FLEET_STOPPED, /* by a signal: a checkpoint was written if there was time */
};

/* Errors: of the run; a stop is none. */
enum err fleet_run(const struct fleet_conf *conf, enum fleet_end *end) MUST_CHECK;

#endif
