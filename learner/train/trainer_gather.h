/* trainer_gather: a job's answers as an iteration reads them. */

#ifndef LEARNER_TRAIN_TRAINER_GATHER_H
#define LEARNER_TRAIN_TRAINER_GATHER_H

#include "learner/iteration/iteration_conf.h"
#include "learner/iteration/iteration_rollout.h"
#include "learner/train/trainer_job.h"

struct trainer_gather { /* by what they are read */
    const struct rewards *rewards;
    const struct iteration_conf *iteration;
    struct model
        *reference; /* for answers that come without its log-probabilities; NULL: none */
};

/* Fills rollout with the answers (and, where a method learns them, each record's own), then with the
 * pairs that people judged; `block` has trainer_gather_room numbers, part [n * rewards] each reward.
 * Both are borrowed by the rollouts. Errors: ERR_NOMEM, of the reference's pass. */
enum err trainer_gather(const struct trainer_gather *from, const struct trainer_job *job,
                        struct iteration_rollout *rollout, float *block,
                        double *part) MUST_CHECK;
size_t trainer_gather_room(const struct trainer_job *job);

#endif
