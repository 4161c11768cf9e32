/* run_context: everything that one run of a fleet method holds, from its keys to the point at
 * which the fleet may be asked: folder, models, prompts, plan, journal, weights. */

#ifndef LEARNER_CONTEXT_RUN_CONTEXT_H
#define LEARNER_CONTEXT_RUN_CONTEXT_H

#include "learner/context/samples_log.h"
#include "learner/inputs/initial_models.h"
#include "learner/journal/ledger.h"
#include "learner/methods/fleet_keys.h"
#include "learner/run/rundir.h"
#include "learner/train/trainer.h"

struct run_context {
    const struct fleet_keys *keys;
    struct fleet_plan plan;
    struct rundir *dir;
    struct initial_models *models;
    struct prompts *train, *eval; /* eval: NULL for none */
    struct tasks *tasks;
    struct trainer *trainer;
    struct ledger *ledger;
    struct samples_log *samples_log;
    struct process_stats *crew;
    json_t *config; /* resolved keys */
    char *checkpoints, *images, *journal, *model;
    int32_t stop[SHAPE_STOPS];
    uint32_t stops;
    int32_t *tail;
    uint32_t tails;
    uint64_t body_max, saved, epoch;
    struct snapshot *snapshot[FLEET_KEYS_LAG + 2]; /* of versions that tasks may name */
    uint32_t snapshots;
    bool resumed;
};

/* Locks the folder, plans, prints the plan, refuses what cannot be, loads or makes everything.
 * Errors: any, in words for the user. run_context_close follows in any case. */
enum err run_context_open(struct run_context *campaign,
                          const struct fleet_keys *keys) MUST_CHECK;
void run_context_close(struct run_context *campaign);

/* For campaign*.c. What ends an answer, and the template's tail behind it. */
enum err run_plan_ends(struct run_context *campaign) MUST_CHECK;
/* Iterations, tasks and sizes; prints them. Errors: ERR_RANGE says what would fit. */
enum err run_plan(struct run_context *campaign) MUST_CHECK;

/* Trains the journal's steps again, from the checkpoint to the last announced version; each
 * must give the hash that was announced. Errors: ERR_STATE shows both hashes. */
enum err run_context_replay(struct run_context *campaign) MUST_CHECK;

#endif
