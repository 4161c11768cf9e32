/* iteration_compare: answers whose log-probabilities are not those of the weights that they name.
 */

#ifndef LEARNER_ITERATION_ITERATION_COMPARE_H
#define LEARNER_ITERATION_ITERATION_COMPARE_H

#include "learner/iteration/iteration.h"

struct iteration_false {
    uint64_t task;
    uint32_t sample;
    int token;         /* the first that differs */
    float said, found; /* nats there: behaviour; under the present weights */
};

/* Compares answers that are not trained, groups of conf.samples each; strict rounds only. The
 * false ones are in iteration_compare_falses then. Errors: as iteration_run; false answers are
 * none. */
enum err iteration_compare(struct iteration_state *state,
                           const struct iteration_rollout *rollout, size_t n) MUST_CHECK;
/* Of the last iteration_run or iteration_compare, in the order of the rollouts. */
const struct iteration_false *iteration_compare_falses(const struct iteration_state *state,
                                                       size_t *n);

#endif
