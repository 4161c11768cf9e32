/* credit: what the steps of a process reward model become.
 *
 * min, product, last and mean are one number of the answer. The others are credited step by
 * step by ppo, grpo and reinforce++, elsewhere their sum counts (rloo refuses them):
 *
 *   dense       P(right) of each step at the token that ends it
 *   potential   the same less that of the step before: more steps are no gain by themselves
 *   worst       the least P(right), where it is */

#ifndef REWARD_CREDIT_H
#define REWARD_CREDIT_H

#include "reward/answer.h"

/* Of value [n] at an answer's tokens, -1 where no step ends: combine_value of such a reward,
 * the sum of what is credited. */
double credit_value(enum reward_steps how, const float *value, uint32_t n);

/* What of the score belongs to the tokens that end steps: out [answer->n], each value part of
 * combine_score; NaN where no step ends. False when no reward gives any. */
bool credit_dense(const struct rewards *rewards, const struct reward_answer *answer,
                  float *out);

/* The first reward that is credited by steps; NULL: none is. */
const char *credit_any(const struct rewards *rewards);
/* The weights of those over the weights of the others (absolute); 1 without others. */
double credit_share(const struct rewards *rewards);

#endif
