/* objective_prm: whether a step of a solution is right, read at the step's last token.
 *
 * A token is learnt where a step ends; z is its value (the second label's logit less the
 * first's), t its target: 1 right, 0 wrong, between for soft labels. N = in->normaliser
 * (learnt step ends of the whole optimiser step):
 *   loss = 1/N sum -t ln sigmoid(z) - (1 - t) ln sigmoid(-z)
 * which is the cross-entropy over two labels, whose softmax gives P(right) = sigmoid(z).
 * Lightman et al. 2023, arXiv:2305.20050, section 2.5; TRL 0.22.2, PRMTrainer.
 * Metrics: accuracy (z > 0 and t > 1/2 agree). */

#ifndef LEARNER_OBJECTIVE_OBJECTIVE_PRM_H
#define LEARNER_OBJECTIVE_OBJECTIVE_PRM_H

#include "learner/objective/objective.h"

/* conf: none. Reads value, target. */
extern const struct objective objective_prm;

#endif
