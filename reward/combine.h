/* combine: what the scorers said of an answer as one number.
 *
 *   score = sum over rewards of weight x (value - mean) / std
 *
 * value is the scorer's number (of steps: what `steps` makes of them); mean and std are 0 and
 * 1, or of a normalised reward those of the answers of the start: a scale that is fixed for the
 * run. Pure: whoever keeps the answers says what was said of them. */

#ifndef REWARD_COMBINE_H
#define REWARD_COMBINE_H

#include "reward/answer.h"

/* Whether every scorer of the table gave as many values as it should, all finite.
 * Errors: ERR_RANGE; *scorer: whose values it is about. */
enum err combine_check(const struct rewards *rewards, const struct reward_answer *answer,
                       const struct hash **scorer) MUST_CHECK;

/* One reward's raw value, and all of them as one score. */
double combine_value(const struct rewards *rewards, int i, const struct reward_answer *answer);
double combine_score(const struct rewards *rewards, const struct reward_answer *answer);
/* As combine_score, of values that are not normalised. */
double combine_raw(const struct rewards *rewards, const struct reward_answer *answer);

/* The share of what a judge was asked about the answer that got no verdict. combine_judged: is
 * reward i a judge? Of others the share is 0. */
bool combine_judged(const struct rewards *rewards, int i);
double combine_unheard(const struct rewards *rewards, int i,
                       const struct reward_answer *answer);

/* [answer->n] nats; NULL when the table has no reference. */
const float *combine_reference(const struct rewards *rewards,
                               const struct reward_answer *answer);

/* Fixes means and deviations from these answers, in their order: value[i * n + k] is reward
 * i of answer k. A reward that is the same for all keeps its scale. */
void combine_measure(struct rewards *rewards, const double *value, size_t n);

/* The punishment of an answer of n tokens: 0 up to most - cache, falling to -1 at most; cache
 * 0: none.  Yu et al. 2025, arXiv:2503.14476, eq. 13. */
double combine_overlong(int n, int most, int cache);

/* Whether two answers to a prompt are worth the same by every reward, ended alike, and are
 * punished alike for their length: no method makes an advantage of such. */
bool combine_alike(const struct rewards *rewards, const struct reward_answer *a,
                   const struct reward_answer *b);

#endif
