/* trainer_line: the means of an iteration's answers, for metrics.jsonl. For trainer.c. */

#ifndef LEARNER_TRAIN_TRAINER_LINE_H
#define LEARNER_TRAIN_TRAINER_LINE_H

#include "learner/train/trainer_job.h"
#include "reward/reward.h"

/* Adds rewards by name, length, staleness and seconds. group: by TRL's names of the group
 * methods. */
void trainer_line_means(json_t *line, const struct rewards *rewards, bool group,
                        const struct trainer_job *job);

#endif
