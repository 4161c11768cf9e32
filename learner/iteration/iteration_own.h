/* iteration_own: what the files of this room share of an iteration's state; for iteration*.c only. */

#ifndef LEARNER_ITERATION_ITERATION_OWN_H
#define LEARNER_ITERATION_ITERATION_OWN_H

#include "learner/iteration/iteration_conf.h"
#include "learner/step/micro_batch.h"
#include "lm/model/train_room.h"

struct iteration_false;
struct iteration_state {
    struct iteration_conf conf;
    struct trainable *policy, *critic; /* critic: NULL without one */
    struct train_room room;            /* of both */
    struct ref_model *reference;       /* NULL where it does not move */
    struct kl_control kl;
    struct entropy_control entropy;
    struct micro_batch batch;
    int64_t iteration, episodes, num_tokens;
    struct iteration_false *lie; /* answers found false, in order, each once */
    size_t n_lie, room_lie;
};

#endif
