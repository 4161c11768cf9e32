/* prm: a process reward model: P(right) of each step of a solution, by TRL's keys and defaults.
 *
 * Evaluation adds to TRL's eval_loss and eval_accuracy (over all labelled steps):
 *   eval_auroc, eval_auroc_low, eval_auroc_high   how well P(wrong) tells wrong steps from
 * right ones; 95 % by drawing prompts again (stats/bootstrap.h) eval_baseline_majority accuracy
 * of always saying what most training steps are eval_baseline_length, eval_baseline_position
 * AUROC of a step's number of tokens, of its number in the solution; each in the direction that
 * the training data favour eval_steps_right, eval_steps_wrong   how many were judged */

#ifndef LEARNER_METHODS_PRM_H
#define LEARNER_METHODS_PRM_H

#include "learner/offline/prepare.h"

extern const struct prepare_method prm_method;

#endif
