/* advantage_group: how much better an answer is than the others to the same prompt.
 *
 * score [n] of n answers, `each` to a prompt one after another (n a multiple of each); out [n].
 * Plain loops in double in the order of the arrays; deviations are unbiased (k - 1), and 0 of a
 * single answer. */

#ifndef LEARNER_OBJECTIVE_ADVANTAGE_GROUP_H
#define LEARNER_OBJECTIVE_ADVANTAGE_GROUP_H

#include <stdbool.h>
#include <stddef.h>

enum advantage_group_scale {
    ADVANTAGE_GROUP_BY_GROUP, /* divided by the group's deviation + 1e-4 */
    ADVANTAGE_GROUP_BY_BATCH, /* by that of all scores + 1e-4 */
    ADVANTAGE_GROUP_PLAIN,    /* by nothing: Dr. GRPO, arXiv:2503.20783 */
};

/* (score - mean of the group) / scale.  Shao et al. 2024, arXiv:2402.03300, section 4.1.1, as
 * in TRL 1.16. out may be score. */
void advantage_group(double *out, const double *score, size_t n, size_t each,
                     enum advantage_group_scale scale);

/* score - mean of the others of the group, 0 for a group of one; with `normalise` centred and
 * divided by deviation + 1e-4 over all.  Kool et al. 2019; Ahmadian et al. 2024,
 * arXiv:2402.14740. out may be score. */
void advantage_group_others(double *out, const double *score, size_t n, size_t each,
                            bool normalise);

/* GDPO (arXiv:2601.05242): each reward is scaled by its own group first, then weighted and
 * added, less price [n] (its group's mean taken off, not scaled; may be NULL), then centred and
 * scaled over all. score [parts][n], weight [parts]. */
void advantage_group_parts(double *out, const double *score, const double *weight, size_t parts,
                           const double *price, size_t n, size_t each);

/* Groups whose scores are all the same (deviation at most 1e-8): nothing to learn from. */
size_t advantage_group_flat(const double *score, size_t n, size_t each);

double advantage_group_mean(const double *score, size_t n);
double advantage_group_deviation(const double *score, size_t n);

#endif
