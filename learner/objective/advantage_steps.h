/* advantage_steps: how much better a step is than the other steps of the answers to one prompt.
 *
 * For answers with a reward at the end of each step (GRPO with process supervision, Shao et al.
 * 2024, arXiv:2402.03300, section 4.1.3): R holds the rewards of all steps of all answers of a
 * group, and a token's advantage is what the steps that end at it or later are worth,
 *
 *   r~ = (r - mean(R)) / scale,   A[t] = sum of r~ over the steps that end at t or later
 *
 * scale: deviation of R + 1e-4; of the steps of all groups about their groups' means, as
 * ADVANTAGE_GROUP_BY_BATCH; or 1 (advantage_group.h). A group's mean is over its steps, not
 * over its answers: an answer of many steps counts more. */

#ifndef LEARNER_OBJECTIVE_ADVANTAGE_STEPS_H
#define LEARNER_OBJECTIVE_ADVANTAGE_STEPS_H

#include "learner/objective/advantage_group.h"

/* step [at[n]]: the reward of the step that ends at a token, NaN where none ends; answer i has
 * the tokens at[i] .. at[i+1], `each` answers a group. out [at[n]]: A; may be step. */
void advantage_steps(double *out, const double *step, const size_t *at, size_t n, size_t each,
                     enum advantage_group_scale scale);

/* Every step less its group's mean, in place; NaN stays. */
void advantage_steps_centre(double *step, const size_t *at, size_t n, size_t each);

#endif
