/* scores: what a sample of the journal was given, as the reward library takes it. */

#ifndef LEARNER_JOURNAL_SCORES_H
#define LEARNER_JOURNAL_SCORES_H

#include "learner/journal/record.h"
#include "reward/answer.h"

/* Borrows the sample's values. Of a scorer that gave none: NULL and 0. */
struct reward_answer scores_of(const struct rewards *rewards,
                               const struct record_sample *sample);

/* Errors: combine_check's, ERR_RANGE, with the task. */
enum err scores_check(const struct rewards *rewards, const struct record_sample *sample,
                      const struct hash **scorer) MUST_CHECK;

/* Whether answers to one prompt are all alike (combine_alike), by `rewards`: a struct rewards.
 */
bool scores_flat(const void *rewards, const struct record_sample *const *answer, uint32_t n);

#endif
