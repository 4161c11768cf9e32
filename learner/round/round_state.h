/* round_state: what the files of round share; for round*.c only. */

#ifndef LEARNER_ROUND_ROUND_STATE_H
#define LEARNER_ROUND_ROUND_STATE_H

#include "learner/round/round_compare.h"
#include "learner/round/round_pass.h"

struct round {
    struct round_conf conf;
    void *own;                    /* conf.own */
    struct step *policy, *critic; /* critic: NULL without one */
    struct follow *reference;     /* NULL where it does not move */
    struct kl_control kl;
    struct entropy_control entropy;
    struct round_pass pass;
    int64_t iteration, episodes, num_tokens;
    struct round_false *lie; /* answers found false, in order, each once */
    size_t lies, lie_room;
};

/* Notes answer i of the batch, whose token t the present weights give `found`. */
void round_compare_note(struct round *round, const struct round_batch *batch, size_t i, int t,
                        float found);
/* Passes answers list[0..n) of a batch on which no credit worked through the policy. */
enum err round_compare_pass(struct round *round, const struct round_batch *batch,
                            const uint32_t *list, size_t n) MUST_CHECK;
/* Passes what the first mini-batch, order[0..n), does not learn of `batch`. */
enum err round_compare_rest(struct round *round, const struct round_batch *batch,
                            const uint32_t *order, size_t n) MUST_CHECK;
/* After the passes of an iteration, of which no mini-batch was trained where `untrained`: an
 * error in words if any answer is false, and its gradients are forgotten. */
enum err round_compare_told(struct round *round, const struct round_batch *batch,
                            bool untrained) MUST_CHECK;
/* The critic that was given, or the policy's trunk under a head of zeros. Errors: round_new's.
 */
enum err round_state_critic(struct params **critic, const struct params *policy,
                            const struct round_conf *conf) MUST_CHECK;

#endif
