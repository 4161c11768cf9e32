/* opinion: a ticket scored by a language model that judges (judge/judge.h).
 *
 * Pointwise: its score of each answer; an answer it says nothing about gets the lowest.
 * Pairwise: all answers of a group are compared with one another, in both orders; an answer's
 * score is the mean over the others of P(it wins) + P(tie) / 2; no verdict counts as a tie, and
 * a group of one scores 1/2. */

#ifndef REWARDER_OPINION_H
#define REWARDER_OPINION_H

#include "base/err.h"

struct bundle;
struct model;
struct work;

struct opinion_count {
    long asked, unheard; /* cases, those without a verdict: since the process began */
};

/* Fills work's values, one an item; what went unheard is counted and logged with the scorer's
 * name. Errors: judge_spec_read's, judge_new's, the model's. */
enum err opinion_give(struct work *work, const struct model *model, const struct bundle *bundle,
                      struct opinion_count *count) MUST_CHECK;

#endif
