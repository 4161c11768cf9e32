/* campaign: everything that one run of a fleet method holds, from its keys to the point at
 * which the fleet may be asked: folder, models, prompts, plan, journal, weights. */

#ifndef LEARNER_FLEET_CAMPAIGN_H
#define LEARNER_FLEET_CAMPAIGN_H

#include "learner/fleet/fleet.h"

struct campaign {
    const struct fleet_keys *keys;
    struct fleet_plan plan;
    struct rundir *dir;
    struct origin *origin;
    struct prompts *train, *eval; /* eval: NULL for none */
    struct tasks *tasks;
    struct trainer *trainer;
    struct ledger *ledger;
    struct answers *answers;
    struct crew *crew;
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
 * Errors: any, in words for the user. campaign_close follows in any case. */
enum err campaign_open(struct campaign *campaign, const struct fleet_keys *keys) MUST_CHECK;
void campaign_close(struct campaign *campaign);

/* For campaign*.c. What ends an answer, and the template's tail behind it. */
enum err campaign_plan_ends(struct campaign *campaign) MUST_CHECK;
/* Iterations, tasks and sizes; prints them. Errors: ERR_RANGE says what would fit. */
enum err campaign_plan(struct campaign *campaign) MUST_CHECK;

/* Trains the journal's steps again, from the checkpoint to the last announced version; each
 * must give the hash that was announced. Errors: ERR_STATE shows both hashes. */
enum err campaign_replay(struct campaign *campaign) MUST_CHECK;

#endif
