/* offline: training from a data set that is there: SFT, reward models.
 *
 * Plans first and refuses what cannot fit; then epochs, evaluation, metrics.jsonl, checkpoints.
 * A run that was killed or stopped goes on bit-exactly when the same command is given again. */

#ifndef LEARNER_OFFLINE_OFFLINE_H
#define LEARNER_OFFLINE_OFFLINE_H

#include "learner/offline/offline_job.h"

/* Prints the plan, trains, writes output_dir/model. A stop by signal is OK too. Errors: any;
 * the words are one line for the user. */
enum err offline_run(const struct offline_job *job) MUST_CHECK;

#endif
