/* iteration_figures: what models say of an iteration's answers while nothing is learnt. For
 * iteration*.c only. */

#ifndef LEARNER_ITERATION_ITERATION_FIGURES_H
#define LEARNER_ITERATION_ITERATION_FIGURES_H

#include "learner/iteration/iteration_batch.h"
#include "learner/step/micro_batch.h"

struct iteration_state;

enum iteration_figures { ITERATION_OF_POLICY, ITERATION_OF_REFERENCE, ITERATION_OF_CRITIC };

/* Log-probabilities, or a critic's values, of the answers list[0..n) of a batch (NULL: of all of
 * them, n in number) into out [tokens of all its answers]. Errors: ERR_STATE (conf.stop),
 * ERR_NOMEM, ERR_RANGE. */
enum err iteration_figures(struct iteration_state *state, const struct iteration_batch *batch,
                           const uint32_t *list, size_t n, enum iteration_figures whose,
                           float *out) MUST_CHECK;

/* Errors: ERR_STATE where conf.stop is true. */
enum err iteration_figures_stopped(const struct iteration_state *state) MUST_CHECK;

/* How the critic goes over a micro-batch. */
struct micro_batch_pass iteration_figures_critic(const struct iteration_state *state);

#endif
