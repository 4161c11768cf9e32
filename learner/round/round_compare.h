/* round_compare: answers whose log-probabilities are not those of the weights that they name.
 */

#ifndef LEARNER_ROUND_ROUND_COMPARE_H
#define LEARNER_ROUND_ROUND_COMPARE_H

#include "learner/round/round.h"

struct round_false {
    uint64_t task;
    uint32_t sample;
    int token;         /* the first that differs */
    float said, found; /* nats there: behaviour; under the present weights */
};

/* Compares answers that are not trained, groups of conf.samples each; strict rounds only. The
 * false ones are in round_compare_falses then. Errors: as round_iteration; false answers are
 * none. */
enum err round_compare(struct round *round, const struct round_rollout *rollout,
                       size_t n) MUST_CHECK;
/* Of the last round_iteration or round_compare, in the order of the rollouts. */
const struct round_false *round_compare_falses(const struct round *round, size_t *n);

#endif
