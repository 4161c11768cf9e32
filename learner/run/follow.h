/* follow: a second model that began as the policy in training, and may follow it.
 *
 * Holds a copy of the policy's compute weights. Each `every` optimiser steps
 *
 *   copy <- mixup policy + (1 - mixup) copy
 *
 * (TR-DPO: Gorbatovski et al. 2024, arXiv:2404.09656, eq. 5; TRL's SyncRefModelCallback). */

#ifndef LEARNER_RUN_FOLLOW_H
#define LEARNER_RUN_FOLLOW_H

#include "learner/run/step.h"

struct follow_conf {
    double mixup;
    int64_t every; /* optimiser steps; 0: the copy stays as it is */
};

struct follow;
/* A copy of what the step's image is now. Errors: ERR_NOMEM. */
enum err follow_new(struct follow **out, const struct follow_conf *conf,
                    const struct step *step) MUST_CHECK;
void follow_free(struct follow *follow);
size_t follow_size(const struct shape *shape); /* bytes of the copy */

const struct model *follow_model(const struct follow *follow);
/* After an optimiser step: the copy moves when it is time. */
void follow_step(struct follow *follow, const struct step *step);
/* For checkpoints, to be read or written: *floats of them. */
float *follow_weights(struct follow *follow, size_t *floats);

#endif
