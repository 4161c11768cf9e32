/* reward: a reward model from pairs, by TRL's keys and defaults.
 *
 * The model reads the score at a sequence's last token. Evaluation adds to TRL's names:
 * eval_accuracy_low, eval_accuracy_high (95 %, Wilson); eval_baseline_length, the accuracy of
 * "the longer wins" or "the shorter wins", whichever the training pairs favour; and
 * eval_baseline_majority, the better of the two on the evaluation pairs themselves. Length is
 * counted in tokens, ties half. */

#ifndef LEARNER_METHODS_REWARD_H
#define LEARNER_METHODS_REWARD_H

#include "learner/offline/prepare.h"

extern const struct prepare_method reward_method;

#endif
