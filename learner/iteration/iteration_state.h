/* iteration_state: what the files of this room share; for iteration*.c only. */

#ifndef LEARNER_ITERATION_ITERATION_STATE_H
#define LEARNER_ITERATION_ITERATION_STATE_H

#include "learner/iteration/iteration_compare.h"
#include "learner/iteration/iteration_pack.h"

struct iteration_state {
    struct iteration_conf conf;
    struct trainable *policy, *critic; /* critic: NULL without one */
    struct ref_model *reference;       /* NULL where it does not move */
    struct kl_control kl;
    struct entropy_control entropy;
    struct micro_batch batch;
    int64_t iteration, episodes, num_tokens;
    struct iteration_false *lie; /* answers found false, in order, each once */
    size_t lies, lie_room;
};

/* Notes answer i of the batch, whose token t the present weights give `found`. */
void iteration_compare_note(struct iteration_state *state, const struct iteration_batch *batch,
                            size_t i, int t, float found);
/* Passes what the first mini-batch, order[0..n), does not learn of `batch`. */
enum err iteration_compare_rest(struct iteration_state *state,
                                const struct iteration_batch *batch, const uint32_t *order,
                                size_t n) MUST_CHECK;
/* After the passes of an iteration, of which no mini-batch was trained where `untrained`: an
 * error in words if any answer is false, and its gradients are forgotten. */
enum err iteration_compare_told(struct iteration_state *state,
                                const struct iteration_batch *batch, bool untrained) MUST_CHECK;
/* The critic that was given, or the policy's trunk under a head of zeros. Errors: iteration_new's.
 */
enum err iteration_state_critic(struct params **critic, const struct params *policy,
                                const struct iteration_conf *conf) MUST_CHECK;

#endif
