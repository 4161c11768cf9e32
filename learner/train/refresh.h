/* refresh: a reward model that people's judgements have taught: what a run began with, trained on all
 * that is kept of them. */

#ifndef LEARNER_TRAIN_REFRESH_H
#define LEARNER_TRAIN_REFRESH_H

#include "learner/inputs/initial_models.h"
#include "learner/step/trainable.h"
#include "learner/train/trainer_job.h"

#include <stdatomic.h>

#define REFRESH_RATE 1e-4 /* learning rate of each step, as `drover reward` begins */

struct refresh_conf {
    const struct initial_models *models; /* borrowed */
    int model;                           /* of these; 0: none is refreshed */
    const int32_t *tail;                 /* behind an answer of a conversation that ended */
    uint32_t n_tail;
    int pairs; /* a step */
    double learning_rate, max_grad_norm;
    struct adamw adamw;
    uint64_t seed;
    struct train_options training;
};

/* One pass over the n pairs (Bradley-Terry: objective_reward.h), in an order by the seed and n, some a
 * step: a function of the model and these alone. Errors: ERR_NOMEM, ERR_STATE (stopped). */
enum err refresh_train(struct trainable *model, const struct refresh_conf *conf,
                       const struct trainer_judged *judged, uint32_t n,
                       const atomic_bool *stop) MUST_CHECK;
/* The same of the reward model that the run began with. *out: the image, kept among the run's artifacts.
 * Errors: refresh_train's, ERR_IO. */
enum err refresh_run(struct artifact *out, const struct refresh_conf *conf,
                     const struct trainer_judged *judged, uint32_t n,
                     const atomic_bool *stop) MUST_CHECK;

#endif
