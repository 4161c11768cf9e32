/* iteration_pack: how answers of an iteration become micro-batches.
 *
 * Prompt and answer of each rollout, one after another. Without a critic, answers to one prompt
 * that stand one after another go on behind its one copy (micro_batch.h), with the same bits for
 * less work. */

#ifndef LEARNER_ITERATION_ITERATION_PACK_H
#define LEARNER_ITERATION_ITERATION_PACK_H

#include "learner/iteration/iteration_batch.h"
#include "learner/step/micro_batch.h"

/* Fills `out` with the rollouts order[0..n). Errors: micro_batch_begin's. */
enum err iteration_pack(const struct iteration_batch *source, const uint32_t *order, size_t n,
                        struct micro_batch *out) MUST_CHECK;

/* Where the answer of sequence s, which is the rollout r, begins in the micro-batch. */
int iteration_pack_answer(const struct micro_batch *batch, int s,
                          const struct iteration_rollout *r);

/* The packed answers' part of x [batch.n], to where their source keeps it in out [tokens of all
 * its answers]. */
void iteration_pack_spread(const struct micro_batch *batch, const float *x,
                           const struct iteration_batch *source, const uint32_t *order,
                           float *out);

#endif
