/* run_context: everything that one run of a fleet method holds, from its keys to its journal and
 * weights. run_open fills it; run_replay and the fleet's loop go on from there. */

#ifndef LEARNER_CONTEXT_RUN_CONTEXT_H
#define LEARNER_CONTEXT_RUN_CONTEXT_H

#include "learner/context/earlier_answers.h"
#include "learner/context/samples_log.h"
#include "learner/inputs/initial_models.h"
#include "learner/journal/ledger.h"
#include "learner/methods/fleet_keys.h"
#include "learner/run/process_stats.h"
#include "learner/run/progress.h"
#include "learner/run/rundir.h"
#include "learner/train/trainer.h"
#include "proto/limit.h"

/* A run's versions that may be alive: tasks name lag + 1 of them, one is made meanwhile. */
enum { RUN_CONTEXT_VERSIONS = MAX_LAG + 4 };

struct run_context {
    const struct fleet_keys *keys;
    struct fleet_plan plan; /* what the keys mean; rewards with their table */
    json_t *config;         /* resolved keys */
    struct rundir *dir;
    char *checkpoints, *images, *journal, *model; /* paths in it */

    struct initial_models *models;
    struct prompts *train, *eval; /* eval: NULL for none */
    struct decoding decoding;     /* of every task */
    int32_t stop[SHAPE_STOPS];    /* decoding.stop */
    int32_t *tail;                /* what the template writes behind an answer */
    uint32_t n_tail;
    uint64_t body_max; /* bytes of the largest SAMPLE */

    uint32_t table; /* number of the table of scorers; one more with each refresh */
    struct tasks *tasks;
    struct ledger *ledger;
    struct samples_log *samples_log;
    struct earlier_answers *earlier; /* NULL: none are kept */
    struct trainer *trainer;
    uint64_t saved; /* version of the newest checkpoint */
    bool resumed;   /* a journal was there */
    struct snapshot
        *snapshot[RUN_CONTEXT_VERSIONS]; /* all but 0 that tasks may name, ascending */
    uint32_t n_snapshot;

    struct process_stats *stats;
    struct progress progress; /* begun by who runs it */
};
void run_context_close(struct run_context *run); /* of a zeroed one, too */

/* The prompt of a task. */
const struct prompt *run_context_prompt(const struct run_context *run, uint64_t task);
/* All that is asked for is settled, and durable. */
bool run_context_settled(const struct run_context *run);
/* Images of lower versions are not needed any more. */
uint64_t run_context_smallest(const struct run_context *run);

#endif
