/* iteration: one iteration of a method that learns from a fleet's answers: finished rollouts in,
 * new weights out.
 *
 * Knows no socket, no journal and no clock. State plus rollouts give the next state bit for
 * bit: a run is resumed by reading the last state and training the journal's steps again.
 * struct iteration_conf says what a method is.
 *
 * An iteration: where answers may be of older weights, their log-probabilities under the
 * present ones (proximal) and their importance; the critic's values; advantages; then `epochs`
 * times, in an order fixed by (seed, iteration, epoch), `mini_batches` optimiser steps, each
 * over micro-batches. In the first critic_warmup iterations the policy is compared with its
 * answers as always, but does not move. The value of a token is the critic's at the token
 * before it: what it expects of the state in which it was chosen. */

#ifndef LEARNER_ITERATION_ITERATION_H
#define LEARNER_ITERATION_ITERATION_H

#include "learner/iteration/iteration_conf.h"
#include "learner/iteration/iteration_rollout.h"

struct iteration_state;
/* Takes both params (also on an error). critic NULL: the policy's trunk with a zero head; else
 * it must have a scalar head and the policy's vocabulary; of a method without a critic it must
 * be NULL. Errors: optim_plan_check's, ERR_RANGE, ERR_NOMEM. */
enum err iteration_new(struct iteration_state **out, const struct iteration_conf *conf,
                       struct params *policy, struct params *critic) MUST_CHECK;
void iteration_free(struct iteration_state *state);

/* One iteration over n rollouts in ascending (task, sample), a multiple of `samples`, and behind
 * them, of a method whose units are pairs, `judged` pairs that people compared: the better answer,
 * the other. These are learnt as pairs and nothing else: older versions wrote them, so nobody
 * compares them, and the figures of scores are not about them.
 * Metrics are the method's; lr and norms belong to each.
 * Errors: ERR_RANGE (a rollout that is empty, out of order, not finite; words say which),
 * ERR_NOMEM, ERR_STATE (conf.stop; strict: false answers, see iteration_compare.h, after which the
 * state stands as before). After any other error only iteration_free may follow. */
enum err iteration_run(struct iteration_state *state, const struct iteration_rollout *rollout,
                       size_t n, size_t judged, struct iteration_metrics *out) MUST_CHECK;

/* Iterations done: the policy's version; the KL coefficient of the next one. */
int64_t iteration_count(const struct iteration_state *state);
double iteration_beta(const struct iteration_state *state);
/* Valid until the next iteration. With adapters the params are the base's, the trainable (the
 * policy's) has all. The critic is NULL without one. */
const struct params *iteration_policy(const struct iteration_state *state);
const struct params *iteration_critic(const struct iteration_state *state);
const struct trainable *iteration_trainable(const struct iteration_state *state);
const float *iteration_image(const struct iteration_state *state, size_t *bytes);

#endif
