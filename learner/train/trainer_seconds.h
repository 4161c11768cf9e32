/* trainer_seconds: where the seconds of an iteration go, for metrics.jsonl. For trainer.c. */

#ifndef LEARNER_TRAIN_TRAINER_SECONDS_H
#define LEARNER_TRAIN_TRAINER_SECONDS_H

#include "learner/iteration/iteration_conf.h"

#include <jansson.h>

enum { TRAINER_PUBLISHES = ITERATION_PHASES, TRAINER_PHASES };

struct trainer_seconds {
    int64_t ns[TRAINER_PHASES];
    int phase; /* the one under way, */
    int64_t since;
};

/* An iteration begins, with what models say of its answers. */
void trainer_seconds_begin(struct trainer_seconds *seconds);
/* What the time from here on is spent on: an enum iteration_phase, or TRAINER_PUBLISHES. */
void trainer_seconds_at(struct trainer_seconds *seconds, int phase);
/* drover_seconds_PHASE of each that took any; they come to drover_train_seconds. */
void trainer_seconds_put(struct trainer_seconds *seconds, json_t *line);

#endif
