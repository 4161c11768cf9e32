/* iteration_proximal: what the policy says of answers that older weights wrote, before the
 * iteration moves it (the proximal policy), and what they weigh by it (importance.h). Three ways,
 * by struct iteration_conf:
 *
 *   before    a pass over all answers before advantages are assigned: a method with a critic, or
 *             one whose reference is the policy itself, reads it there
 *   passing   none of its own for the first mini-batch: the weights have not moved when its pass
 *             for the gradient is made, so that pass says the same, bit for bit; the answers of
 *             the others are passed before the first step
 *   between   proximal: interpolated, from each step's own pass and the answer's age
 *
 * For iteration.c only. */

#ifndef LEARNER_ITERATION_ITERATION_PROXIMAL_H
#define LEARNER_ITERATION_ITERATION_PROXIMAL_H

#include "learner/iteration/iteration_batch.h"

struct iteration_state;
struct micro_batch;

/* `before`: fills proximal and importance of the batch; nothing in the other cases. Errors:
 * iteration_figures'. */
enum err iteration_proximal_before(struct iteration_state *state,
                                   struct iteration_batch *batch) MUST_CHECK;
/* `passing`, ahead of the first optimiser step, which is over the answers order[0..n): those of
 * all others. Nothing in the other cases. Errors: iteration_figures'. */
enum err iteration_proximal_rest(struct iteration_state *state, struct iteration_batch *batch,
                                 const uint32_t *order, size_t n) MUST_CHECK;
/* After the policy's pass over a micro-batch, whose answers are order[0..b->batch.n_seq), and
 * before its loss: fills the columns. `unmoved`: it belongs to the first optimiser step. */
void iteration_proximal_passed(const struct iteration_state *state,
                               struct iteration_batch *batch, struct micro_batch *b,
                               const uint32_t *order, bool unmoved);

#endif
