/* iteration_compare: answers whose log-probabilities are not those of the weights that they name.
 */

#ifndef LEARNER_ITERATION_ITERATION_COMPARE_H
#define LEARNER_ITERATION_ITERATION_COMPARE_H

#include "learner/iteration/iteration_batch.h"

struct iteration_state;

struct iteration_false {
    uint64_t task;
    uint32_t sample;
    int token;         /* the first that differs */
    float said, found; /* nats there: behaviour; under the present weights */
};

/* Compares answers that are not trained, groups of conf.samples each; strict iterations only. The
 * false ones are in iteration_compare_falses then. Errors: as iteration_run; false answers are
 * none. */
enum err iteration_compare(struct iteration_state *state,
                           const struct iteration_rollout *rollout, size_t n) MUST_CHECK;
/* Of the last iteration_run or iteration_compare, in the order of the rollouts. */
const struct iteration_false *iteration_compare_falses(const struct iteration_state *state,
                                                       size_t *n);

/* For iteration.c. */

/* Notes answer i of the batch, whose token t the present weights give `found`. */
void iteration_compare_note(struct iteration_state *state, const struct iteration_batch *batch,
                            size_t i, int t, float found);
/* Passes what the first mini-batch, order[0..n), does not learn of `batch`. Errors:
 * iteration_figures'; false answers are none. */
enum err iteration_compare_rest(struct iteration_state *state,
                                const struct iteration_batch *batch, const uint32_t *order,
                                size_t n) MUST_CHECK;
/* After the passes of an iteration, of which no mini-batch was trained where `untrained`: an
 * error in words if any answer is false, and its gradients are forgotten. */
enum err iteration_compare_told(struct iteration_state *state,
                                const struct iteration_batch *batch, bool untrained) MUST_CHECK;
#endif
