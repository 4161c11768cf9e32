/* reward: a reward model from pairs, by TRL's keys and defaults.
 *
 * The model reads the score at a sequence's last token. Evaluation adds to TRL's names:
 * eval_accuracy_low, eval_accuracy_high (95 %, Wilson); eval_baseline_length, the accuracy of
 * "the longer wins" or "the shorter wins", whichever the training pairs favour; and
 * eval_baseline_majority, the better of the two on the evaluation pairs themselves. Length is
 * counted in tokens, ties half. */

#ifndef LEARNER_OFFLINE_REWARD_H
#define LEARNER_OFFLINE_REWARD_H

#include "base/err.h"

#include <stdio.h>

/* argv: what follows `reward` on the command line. */
enum err reward_main(int argc, char **argv) MUST_CHECK;
void reward_help(FILE *to);

#endif
