/* opinion: a ticket scored by a language model that judges (judge/judge.h).
 *
 * Pointwise: its score of each answer; an answer it says nothing about gets the lowest.
 * Pairwise: all answers of a group are compared with one another, in both orders; an answer's
 * score is the mean over the others of P(it wins) + P(tie) / 2; no verdict counts as a tie, and
 * a group of one scores 1/2.
 *
 * Two values an answer: its score, and the share of its cases without a verdict. */

#ifndef REWARDER_OPINION_H
#define REWARDER_OPINION_H

#include "base/err.h"

struct model_files;
struct model;
struct work;

/* Fills work's values. Errors: judge_spec_read's, judge_new's, the model's. */
enum err opinion_give(struct work *work, const struct model *model,
                      const struct model_files *files) MUST_CHECK;

#endif
