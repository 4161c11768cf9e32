/* follow: a second model that began as the policy in training, and may follow it.
 *
 * Holds a copy of the policy's compute weights. Each `every` optimiser steps
 *
 *   copy <- mixup policy + (1 - mixup) copy
 *
 * (TR-DPO: Gorbatovski et al. 2024, arXiv:2404.09656, eq. 5; TRL's SyncRefModelCallback). */

#ifndef LEARNER_STEP_REF_MODEL_H
#define LEARNER_STEP_REF_MODEL_H

#include "learner/step/trainable.h"

struct ref_model_conf {
    double mixup;
    int64_t every; /* optimiser steps; 0: the copy stays as it is */
};

struct ref_model;
/* A copy of what the step's image is now. Errors: ERR_NOMEM. */
enum err ref_model_new(struct ref_model **out, const struct ref_model_conf *conf,
                       const struct trainable *step) MUST_CHECK;
void ref_model_free(struct ref_model *follow);
size_t ref_model_size(const struct shape *shape); /* bytes of the copy */

const struct model *ref_model_model(struct ref_model *follow);
/* After an optimiser step: the copy moves when it is time. */
void ref_model_sync(struct ref_model *follow, const struct trainable *step);
/* For checkpoints, to be read or written: *floats of them. */
float *ref_model_weights(struct ref_model *follow, size_t *floats);

#endif
